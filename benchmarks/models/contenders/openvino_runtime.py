"""OpenVINO on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from convert_openvino import given, openvino_file
from workloads import Workload

from contenders.base import Runner, Unavailable


class OpenVinoRunner(Runner):
    """Its own conversion of the model of transformers; int8: quantised by NNCF, weights and activations, with scales of
    activations that are known before.
    """

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        try:
            import openvino
        except ImportError as problem:
            raise Unavailable(str(problem)) from None
        core = openvino.Core()
        model = core.read_model(openvino_file(folder, workload, compute))
        self.given = given(folder, workload)
        model.reshape({port: list(one.shape) for port, one in zip(model.inputs, self.given)})
        options = {
            "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }  # fmt: skip
        self.compiled = core.compile_model(model, "CPU", options)
        self.request = self.compiled.create_infer_request()
        self.version = f"openvino {openvino.__version__}"

    def run(self) -> float:
        start = self.clock()
        self.request.infer(self.given, share_inputs=True, share_outputs=True)
        return self.clock() - start

    def check(self) -> dict[str, npt.NDArray[Any]]:
        states: npt.NDArray[np.float32] = self.request.infer(self.given)[0]
        return {"states": states}


RUNNER = OpenVinoRunner
