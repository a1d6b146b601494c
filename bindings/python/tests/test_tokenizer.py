"""The tokenizer: text to ids and back."""

from __future__ import annotations

import gc

import attend
import numpy as np
import pytest
from conftest import DEFAULT_MODEL


def test_text_becomes_int32_ids_and_text_again(model: attend.Model) -> None:
    ids = model.tokenizer.encode("hello")
    assert isinstance(ids, np.ndarray) and ids.dtype == np.int32
    assert ids.tolist() == [13, 10, 17, 17, 20, 0]
    assert "".join(model.tokenizer.decode(ids).split()) == "hello"


def test_special_tokens_can_be_left_out_and_kept(model: attend.Model) -> None:
    tokenizer = model.tokenizer
    assert tokenizer.encode("hello", special_tokens=False).tolist() == [13, 10, 17, 17, 20]
    assert "</s>" not in tokenizer.decode([13, 0])
    assert "</s>" in tokenizer.decode([13, 0], skip_special_tokens=False)


def test_tokens_and_ids_round_trip(model: attend.Model) -> None:
    tokenizer = model.tokenizer
    assert len(tokenizer) == 101
    for id in range(len(tokenizer)):
        token = tokenizer.token(id)
        assert token is not None and tokenizer.id(token) == id
    assert tokenizer.token(101) is None and tokenizer.token(-1) is None and tokenizer.token(2**40) is None
    assert tokenizer.id("no such token") is None


def test_ids_stay_valid_when_tokenizer_and_model_are_gone() -> None:
    model = attend.Model(DEFAULT_MODEL)
    ids = model.tokenizer.encode("transformer")
    copy = ids.copy()
    model.close()
    del model
    gc.collect()
    assert np.array_equal(ids, copy)


def test_a_tokenizer_loads_without_a_model() -> None:
    for path in (DEFAULT_MODEL, DEFAULT_MODEL / "tokenizer.json"):
        with attend.Tokenizer(path) as tokenizer:
            assert tokenizer.encode("cat").tolist() == [8, 6, 25, 0]
        tokenizer.close()
        with pytest.raises(attend.InvalidStateError, match="closed"):
            tokenizer.encode("cat")
    with pytest.raises(attend.NotFoundError, match="nowhere"):
        attend.Tokenizer("/nowhere")


def test_strange_text_does_not_harm(model: attend.Model) -> None:
    tokenizer = model.tokenizer
    assert tokenizer.encode("").tolist() == [0]
    for text in ("\0", "a\0b", "\ud800", "é\u0301 \U0001f600", "x" * 100_000):
        assert tokenizer.encode(text)[-1] == 0


def test_an_unknown_id_is_named(model: attend.Model) -> None:
    with pytest.raises(attend.InvalidArgumentError, match="5000"):
        model.tokenizer.decode([13, 5000])
    with pytest.raises(ValueError):
        model.tokenizer.decode([2**40])
    with pytest.raises(TypeError):
        model.tokenizer.decode([0.5])  # type: ignore[list-item]
    assert model.tokenizer.decode([]) == ""
