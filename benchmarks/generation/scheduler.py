#!/usr/bin/env python3
"""Requests of mixed lengths through the scheduler, against an even batch and against llama.cpp's parallel decoding.

    python benchmarks/generation/scheduler.py build/benchmark-models/gpt2-124m --compute int8 [--llama]

The requests are submitted at once, in random order. The even batch is as many requests of one length, the mean, which
are as many tokens; they run as many at a time as the scheduler has rows, each batch to its end: what continuous
batching would reach if nothing were uneven. Everybody takes turns, and the figures are medians of the rounds. The rates
count what was written. `--llama` needs llama-cpp-python and gguf (benchmarks/models/setup.py installs them); it reads
prompts beside what writes, as its own server does.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks" / "models")]

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Wish:
    """A request: what it reads, and how many tokens it writes."""

    ids: Ids
    new_tokens: int


def wishes(config: dict[str, Any], count: int, longest: tuple[int, int], mixed: bool) -> list[Wish]:
    """Requests of lengths between an eighth of ``longest`` (read, written) and all of it; or all of the mean length."""
    generator = np.random.default_rng(0)
    parts = np.linspace(0.125, 1, count)
    read, written = (np.maximum((parts * length).round().astype(int), 1) for length in longest)
    if not mixed:
        read[:], written[:] = round(read.mean()), round(written.mean())
    generator.shuffle(read)
    generator.shuffle(written)
    result = []
    for length, new_tokens in zip(read.tolist(), written.tolist()):
        ids = generator.integers(4, config["vocab_size"] - 4, length, np.int32)
        if config.get("is_encoder_decoder"):
            ids[-1] = config["eos_token_id"]  # as a tokenizer ends a source
        result.append(Wish(ids, new_tokens))
    return result


class Attend:
    """The library, by its scheduler and by its batches."""

    def __init__(self, folder: Path, compute: str, threads: int, rows: int) -> None:
        import attend

        self.rows = rows
        self.model = attend.Model(folder, compute=compute, threads=threads)
        self.session = self.model.session()
        self.scheduler = attend.Scheduler(self.model, max_rows=rows)

    def mixed(self, requests: list[Wish]) -> list[Ids]:
        running = [self.scheduler.submit(each.ids, **self._options(each)) for each in requests]
        return [each.result().ids for each in running]

    def even(self, requests: list[Wish]) -> list[Ids]:
        found = []
        for first in range(0, len(requests), self.rows):
            batch = [each.ids for each in requests[first : first + self.rows]]
            found += self.session.generate(batch, **self._options(requests[first]))
        return [each.ids for each in found]

    @staticmethod
    def _options(wish: Wish) -> dict[str, int]:
        return {"num_beams": 1, "max_new_tokens": wish.new_tokens, "min_new_tokens": wish.new_tokens}


class Llama:
    """llama.cpp: as many sequences as rows, each replaced when it has ended; greedy choice by numpy."""

    def __init__(self, folder: Path, compute: str, threads: int, rows: int, longest: int) -> None:
        import llama_cpp
        from convert_gguf import gguf_file

        logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)  # not every tensor of every graph
        self.api: Any = llama_cpp
        self.rows = rows
        self.vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
        llama_cpp.llama_backend_init()
        path = str(gguf_file(folder, compute)).encode()
        self.model = llama_cpp.llama_model_load_from_file(path, llama_cpp.llama_model_default_params())
        options = llama_cpp.llama_context_default_params()
        options.n_ctx, options.n_seq_max = (longest + 1) * rows, rows
        options.n_batch = options.n_ubatch = 512 + rows
        options.n_threads = options.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, options)
        if not self.context:
            raise RuntimeError(f"llama.cpp did not load {path.decode()}")
        self.batch = llama_cpp.llama_batch_init(512 + rows, 0, 1)
        # The same as Attend: ids that end nothing are all that may be written.
        self.end = json.loads((folder / "config.json").read_text()).get("eos_token_id")

    def _add(self, token: int, place: int, slot: int, wanted: bool) -> None:
        batch, at = self.batch, self.batch.n_tokens
        batch.token[at], batch.pos[at], batch.logits[at] = token, place, wanted
        batch.n_seq_id[at], batch.seq_id[at][0] = 1, slot
        batch.n_tokens += 1

    def mixed(self, requests: list[Wish]) -> list[Ids]:
        memory = self.api.llama_get_memory(self.context)
        self.api.llama_memory_clear(memory, False)
        waiting = list(range(len(requests)))[::-1]
        written: list[list[int]] = [[] for _ in requests]
        slots: list[int | None] = [None] * self.rows
        while waiting or any(slot is not None for slot in slots):
            self.batch.n_tokens = 0
            places: list[tuple[int, int]] = []  # slot, place of its logits
            for slot, request in enumerate(slots):
                if request is not None:
                    place = len(requests[request].ids) + len(written[request]) - 1
                    places.append((slot, self.batch.n_tokens))
                    self._add(written[request][-1], place, slot, True)
            for slot in range(self.rows):
                if slots[slot] is None and waiting and self.batch.n_tokens + len(requests[waiting[-1]].ids) <= 512:
                    slots[slot] = waiting.pop()
                    ids = requests[slots[slot]].ids  # type: ignore[index]
                    for place, token in enumerate(ids.tolist()):
                        self._add(token, place, slot, place + 1 == len(ids))
                    places.append((slot, self.batch.n_tokens - 1))
            if self.api.llama_decode(self.context, self.batch) != 0:
                raise RuntimeError("llama_decode failed")
            for slot, at in places:
                request = slots[slot]
                assert request is not None
                logits = np.ctypeslib.as_array(self.api.llama_get_logits_ith(self.context, at), (self.vocabulary,))
                if self.end is not None:
                    logits[self.end] = -np.inf
                written[request].append(int(logits.argmax()))
                if len(written[request]) == requests[request].new_tokens:
                    self.api.llama_memory_seq_rm(memory, slot, -1, -1)
                    slots[slot] = None
        return [np.array(each, np.int32) for each in written]


def timed(
    run: Callable[[list[Wish]], list[Ids]], requests: list[Wish], clock: Callable[[], float]
) -> tuple[float, list[Ids]]:
    """Tokens per second, and the tokens."""
    begin = clock()
    found = run(requests)
    seconds = clock() - begin
    assert [len(each) for each in found] == [each.new_tokens for each in requests]
    return sum(each.new_tokens for each in requests) / seconds, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compute", default="int8")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--rows", type=int, nargs="+", default=[16])
    parser.add_argument("--longest", type=int, nargs=2, default=[128, 128], help="tokens read, tokens written")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--llama", action="store_true")
    parser.add_argument("--cpu-time", action="store_true", help="of all threads: for --threads 1 on a busy machine")
    chosen = parser.parse_args()
    clock = time.process_time if chosen.cpu_time else time.perf_counter
    config = json.loads((chosen.folder / "config.json").read_text())
    mixed, even = (wishes(config, chosen.requests, tuple(chosen.longest), kind) for kind in (True, False))
    for rows in chosen.rows:
        ours = Attend(chosen.folder, chosen.compute, chosen.threads, rows)
        runs: dict[str, tuple[Callable[[list[Wish]], list[Ids]], list[Wish]]] = {
            "scheduler": (ours.mixed, mixed),
            "even batch": (ours.even, even),
        }
        if chosen.llama:
            theirs = Llama(chosen.folder, chosen.compute, chosen.threads, rows, sum(chosen.longest))
            runs["llama.cpp"] = (theirs.mixed, mixed)
        outputs = {name: timed(run, requests, clock)[1] for name, (run, requests) in runs.items()}
        rates: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(chosen.rounds):
            for name, (run, requests) in runs.items():
                rates[name].append(timed(run, requests, clock)[0])
        print(f"{chosen.folder.name} {chosen.compute}, {chosen.threads} threads, {rows} rows")
        medians = {name: statistics.median(found) for name, found in rates.items()}
        for name, median in medians.items():
            spread = (max(rates[name]) - min(rates[name])) / median
            ratio = medians["scheduler"] / median
            print(f"  {name:11} {median:8.0f} tokens/s, spread {spread:4.0%}, scheduler / it {ratio:.2f}")
        if chosen.llama:
            same = sum(int((a[:8] == b[:8]).all()) for a, b in zip(outputs["scheduler"], outputs["llama.cpp"]))
            print(f"  the first 8 tokens are those of llama.cpp in {same} of {len(mixed)} requests")


if __name__ == "__main__":
    main()
