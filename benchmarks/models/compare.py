#!/usr/bin/env python3
"""Whole models, Attend against its peers, on the same weights and in one run. In the environment that setup.py makes:

    build/benchmarks-venv/bin/python benchmarks/models/compare.py [--short] [--only marian bert ...]

For every cell (a workload, a compute type, a number of threads) the contenders' processes are loaded side by side,
their outputs are compared with PyTorch's in float32, and then they take turns: A B C A B C. A figure is the median of
the rounds' medians. Prints tables (Markdown); writes them, a picture (SVG) and everything measured (JSON) into a
folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import report
import workloads
from agreement import Outputs, agree
from contenders import CONTENDERS, NAMES, Contender
from crew import Failed, Worker, busy_share
from make_model import MODELS, ROOT, make
from workloads import Cell

RESULTS = ROOT / "build" / "benchmark-results"


@dataclass
class Plan:
    """How much to measure, and where things lie."""

    rounds: int
    seconds: float
    models: Path
    scratch: Path
    #: Leave out those who are not the best in a type.
    short: bool = False
    #: The function of Python's `time` that measures.
    clock: str = "perf_counter"
    #: The largest share of the machine that others used while it was our turn to be still.
    busy: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)


def reference(cell: Cell, folder: Path, plan: Plan) -> Outputs | None:
    """What PyTorch computes in float32, kept beside the checkpoint; None where there is no PyTorch."""
    path = folder / "reference" / f"{cell.workload.name.replace(' ', '-').replace(',', '')}.npz"
    if not path.exists() or path.stat().st_mtime < (folder / "config.json").stat().st_mtime:
        single = Cell(cell.workload, "float32", os.cpu_count() or 1)
        contender = next(
            contender for contender in CONTENDERS
            if contender.name == "PyTorch" and cell.workload.task in contender.tasks
        )  # fmt: skip
        worker = Worker(contender, single, folder, plan.scratch / "reference")
        outputs = None if worker.unavailable else worker.check()
        worker.kill()
        if outputs is None:
            return None
        path.parent.mkdir(exist_ok=True)
        np.savez(path, **outputs)
    with np.load(path) as arrays:
        return dict(arrays)


@contextlib.contextmanager
def crew(
    contenders: list[Contender], cell: Cell, folder: Path, plan: Plan
) -> Iterator[tuple[list[Worker], dict[str, str]]]:
    """The workers that take part, and why the others do not, by name."""
    workers: list[Worker] = []
    absent: dict[str, str] = {}
    try:
        for contender in contenders:
            print(f"  loading {contender.name}", file=sys.stderr, flush=True)
            try:
                worker = Worker(contender, cell, folder, plan.scratch / contender.name.replace(" ", "-"), plan.clock)
            except Failed as why:
                absent[contender.name] = str(why)
                continue
            if worker.unavailable:
                absent[contender.name] = worker.unavailable
            else:
                workers.append(worker)
        yield workers, absent
    finally:
        for worker in workers:
            worker.kill()


def measure(cell: Cell, contenders: list[Contender], plan: Plan) -> dict[str, Any]:
    """Everything about one cell, as it goes into the JSON."""
    print(f"{cell.name}", file=sys.stderr, flush=True)
    folder = make(cell.workload.model, plan.models)
    expected = reference(cell, folder, plan)
    with crew([contender for contender in contenders if contender.enters(cell, plan.short)], cell, folder, plan) as (
        workers,
        absent,
    ):
        results: dict[str, dict[str, Any]] = {}
        for worker in workers:
            compute = "less" if worker.contender.loose else cell.compute
            # The best peer and Attend write the same text here, and PyTorch one token of 100 otherwise.
            least = 0.98 if cell.workload.task == "transcribe" and cell.workload.beams > 1 else 1.0
            agreement = agree(worker.check(), expected, compute, least) if expected else None
            plan.versions[worker.contender.name] = worker.hello["version"]
            results[worker.contender.name] = {
                "rounds": [],
                "load_seconds": worker.hello["load_seconds"],
                "agreement": agreement.text if agreement else "not compared",
                "agrees": agreement.good if agreement else None,
            }
        for _ in range(plan.rounds):
            plan.busy = max(plan.busy, busy_share())
            for worker in workers:
                results[worker.contender.name]["rounds"].append(worker.round(plan.seconds))
        for worker in workers:
            results[worker.contender.name]["peak_bytes"] = worker.finish()
    for result in results.values():
        medians = [statistics.median(taken) for taken in result["rounds"]]
        result["seconds"] = statistics.median(medians)
        result["per_second"] = cell.workload.amount / result["seconds"]
        result["spread"] = (max(medians) - min(medians)) / result["seconds"]
    return {
        "work": cell.workload.name, "unit": cell.workload.unit, "compute": cell.compute, "threads": cell.threads,
        "aim": cell.aim,
        "contenders": results, "absent": absent,
    }  # fmt: skip


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true",
                        help="few short rounds with two threads, the likely best alone: for every day, not to be "
                             "quoted")  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=list(workloads.FAMILIES), default=list(workloads.FAMILIES),
                        metavar="FAMILY", help=f"of {', '.join(workloads.FAMILIES)}")  # fmt: skip
    parser.add_argument(
        "--compute", nargs="+", choices=["float32", "bfloat16", "int8", "int4"], help="these types alone"
    )
    parser.add_argument("--contenders", nargs="+", choices=NAMES, help="these alone")
    parser.add_argument("--threads", nargs="+", type=int, help="numbers of threads (default: 1 2, with --short 2)")
    parser.add_argument("--rounds", type=int, help="turns of each contender (default: 9, with --short 3)")
    parser.add_argument("--seconds", type=float, help="least length of a turn (default: 1, with --short 0.3)")
    parser.add_argument("--cpu-time", action="store_true",
                        help="count processor time instead of the wall's: a guide on a machine that is shared, with "
                             "--threads 1")  # fmt: skip
    parser.add_argument(
        "--tiny", action="store_true", help="small models: tries the machinery, measures nothing of interest"
    )
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the models (made when missing)")
    parser.add_argument("--to", type=Path, default=RESULTS, help="folder of the results")
    return parser.parse_args()


def main() -> int:
    arguments = options()
    contenders = [
        contender for contender in CONTENDERS if not arguments.contenders or contender.name in arguments.contenders
    ]
    threads = arguments.threads or ([2] if arguments.short else [1, 2])
    with tempfile.TemporaryDirectory() as scratch:
        plan = Plan(
            rounds=arguments.rounds or (3 if arguments.short else 9),
            seconds=arguments.seconds or (0.3 if arguments.short else 1.0),
            models=arguments.models,
            scratch=Path(scratch),
            short=arguments.short,
            clock="process_time" if arguments.cpu_time else "perf_counter",
        )
        started = datetime.now(timezone.utc).isoformat(timespec="minutes")
        cells = workloads.cells(arguments.only, threads, arguments.compute, arguments.tiny)
        measured = [measure(cell, contenders, plan) for cell in cells]
    run = {
        "started": started, "machine": report.machine(), "versions": plan.versions,
        "rounds": plan.rounds, "seconds": plan.seconds, "clock": plan.clock,
        "busy_share": plan.busy, "cells": measured,
    }  # fmt: skip
    arguments.to.mkdir(parents=True, exist_ok=True)
    text = report.markdown(run)
    (arguments.to / "models.json").write_text(json.dumps(run, indent=1) + "\n")
    (arguments.to / "models.md").write_text(text)
    (arguments.to / "models.svg").write_text(report.picture(run))
    print(text)
    print(f"written: {arguments.to}/models.md, models.json, models.svg", file=sys.stderr)
    wrong = [name for cell in measured for name, result in cell["contenders"].items() if result["agrees"] is False]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
