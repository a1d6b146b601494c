"""Writes windows.json: log-probabilities of long texts, read in windows as in transformers' guide to the perplexity of
fixed-length models, https://huggingface.co/docs/transformers/perplexity.

cases.json holds log-probabilities of short texts, of torch. Needs torch and transformers 5.24. usage: make.py
"""

import json
import random
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
CASES = [
    ("gpt2", 150, 64, 32), ("gpt2", 150, 64, 63), ("gpt2", 100, 16, 8), ("gpt2", 40, 7, 1), ("gpt2", 64, 64, 32),
    ("llama", 65, 64, 10), ("llama", 130, 20, 13), ("gpt_neox", 90, 30, 29),
]  # fmt: skip


@torch.no_grad()
def score(model: torch.nn.Module, ids: list[int], window: int, stride: int) -> list[float]:
    """The log-probability of each token but the first."""
    found: list[float] = []
    reached = 0
    for begin in range(0, len(ids), stride):
        end = min(begin + window, len(ids))
        logits = model(torch.tensor([ids[begin:end]])).logits[0].double().log_softmax(-1)
        for place in range(max(reached, 1), end):
            found.append(logits[place - begin - 1, ids[place]].item())
        reached = end
        if end == len(ids):
            return found
    raise AssertionError("unreachable: the last window ends with the text")


def main() -> None:
    draw = random.Random(12)
    cases = []
    for name, count, window, stride in CASES:
        model = AutoModelForCausalLM.from_pretrained(HERE.parent / "conformance" / name, dtype=torch.float32).eval()
        ids = [draw.randrange(3, 99) for _ in range(count)]
        found = score(model, ids, window, stride)
        assert len(found) == count - 1
        numbers = [round(number, 6) for number in found]
        cases.append({"model": name, "ids": ids, "window": window, "stride": stride, "token_logprobs": numbers})
    lines = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "windows.json").write_text(f"[\n{lines}\n]\n")


main()
