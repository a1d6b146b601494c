#!/usr/bin/env python3
"""A prompt prefix that many requests share: how soon the first token of each comes, and what memory they take.

    python benchmarks/models/prefixes.py [--compute int8] [--threads 2] [--prefix 2000] [--requests 32]

The model is that of speculation.py (GPT-2 124M in Llama's layout). The first request reads the prefix; then all the
others come at once, each with a token of its own behind it. Their first token takes a step of all of them if nothing of
the prefix is read again.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import attend
from make_model import MODELS
from speculation import FIRST, make

STEPS = 8


def seconds(session: attend.Session, requests: list[list[int]], tokens: int) -> float:
    """What it takes to write so many tokens behind each prompt."""
    start = time.perf_counter()
    session.generate(requests, max_new_tokens=tokens, eos_token_id=None)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compute", nargs="+", default=["float32", "int8"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prefix", type=int, default=2000, help="tokens")
    parser.add_argument("--requests", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", type=Path, default=MODELS)
    options = parser.parse_args()
    folder = make(options.models / "counting")
    prefix = [FIRST + place * 7 % 10_000 for place in range(options.prefix)]
    ids = [[*prefix, FIRST + 10_001 + request] for request in range(options.requests)]
    print("| type | prefix read | first token of all | a step | ratio | memory: one, all |\n|---|---|---|---|---|---|")
    for compute in options.compute:
        session = attend.Model(folder, compute=compute, threads=options.threads).session(prefix_cache_bytes=1 << 30)
        first = seconds(session, ids[:1], 1)
        one = session.memory
        seconds(session, ids, 1)
        everybody = session.memory
        rounds = [(seconds(session, ids, 1), seconds(session, ids, 1 + STEPS)) for _ in range(options.rounds)]
        begin = statistics.median(short for short, _ in rounds)
        step = statistics.median((long - short) / STEPS for short, long in rounds)
        ratio = statistics.median(STEPS * short / (long - short) for short, long in rounds)
        print(
            f"| {compute} | {1e3 * first:.0f} ms | {1e3 * begin:.1f} ms | {1e3 * step:.1f} ms | {ratio:.2f} | "
            f"{one / 2**20:.0f} MiB, {everybody / 2**20:.0f} MiB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
