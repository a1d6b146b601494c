#!/usr/bin/env python3
"""Embeddings of many texts: two workers of one core, of Ray and of Spark, against one process of two threads.

    python benchmarks/cluster/rows.py MODEL OUT.json [--texts 20000] [--engines ray spark]

Texts are random words, 4 to 24 of them. What is timed is the run, not the engine's start: a first run over a few texts
has started the workers and their models. Then the same run with a worker that is killed in the middle: all rows must be
there, and all vectors must have the bits of the one process. Needs ray[data], pyspark, pandas, Java.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attend
import numpy as np

WORDS = (
    "river mountain letter engine quiet signal market number paper garden window teacher music winter question road "
    "method science country answer history animal language city summer village money building picture story kitchen"
).split()
PACKAGE = str(Path(attend.__file__).resolve().parents[1])


def texts(count: int) -> list[str]:
    draw = random.Random(5)
    return [" ".join(draw.choices(WORDS, k=draw.randint(4, 24))) for _ in range(count)]


def digest(rows: list[Any]) -> str:
    """Of vectors, in order."""
    return hashlib.sha256(np.array(rows, np.float32).tobytes()).hexdigest()


#: In the environment of all that this process starts.
MARK = "ATTEND_BENCHMARK"


def workers(word: str) -> list[int]:
    """The processes of this run that have the library in memory and this word in what they are called."""
    mark = f"{MARK}={os.getpid()}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if not folder.name.isdigit() or int(folder.name) == os.getpid():
                continue
            called = (folder / "cmdline").read_bytes().decode(errors="replace")
            is_own = mark in (folder / "environ").read_bytes().split(b"\0")
            if is_own and word in called and "libattend" in (folder / "maps").read_text():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


class Killer(threading.Thread):
    """Kills one of the workers after a while."""

    def __init__(self, word: str, after: float) -> None:
        super().__init__(daemon=True)
        self.word, self.after, self.killed = word, after, 0

    def run(self) -> None:
        time.sleep(self.after)
        found = workers(self.word)
        if found:
            self.killed = max(found)
            os.kill(self.killed, signal.SIGKILL)


def alone(model: str, given: list[str], _: int) -> tuple[Callable[[int], list[Any]], str]:
    """One process of two threads."""
    loaded = attend.Model(model, threads=2)

    def run(count: int) -> list[Any]:
        found: list[Any] = []
        for start in range(0, count, 1000):
            found += list(loaded.embed(given[start : min(start + 1000, count)]))
        return found

    return run, ""


def with_ray(model: str, given: list[str], rows: int) -> tuple[Callable[[int], list[Any]], str]:
    """Ray Data: two actors of a thread."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    import attend.ray
    import pyarrow
    import ray

    variables = {"PYTHONPATH": PACKAGE}
    if "ATTEND_LIBRARY" in os.environ:
        variables["ATTEND_LIBRARY"] = os.path.realpath(os.environ["ATTEND_LIBRARY"])
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": variables})
    ray.data.DataContext.get_current().enable_progress_bars = False

    def run(count: int) -> list[Any]:
        table = pyarrow.table({"id": range(count), "text": given[:count]})
        step = max(1, count // 40)
        data = ray.data.from_arrow([table.slice(start, step) for start in range(0, count, step)])
        made = attend.ray.map_rows(data, model, "embedding", workers=2, batch_size=rows)
        found = pyarrow.concat_tables(ray.get(made.to_arrow_refs()))
        assert found["id"].to_pylist() == list(range(count)), "rows have changed places"
        return found["embedding"].combine_chunks().flatten().to_numpy().reshape(count, -1)

    return run, "ray::"


def with_spark(model: str, given: list[str], rows: int) -> tuple[Callable[[int], list[Any]], str]:
    """Spark: two tasks at a time, each with a worker process of a thread."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.pathsep.join([PACKAGE, os.environ.get("PYTHONPATH", "")])
    import attend.spark
    import pyarrow
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master("local[2, 4]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "3g")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", str(4 * rows))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")

    def run(count: int) -> list[Any]:
        frame = spark.createDataFrame(pyarrow.table({"id": range(count), "text": given[:count]})).repartition(16, "id")
        made = attend.spark.map_rows(frame, model, "embedding", batch_size=rows).toArrow()
        order = np.argsort(made["id"].to_numpy())
        assert len(order) == count, "rows are missing"
        return made["embedding"].combine_chunks().flatten().to_numpy().reshape(count, -1)[order]

    return run, "pyspark"


ENGINES = {"alone": alone, "ray": with_ray, "spark": with_spark}


def measure(name: str, model: str, given: list[str], rows: int) -> dict[str, Any]:
    """The rate of an engine, and a digest of what it makes, also with a worker that is killed."""
    run, word = ENGINES[name](model, given, rows)
    run(min(400, len(given)))
    start = time.perf_counter()
    made = run(len(given))
    seconds = time.perf_counter() - start
    result = {
        "engine": name,
        "texts": len(given),
        "seconds": seconds,
        "rate": len(given) / seconds,
        "sum": digest(made),
    }
    if word:
        killer = Killer(word, after=0.5 * seconds)
        killer.start()
        start = time.perf_counter()
        result["sum_after_kill"] = digest(run(len(given)))
        result["seconds_with_kill"] = time.perf_counter() - start
        killer.join()
        result["killed"] = killer.killed
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out", type=Path)
    parser.add_argument("--texts", type=int, default=20000)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--engines", nargs="*", default=["alone", "ray", "spark"], choices=list(ENGINES))
    given = parser.parse_args()
    os.environ[MARK] = str(os.getpid())
    all_texts, results = texts(given.texts), []
    for name in given.engines:
        results.append(measure(name, os.path.abspath(given.model), all_texts, given.rows))
        print(json.dumps(results[-1]), flush=True)
    given.out.write_text(
        json.dumps({"model": given.model, "kernels": attend.kernels_name(), "runs": results}, indent=1)
    )
    sums = {run[key] for run in results for key in ("sum", "sum_after_kill") if key in run}
    if len(sums) > 1:
        sys.exit("the results are not equal")


if __name__ == "__main__":
    main()
