"""Spells words: English spelling in, phonemes out, by the greedy decoding in greedy.py.

usage: spell.py [--model FOLDER] [--batch N] [WORD ...]      without words: one from each line of the standard input
Words and phonemes go to the standard output, a tab between them; words per second go to the standard error.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Iterator, Sequence

import attend
from greedy import greedy

DEFAULT_MODEL = Path(__file__).resolve().parents[3] / "models" / "g2p-en"


def spell(model: attend.Model, words: Sequence[str], batch: int = 256) -> Iterator[tuple[str, str]]:
    """Each word with its phonemes; ``batch`` words are decoded together."""
    tokenizer = model.tokenizer
    with model.session() as session:
        for start in range(0, len(words), batch):
            part = words[start : start + batch]
            for word, ids in zip(part, greedy(model, session, [tokenizer.encode(word) for word in part])):
                tokens = (tokenizer.token(id) for id in ids if id not in model.eos_ids)
                yield word, " ".join(token or "?" for token in tokens)


def main() -> None:
    parser = argparse.ArgumentParser(description="Spells words: English spelling in, phonemes out.")
    parser.add_argument(
        "words", metavar="WORD", nargs="*", help="without words: one from each line of the standard input"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a checkpoint folder (default: %(default)s)")
    parser.add_argument(
        "--batch", type=int, default=256, help="how many words are decoded together (default: %(default)s)"
    )
    arguments = parser.parse_args()
    words = arguments.words or [line.strip() for line in sys.stdin if line.strip()]
    try:
        with attend.Model(arguments.model) as model:
            start = time.perf_counter()
            for word, phonemes in spell(model, words, arguments.batch):
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
