"""Files whose structure tells that something is wrong, and numbers that no type may lose."""

from __future__ import annotations

import json
import re
import shutil
import struct
from pathlib import Path

import attend
import numpy as np
import pytest
from conftest import FIXTURES

CASES = FIXTURES / "conformance"


def logits(folder: Path, compute: str = "float32") -> np.ndarray:
    with attend.Model(folder, compute=compute) as model, model.session() as session:
        session.encode([[5]])
        return np.concatenate(session.decode([[6, 7]]))


def test_a_path_is_the_file_systems(tmp_path: Path) -> None:
    for name, case in (("a", "bert"), ("b", "gpt2")):
        shutil.copytree(CASES / case, tmp_path / name / "model")
    (tmp_path / "b" / "inner").mkdir()
    (tmp_path / "a" / "link").symlink_to(tmp_path / "b" / "inner")
    with attend.Model(tmp_path / "a" / "link" / ".." / "model") as model:
        assert model.family == "gpt2"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("compute", ["float32", "bfloat16", "int8", "int4"])
def test_a_weight_that_is_no_number_is_seen_in_the_logits(compute: str, value: float, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(CASES / "gpt2", tmp_path / "gpt2"))
    set_first(folder / "model.safetensors", "h.0.mlp.c_fc.weight", value)
    assert not np.isfinite(logits(folder, compute)).any()


def test_a_huge_weight_is_kept(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(CASES / "gpt2", tmp_path / "gpt2"))
    set_first(folder / "model.safetensors", "h.0.mlp.c_fc.weight", 1e25)
    found = [logits(folder, compute)[-1] for compute in ("float32", "int4")]
    assert np.corrcoef(*found)[0, 1] > 0.9


def set_first(path: Path, ending: str, value: float) -> None:
    """Writes a number over the first one of a tensor in float32."""
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    (name,) = [name for name in header if name.endswith(ending)]
    assert header[name]["dtype"] == "F32"
    struct.pack_into("<f", data, 8 + length + header[name]["data_offsets"][0], value)
    path.write_bytes(data)


def test_a_smaller_type_leaves_a_gap(tmp_path: Path) -> None:
    data = bytearray((FIXTURES / "gguf" / "llama.gguf").read_bytes())
    place = data.index(b"ffn_gate.weight") + len(b"ffn_gate.weight") + 4 + 2 * 8
    assert data[place : place + 4] == b"\0\0\0\0"  # float32
    data[place] = 1
    (tmp_path / "model.gguf").write_bytes(data)
    with pytest.raises(attend.InvalidFileError, match=r"model\.gguf: tensor .* begins at byte \d+ .* before it"):
        attend.Model(tmp_path)


def test_a_part_without_the_first(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "gguf" / "llama.gguf", tmp_path / "m-00002-of-00003.gguf")
    with pytest.raises(attend.NotFoundError, match=re.escape("m-00001-of-00003.gguf")):
        attend.Model(tmp_path)


@pytest.mark.parametrize("revision", [0, 9, 99])
def test_a_revision_of_the_future_is_refused(revision: int, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FIXTURES / "ctranslate2" / "gpt2", tmp_path / "gpt2"))
    data = bytearray((folder / "model.bin").read_bytes())
    place = data.index(b"TransformerDecoderSpec\0") + len(b"TransformerDecoderSpec\0")
    struct.pack_into("<I", data, place, revision)
    (folder / "model.bin").write_bytes(data)
    with pytest.raises(attend.UnsupportedError, match=f"revision {revision} of TransformerDecoderSpec"):
        attend.Model(folder)


@pytest.mark.parametrize("legacy", [False, True])
def test_state_dicts_beside_other_tensors_and_bits_of_views(legacy: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    load_file = pytest.importorskip("safetensors.torch").load_file
    folder = Path(shutil.copytree(CASES / "gpt2", tmp_path / "gpt2"))
    tensors = load_file(folder / "model.safetensors")
    expected = logits(folder)
    (folder / "model.safetensors").unlink()
    target, options = folder / "pytorch_model.bin", {"_use_new_zipfile_serialization": not legacy}
    torch.save({"module": tensors, "global_step": torch.tensor(3)}, target, **options)
    assert np.array_equal(logits(folder), expected)
    name = next(iter(tensors))
    torch.save({**tensors, name: torch._neg_view(-tensors[name])}, target, **options)
    with pytest.raises(attend.UnsupportedError, match=r"neg bit; save a copy of it \(resolve_neg\(\)\)"):
        attend.Model(folder)
