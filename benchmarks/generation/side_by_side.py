#!/usr/bin/env python3
"""Two sessions that compute at the same time, against the same work one after the other.

    python benchmarks/generation/side_by_side.py MODEL [--compute int8] [--threads 2] [--pin]

Each session has `--threads` threads, and together they may want more than there are processors. The ratio is the
throughput of both at once by that of one after the other: 1 is what as many processors can do at best, and where there
are processors for both it may come to 2. Results must be the same.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from pathlib import Path

import attend


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--compute", default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pin", action="store_true")
    options = parser.parse_args()
    model = attend.Model(options.model, compute=options.compute, threads=options.threads, pin_threads=options.pin)
    sessions = [model.session(), model.session()]
    prompts = [[7 * place % 997 + 3 for place in range(64)], [11 * place % 991 + 3 for place in range(64)]]
    found: list[list[list[int]]] = [[], []]

    def work(index: int) -> None:
        answer = sessions[index].generate([prompts[index]], max_new_tokens=options.tokens, eos_token_id=None)[0]
        found[index].append(answer.ids.tolist())

    def alone() -> float:
        start = time.perf_counter()
        for index in (0, 1):
            work(index)
        return time.perf_counter() - start

    def together() -> float:
        threads = [threading.Thread(target=work, args=(index,)) for index in (0, 1)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start

    alone(), together()
    turns = [(alone(), together()) for _ in range(options.rounds)]
    assert all(answers == answers[:1] * len(answers) for answers in found), "other tokens"
    tokens = 2 * options.tokens
    rates = [statistics.median(tokens / turn[index] for turn in turns) for index in (0, 1)]
    ratio = statistics.median(one / both for one, both in turns)
    print(f"one after the other {rates[0]:.1f} tokens/s, at once {rates[1]:.1f} tokens/s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
