#!/usr/bin/env python3
"""A decoder in two stages over actors of Ray, each with a thread, against one process with one thread and with two.

    python benchmarks/cluster/stages.py MODEL OUT.json [--prompts 1 32] [--length 4] [--tokens 12] [--compute float32]

Prompts are random ids, which are continued greedily to a fixed length; what is timed is the whole call, after one of
two tokens. The ids must be the same in all runs. Needs ray.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import attend

PACKAGE = str(Path(attend.__file__).resolve().parents[1])


class Race:
    """The rates of all runs, and whether they give the same ids."""

    def __init__(self, given: argparse.Namespace) -> None:
        draw = random.Random(3)
        self.prompts = [[draw.randint(5, 30000) for _ in range(given.length)] for _ in range(max(given.prompts))]
        self.counts, self.tokens, self.repeats = given.prompts, given.tokens, given.repeats
        self.rates: dict[str, dict[int, float]] = {}
        self.ids: dict[int, list[Any]] = {count: [] for count in given.prompts}

    def run(self, name: str, answerer: Any, **options: Any) -> None:
        """Tokens in a second for each number of prompts, the best of some runs."""
        options = {"eos_token_id": -1, "num_beams": 1, "do_sample": False, **options}
        self.rates[name] = {}
        for count in self.counts:
            answerer.generate(self.prompts[:count], max_new_tokens=2, **options)
            best = 0.0
            for _ in range(self.repeats):
                start = time.perf_counter()
                found = answerer.generate(self.prompts[:count], max_new_tokens=self.tokens, **options)
                best = max(best, count * self.tokens / (time.perf_counter() - start))
                self.ids[count].append([one.ids.tolist() for one in found])
            self.rates[name][count] = best

    @property
    def are_equal(self) -> bool:
        return all(found == ids[0] for ids in self.ids.values() for found in ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out", type=Path)
    parser.add_argument("--prompts", type=int, nargs="*", default=[1, 32])
    parser.add_argument("--length", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--compute", default="float32")
    given = parser.parse_args()
    model, race = os.path.abspath(given.model), Race(given)
    for threads in (1, 2):
        with attend.Model(model, threads=threads, compute=given.compute) as whole:
            race.run(f"one process, {threads} threads", whole)
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    import ray
    from attend.ray import Pipeline

    variables = {"PYTHONPATH": PACKAGE}
    if "ATTEND_LIBRARY" in os.environ:
        variables["ATTEND_LIBRARY"] = os.path.realpath(os.environ["ATTEND_LIBRARY"])
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": variables})
    with Pipeline(model, stages=2, threads=1, compute=given.compute) as pipeline:
        race.run("two stages of a thread", pipeline)
        layers = pipeline.layers
    result = {"model": given.model, "compute": given.compute, "layers": layers, "rates": race.rates}
    result["equal"] = race.are_equal
    print(json.dumps(result))
    given.out.write_text(json.dumps(result, indent=1))
    if not race.are_equal:
        sys.exit("the ids are not equal")


if __name__ == "__main__":
    main()
