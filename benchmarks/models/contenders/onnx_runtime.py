"""ONNX Runtime on the CPU, through its Python package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from convert_onnx import onnx_file, quantised_onnx_file
from workloads import Workload

from contenders.base import TextRunner, Unavailable


def prepare(threads: int) -> tuple[Any, Any]:
    """The module, and options of a session: fused operators, all graph optimisations, one pool of threads."""
    try:
        import onnxruntime
    except ImportError as problem:
        raise Unavailable(str(problem)) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime, options


class OnnxRunner(TextRunner):
    """Fused operators, all graph optimisations, one pool of threads."""

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        onnxruntime, options = prepare(threads)
        path = onnx_file(folder) if compute == "float32" else quantised_onnx_file(folder)
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.version = f"onnxruntime {onnxruntime.__version__}"
        self.inputs = {"input_ids": self.ids, "token_type_ids": np.zeros_like(self.ids)}

    def run(self) -> float:
        start = self.clock()
        self._states()
        return self.clock() - start

    def check(self) -> dict[str, npt.NDArray[Any]]:
        return {"states": self._states()}

    def _states(self) -> npt.NDArray[np.float32]:
        states: npt.NDArray[np.float32] = self.session.run(["states"], self.inputs)[0]
        return states


RUNNER = OnnxRunner
