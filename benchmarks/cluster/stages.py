#!/usr/bin/env python3
"""A decoder in two stages over actors of Ray, each with a thread, against one process with one thread and with two.

    python benchmarks/cluster/stages.py MODEL OUT.json [--prompts 8] [--tokens 16] [--compute float32] [--groups 2]

Prompts are random ids of 16 tokens, which are continued greedily to a fixed length; what is timed is the whole call.
The ids must be the same in all runs. Needs ray.
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


def timed(answerer: Any, prompts: list[list[int]], tokens: int, repeats: int, **options: Any) -> tuple[float, Any]:
    """Tokens in a second, the best of some runs, and the ids."""
    options = {"max_new_tokens": tokens, "eos_token_id": -1, "num_beams": 1, **options}
    answerer.generate(prompts, **{**options, "max_new_tokens": 2})
    best, ids = 0.0, None
    for _ in range(repeats):
        start = time.perf_counter()
        found = answerer.generate(prompts, **options)
        best = max(best, len(prompts) * tokens / (time.perf_counter() - start))
        ids = [one.ids.tolist() for one in found]
    return best, ids


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out", type=Path)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--compute", default="float32")
    parser.add_argument("--groups", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--only", choices=["whole", "stages"])
    given = parser.parse_args()
    draw, model = random.Random(3), os.path.abspath(given.model)
    prompts = [[draw.randint(5, 30000) for _ in range(16)] for _ in range(given.prompts)]
    results: dict[str, Any] = {}
    ids = []
    if given.only != "stages":
        for threads in (1, 2):
            with attend.Model(model, threads=threads, compute=given.compute) as whole:
                results[f"one process, {threads} threads"], found = timed(whole, prompts, given.tokens, given.repeats)
                ids.append(found)
    if given.only != "whole":
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        import ray
        from attend.ray import Pipeline

        variables = {"PYTHONPATH": PACKAGE}
        if "ATTEND_LIBRARY" in os.environ:
            variables["ATTEND_LIBRARY"] = os.path.realpath(os.environ["ATTEND_LIBRARY"])
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": variables})
        with Pipeline(model, stages=2, threads=1, compute=given.compute) as pipeline:
            results["layers"] = pipeline.layers
            for groups in given.groups:
                results[f"two stages, {groups} groups"], found = timed(
                    pipeline, prompts, given.tokens, given.repeats, groups=groups
                )
                ids.append(found)
    results["equal"] = all(found == ids[0] for found in ids)
    results["first"] = ids[0][0]
    print(json.dumps(results))
    given.out.write_text(json.dumps({**vars(given), "out": str(given.out), "results": results}, indent=1))
    if not results["equal"]:
        sys.exit("the ids are not equal")


if __name__ == "__main__":
    main()
