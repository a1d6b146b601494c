"""llama.cpp, through the C API as ``llama-cpp-python`` hands it over: no sampling, no text, no Python between a step
and its logits.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from convert_gguf import gguf_file
from workloads import Ids, Workload

from contenders.base import Floats, TextRunner, Unavailable


class LlamaRunner(TextRunner):
    """The whole prompt in one batch; the file type that stands for the compute type; the greedy choice by numpy, as
    ours.
    """

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        try:
            import llama_cpp
        except ImportError as problem:
            raise Unavailable(str(problem)) from None
        if compute == "float32" and self.config["torch_dtype"] != "float32":
            raise Unavailable(f"the checkpoint is stored in {self.config['torch_dtype']}")
        self.api: Any = llama_cpp
        llama_cpp.llama_backend_init()
        path = gguf_file(folder, compute)
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        options = llama_cpp.llama_context_default_params()
        options.n_ctx = options.n_batch = options.n_ubatch = max(512, workload.length + workload.new_tokens)
        options.n_threads = options.n_threads_batch = threads
        if compute == "float32":
            options.type_k = options.type_v = llama_cpp.GGML_TYPE_F32  # like the others' caches; the default is float16
        self.context = llama_cpp.llama_init_from_model(self.model, options)
        if not self.context:
            raise Unavailable(f"llama.cpp did not load {path.name}")
        self.version = f"llama-cpp-python {llama_cpp.__version__}, {path.stem}"

    def run(self) -> float:
        start = self.clock()
        logits = self._read()
        if self.workload.task == "decode":
            start = self.clock()
            self._continue(logits)
        return self.clock() - start

    def check(self) -> dict[str, npt.NDArray[Any]]:
        logits = self._read()
        return {"logits": logits.copy()} if self.workload.task == "prompt" else self._continue(logits)

    def _read(self) -> Floats:
        """Reads the prompt into an empty cache; the logits that follow it."""
        self.api.llama_memory_clear(self.api.llama_get_memory(self.context), False)
        return self._decode(self.ids[0])

    def _decode(self, ids: Ids) -> Floats:
        """Gives the model more tokens; the logits that follow the last, [1, vocabulary], a view."""
        tokens = ids.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        if self.api.llama_decode(self.context, self.api.llama_batch_get_one(tokens, len(ids))) != 0:
            raise RuntimeError("llama_decode failed")
        logits = self.api.llama_get_logits_ith(self.context, -1)
        return np.ctypeslib.as_array(logits, (self.config["vocab_size"],))[None]

    def _continue(self, logits: Floats) -> dict[str, npt.NDArray[Any]]:
        """Greedy steps after the prompt: the ids, and the logits that follow the last."""
        written = np.empty(self.workload.new_tokens, np.int32)
        for step in range(self.workload.new_tokens):
            written[step] = logits[0].argmax()
            logits = self._decode(written[step : step + 1])
        return {"ids": written[None], "logits": logits.copy()}


RUNNER = LlamaRunner
