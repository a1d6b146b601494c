#!/usr/bin/env python3
"""Time to read and to write, and memory, by length: the Transformer of models/g2p-en against recurrent networks of
about as many parameters, with attention and without.

    python benchmarks/recurrent/lengths.py OUT.json [--threads 1 2] [--lengths 1 4 ... 4096]

The weights are random, since time does not depend on them, and the Transformer's positions go as far as is asked for.
Every figure is the median of several runs, in which the models take turns. Needs torch to make the checkpoints.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import attend
import numpy as np
import torch
from attend.export import save_transformer
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models" / "g2p-recurrent"))

from network import Network  # noqa: E402

VOCABULARY, WIDTH = 101, 128
LENGTHS = (1, 4, 16, 64, 256, 1024, 4096)
SOURCE = 16  # letters that are read before anything is written


def transformer(folder: Path, positions: int) -> None:
    module = nn.Transformer(WIDTH, 4, 4, 4, 512, dropout=0.0, batch_first=True)
    words = nn.Embedding(VOCABULARY, WIDTH)
    generation = {"decoder_start_token_id": 1, "eos_token_id": 0}
    save_transformer(folder, module, embedding=words, max_positions=positions, generation=generation)


def make(folder: Path, positions: int) -> dict[str, Path]:
    torch.manual_seed(1)
    folders = {name: folder / name for name in ("Transformer", "LSTM with attention", "LSTM without")}
    transformer(folders["Transformer"], positions)
    Network(VOCABULARY).save(folders["LSTM with attention"])
    Network(VOCABULARY, width=280, attends=False).save(folders["LSTM without"])
    return folders


def ids(count: int) -> np.ndarray:
    return (np.arange(count, dtype=np.int64) * 37 % (VOCABULARY - 3) + 3).astype(np.int32)


def read(session: attend.Session, length: int) -> float:
    """Seconds for one source."""
    source = [ids(length)]
    begun = time.perf_counter()
    session.encode(source)
    return time.perf_counter() - begun


def write(session: attend.Session, length: int) -> tuple[float, float]:
    """Seconds for all tokens of a target, one by one, and for the last of them."""
    session.encode([ids(SOURCE)])
    tokens = ids(length)
    begun = last = time.perf_counter()
    for place in range(length):
        last = time.perf_counter()
        session.decode_step(tokens[place : place + 1])
    end = time.perf_counter()
    return end - begun, end - last


def median(rounds: int, models: dict[str, attend.Model], run: Callable[[attend.Model], tuple[float, ...]]) -> dict:
    """Of each model the medians of what `run` gives."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in models}
    for _ in range(rounds + 1):
        for name, model in models.items():
            found[name].append(run(model))
    return {name: [statistics.median(column) for column in zip(*rows[1:])] for name, rows in found.items()}


def measure(models: dict[str, attend.Model], lengths: list[int], threads: int, rounds: int) -> list[dict]:
    rows = []
    for length in lengths:

        def run(model: attend.Model, length: int = length) -> tuple[float, ...]:
            with model.session(threads=threads) as session:
                session.encode([ids(2)])
                seconds = read(session, length)
                own = session.memory
                written, last = write(session, length)
                return seconds, written, last, float(session.memory), float(own)

        for name, (seconds, written, last, memory, own) in median(rounds, models, run).items():
            rows.append(
                {
                    "model": name,
                    "threads": threads,
                    "length": length,
                    "read": seconds,
                    "write": written,
                    "last step": last,
                    "memory after reading": own,
                    "memory after writing": memory,
                }
            )
    return rows


def table(rows: list[dict], threads: int) -> str:
    """Markdown: of each length the milliseconds to read and to write, and the microseconds of the last step."""
    rows = [row for row in rows if row["threads"] == threads]
    names = list(dict.fromkeys(row["model"] for row in rows))
    lines = [
        f"{threads} thread{'s' * (threads > 1)}: read, ms / write, ms / last step, µs",
        "",
        "| length | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for length in dict.fromkeys(row["length"] for row in rows):
        cells = []
        for name in names:
            (row,) = [row for row in rows if row["model"] == name and row["length"] == length]
            cells.append(f"{1e3 * row['read']:.2f} / {1e3 * row['write']:.1f} / {1e6 * row['last step']:.0f}")
        lines.append(f"| {length} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory by length, Transformer against recurrent networks.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--lengths", type=int, nargs="+", default=list(LENGTHS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compute", default="float32")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folders = make(Path(folder), max(arguments.lengths) + 1)
        models = {
            name: attend.Model(path, compute=arguments.compute, threads=max(arguments.threads))
            for name, path in folders.items()
        }
        rows = []
        for threads in arguments.threads:
            rows += measure(models, arguments.lengths, threads, arguments.rounds)
            print(table(rows, threads), end="\n\n", flush=True)
    result = {
        "kernels": next(iter(models.values())).kernels,
        "parameters": {name: model.parameters for name, model in models.items()},
        "rows": rows,
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
