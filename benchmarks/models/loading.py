#!/usr/bin/env python3
"""How long a model takes to load, against reading its file.

    python benchmarks/models/loading.py [--models gpt2-124m llama-1.1b] [--threads 2] [--rounds 7]

Reading is read(2) of the whole file from the page cache into memory that the process did not have before, which is what
a program without any format would do. Turns of reading and of loading in each type alternate; the table has medians,
and the median of the ratios of neighbouring turns.
"""

from __future__ import annotations

import argparse
import mmap
import os
import statistics
import time
from pathlib import Path

import attend
from make_model import MODELS

TYPES = ["float32", "bfloat16", "int8", "int4"]


def reading(file: Path) -> float:
    """Seconds of reading a file into new memory."""
    start = time.perf_counter()
    with file.open("rb", buffering=0) as source, mmap.mmap(-1, os.path.getsize(file)) as memory:
        place = 0
        while got := source.readinto(memoryview(memory)[place:]):  # type: ignore[attr-defined]
            place += got
        return time.perf_counter() - start


def loading(folder: Path, compute: str, threads: int) -> float:
    """Seconds until a model is there."""
    start = time.perf_counter()
    model = attend.Model(folder, compute=compute, threads=threads)
    taken = time.perf_counter() - start
    model.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["gpt2-124m", "llama-1.1b"])
    parser.add_argument("--compute", nargs="+", default=TYPES, choices=TYPES)
    parser.add_argument("--folder", type=Path, default=MODELS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print("| model | type | reading | loading | ratio |\n|---|---|---|---|---|")
    for name in options.models:
        folder = options.folder / name
        turns: dict[str, list[tuple[float, float]]] = {compute: [] for compute in options.compute}
        reading(folder / "model.safetensors")
        for _ in range(options.rounds):
            for compute, found in turns.items():
                found.append((reading(folder / "model.safetensors"), loading(folder, compute, options.threads)))
        for compute, found in turns.items():
            read, load = (statistics.median(turn[index] for turn in found) for index in (0, 1))
            ratio = statistics.median(load / read for read, load in found)
            print(f"| {name} | {compute} | {1e3 * read:.0f} ms | {1e3 * load:.0f} ms | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
