#!/usr/bin/env python3
"""Models whose weights do not fit in memory: tokens a second, and the share of time that waits for the disk.

    python benchmarks/models/streaming.py MODEL [--compute int8] [--budgets 1 0.75 0.5 0.25] [--directory /var/tmp]

Budgets are shares of the weights. The first line has all weights in memory, without a file; all lines must write the
same tokens.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import attend


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--compute", default="int8")
    parser.add_argument("--budgets", nargs="+", type=float, default=[1, 0.75, 0.5, 0.25])
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=16)
    options = parser.parse_args()
    prompt = [7 * place % 997 + 3 for place in range(16)]
    written = None
    print("| budget | in memory | tokens/s | read a token | waiting |\n|---|---|---|---|---|")
    weights = 0
    for budget in [None, *options.budgets]:
        placement = {}
        if budget is not None:
            placement = {
                "weights": "mapped",
                "memory_budget": int(budget * weights),
                "weights_directory": options.directory,
            }
        with attend.Model(options.model, compute=options.compute, threads=options.threads, **placement) as model:
            weights = model.weight_bytes
            session = model.session()
            session.generate([prompt], max_new_tokens=4, eos_token_id=None)
            before = model.mapped_weights()
            start = time.perf_counter()
            answer = session.generate([prompt], max_new_tokens=options.tokens, eos_token_id=None)[0].ids.tolist()
            taken = time.perf_counter() - start
            after = model.mapped_weights()
        written = written or answer
        assert answer == written, "other tokens"
        line = f"| {'none' if budget is None else f'{budget:.0%}'} | "
        if before is None or after is None:
            line += f"{weights / 1e6:.0f} MB | {options.tokens / taken:.2f} | | |"
        else:
            read = (after.read_bytes - before.read_bytes) / options.tokens
            waited = after.wait_seconds - before.wait_seconds
            line += f"{after.resident_bytes / 1e6:.0f} MB | {options.tokens / taken:.2f} | {read / 1e6:.0f} MB | "
            line += f"{waited / taken:.0%} |"
        print(line, flush=True)


if __name__ == "__main__":
    main()
