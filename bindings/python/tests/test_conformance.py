"""What the families compute, against transformers: encoder states, logits, greedy ids, on every kernel set of the machine."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from conftest import DEFAULT_MODEL, REPOSITORY, Case, available_kernels
from spell import greedy, spell

import attend

TOLERANCE = 1e-4
NEW_TOKENS = 12  # what the expected greedy ids were made with
BART_G2P = REPOSITORY.parent / "shared" / "models" / "bart-g2p-us"


@pytest.fixture(scope="module", params=available_kernels())
def kernels(request: Any) -> str:
    return str(request.param)


def test_encoder_states(case: Case, kernels: str) -> None:
    with attend.Model(case.folder, kernels=kernels) as model, model.session() as session:
        session.encode(case.sources)
        for index, states in enumerate(session.hidden_states()):
            expected = case.expected["encoder_last_hidden_state"][index, : case.lengths[index]]
            np.testing.assert_allclose(states, expected, rtol=0, atol=TOLERANCE)


def test_logits(case: Case, kernels: str) -> None:
    with attend.Model(case.folder, kernels=kernels) as model, model.session() as session:
        session.encode(case.sources)
        logits = session.decode(case.expected["decoder_input_ids"])
        np.testing.assert_allclose(np.stack(logits), case.expected["logits"], rtol=0, atol=TOLERANCE)


def test_greedy_ids(case: Case, kernels: str) -> None:
    with attend.Model(case.folder, kernels=kernels) as model, model.session() as session:
        found = greedy(model, session, case.sources, NEW_TOKENS)
        for index, ids in enumerate(found):
            assert [model.decoder_start, *ids] == case.expected[f"greedy_ids.{index}"].tolist()


def test_the_default_model_spells_its_words(kernels: str) -> None:
    cases = json.loads((DEFAULT_MODEL / "cases.json").read_text())
    assert len(cases) == 34
    with attend.Model(DEFAULT_MODEL, kernels=kernels) as model, model.session() as session:
        assert [model.tokenizer.encode(case["word"]).tolist() for case in cases] == [case["input_ids"] for case in cases]
        found = greedy(model, session, [case["input_ids"] for case in cases])
        assert [[model.decoder_start, *ids] for ids in found] == [case["greedy_ids"] for case in cases]
        assert [phonemes for _, phonemes in spell(model, [case["word"] for case in cases], 8)] == [case["phonemes"] for case in cases]


@pytest.mark.skipif(not BART_G2P.exists(), reason="../shared/models/bart-g2p-us is not there")
def test_bart_g2p_us_spells_its_words(kernels: str) -> None:
    cases = json.loads((BART_G2P / "cases.json").read_text())
    with attend.Model(BART_G2P, kernels=kernels) as model, model.session() as session:
        found = greedy(model, session, [case["input_ids"] for case in cases], 64)
        assert [[model.decoder_start, *ids] for ids in found] == [case["greedy_ids"] for case in cases]
