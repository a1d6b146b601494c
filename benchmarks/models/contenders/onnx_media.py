"""ONNX Runtime on the CPU, on pictures and sounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import media
import numpy as np
import numpy.typing as npt
from convert_onnx_media import onnx_file, quantised_onnx_file
from workloads import Workload

from contenders.base import Runner
from contenders.onnx_runtime import prepare


class OnnxMediaRunner(Runner):
    """Fused operators, all graph optimisations, one pool of threads."""

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        onnxruntime, options = prepare(threads)
        file = onnx_file if compute == "float32" else quantised_onnx_file
        path = file(folder, workload.batch)
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.version = f"onnxruntime {onnxruntime.__version__}"
        if workload.task == "see":
            self.given = media.pixels(workload)
        elif workload.task == "hear":
            self.given = media.samples(workload)[None]
        else:
            import torch

            from contenders.pytorch_media import PictureReader

            torch.set_num_threads(threads)
            self.pictures = PictureReader(folder, workload)

    def run(self) -> float:
        start = self.clock()
        self._states()
        return self.clock() - start

    def check(self) -> dict[str, npt.NDArray[Any]]:
        return {"states": self._states()}

    def _states(self) -> npt.NDArray[np.float32]:
        given = self.pictures.read() if self.workload.task == "look" else self.given
        states: npt.NDArray[np.float32] = self.session.run(["states"], {"input": given})[0]
        return states


RUNNER = OnnxMediaRunner
