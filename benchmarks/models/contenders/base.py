"""What every runner has in common: its construction loads the model, `run` does the work once, `check` shows what came
out.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Callable

import numpy as np
import numpy.typing as npt
from workloads import Workload

Floats = npt.NDArray[np.float32]


class Unavailable(Exception):
    """This contender cannot take part; the message says why, and the table repeats it."""


class Runner(ABC):
    """One contender at one workload. Subclasses load in `__init__` and import their library there."""

    #: Name and version of the library, for the report.
    version: str
    #: What `run` measures with: the wall's clock, or that of the processor time of all threads.
    clock: Callable[[], float] = staticmethod(time.perf_counter)

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        """``folder``: the checkpoint. Raises Unavailable when the contender cannot do this."""
        self.folder = folder
        self.workload = workload
        self.compute = compute
        self.threads = threads
        self.config: dict[str, Any] = json.loads((folder / "config.json").read_text())

    @abstractmethod
    def run(self) -> float:
        """Does the work once; returns the seconds that count."""

    @abstractmethod
    def check(self) -> dict[str, npt.NDArray[Any]]:
        """What the work gives, to be compared with the others'.

        "translate" and "decode": ``ids`` [batch, new tokens] and ``score`` [batch], the sum of their log-probabilities
        among the tokens that may be written ("decode": ``logits`` of the last step instead). "embed": ``states``
        [batch, length, hidden]. "prompt": ``logits`` [batch, vocabulary] that follow the prompt. "see" and "hear":
        ``states``. "look": ``states`` [batch, embedding], of length 1. "transcribe": ``ids`` [batch, new tokens].
        """


class TextRunner(Runner):
    """A runner whose work begins with token ids."""

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        self.ids = workload.ids(self.config)

    @property
    def allowed(self) -> slice:
        """The ids that a translation may hold: not Marian's end token, the first, nor its padding token, the last."""
        return slice(self.config["eos_token_id"] + 1, self.config["pad_token_id"])


def log_probability(logits: Floats, index: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
    """The log-probability of ``index[i]`` under row i of ``logits``."""
    rows = logits.astype(np.float64)
    rows -= rows.max(axis=1, keepdims=True)
    return rows[np.arange(len(index)), index] - np.log(np.exp(rows).sum(axis=1))
