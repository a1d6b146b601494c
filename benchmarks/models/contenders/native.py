"""Attend, through its Python package in ``bindings/python`` and the library that the package finds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np
import numpy.typing as npt
from workloads import Workload

from contenders.base import Floats, TextRunner, Unavailable, log_probability

#: Is told the allowed logits and the choice of each step.
Hear = Callable[[Floats, npt.NDArray[np.intp]], None]
BINDINGS = Path(__file__).resolve().parents[3] / "bindings" / "python"


class NativeRunner(TextRunner):
    """Encode, step and pick by numpy: what a Python user of the step API runs, with the choice of the token in the
    measured time.
    """

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        sys.path.insert(0, str(BINDINGS))
        try:
            import attend
        except ImportError as problem:
            raise Unavailable(str(problem).splitlines()[0]) from None
        try:
            self.model = attend.Model(folder, compute=compute, threads=threads)
        except (attend.UnsupportedError, attend.InvalidArgumentError) as problem:
            raise Unavailable(str(problem).removeprefix(f"{folder}/")) from None
        self.session = self.model.session()
        self.version = f"attend {attend.__version__} ({self.model.kernels})"

    def run(self) -> float:
        start = self.clock()
        task = self.workload.task
        if task == "translate":
            if self.workload.beams > 1:
                self._search()
            else:
                self._translate()
        elif task == "decode":
            logits = self._read()
            start = self.clock()
            self._continue(logits)
        else:
            self.session.encode(self.ids)
            if task == "embed":
                self.session.hidden_states()
        return self.clock() - start

    def check(self) -> dict[str, npt.NDArray[Any]]:
        task = self.workload.task
        if task == "translate" and self.workload.beams > 1:
            answers = self._search()
            ids = np.array([answer.ids for answer in answers])
            return {"ids": ids, "score": np.array([answer.score for answer in answers])}
        if task == "translate":
            score = np.zeros(self.workload.batch)

            def add(logits: Floats, picked: npt.NDArray[np.intp]) -> None:
                nonlocal score
                score += log_probability(logits, picked)

            return {"ids": self._translate(add), "score": score}
        if task == "embed":
            self.session.encode(self.ids)
            return {"states": np.stack(self.session.hidden_states())}
        logits = self._read()
        return {"logits": logits.copy()} if task == "prompt" else self._continue(logits)

    def _translate(self, hear: Hear | None = None) -> npt.NDArray[np.int32]:
        """Greedy, a fixed number of tokens among those that are allowed."""
        start = np.full(self.workload.batch, self.model.decoder_start, np.int32)
        self.session.encode(self.ids)
        return self._greedy(self.session.decode_step(start), self.allowed, hear).T

    def _search(self) -> list[Any]:
        """The best of each source by beam search, a fixed number of tokens among those that are allowed."""
        length = self.workload.new_tokens
        return self.session.generate(
            list(self.ids), num_beams=self.workload.beams, min_new_tokens=length, max_new_tokens=length,
            length_penalty=0.0, forced_eos_token_id=None, bad_words_ids=None,
            suppress_tokens=[self.config["pad_token_id"]],
        )  # fmt: skip

    def _greedy(self, logits: Floats, allowed: slice, hear: Hear | None = None) -> npt.NDArray[np.int32]:
        """The likeliest of the allowed ids, step by step, ``[new tokens, batch]``, the first of ``logits``."""
        written = np.empty((self.workload.new_tokens, self.workload.batch), np.int32)
        for step in range(self.workload.new_tokens):
            if step > 0:
                logits = self.session.decode_step(written[step - 1])
            candidates = logits[:, allowed]
            picked = candidates.argmax(axis=1)
            if hear:
                hear(candidates, picked)
            np.add(picked, allowed.start, out=written[step], casting="unsafe")
        return written

    def _read(self) -> Floats:
        """Reads the prompt; the logits that follow it."""
        self.session.encode(self.ids)
        return self.session.logits()

    def _continue(self, logits: Floats) -> dict[str, npt.NDArray[Any]]:
        """Greedy steps after the prompt: the ids, and the logits that follow the last."""
        written = self._greedy(logits, slice(0, None))
        return {"ids": written.T, "logits": self.session.decode_step(written[-1])}


RUNNER = NativeRunner
