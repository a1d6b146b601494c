"""Spells words: English spelling in, phonemes out.

usage: spell.py [--model FOLDER] [--options JSON] [WORD ...]      without words: one from each line of the standard
input. The options are those of docs/generation.md, '{"num_beams": 4}' for example. Words and phonemes go to the
standard output, a tab between them; words per second go to the standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attend

LONGEST_TARGET = 40  # in tokens; what the default model's figures were measured with
DEFAULT_MODEL = Path(__file__).resolve().parents[3] / "models" / "g2p-en"


def spell(model: attend.Model, words: Sequence[str], **options: Any) -> Iterator[tuple[str, str]]:
    """Each word with its phonemes; all are generated in one call, which runs them side by side."""
    for word, answer in zip(words, model.generate(words, **{"max_new_tokens": LONGEST_TARGET, **options})):
        yield word, answer.text or ""


def main() -> None:
    parser = argparse.ArgumentParser(description="Spells words: English spelling in, phonemes out.")
    parser.add_argument(
        "words", metavar="WORD", nargs="*", help="without words: one from each line of the standard input"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a checkpoint folder (default: %(default)s)")
    parser.add_argument("--options", type=json.loads, default={}, help="options of generation, a JSON object")
    arguments = parser.parse_args()
    words = arguments.words or [line.strip() for line in sys.stdin if line.strip()]
    try:
        with attend.Model(arguments.model) as model:
            start = time.perf_counter()
            for word, phonemes in spell(model, words, **arguments.options):
                print(f"{word}\t{phonemes}")
            seconds = time.perf_counter() - start
            print(
                f"{len(words)} words in {seconds:.3f} s, {len(words) / seconds:.0f} words per second, {model.kernels}",
                file=sys.stderr,
            )
    except attend.AttendError as error:
        sys.exit(f"spell.py: {error}")


if __name__ == "__main__":
    main()
