#!/usr/bin/env python3
"""Prompt lookup on a text that copies: decoding with and without drafts, in turn, in one run.

    python benchmarks/models/speculation.py [--compute int8] [--threads 2] [--document 400] [--errors 0.04]

The task is the correction of a document: the prompt is a text with errors in it, the answer the text without them. No
trained model is small enough to be at hand that does this, so the model is built to: of the shape of GPT-2 124M in
Llama's layout, with random weights that all take part in the computation, but an output matrix that makes the token
t + 1 the likeliest after t, whatever came before. What it costs is what a trained model of that shape costs. The prompt
is such a run of tokens in which a share is replaced; the answer goes on where the text should.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path

import attend
import numpy as np
import shapes
import tensor_file
from make_model import MODELS, draw

#: Tokens of which texts consist; those before are special.
FIRST, TOKENS = 10, 20_000


def make(folder: Path) -> Path:
    """The model that counts, made if it is not there."""
    config = shapes.MODELS["llama-1.1b"] | {
        "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "num_key_value_heads": 12,
        "intermediate_size": 2048, "torch_dtype": "float32", "model_type": "llama",
    }  # fmt: skip
    if (folder / "model.safetensors").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    weights = {weight.name: weight for weight in shapes.weights(config)}
    for name, weight in weights.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")):  # what a token is outweighs what the layers add
            weights[name] = replace(weight, scale=0.02 * weight.scale)

    def values(name: str) -> np.ndarray:
        if name != "lm_head.weight":
            return draw(weights[name])
        embedding = draw(weights["model.embed_tokens.weight"])
        embedding[FIRST : FIRST + TOKENS] = np.roll(embedding[FIRST : FIRST + TOKENS], 1, axis=0)
        return embedding

    layout = [(name, weight.shape) for name, weight in weights.items()]
    tensor_file.write(folder / "model.safetensors", layout, "F32", values)
    return folder


def prompt(length: int, errors: float) -> list[int]:
    """A text of ``length`` tokens with errors, then the token before its first."""
    generator = np.random.default_rng(5)
    text = np.arange(FIRST + 100, FIRST + 100 + length)
    wrong = generator.random(length) < errors
    text[wrong] = generator.integers(FIRST + 1000 + length, FIRST + TOKENS, int(wrong.sum()))
    return [1, *text.tolist(), FIRST + 99]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compute", nargs="+", default=["float32", "int8"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--document", type=int, default=400, help="tokens")
    parser.add_argument("--errors", type=float, nargs="+", default=[0.02, 0.05, 0.1], help="share of the tokens")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path, default=MODELS)
    options = parser.parse_args()
    folder = make(options.models / "counting")
    print("| type | errors | plain, ms a token | drafts, ms a token | ratio | same ids |\n|---|---|---|---|---|---|")
    for compute in options.compute:
        session = attend.Model(folder, compute=compute, threads=options.threads).session()
        for errors in options.errors:
            ids = [prompt(options.document, errors)]
            taken: dict[int, list[float]] = {0: [], 10: []}
            found = {}
            for _ in range(options.rounds):
                for drafts, times in taken.items():
                    session.generate(ids, max_new_tokens=1)
                    start = time.perf_counter()
                    [answer] = session.generate(
                        ids, max_new_tokens=options.document, eos_token_id=None, prompt_lookup_num_tokens=drafts
                    )
                    times.append(time.perf_counter() - start)
                    found[drafts] = answer.ids.tolist()
            plain, drafted = (1e3 * statistics.median(times) / options.document for times in taken.values())
            ratio = statistics.median(a / b for a, b in zip(*taken.values()))
            same = "yes" if found[0] == found[10] else "NO"
            print(f"| {compute} | {errors:.0%} | {plain:.3f} | {drafted:.3f} | {ratio:.2f} | {same} |", flush=True)


if __name__ == "__main__":
    main()
