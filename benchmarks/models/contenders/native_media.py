"""Attend on pictures and sounds, through its Python package."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import media
import numpy as np
import numpy.typing as npt
from workloads import Workload

from contenders.base import Floats, Runner, Unavailable
from contenders.native import BINDINGS


class NativeMediaRunner(Runner):
    """Bytes of files, samples or pixel values go in as they are."""

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        sys.path.insert(0, str(BINDINGS))
        try:
            import attend
        except ImportError as problem:
            raise Unavailable(str(problem).splitlines()[0]) from None
        self.model = attend.Model(folder, compute=compute, threads=threads)
        self.session = self.model.session()
        self.version = f"attend {attend.__version__} ({self.model.kernels})"
        if workload.task == "see":
            self.inputs = [attend.Features(picture) for picture in media.pixels(workload)]
        elif workload.task == "look":
            self.inputs = [attend.Picture(data) for data in media.jpegs(workload, folder)]
        elif workload.task == "hear":
            self.inputs = [attend.Features(media.samples(workload))]
        else:
            self.inputs = [attend.Sound(media.samples(workload), sampling_rate=media.RATE)]

    def run(self) -> float:
        start = self.clock()
        if self.workload.task == "transcribe":
            self._transcribe()
        else:
            self._states()
        return self.clock() - start

    def check(self) -> dict[str, npt.NDArray[Any]]:
        if self.workload.task == "transcribe":
            return {"ids": self._transcribe()}
        return {"states": np.stack(list(self._states()))}

    def _states(self) -> list[Floats] | Floats:
        self.session.encode(self.inputs)
        return self.session.pooled() if self.workload.task == "look" else self.session.hidden_states()

    def _transcribe(self) -> npt.NDArray[np.int32]:
        """A fixed number of tokens, [1, new tokens]."""
        length = self.workload.new_tokens
        answers = self.session.generate(
            self.inputs, num_beams=self.workload.beams, min_new_tokens=length, max_new_tokens=length,
            length_penalty=0.0, decoder_input_ids=list(media.TRANSCRIPT_START),
        )  # fmt: skip
        return np.array([answer.ids for answer in answers])


RUNNER = NativeMediaRunner
