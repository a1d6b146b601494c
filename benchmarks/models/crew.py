"""Keeps the workers of one cell: alive side by side, and stopped but for the one whose turn it is."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from contenders import Contender
from workloads import Cell

WORKER = Path(__file__).resolve().parent / "worker.py"


class Failed(Exception):
    """A worker ended without saying why in its own words; the message holds the last lines of what it printed."""


class Worker:
    """One contender, loaded and warm. Between its turns it is stopped, so that no thread of it spins while another is
    measured.
    """

    def __init__(
        self, contender: Contender, cell: Cell, folder: Path, scratch: Path, clock: str = "perf_counter"
    ) -> None:
        """Starts, loads, checks and warms up. Raises Failed."""
        self.contender = contender
        self.outputs = scratch / "outputs.npz"
        self.log = scratch / "log"
        environment = {**os.environ, **contender.environment, "OMP_NUM_THREADS": str(cell.threads)}
        scratch.mkdir(parents=True, exist_ok=True)
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, WORKER, contender.module, folder, json.dumps(dataclasses.asdict(cell)), self.outputs,
                 clock],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment,
            )  # fmt: skip
        self.hello = self._hear()
        self._signal(signal.SIGSTOP)

    @property
    def unavailable(self) -> str | None:
        """Why the contender does not take part, or None."""
        return self.hello.get("unavailable")

    def round(self, seconds: float) -> list[float]:
        """Its turn: repetitions for at least ``seconds``; what each took."""
        self._signal(signal.SIGCONT)
        self._tell(f"{seconds}\n")
        taken: list[float] = self._hear()["seconds"]
        self._signal(signal.SIGSTOP)
        return taken

    def check(self) -> dict[str, Any]:
        """What the contender computed."""
        with np.load(self.outputs) as arrays:
            return dict(arrays)

    def finish(self) -> int:
        """Ends the worker; the most memory that it held, in bytes."""
        self._signal(signal.SIGCONT)
        self.process.stdin.close()
        peak: int = self._hear()["peak_bytes"]
        self.process.wait()
        return peak

    def kill(self) -> None:
        """Ends the worker whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def _tell(self, text: str) -> None:
        try:
            self.process.stdin.write(text)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # _hear says what happened

    def _hear(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if line:
            message: dict[str, Any] = json.loads(line)
            return message
        code = self.process.wait()
        tail = " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])
        raise Failed(f"ended with {code}: {tail}")


def busy_share(seconds: float = 0.2) -> float:
    """How much of the machine others use at this moment, from 0 to 1: asked while every worker is stopped."""

    def read() -> tuple[int, int]:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]

    total, idle = read()
    time.sleep(seconds)
    later, later_idle = read()
    return 1 - (later_idle - idle) / max(1, later - total)
