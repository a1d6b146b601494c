"""Measures this model on the words it never saw: error rates through Attend, greedy and with 4 beams; and whether
PyTorch, given the same checkpoint, finds the same, and how fast either is at 32 words at a time.

usage: evaluate.py CMUDICT [--model FOLDER] [--words N] [--threads 1]      needs: torch, safetensors
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import attend
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "g2p-en"))

from cmudict import read, score, split_of  # noqa: E402
from network import EOS, Network, load, padded  # noqa: E402

BATCH, LONGEST = 32, 40


def through_attend(model: attend.Model, sources: list[list[int]], beams: int) -> list[tuple[float | None, list[int]]]:
    """Scores and ids without the start token."""
    answers = model.generate(sources, num_beams=beams, max_new_tokens=LONGEST)
    return [(answer.score, [int(token) for token in answer.ids]) for answer in answers]


def through_torch(network: Network, sources: list[list[int]], beams: int) -> list[tuple[float | None, list[int]]]:
    if beams == 1:
        return [(None, ids) for ids in network.greedy(padded(sources), LONGEST)]
    return list(network.beams(padded(sources), beams, LONGEST))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the recurrent model on the test set of CMUdict.")
    parser.add_argument("cmudict", help="cmudict.dict of https://github.com/cmusphinx/cmudict")
    parser.add_argument("--model", type=Path, default=HERE)
    parser.add_argument("--words", type=int, help="so many words only")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    items = [(word, refs) for word, refs in read(arguments.cmudict).items() if split_of(word) == "test"]
    items = sorted(items[: arguments.words], key=lambda item: len(item[0]))
    network = load(arguments.model)
    with attend.Model(arguments.model, threads=arguments.threads) as model:
        assert model.tokenizer is not None
        sources = [model.tokenizer.encode(word).tolist() for word, _ in items]
        names = [model.tokenizer.token(index) for index in range(model.vocab_size)]
        batches = [sources[first : first + BATCH] for first in range(0, len(sources), BATCH)]
        for beams in (1, 4):
            seconds: dict[str, list[float]] = {"attend": [], "torch": []}
            found, wanted = [], []
            for batch in batches:
                begun = time.perf_counter()
                found += through_attend(model, batch, beams)
                between = time.perf_counter()
                wanted += through_torch(network, batch, beams)
                seconds["attend"].append(between - begun)
                seconds["torch"].append(time.perf_counter() - between)
            spelled = [[names[token] for token in ids if token > EOS + 2] for _, ids in found]
            rates = score([(hypothesis, refs) for hypothesis, (_, refs) in zip(spelled, items)])
            speed = {name: BATCH / statistics.median(times) for name, times in seconds.items()}
            equal = sum(ids[-len(other) :] == other for (_, ids), (_, other) in zip(found, wanted))
            distance = max((abs(a - b) for (a, _), (b, _) in zip(found, wanted) if a and b), default=0.0)
            print(
                f"{'greedy' if beams == 1 else f'{beams} beams'}: WER {rates['WER']:.1%} PER {rates['PER']:.1%}, "
                f"stress ignored {rates['WER_no_stress']:.1%} {rates['PER_no_stress']:.1%}; {equal} of {len(items)} "
                f"ids equal to PyTorch's, scores within {distance:.1e}; {speed['attend']:.0f} words per second, "
                f"PyTorch {speed['torch']:.0f}, {model.kernels}"
            )


if __name__ == "__main__":
    main()
