"""Attention maps against those of transformers."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import REPOSITORY, Case, read_safetensors

import attend

FIXTURES = REPOSITORY / "Tests" / "Fixtures" / "conformance"
TOLERANCE = 1e-5


def test_maps_of_encoder_decoder_and_across(case: Case) -> None:
    with attend.Model(case.folder) as model, model.session() as session:
        session.record_attentions()
        session.encode(case.sources)
        for index, own in enumerate(session.attentions("encoder", 0)):
            n = case.lengths[index]
            np.testing.assert_allclose(own, case.expected["encoder_attentions.0"][index, :, :n, :n], rtol=0, atol=TOLERANCE)
        with pytest.raises(attend.InvalidStateError, match="left no attention maps"):
            session.attentions("decoder", 0)
        session.decode(case.expected["decoder_input_ids"])
        for index, (own, across) in enumerate(zip(session.attentions("decoder", 0), session.attentions("cross", 0))):
            np.testing.assert_allclose(own, case.expected["decoder_attentions.0"][index], rtol=0, atol=TOLERANCE)
            np.testing.assert_allclose(across, case.expected["cross_attentions.0"][index, :, :, : case.lengths[index]], rtol=0, atol=TOLERANCE)
        assert not own.flags.writeable and not own.flags.owndata
        session.decode_step([5] * session.count)
        length = case.expected["decoder_input_ids"].shape[1] + 1
        assert [own.shape[1:] for own in session.attentions("decoder", 0)] == [(1, length)] * session.count
        for own in session.attentions("decoder", model.decoder_layers - 1):
            np.testing.assert_allclose(own.sum(axis=2), 1, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["bert", "llama", "gemma2"])
def test_maps_of_every_layer(name: str) -> None:
    expected = read_safetensors(FIXTURES / name / "expected.safetensors")
    mask = expected.get("attention_mask", np.ones_like(expected["input_ids"])).astype(bool)
    with attend.Model(FIXTURES / name) as model, model.session() as session:
        kind = "encoder" if model.kind == attend.Kind.ENCODER else "decoder"
        session.record_attentions()
        types = expected.get("token_type_ids")
        token_types = None if types is None else [own_types[own] for own_types, own in zip(types, mask)]
        session.encode([ids[own] for ids, own in zip(expected["input_ids"], mask)], token_types=token_types)
        for layer in range(model.encoder_layers or model.decoder_layers):
            if f"attentions.{layer}" in expected:
                for index, own in enumerate(session.attentions(kind, layer)):
                    wanted = expected[f"attentions.{layer}"][index][:, mask[index]][:, :, mask[index]]
                    np.testing.assert_allclose(own, wanted, rtol=0, atol=TOLERANCE)


def test_what_was_not_recorded_is_said(session: attend.Session) -> None:
    session.encode([[13, 10, 0]])
    with pytest.raises(attend.InvalidStateError, match="attend_session_record_attentions"):
        session.attentions("encoder", 0)
    session.record_attentions()
    with pytest.raises(attend.InvalidStateError, match="left no attention maps"):
        session.attentions("encoder", 0)
    session.encode([[13, 10, 0]])
    (own,) = session.attentions("encoder", 3)
    kept = own.copy()
    for kind, layer, error in [("encoder", 4, "4 encoder layers"), ("encoder", -1, "negative"), ("self", 0, "not one of")]:
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
