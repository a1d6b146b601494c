"""What is measured: the models, the shapes of the work, and the types in which it is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Workload:
    """One piece of work, the same for every contender.

    ``task``: "translate" (read a source, write exactly ``new_tokens``; the end token is forbidden to all),
    "embed" (hidden states of all tokens), "prompt" (read a prompt up to the logits that follow it) or "decode" (after a
    prompt of ``length``, which is not timed, write ``new_tokens`` greedily).

    Of models that see and hear: "see" (from pixel values, ``length`` lines of as many columns, to hidden states),
    "look" (from the bytes of JPEGs to embeddings), "hear" (from the samples of ``length`` seconds to hidden states) and
    "transcribe" (from those, the spectrogram included, to exactly ``new_tokens``).
    """

    name: str
    model: str
    task: str
    batch: int
    length: int
    new_tokens: int
    computes: tuple[str, ...]
    #: Hypotheses that a translation or transcript keeps in view: beam search (its best one counts); 1: greedily.
    beams: int = 1

    @property
    def unit(self) -> str:
        """What the rate counts."""
        return {"see": "pictures", "look": "pictures", "hear": "seconds", "transcribe": "seconds"}.get(
            self.task, "tokens"
        )

    @property
    def amount(self) -> int:
        """How many of its unit the work is: pictures, seconds of sound, tokens written or else those read."""
        counts = {"pictures": 1, "seconds": self.length, "tokens": self.new_tokens or self.length}
        return self.batch * counts[self.unit]

    def ids(self, config: dict[str, Any]) -> Ids:
        """The input, [batch, length]: random, without the special tokens at both ends of the vocabulary."""
        generator = np.random.default_rng(len(self.name))
        ids = generator.integers(4, config["vocab_size"] - 4, (self.batch, self.length), np.int32)
        if self.task == "translate":
            ids[:, -1] = config["eos_token_id"]  # as a tokenizer ends a source
        return ids


@dataclass(frozen=True)
class Cell:
    """A workload in one compute type with one number of threads: what contenders are compared in."""

    workload: Workload
    compute: str
    threads: int

    @property
    def name(self) -> str:
        return f"{self.workload.name} {self.compute} {self.threads}t"

    @property
    def aim(self) -> float | None:
        """How many times the best peer the project wants to be, where it has set itself a number."""
        return AIMS.get((self.workload.name, self.compute)) if self.threads == 2 else None


def _family(name: str, model: str) -> list[Workload]:
    """The workloads of one model."""
    if name == "marian":
        shape = (31, 32, ("float32", "int8"))
        return [
            Workload(f"marian 31 to 32, {search}batch {batch}", model, "translate", batch, *shape, beams=beams)
            for search, beams in (("", 1), ("beam 4, ", 4))
            for batch in (1, 32)
        ]
    if name == "bert":
        return [
            Workload(f"bert {batch} x 128", model, "embed", batch, 128, 0, ("float32", "bfloat16", "int8"))
            for batch in (1, 32)
        ]
    if name == "vit":
        return [Workload(f"vit, batch {batch}", model, "see", batch, 224, 0, ("float32", "int8")) for batch in (1, 8)]
    if name == "clip":
        return [Workload("clip, 16 JPEGs", model, "look", 16, 0, 0, ("float32", "int8"))]
    if name == "wav2vec2":
        return [Workload("wav2vec2, 10 s", model, "hear", 1, 10, 0, ("float32", "int8"))]
    if name == "whisper":
        return [
            Workload(f"whisper, 30 s, {search}", model, "transcribe", 1, 30, 100, ("float32", "int8"), beams=beams)
            for search, beams in (("greedy", 1), ("beam 5", 5))
        ]
    if name == "minilm":
        return [Workload("minilm 1 x 16", model, "embed", 1, 16, 0, ("float32", "int8"))]
    computes = ("float32", "int8") if name == "gpt2" else ("bfloat16", "int8", "int4")
    return [
        Workload(f"{name} prompt 512", model, "prompt", 1, 512, 0, computes),
        Workload(f"{name} decode", model, "decode", 1, 16, 64, computes),
    ]


#: Ratios to the best peer that the project aims at, with two threads.
AIMS = {
    ("marian 31 to 32, batch 1", "float32"): 1.1,
    ("marian 31 to 32, batch 1", "int8"): 4.0,
    ("marian 31 to 32, batch 32", "float32"): 1.5,
    ("marian 31 to 32, batch 32", "int8"): 2.5,
    ("marian 31 to 32, beam 4, batch 1", "float32"): 1.2,
    ("marian 31 to 32, beam 4, batch 1", "int8"): 4.0,
    ("marian 31 to 32, beam 4, batch 32", "float32"): 1.8,
    ("marian 31 to 32, beam 4, batch 32", "int8"): 3.0,
    ("bert 1 x 128", "float32"): 1.2,
    ("bert 1 x 128", "bfloat16"): 1.5,
    ("bert 1 x 128", "int8"): 1.9,
    ("bert 32 x 128", "float32"): 1.2,
    ("bert 32 x 128", "bfloat16"): 1.5,
    ("bert 32 x 128", "int8"): 1.9,
    ("minilm 1 x 16", "float32"): 1.4,
    ("minilm 1 x 16", "int8"): 1.5,
    ("gpt2 prompt 512", "float32"): 1.25,
    ("gpt2 prompt 512", "int8"): 2.3,
    ("gpt2 decode", "float32"): 1.0,
    ("gpt2 decode", "int8"): 1.2,
    ("llama prompt 512", "bfloat16"): 2.2,
    ("llama prompt 512", "int8"): 1.8,
    ("llama prompt 512", "int4"): 2.0,
    ("llama decode", "bfloat16"): 1.0,
    ("llama decode", "int8"): 1.0,
    ("llama decode", "int4"): 1.0,
    ("vit, batch 1", "float32"): 1.15,
    ("vit, batch 1", "int8"): 1.4,
    ("vit, batch 8", "float32"): 1.15,
    ("vit, batch 8", "int8"): 1.4,
    ("clip, 16 JPEGs", "float32"): 1.5,
    ("wav2vec2, 10 s", "float32"): 1.2,
    ("whisper, 30 s, greedy", "float32"): 1.3,
    ("whisper, 30 s, greedy", "int8"): 1.8,
    ("whisper, 30 s, beam 5", "float32"): 1.3,
    ("whisper, 30 s, beam 5", "int8"): 1.8,
}

#: What --only chooses from, and the model of each, real and tiny.
FAMILIES = {
    "marian": ("marian-base", "tiny-marian"),
    "bert": ("bert-base", "tiny-bert"),
    "minilm": ("minilm-l6", "tiny-bert"),
    "gpt2": ("gpt2-124m", "tiny-gpt2"),
    "llama": ("llama-1.1b", "tiny-llama"),
    "vit": ("vit-b16", "tiny-vit"),
    "clip": ("clip-b32", "tiny-clip"),
    "wav2vec2": ("wav2vec2-base", "tiny-wav2vec2"),
    "whisper": ("whisper-base", "tiny-whisper"),
}


def cells(families: list[str], threads: list[int], computes: list[str] | None, tiny: bool) -> list[Cell]:
    """Everything to measure, in the order of the table."""
    return [
        Cell(workload, compute, count)
        for family in families
        for workload in _family(family, FAMILIES[family][1 if tiny else 0])
        for compute in workload.computes
        if computes is None or compute in computes
        for count in threads
    ]
