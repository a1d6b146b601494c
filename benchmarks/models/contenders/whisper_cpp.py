"""whisper.cpp on the CPU, through pywhispercpp's binding of its C API."""

from __future__ import annotations

import ctypes
import sysconfig
from pathlib import Path
from typing import Any

import media
import numpy as np
import numpy.typing as npt
from convert_whisper_cpp import ggml_file
from workloads import Workload

from contenders.base import Runner, Unavailable


def _binding() -> Any:
    """The extension module. Compiled here rather than taken from a wheel, it does not find its libraries by itself."""
    for name in ("ggml-base", "ggml-cpu", "ggml", "whisper"):
        path = Path(sysconfig.get_path("platlib")) / f"lib{name}.so"
        if path.exists():
            ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
    import _pywhispercpp

    return _pywhispercpp


class WhisperCppRunner(Runner):
    """``whisper_full`` on one window, without falling back to other temperatures. It does not compute with matrices in
    float32: float16 stands in for it. In a beam search it draws the candidates by chance.
    """

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        try:
            from importlib.metadata import version

            self.api = _binding()
            self.version = f"whisper.cpp in pywhispercpp {version('pywhispercpp')}"
        except (ImportError, OSError) as problem:
            raise Unavailable(str(problem)) from None
        options = self.api.whisper_context_default_params()
        options.use_gpu = False
        file = ggml_file(folder, "int8" if compute == "int8" else "float16")
        self.context = self.api.whisper_init_from_file_with_params(str(file), options)
        strategies = self.api.whisper_sampling_strategy
        beams = workload.beams
        self.options = self.api.whisper_full_default_params(
            strategies.WHISPER_SAMPLING_GREEDY if beams == 1 else strategies.WHISPER_SAMPLING_BEAM_SEARCH
        )
        if beams > 1:
            self.options.beam_search = {"beam_size": beams, "patience": -1.0}
        self.options.n_threads = threads
        self.options.language = "en"
        # It ends a text when it has one more than this.
        self.options.max_tokens = workload.new_tokens - 1
        self.options.temperature_inc = 0.0
        for name, value in {
            "no_timestamps": True,
            "single_segment": True,
            "no_context": True,
            "suppress_blank": False,
            "print_progress": False,
            "print_realtime": False,
            "print_timestamps": False,
        }.items():
            setattr(self.options, name, value)  # fmt: skip
        self.samples = media.samples(workload)

    def run(self) -> float:
        start = self.clock()
        self._transcribe()
        return self.clock() - start

    def check(self) -> dict[str, npt.NDArray[Any]]:
        self._transcribe()
        count = self.api.whisper_full_n_tokens(self.context, 0)
        return {"ids": np.array([[self.api.whisper_full_get_token_id(self.context, 0, i) for i in range(count)]])}

    def _transcribe(self) -> None:
        if self.api.whisper_full(self.context, self.options, self.samples, len(self.samples)) != 0:
            raise RuntimeError("whisper_full failed")


RUNNER = WhisperCppRunner
