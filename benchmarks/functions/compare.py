#!/usr/bin/env python3
"""attend.functional against PyTorch: the same arrays, the same threads, one contender at a time.

usage: compare.py [--threads 1 2] [--rounds 5] [--seconds 0.5] [--only sdpa rows call] [--short]

Each contender has a process of its own, so that nobody's waiting threads disturb the other; they take turns, and the
figure is the median of the turns' medians. Results are compared too: 1e-5 of the largest number.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
CONTENDERS = ("attend", "PyTorch")
#: Heads, heads of keys, width.
SHAPES = {"12 x 64": (12, 12, 64), "32 over 8 x 128": (32, 8, 128)}
LENGTHS = (128, 512, 4096)


def works(only: list[str], short: bool) -> list[str]:
    found = []
    if "sdpa" in only:
        lengths = LENGTHS[:2] if short else LENGTHS
        found += [
            f"sdpa, {shape}, {length}{causal}" for shape in SHAPES for length in lengths for causal in ("", ", causal")
        ]
    if "rows" in only:
        found += [f"{name}, 512 x 768" for name in ("layer_norm", "rms_norm", "softmax", "gelu")]
    if "call" in only:
        found += ["call, 1 x 2 x 4 x 8"]
    return found


def inputs(work: str) -> dict[str, np.ndarray]:
    """The same arrays for everybody, from the name of the work."""
    rng = np.random.default_rng(list(work.encode()))
    kind, *rest = work.split(", ")
    if kind == "sdpa":
        heads, key_heads, width = SHAPES[rest[0]]
        length = int(rest[1])
        sizes = {"q": heads, "k": key_heads, "v": key_heads}
        return {name: rng.standard_normal((1, n, length, width), np.float32) for name, n in sizes.items()}
    if kind == "call":
        return {name: rng.standard_normal((1, 2, 4, 8), np.float32) for name in "qkv"}
    return {
        "x": rng.standard_normal((512, 768), np.float32),
        "w": rng.standard_normal(768, np.float32),
        "b": rng.standard_normal(768, np.float32),
    }


def prepare(contender: str, work: str, threads: int) -> Callable[[], Any]:
    """The work as a function without arguments."""
    arrays: dict[str, Any] = dict(inputs(work))
    if contender == "PyTorch":
        import torch
        import torch.nn.functional as F

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        arrays = {name: torch.from_numpy(array) for name, array in arrays.items()}
    else:
        sys.path.insert(0, str(REPOSITORY / "bindings" / "python"))
        from attend import functional as F  # type: ignore[no-redef]

        F.set_num_threads(threads)
    kind = work.split(", ")[0]
    if kind in ("sdpa", "call"):
        q, k, v = arrays["q"], arrays["k"], arrays["v"]
        causal, grouped = work.endswith("causal"), q.shape[1] != k.shape[1]
        return lambda: F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=grouped)
    x, w, b = arrays["x"], arrays["w"], arrays["b"]
    return {
        "layer_norm": lambda: F.layer_norm(x, (768,), w, b),
        "rms_norm": lambda: F.rms_norm(x, (768,), w, 1e-6),
        "softmax": lambda: F.softmax(x, -1),
        "gelu": lambda: F.gelu(x),
    }[kind]


def serve(contender: str) -> None:
    """Reads (work, threads, seconds) and answers with the median seconds of a call and a digest of its result."""
    for line in sys.stdin:
        work, threads, seconds = json.loads(line)
        function = prepare(contender, work, threads)
        result = np.asarray(function())
        function()
        times, end = [], time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            begin = time.perf_counter()
            function()
            times.append(time.perf_counter() - begin)
        flat = result.reshape(-1)
        digest = flat[:: max(1, flat.size // 4096)].tolist()
        print(json.dumps([statistics.median(times), digest]), flush=True)


def ask(server: subprocess.Popen[str], *question: Any) -> tuple[float, list[float]]:
    assert server.stdin and server.stdout
    server.stdin.write(json.dumps(question) + "\n")
    server.stdin.flush()
    seconds, digest = json.loads(server.stdout.readline())
    return seconds, digest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[os.cpu_count() or 1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--only", nargs="+", default=["sdpa", "rows", "call"])
    parser.add_argument("--short", action="store_true", help="without 4,096 tokens")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve)
    command = [sys.executable, __file__, "--serve"]
    servers = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in CONTENDERS
    ]
    print("| work | threads | Attend | PyTorch | ratio |\n|---|---|---|---|---|", flush=True)
    for threads in options.threads:
        for work in works(options.only, options.short):
            turns = [[ask(server, work, threads, options.seconds) for server in servers] for _ in range(options.rounds)]
            ours, theirs = (statistics.median(turn[i][0] for turn in turns) for i in (0, 1))
            digests = [np.array(turns[0][i][1]) for i in (0, 1)]
            worst = np.abs(digests[0] - digests[1]).max() / np.abs(digests[1]).max()
            assert worst <= 1e-5, f"{work}: results differ by {worst}"
            print(
                f"| {work} | {threads} | {ours * 1e6:,.1f} us | {theirs * 1e6:,.1f} us | {theirs / ours:.2f} |",
                flush=True,
            )
    for server in servers:
        assert server.stdin
        server.stdin.close()
        server.wait()


if __name__ == "__main__":
    main()
