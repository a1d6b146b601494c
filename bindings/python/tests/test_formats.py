"""Models in other formats and places than a folder with safetensors: CTranslate2, Flax, files in memory, the cache of
huggingface_hub.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import FIXTURES, read_safetensors

CONVERTED = sorted(file.parent for file in (FIXTURES / "ctranslate2").glob("*/expected.json"))  # but Whisper
#: CTranslate2's defaults of a beam search, and what the conversions were asked for.
OPTIONS = {"beam_rules": "ctranslate2", "max_new_tokens": 12, "min_length": 1}


def original(folder: Path) -> Path:
    """The case that a folder was converted from."""
    name = folder.name.split("-")[0] if (FIXTURES / "ctranslate2").samefile(folder.parent) else folder.name
    return next(place for kind in ("conformance", "features") if (place := FIXTURES / kind / name).exists())


# CTranslate2


def test_there_are_conversions() -> None:
    assert len(CONVERTED) >= 10


def bits(model: attend.Model, expected: dict[str, np.ndarray]) -> np.ndarray:
    """The states or the logits that a model has of the inputs of a case."""
    mask = expected.get("attention_mask", np.ones_like(expected["input_ids"])).astype(bool)
    texts = [row[kept] for row, kept in zip(expected["input_ids"], mask)]
    with model.session() as session:
        if model.kind == attend.Kind.ENCODER:
            session.encode(texts)
            return np.concatenate(session.hidden_states())
        if model.kind == attend.Kind.DECODER:
            session.encode([text[:1] for text in texts])
            return np.concatenate(session.decode([text[1:] for text in texts]))
        session.encode(texts)
        return np.concatenate(session.decode(expected["decoder_input_ids"]))


@pytest.mark.parametrize(
    "folder", [c for c in CONVERTED if "-" not in c.name and c.name != "marian"], ids=lambda folder: folder.name
)
def test_float32_is_the_same_to_the_bit(folder: Path) -> None:
    """But where the converter writes down what is computed here, sines of positions, or puts the components of GPT-J's
    heads in another order. Marian begins with zeros there, where the case, made at random, has numbers.
    """
    source = original(folder)
    expected = read_safetensors(source / "expected.safetensors")
    with attend.Model(folder) as converted, attend.Model(source) as model:
        found, wanted = bits(converted, expected), bits(model, expected)
        if folder.name in ("gptj", "m2m_100"):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
        else:
            assert np.array_equal(found, wanted)


@pytest.mark.parametrize("folder", CONVERTED, ids=lambda folder: folder.name)
@pytest.mark.parametrize("beams", [1, 4])
def test_what_ctranslate2_writes(folder: Path, beams: int) -> None:
    expected = json.loads((folder / "expected.json").read_text())
    if "states" in expected:
        with attend.Model(folder) as model, model.session() as session:
            session.encode([np.array(ids, np.int32) for ids in expected["inputs"]])
            for found, states in zip(session.hidden_states(), expected["states"]):
                np.testing.assert_allclose(found, states, rtol=0, atol=1e-4)
        return
    is_exact = folder.name.split("-")[-1] not in ("int8", "int16")  # there it rounds inputs too
    with attend.Model(folder) as model:
        for source, wanted in zip(expected["inputs"], expected.get(f"beams{beams}", [])):
            found = model.generate(np.array(source, np.int32), num_beams=beams, **OPTIONS)[0]
            ids = found.ids.tolist()
            assert (ids[:-1] if found.finish_reason == "end" else ids) == wanted["ids"]
            if is_exact and "score" in wanted and beams > 1:  # greedily, ours is the sum over all tokens
                assert found.score == pytest.approx(wanted["score"], abs=1e-4)
        for source, wanted in zip(expected["inputs"], expected.get("log_probs", []) if is_exact else []):
            scored = model.score([np.array(source, np.int32)])[0]
            np.testing.assert_allclose(scored.log_probabilities, wanted, rtol=0, atol=1e-4)


def test_vocabularies_are_tokenizers() -> None:
    with attend.Model(FIXTURES / "ctranslate2" / "bart") as model:
        with model.tokenizer as tokenizer:
            assert tokenizer.encode("t5 t17 nonesuch").tolist() == [5, 17, 97]
            assert tokenizer.decode([5, 17]) == "t5 t17"
        assert (model.bos, model.eos, model.unk) == (0, 2, 97)


def test_what_is_quantised_is_expanded_exactly(tmp_path: Path) -> None:
    """int8 rounds to 127 steps of a row's largest number, int16 to 1024 of the tensor's."""
    with attend.Model(FIXTURES / "ctranslate2" / "gpt2") as model:
        expected = read_safetensors(FIXTURES / "conformance" / "gpt2" / "expected.safetensors")
        whole = bits(model, expected)
        for kind, most in (("int8", 0.2), ("int16", 0.02), ("float16", 0.02)):
            with attend.Model(FIXTURES / "ctranslate2" / f"gpt2-{kind}") as other:
                assert 0 < np.abs(bits(other, expected) - whole).max() < most, kind


@pytest.mark.parametrize("cut", [0, 3, 4, 8, 40, 1000])
def test_a_file_that_is_cut_is_told(tmp_path: Path, cut: int) -> None:
    source = FIXTURES / "ctranslate2" / "gpt2"
    for file in source.iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "model.bin").write_bytes((source / "model.bin").read_bytes()[:cut])
    with pytest.raises((attend.InvalidFileError, attend.UnsupportedError), match=r"model\.bin|config\.json"):
        attend.Model(tmp_path)


def test_whisper() -> None:
    """The states and the logits of the model that was converted, and the tokens that it knows by their spelling."""
    source = FIXTURES / "features" / "whisper"
    expected = read_safetensors(source / "expected.safetensors")
    found = []
    for folder in (FIXTURES / "ctranslate2" / "whisper", source):
        with attend.Model(folder) as model, model.session() as session:
            session.encode([attend.Features(array) for array in expected["input_features"]])
            states = np.concatenate(session.hidden_states())
            found.append((states, np.concatenate(session.decode(expected["decoder_input_ids"]))))
            generation = model.generation_config
            assert model.family == "whisper" and generation is not None
            assert (generation["decoder_start_token_id"], model.eos) == (3, 2)
    for one, other in zip(*found):
        assert np.array_equal(one, other)
    with attend.Model(FIXTURES / "ctranslate2" / "whisper") as model:
        assert model.generation_config["lang_to_id"] == {"<|en|>": 8, "<|de|>": 9}
        assert model.generation_config["task_to_id"] == {"transcribe": 4, "translate": 5}
        assert model.generation_config["no_timestamps_token_id"] == 6


# Flax


@pytest.mark.parametrize("name", ["whisper", "clip"])
def test_convolutions_of_flax(tmp_path: Path, name: str) -> None:
    shutil.copy(FIXTURES / "flax" / name / "flax_model.msgpack", tmp_path)
    source = original(FIXTURES / "flax" / name)
    shutil.copy(source / "config.json", tmp_path)
    expected = read_safetensors(source / "expected.safetensors")
    kind = "input_features" if "input_features" in expected else "pixel_values"
    with attend.Model(tmp_path) as flax, attend.Model(source) as model:
        assert flax.parameters == model.parameters
        found = []
        for loaded in (flax, model):
            with loaded.session() as session:
                session.encode([attend.Features(array) for array in expected[kind]])
                found.append(np.concatenate(session.hidden_states()))
    assert np.array_equal(*found)


# Memory


def files(folder: Path) -> dict[str, Any]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix != ".py"}


@pytest.mark.parametrize("copy_weights", [True, False])
def test_files_in_memory(copy_weights: bool) -> None:
    source = FIXTURES / "conformance" / "marian"
    expected = read_safetensors(source / "expected.safetensors")
    held = {name: bytearray(data) for name, data in files(source).items()}
    with attend.Model(source) as model, attend.Model.from_files(held, copy_weights=copy_weights) as loaded:
        if copy_weights:
            held["model.safetensors"][:] = bytes(len(held["model.safetensors"]))
        assert np.array_equal(bits(loaded, expected), bits(model, expected))
        assert loaded.path == "(memory)" and loaded.config == model.config
        with pytest.raises(TypeError, match="pickled"):
            loaded.__reduce__()


def test_a_folder_of_ctranslate2_in_memory() -> None:
    source = FIXTURES / "ctranslate2" / "bart"
    with attend.Model.from_files(files(source)) as loaded, loaded.tokenizer as tokenizer:
        assert tokenizer.encode("t5").tolist() == [5]


def test_a_tokenizer_in_memory(default_files: dict[str, Any]) -> None:
    with attend.Tokenizer.from_files(default_files) as tokenizer:
        assert tokenizer.decode(tokenizer.encode("hello")) == "h e l l o"


@pytest.fixture
def default_files() -> dict[str, Any]:
    from conftest import DEFAULT_MODEL

    return {"tokenizer.json": (DEFAULT_MODEL / "tokenizer.json").read_bytes()}


def test_what_is_no_table_of_files() -> None:
    for names, error in ((["../x"], "no name"), ([""], "no name"), (["x/../y"], "no name")):
        with pytest.raises(attend.InvalidArgumentError, match=error):
            attend.Model.from_files({name: b"" for name in names})
    with pytest.raises(attend.InvalidArgumentError, match="count is 0"):
        attend.Model.from_files({})
    with pytest.raises(attend.InvalidArgumentError, match="no bytes"):
        attend.Model.from_files({"config.json": "{}"})
    with pytest.raises(attend.NotFoundError, match=r"\(memory\) holds no config.json"):
        attend.Model.from_files({"note.txt": b""})


# Places


def cache(folder: Path, name: str, commit: str = "0123abcd") -> Path:
    """A model in a cache as huggingface_hub lays it out: a snapshot of links to files under other names."""
    model = folder / f"models--{name.replace('/', '--')}"
    snapshot, blobs = model / "snapshots" / commit, model / "blobs"
    for place in (snapshot, blobs, model / "refs"):
        place.mkdir(parents=True)
    (model / "refs" / "main").write_text(commit)
    for index, file in enumerate((FIXTURES / "conformance" / "gpt2").iterdir()):
        shutil.copy(file, blobs / str(index))
        (snapshot / file.name).symlink_to(blobs / str(index))
    return snapshot


@pytest.mark.parametrize(
    "variable, inner", [("HF_HUB_CACHE", "."), ("HF_HOME", "hub"), ("XDG_CACHE_HOME", "huggingface/hub")]
)
def test_models_in_the_cache(tmp_path: Path, monkeypatch: Any, variable: str, inner: str) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    snapshot = cache(tmp_path / inner, "org/name")
    for name in ("org/name", "org/name@main", "org/name@0123abcd"):
        with attend.Model(name) as model:
            assert Path(model.path).samefile(snapshot)
    with pytest.raises(attend.NotFoundError, match="'other'.*there are 0123abcd"):
        attend.Model("org/name@other")
    with pytest.raises(attend.NotFoundError, match="models--org--none"):
        attend.Model("org/none")


def test_the_home_folder_and_files(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(FIXTURES / "conformance" / "gpt2", tmp_path / "model")
    with attend.Model("~/model") as model, attend.Model(tmp_path / "model" / "model.safetensors") as other:
        assert model.parameters == other.parameters
    with attend.Model(tmp_path / "model" / "config.json") as other:
        assert model.parameters == other.parameters


@pytest.mark.parametrize("name", ["tf_model.h5", "onnx/model.onnx", "rust_model.ot"])
def test_folders_that_hold_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"x")
    shutil.copy(FIXTURES / "conformance" / "gpt2" / "config.json", tmp_path)
    with pytest.raises(attend.UnsupportedError, match=rf"{name} only .*needed are model.safetensors"):
        attend.Model(tmp_path)
