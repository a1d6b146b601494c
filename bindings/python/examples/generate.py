"""Generates from the command line: an encoder-decoder answers each text, a decoder goes on from each prompt.

usage: generate.py MODEL [--stream] [--options JSON] [TEXT ...]      without texts: one from each line of the standard
input. Answers go to the standard output; with --stream piece by piece as they are written. --options takes what
docs/generation.md lists: '{"num_beams": 4}' or '{"do_sample": true, "top_p": 0.9, "seed": 7}'.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Sequence

import attend


def answer(model: attend.Model, texts: Sequence[str], options: dict[str, Any]) -> None:
    """All texts in one call, which runs them side by side; the answers come in the order of the texts."""
    for text, generation in zip(texts, model.generate(texts, progress=sys.stderr.isatty(), **options)):
        for hypothesis in generation:
            score = "" if hypothesis.score is None else f"\t{hypothesis.score:.4f}"
            print(f"{text}\t{hypothesis.text}\t{hypothesis.finish_reason}{score}")


def stream(model: attend.Model, texts: Sequence[str], options: dict[str, Any]) -> None:
    """One text after another, each answer as it is written."""
    for text in texts:
        print(text, end="\t")
        for piece in model.stream(text, **options):
            print(piece, end="", flush=True)
        print()


def main() -> None:
    parser = argparse.ArgumentParser(description="Answers texts, or goes on from prompts.")
    parser.add_argument("model", metavar="MODEL", help="a checkpoint folder")
    parser.add_argument(
        "texts", metavar="TEXT", nargs="*", help="without texts: one from each line of the standard input"
    )
    parser.add_argument("--stream", action="store_true", help="write each answer while it is computed")
    parser.add_argument("--options", type=json.loads, default={}, help="options of generation, a JSON object")
    arguments = parser.parse_intermixed_args()
    texts = arguments.texts or [line.strip() for line in sys.stdin if line.strip()]
    try:
        with attend.Model(arguments.model) as model:
            (stream if arguments.stream else answer)(model, texts, arguments.options)
    except attend.AttendError as error:
        sys.exit(f"generate.py: {error}")


if __name__ == "__main__":
    main()
