"""What the families compute, against transformers: encoder states, logits, greedy ids, on every kernel set of the
machine.
"""

from __future__ import annotations

import json
from typing import Any

import attend
import numpy as np
import pytest
from conftest import DEFAULT_MODEL, REPOSITORY, Case, available_kernels
from greedy import greedy
from spell import spell

TOLERANCE = 1e-4
NEW_TOKENS = 12  # what the expected greedy ids were made with
BART_G2P = REPOSITORY.parent / "shared" / "models" / "bart-g2p-us"


@pytest.fixture(scope="module", params=available_kernels())
def kernels(request: Any) -> str:
    return str(request.param)


def close(found: np.ndarray | list[np.ndarray], expected: np.ndarray) -> None:
    """Sequences lie one after another in what was found."""
    np.testing.assert_allclose(
        np.concatenate(found) if isinstance(found, list) else found, expected, rtol=0, atol=TOLERANCE
    )


def test_what_a_case_expects(case: Case, kernels: str) -> None:
    with attend.Model(case.folder, kernels=kernels) as model, model.session() as session:
        check = {
            attend.Kind.ENCODER: encoder,
            attend.Kind.DECODER: decoder,
            attend.Kind.ENCODER_DECODER: encoder_decoder,
        }[model.kind]
        check(case, session)
        if "greedy_ids.0" in case.expected:
            start = [model.decoder_start] if model.kind is attend.Kind.ENCODER_DECODER else []
            for index, ids in enumerate(greedy(model, session, case.sources, NEW_TOKENS)):
                assert [*start, *ids] == case.expected[f"greedy_ids.{index}"].tolist()


def encoder(case: Case, session: attend.Session) -> None:
    session.encode(case.sources, token_types=case.types)
    if "last_hidden_state" in case.expected:
        close(session.hidden_states(), case.rows("last_hidden_state"))
    if "pooler_output" in case.expected:
        close(session.pooled(), case.expected["pooler_output"])
    if "start_logits" in case.expected:
        close(session.logits(), np.stack([case.rows("start_logits"), case.rows("end_logits")], axis=1))
    elif "logits" in case.expected:
        close(session.logits(), case.expected["logits"] if case.expected["logits"].ndim == 2 else case.rows("logits"))


def decoder(case: Case, session: attend.Session) -> None:
    session.encode([prompt[:1] for prompt in case.sources])
    close(session.logits(), case.expected["logits"][:, 0])
    close(session.decode([prompt[1:] for prompt in case.sources]), np.concatenate(case.expected["logits"][:, 1:]))


def encoder_decoder(case: Case, session: attend.Session) -> None:
    session.encode(case.sources)
    close(session.hidden_states(), case.rows("encoder_last_hidden_state"))
    close(session.decode(case.expected["decoder_input_ids"]), np.concatenate(case.expected["logits"]))


def test_the_default_model_spells_its_words(kernels: str) -> None:
    cases = json.loads((DEFAULT_MODEL / "cases.json").read_text())
    assert len(cases) == 34
    with attend.Model(DEFAULT_MODEL, kernels=kernels) as model, model.session() as session:
        assert [model.tokenizer.encode(case["word"]).tolist() for case in cases] == [
            case["input_ids"] for case in cases
        ]
        found = greedy(model, session, [case["input_ids"] for case in cases])
        assert [[model.decoder_start, *ids] for ids in found] == [case["greedy_ids"] for case in cases]
        assert [phonemes for _, phonemes in spell(model, [case["word"] for case in cases])] == [
            case["phonemes"] for case in cases
        ]


@pytest.mark.skipif(not BART_G2P.exists(), reason="../shared/models/bart-g2p-us is not there")
def test_bart_g2p_us_spells_its_words(kernels: str) -> None:
    cases = json.loads((BART_G2P / "cases.json").read_text())
    with attend.Model(BART_G2P, kernels=kernels) as model, model.session() as session:
        found = greedy(model, session, [case["input_ids"] for case in cases], 64)
        assert [[model.decoder_start, *ids] for ids in found] == [case["greedy_ids"] for case in cases]
