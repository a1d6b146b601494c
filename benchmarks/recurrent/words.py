"""Error rates by the length of the word, on the words of CMUdict that no model saw: the Transformer of models/g2p-en
against the recurrent networks that train.py of models/g2p-recurrent makes, through Attend.

    python benchmarks/recurrent/words.py CMUDICT OUT.json NAME=FOLDER ...
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import attend

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models" / "g2p-en"))

from cmudict import read, score, split_of  # noqa: E402

GROUPS = ((1, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 40))


def spelled(model: attend.Model, words: list[str], beams: int) -> list[list[str]]:
    """The phonemes of each word."""
    answers = model.generate(words, num_beams=beams, max_new_tokens=40)
    return [answer.text.split() for answer in answers]


def measure(folder: str, items: list[tuple[str, list]]) -> dict:
    found: dict = {}
    with attend.Model(folder) as model:
        found["parameters"] = model.parameters
        for beams in (1, 4):
            guesses = spelled(model, [word for word, _ in items], beams)
            pairs = [(guess, references) for guess, (_, references) in zip(guesses, items)]
            found[f"beams {beams}"] = score(pairs)
            found[f"beams {beams} by length"] = {
                f"{low}-{high}": score([pair for pair, (word, _) in zip(pairs, items) if low <= len(word) <= high])
                for low, high in GROUPS
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Error rates by the length of the word.")
    parser.add_argument("cmudict", help="cmudict.dict of https://github.com/cmusphinx/cmudict")
    parser.add_argument("out", type=Path)
    parser.add_argument("models", nargs="+", metavar="NAME=FOLDER")
    arguments = parser.parse_args()
    items = [(word, refs) for word, refs in read(arguments.cmudict).items() if split_of(word) == "test"]
    result = {}
    for name, folder in (model.split("=", 1) for model in arguments.models):
        result[name] = measure(folder, items)
        rates = result[name]["beams 1"]
        print(f"{name}: {result[name]['parameters']:,} parameters, WER {rates['WER']:.1%} PER {rates['PER']:.1%}")
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
