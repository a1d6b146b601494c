"""CTranslate2, through its Python package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from convert import ctranslate2_folder
from workloads import Workload

from contenders.base import TextRunner, Unavailable


class CTranslate2Runner(TextRunner):
    """One worker that has all threads, the whole batch at once. Its tokens are strings: the id, as text (see
    convert.py).
    """

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        try:
            import ctranslate2
        except ImportError as problem:
            raise Unavailable(str(problem)) from None
        if compute not in ctranslate2.get_supported_compute_types("cpu"):
            raise Unavailable(f"CTranslate2 has no {compute} on this CPU")
        kinds = {"translate": ctranslate2.Translator, "embed": ctranslate2.Encoder}
        kind = kinds.get(workload.task, ctranslate2.Generator)
        options: dict[str, Any] = {
            "device": "cpu",
            "compute_type": compute,
            "inter_threads": 1,
            "intra_threads": threads,
        }
        self.library = ctranslate2
        self.model = kind(str(ctranslate2_folder(folder)), **options)
        self.version = f"ctranslate2 {ctranslate2.__version__}"
        self.rows: list[list[int]] = self.ids.tolist()
        self.tokens = [[str(token) for token in row] for row in self.rows]

    def run(self) -> float:
        start = self.clock()
        task = self.workload.task
        if task == "translate":
            self._translate()
        elif task == "embed":
            self.model.forward_batch(self.rows)
        elif task == "prompt":
            self._generate(1)
        else:
            times: list[float] = []
            self._generate(self.workload.new_tokens + 1, lambda step: times.append(self.clock()))
            return times[-1] - times[0]  # the first call comes when the prompt has been read and its next token chosen
        return self.clock() - start

    def check(self) -> dict[str, npt.NDArray[Any]]:
        task = self.workload.task
        if task == "translate":
            results = self._translate(return_scores=True)
            ids = np.array([[int(token) for token in result.hypotheses[0]] for result in results])
            return {"ids": ids, "score": np.array([result.scores[0] for result in results])}
        if task == "embed":
            return {"states": np.array(self.model.forward_batch(self.rows).last_hidden_state).astype(np.float32)}
        logits = np.array(self.model.forward_batch(self.rows)).astype(np.float32)[:, -1]
        if task == "prompt":
            return {"logits": logits}
        ids = np.array([result.sequences_ids[0] for result in self._generate(self.workload.new_tokens)])
        rows = [row + written.tolist() for row, written in zip(self.rows, ids)]
        return {"ids": ids, "logits": np.array(self.model.forward_batch(rows)).astype(np.float32)[:, -1]}

    def _translate(self, return_scores: bool = False) -> list[Any]:
        length = self.workload.new_tokens
        results = self.model.translate_batch(
            self.tokens, max_batch_size=0, beam_size=self.workload.beams, min_decoding_length=length,
            max_decoding_length=length, length_penalty=0, return_scores=return_scores,
        )  # fmt: skip
        return list(results)

    def _generate(self, length: int, callback: Any = None) -> list[Any]:
        results = self.model.generate_batch(
            self.tokens, max_batch_size=0, beam_size=1, min_length=length, max_length=length, end_token=[],
            include_prompt_in_result=False, callback=callback,
        )  # fmt: skip
        return list(results)


RUNNER = CTranslate2Runner
