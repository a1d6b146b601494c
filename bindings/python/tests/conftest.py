"""What the tests share: where the repository's files are, one loaded default model, the reader of expected tensors."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any, Iterator

import attend
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
DEFAULT_MODEL = REPOSITORY / "models" / "g2p-en"
FIXTURES = REPOSITORY / "Tests" / "Fixtures"
# The conformance cases of text models, and those of heads and options that they do not have.
ENCODER_DECODERS = ["marian", "bart", "mbart", "pegasus", "m2m_100", "fsmt", "t5", "t5-v1.1"]
ENCODERS = [
    "bert", "roberta", "xlm-roberta", "distilbert", "electra", "albert", "modernbert", "mpnet", "t5-encoder", "deberta-v2", "bert-masked-lm", "bert-sequence-classification",
    "bert-token-classification", "bert-question-answering",
]  # fmt: skip
DECODERS = [
    "gpt2", "openai-gpt", "opt", "gpt_neo", "llama", "llama3-rope", "llama-bf16-sharded", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi",
    "phi3", "smollm3", "granite", "olmo2", "starcoder2", "stablelm", "gptj", "gpt_neox", "bloom", "falcon", "mixtral", "qwen2_moe", "qwen3_moe", "gpt_oss",
]  # fmt: skip
CASES = [FIXTURES / "conformance" / name for name in ENCODER_DECODERS + ENCODERS + DECODERS]
CASES += sorted(
    path.parent for collection in ("heads", "options") for path in FIXTURES.glob(f"{collection}/*/config.json")
)

sys.path.insert(0, str(REPOSITORY / "bindings" / "python" / "examples"))

_DTYPES = {"F32": np.float32, "I32": np.int32}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a file of expected values."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(data[8 + length + start : 8 + length + end], _DTYPES[entry["dtype"]]).reshape(
                entry["shape"]
            )
    return tensors


class Case:
    """A conformance case: a tiny checkpoint and what it must compute."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.expected = read_safetensors(folder / "expected.safetensors")
        ids = self.expected["input_ids"]
        self.mask = self.expected.get("attention_mask", np.ones_like(ids)).astype(bool)
        self.sources = [row[kept] for row, kept in zip(ids, self.mask)]
        types = self.expected.get("token_type_ids")
        self.types = None if types is None else [row[kept] for row, kept in zip(types, self.mask)]

    def rows(self, name: str) -> np.ndarray:
        """The rows of an expected tensor, ``[batch, length, ...]``, that stand for tokens, one after another."""
        return self.expected[name][self.mask]


@pytest.fixture(params=CASES, ids=lambda folder: folder.name)
def case(request: Any) -> Case:
    return Case(request.param)


def available_kernels() -> list[str]:
    """The kernel sets that this machine can run."""
    found = []
    for name in ("avx512", "avx2", "portable"):
        try:
            attend.Model(DEFAULT_MODEL, kernels=name).close()
            found.append(name)
        except attend.UnsupportedError:
            pass
    return found


@pytest.fixture(scope="session")
def model() -> Iterator[attend.Model]:
    with attend.Model(DEFAULT_MODEL) as model:
        yield model


@pytest.fixture
def session(model: attend.Model) -> Iterator[attend.Session]:
    with model.session() as session:
        yield session
