"""Attention maps against those of transformers."""

from __future__ import annotations

import attend
import numpy as np
import pytest
from conftest import FIXTURES, Case, read_safetensors

TOLERANCE = 1e-5


def check(found: list[np.ndarray], expected: np.ndarray, queries: np.ndarray | None, keys: np.ndarray | None) -> None:
    """The maps of the sequences against ``[batch, heads, queries, keys]``, whose places the masks choose."""
    assert len(found) == len(expected)
    for index, (own, wanted) in enumerate(zip(found, expected)):
        rows = wanted if queries is None else wanted[:, queries[index]]
        np.testing.assert_allclose(own, rows if keys is None else rows[:, :, keys[index]], rtol=0, atol=TOLERANCE)


def test_maps_are_those_of_the_reference(case: Case) -> None:
    if not any("attentions." in name for name in case.expected):
        pytest.skip("the case has no attention maps")
    with attend.Model(case.folder) as model, model.session() as session:
        session.record_attentions()
        session.encode(case.sources, token_types=case.types)
        if model.kind is attend.Kind.ENCODER_DECODER:
            check(session.attentions("encoder", 0), case.expected["encoder_attentions.0"], case.mask, case.mask)
            with pytest.raises(attend.InvalidStateError, match="left no attention maps"):
                session.attentions("decoder", 0)
            session.decode(case.expected["decoder_input_ids"])
            check(session.attentions("decoder", 0), case.expected["decoder_attentions.0"], None, None)
            check(session.attentions("cross", 0), case.expected["cross_attentions.0"], None, case.mask)
            return
        kind = "encoder" if model.kind is attend.Kind.ENCODER else "decoder"
        for name in case.expected:
            if name.startswith("attentions."):
                check(session.attentions(kind, int(name.split(".")[1])), case.expected[name], case.mask, case.mask)


def test_a_step_has_one_query_and_all_keys(session: attend.Session) -> None:
    session.record_attentions()
    session.encode([[13, 10, 0], [8, 6, 25, 0]])
    for length in (1, 2, 3):
        session.decode_step([1, 1])
        for layer in range(4):
            own, across = session.attentions("decoder", layer), session.attentions("cross", layer)
            assert [map.shape[1:] for map in own + across] == [(1, length), (1, length), (1, 3), (1, 4)]
            assert not own[0].flags.writeable and not own[0].flags.owndata
            for map in own + across:
                np.testing.assert_allclose(map.sum(axis=2), 1, rtol=0, atol=1e-5)


def test_what_was_not_recorded_is_said(session: attend.Session) -> None:
    session.encode([[13, 10, 0]])
    with pytest.raises(attend.InvalidStateError, match="not recorded"):
        session.attentions("encoder", 0)
    session.record_attentions()
    with pytest.raises(attend.InvalidStateError, match="left no attention maps"):
        session.attentions("encoder", 0)
    session.encode([[13, 10, 0]])
    (own,) = session.attentions("encoder", 3)
    kept = own.copy()
    for kind, layer, error in [
        ("encoder", 4, "4 encoder layers"),
        ("encoder", -1, "negative"),
        ("self", 0, "not one of"),
    ]:
        with pytest.raises(attend.InvalidArgumentError, match=error):
            session.attentions(kind, layer)
    assert np.array_equal(own, kept)
    session.select([0, 0])
    with pytest.raises(attend.InvalidStateError, match="left no attention maps"):
        session.attentions("encoder", 0)
    session.record_attentions(False)
    session.encode([[13, 10, 0]])
    with pytest.raises(attend.InvalidStateError, match="not recorded"):
        session.attentions("encoder", 0)


@pytest.mark.parametrize(
    "name", sorted(file.parent.name for file in (FIXTURES / "features").glob("*/towers.safetensors"))
)
def test_states_and_maps_of_a_tower_beside_tokens(name: str) -> None:
    """Of pictures by themselves, and of maps also where texts are read with them."""
    folder = FIXTURES / "features" / name
    expected, tower = (read_safetensors(folder / f"{file}.safetensors") for file in ("expected", "towers"))
    pictures = [attend.Features(picture) for picture in expected["pixel_values"]]
    layers = sum(key.startswith("attentions.") for key in tower)
    with attend.Model(folder) as model, model.session() as session:
        session.record_attentions()
        session.encode(pictures)
        np.testing.assert_allclose(session.hidden_states(), tower["states"], rtol=0, atol=1e-4)
        if name != "siglip":
            session.encode(expected["input_ids"], images=pictures)
        for layer in range(layers):
            check(session.attentions("vision", layer), tower[f"attentions.{layer}"], None, None)
        with pytest.raises(attend.InvalidArgumentError, match=f"the model has {layers} vision layers"):
            session.attentions("vision", layers)
        if model.kind is attend.Kind.DECODER:
            (text,) = session.attentions("decoder", 0)
            assert text.shape[1:] == (expected["input_ids"].shape[1],) * 2


@pytest.mark.parametrize(
    "name", sorted(file.parent.name for file in (FIXTURES / "features").glob("*/attentions.safetensors"))
)
def test_maps_of_windows(name: str) -> None:
    """``[windows, heads, tokens, tokens]``, and between channels ``[groups, channels, channels]``; pictures of any
    sizes side by side have the maps that they have alone."""
    folder = FIXTURES / "features" / name
    expected, maps = (read_safetensors(folder / f"{file}.safetensors") for file in ("expected", "attentions"))
    arrays = [expected[key] for key in sorted(expected) if key.startswith("pixel_values")]
    numbers = sorted({int(key.split(".")[0]) for key in maps})
    layers = len(maps) // len(numbers)
    kind = "encoder" if name.startswith("swin") else "vision"
    with attend.Model(folder) as model, model.session() as session:
        session.record_attentions()
        assert kind == "vision" or model.encoder_layers == layers
        session.encode([attend.Features(arrays[number][0]) for number in numbers])
        for layer in range(layers):
            found = session.attentions(kind, layer)
            assert len(found) == len(numbers)
            for own, number in zip(found, numbers, strict=True):
                np.testing.assert_allclose(own, maps[f"{number}.{layer}"], rtol=0, atol=1e-4)
                np.testing.assert_allclose(own.sum(axis=-1), 1, rtol=0, atol=1e-5)
        together = [session.attentions(kind, layer)[-1].copy() for layer in range(layers)]
        session.encode([attend.Features(arrays[numbers[-1]][0])])
        for layer in range(layers):
            np.testing.assert_array_equal(session.attentions(kind, layer)[0], together[layer])
        with pytest.raises(attend.InvalidArgumentError, match=f"the model has {layers} {kind} layers"):
            session.attentions(kind, layers)


@pytest.mark.parametrize("name", ["vit", "dinov2"])
def test_maps_of_encoders_of_pictures(name: str) -> None:
    expected = read_safetensors(FIXTURES / "features" / name / "expected.safetensors")
    with attend.Model(FIXTURES / "features" / name) as model, model.session() as session:
        session.record_attentions()
        session.encode([attend.Features(picture) for picture in expected["pixel_values"]])
        check(session.attentions("encoder", 0), expected["attentions.0"], None, None)
