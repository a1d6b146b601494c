"""What the tests share: where the repository's files are, one loaded default model, the reader of expected tensors."""

from __future__ import annotations

import json
import shutil
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator

import attend
import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
DEFAULT_MODEL = REPOSITORY / "models" / "g2p-en"
FIXTURES = REPOSITORY / "Tests" / "Fixtures"


def known_families() -> list[str]:
    """Every model_type that the library knows, from the error about one that it does not know."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text('{"model_type": "nonesuch"}')
        with pytest.raises(attend.UnsupportedError, match="known are ") as raised:
            attend.Model(folder)
    return str(raised.value).split("known are ", 1)[1].split(", ")


def cases() -> list[Path]:
    """The folders of conformance cases of families that the library knows."""
    known = known_families()
    found = [
        config.parent
        for collection in ("conformance", "heads", "options")
        for config in sorted((FIXTURES / collection).glob("*/config.json"))
        if json.loads(config.read_text())["model_type"] in known
    ]
    assert len(found) >= 80, f"{len(found)} conformance cases in {FIXTURES}"
    return found


sys.path.insert(0, str(REPOSITORY / "bindings" / "python" / "examples"))

_DTYPES = {"U8": np.uint8, "F32": np.float32, "I32": np.int32}


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


@pytest.fixture(params=cases(), ids=lambda folder: folder.name)
def case(request: Any) -> Case:
    return Case(request.param)


def available_kernels() -> list[str]:
    """The kernel sets that this machine can run."""
    found = []
    for name in ("amx", "avx512", "avx2", "portable"):
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


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The bert case with a tokenizer that reads the words w0 to w98 and puts [CLS] and [SEP] around them."""
    folder = tmp_path / "bert"
    shutil.copytree(FIXTURES / "conformance" / "bert", folder, ignore=shutil.ignore_patterns("expected.*"))
    vocabulary = {{1: "[CLS]", 2: "[SEP]"}.get(index, f"w{index}"): index for index in range(99)}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [
            {"id": 1, "content": "[CLS]", "special": True},
            {"id": 2, "content": "[SEP]", "special": True},
        ],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "w0"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def lettered(target: Path, family: str) -> Path:
    """A conformance case with a tokenizer whose tokens are characters of ASCII, and a template for chats."""
    shutil.copytree(FIXTURES / "conformance" / family, target, ignore=shutil.ignore_patterns("expected.*"))
    config = json.loads((target / "config.json").read_text())
    start = config.get("decoder_start_token_id")
    special = sorted({token for token in (0, 1, 2, start) if token is not None})
    letters = iter(["\u0120", *map(chr, range(33, 127)), *(["\u010a"] * 99)])
    vocabulary = {f"<{index}>" if index in special else next(letters): index for index in range(99)}
    added = [{"id": index, "content": f"<{index}>", "special": True} for index in special]
    (target / "tokenizer.json").write_text(
        json.dumps(
            {
                "version": "1.0",
                "added_tokens": added,
                "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
                "decoder": {"type": "ByteLevel"},
                "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
            }
        )
    )
    template = (
        "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}{% if add_generation_prompt %}>{% endif %}"
    )
    (target / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    return target


@pytest.fixture(scope="session", params=["gpt2", "llama", "marian", "bart"])
def speller(request: Any, tmp_path_factory: Any) -> Iterator[attend.Model]:
    with attend.Model(lettered(tmp_path_factory.mktemp("lettered") / request.param, request.param)) as model:
        yield model


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: Any) -> Iterator[attend.Model]:
    with attend.Model(lettered(tmp_path_factory.mktemp("lettered") / "gpt2", "gpt2")) as model:
        yield model
