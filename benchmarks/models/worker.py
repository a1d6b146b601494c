"""The process of one contender at one cell: loads, shows its outputs once, then does a round whenever it is told to.

    worker.py MODULE FOLDER CELL OUTPUTS CLOCK        (compare.py starts it)

Says one JSON object a line: first {"version", "load_seconds"} or {"unavailable": why}; then for each line that it
reads, a number of seconds, it repeats the work for at least that long and says {"seconds": [each repetition]}; at the
end of its input it says {"peak_bytes"} and ends. ``outputs`` is the file that receives what `Runner.check` returns;
``clock`` is the function of `time` that measures.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
from contenders.base import Runner, Unavailable
from workloads import Workload


def measure(runner: Runner, seconds: float) -> list[float]:
    """Repeats the work until ``seconds`` have passed; what each repetition took."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end:
        taken.append(runner.run())
    return taken


def main() -> None:
    out = os.fdopen(os.dup(1), "w", buffering=1)  # libraries that print do it elsewhere
    os.dup2(2, 1)
    module, folder, cell, outputs, clock = sys.argv[1:]
    description = json.loads(cell)
    workload = Workload(**{**description["workload"], "computes": tuple(description["workload"]["computes"])})

    def say(**message: object) -> None:
        out.write(json.dumps(message) + "\n")

    start = time.perf_counter()
    try:
        kind = importlib.import_module(f"contenders.{module}").RUNNER
        runner = kind(Path(folder), workload, description["compute"], description["threads"])
    except Unavailable as why:
        say(unavailable=str(why))
        return
    runner.clock = getattr(time, clock)
    loaded = time.perf_counter() - start
    np.savez(outputs, **runner.check())
    runner.run()
    say(version=runner.version, load_seconds=loaded)
    for line in sys.stdin:
        say(seconds=measure(runner, float(line)))
    say(peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


if __name__ == "__main__":
    main()
