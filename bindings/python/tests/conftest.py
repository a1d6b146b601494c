"""What the tests share: where the repository's files are, one loaded default model, the reader of expected tensors."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest

import attend

REPOSITORY = Path(__file__).resolve().parents[3]
DEFAULT_MODEL = REPOSITORY / "models" / "g2p-en"
FAMILIES = ["marian", "bart", "mbart", "pegasus", "m2m_100", "fsmt", "t5", "t5-v1.1"]

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
            tensors[name] = np.frombuffer(data[8 + length + start : 8 + length + end], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


class Case:
    """A conformance case: a tiny checkpoint and what it must compute."""

    def __init__(self, family: str) -> None:
        self.folder = REPOSITORY / "Tests" / "Fixtures" / "conformance" / family
        self.expected = read_safetensors(self.folder / "expected.safetensors")
        mask = self.expected["attention_mask"].astype(bool)
        self.lengths = mask.sum(axis=1)
        self.sources = [row[:length] for row, length in zip(self.expected["input_ids"], self.lengths)]


@pytest.fixture(params=FAMILIES)
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
