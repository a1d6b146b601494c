#!/usr/bin/env python3
"""Tokenizers against Hugging Face's, on the same text in one run: are ids and offsets equal, and how fast is each.

    pip install tokenizers numpy
    python benchmarks/tokenizers/compare.py [FOLDER ...]

A FOLDER holds a tokenizer.json; without any, those of ../shared/tokenizers are taken. The library is found as
bindings/python finds it: build it first, or name it in ATTEND_LIBRARY. The text is made here, the same in every run:
code of this repository, words of many scripts, emoji, and bytes that are not UTF-8 (which stand as U+FFFD where a
library takes text alone). The exit status is 1 if anything differs.
"""

import argparse
import os
import random
import sys
import time
from pathlib import Path

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "bindings" / "python"))

import attend  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

# Letters of each script, as ranges; a text takes words from one of them at a time.
SCRIPTS = [
    (0x61, 0x7A),
    (0x61, 0x7A),
    (0x61, 0x7A),
    (0xC0, 0x17F),
    (0x391, 0x3C9),
    (0x410, 0x44F),
    (0x531, 0x556),
    (0x5D0, 0x5EA),
    (0x620, 0x64A),
    (0x905, 0x939),
    (0xE01, 0xE30),
    (0x10D0, 0x10F0),
    (0x1100, 0x1112),
    (0x1200, 0x1248),
    (0x1EA0, 0x1EF9),
    (0x3041, 0x3096),
    (0x30A1, 0x30FA),
    (0x4E00, 0x9FA5),
    (0xAC00, 0xD7A3),
]
EMOJI = ["😀", "👩‍👧", "🇫🇷", "👍🏽", "❤️", "🏳️‍🌈", "①", "½", "ﬁ", "e\u0301", "\u200d", "\u00a0", "　", "™", "№", "ﷺ"]


def text(size: int) -> str:
    """About `size` bytes of text, decoded with replacements."""
    numbers = random.Random(1)
    code = [
        path.read_bytes()
        for path in sorted((REPOSITORY / "Sources").rglob("*.swift"))
        if "UnicodeTables" not in path.name
    ]
    lines = b"".join(code).split(b"\n")
    parts: list[bytes] = []
    total = 0
    while total < size:
        kind = numbers.random()
        if kind < 0.45:
            start = numbers.randrange(len(lines))
            part = b"\n".join(lines[start : start + 12])
        elif kind < 0.92:
            first, last = numbers.choice(SCRIPTS)
            words = (
                "".join(chr(numbers.randint(first, last)) for _ in range(numbers.randint(1, 9)))
                for _ in range(numbers.randint(3, 40))
            )
            mark = numbers.choice([" ", " ", " ", ", ", ". ", "  ", " 12 ", "'s ", "\t", "\r\n"])
            part = mark.join(words).encode()
        elif kind < 0.97:
            part = "".join(numbers.choice(EMOJI) for _ in range(numbers.randint(1, 8))).encode()
        else:
            part = bytes(numbers.randrange(256) for _ in range(numbers.randint(1, 12)))
        parts.append(part)
        total += len(part) + 1
    return b"\n".join(parts).decode("utf-8", "replace")


def timed(function, rounds: int):
    """The result and the shortest time."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        result = function()
        best = min(best, time.perf_counter() - start)
    return result, best


def compare(folder: Path, corpus: str, rounds: int) -> bool:
    theirs, their_load = timed(lambda: Tokenizer.from_file(str(folder / "tokenizer.json")), rounds)
    theirs.no_padding()
    theirs.no_truncation()
    ours, our_load = timed(lambda: attend.Tokenizer(folder), rounds)
    data = corpus.encode()
    encoded, their_time = timed(lambda: theirs.encode(corpus, add_special_tokens=False), rounds)
    ids, our_time = timed(lambda: ours.encode(data, special_tokens=False), rounds)
    equal = encoded.ids == ids.tolist()
    pieces = [corpus[start : start + 500] for start in range(0, len(corpus), 500)]
    different = 0
    for piece in pieces:
        expected, got = theirs.encode(piece), ours.tokenize(piece)
        offsets = [tuple(pair) for pair in got.offsets.tolist()]
        if (
            expected.ids != got.ids.tolist()
            or expected.offsets != offsets
            or theirs.decode(expected.ids) != ours.decode(got.ids)
        ):
            different += 1
    megabytes = len(data) / 1e6
    print(
        f"{folder.name:20} load {their_load * 1e3:6.0f} -> {our_load * 1e3:5.0f} ms   "
        f"{megabytes / their_time:5.2f} -> {megabytes / our_time:6.2f} MB/s ({their_time / our_time:4.1f} x)   "
        f"{'equal' if equal else 'DIFFERENT'} as a whole, "
        f"{different} of {len(pieces)} pieces differ in ids, offsets or text"
    )
    return equal and different == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--bytes", type=int, default=1_200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folders = options.folders or sorted(
        path.parent for path in (REPOSITORY.parent / "shared" / "tokenizers").glob("*/tokenizer.json")
    )
    if not folders:
        parser.error("there are no tokenizers beside the repository: name a folder with a tokenizer.json")
    corpus = text(options.bytes)
    print(f"{len(corpus.encode()):,} bytes, one thread, the best of {options.rounds}: Hugging Face -> Attend")
    return 0 if all([compare(folder, corpus, options.rounds) for folder in folders]) else 1


if __name__ == "__main__":
    sys.exit(main())
