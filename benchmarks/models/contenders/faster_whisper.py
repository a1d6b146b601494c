"""faster-whisper: its spectrogram, and CTranslate2's Whisper as it calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import media
import numpy as np
import numpy.typing as npt
from convert import ctranslate2_folder
from workloads import Workload

from contenders.base import Runner, Unavailable


class FasterWhisperRunner(Runner):
    """One worker with all threads."""

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        try:
            import ctranslate2
            import faster_whisper
            from faster_whisper.feature_extractor import FeatureExtractor
        except ImportError as problem:
            raise Unavailable(str(problem)) from None
        self.view = ctranslate2.StorageView
        self.model = ctranslate2.models.Whisper(
            str(ctranslate2_folder(folder)), device="cpu", compute_type=compute, intra_threads=threads, inter_threads=1
        )
        self.front = FeatureExtractor(feature_size=self.config["num_mel_bins"])
        self.samples = media.samples(workload)
        self.version = f"faster-whisper {faster_whisper.__version__}, ctranslate2 {ctranslate2.__version__}"

    def run(self) -> float:
        start = self.clock()
        self._transcribe()
        return self.clock() - start

    def check(self) -> dict[str, npt.NDArray[Any]]:
        return {"ids": np.array(self._transcribe())}

    def _transcribe(self) -> list[list[int]]:
        mel = self.front(self.samples, padding=0)[None, :, :3000]
        found = self.model.generate(
            self.view.from_array(np.ascontiguousarray(mel, np.float32)), [list(media.TRANSCRIPT_START)],
            beam_size=self.workload.beams, length_penalty=0, suppress_blank=False, suppress_tokens=[],
            max_length=2 * self.workload.new_tokens,  # of which it writes half, beside a context before it
        )  # fmt: skip
        ids: list[list[int]] = found[0].sequences_ids[:1]
        return ids


RUNNER = FasterWhisperRunner
