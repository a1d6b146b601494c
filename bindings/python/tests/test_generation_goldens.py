"""Answers are those of transformers: greedy ids and four beams, of all families and of trained models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import FIXTURES, REPOSITORY, read_safetensors

MODELS = REPOSITORY.parent / "shared" / "models"
FAMILIES = sorted(
    folder.parent.name
    for folder in (FIXTURES / "conformance").glob("*/expected.safetensors")
    if b'"beam4_ids"' in folder.read_bytes()[:65536]
)


def trained(name: str) -> tuple[Path, list[dict[str, Any]]]:
    """The folder of a trained model with its cases."""
    folder = MODELS / name
    if not folder.exists():
        pytest.skip(f"../shared/models/{name} is not there")
    return folder, json.loads((folder / "cases.json").read_text())


def test_there_are_families_with_beams() -> None:
    assert len(FAMILIES) >= 30


@pytest.mark.parametrize("name", FAMILIES)
def test_families(name: str) -> None:
    folder = FIXTURES / "conformance" / name
    expected = read_safetensors(folder / "expected.safetensors")
    if "input_ids" not in expected:
        pytest.skip("its sources are no ids")
    mask = expected.get("attention_mask", np.ones_like(expected["input_ids"])) != 0
    inputs = [ids[kept].tolist() for ids, kept in zip(expected["input_ids"], mask)]
    with attend.Model(folder) as model:
        starts = 1 if model.kind == attend.Kind.ENCODER_DECODER else 0
        greedy = model.generate(inputs, max_new_tokens=12)
        for index, found in enumerate(greedy):
            if (key := f"greedy_ids.{index}") in expected:
                assert [*found[0].prompt_ids[:starts].tolist(), *found.ids.tolist()] == expected[key].tolist()
        beams = expected["beam4_ids"].tolist()
        if name == "qwen2_moe":  # whose beams are the best of each input; of the others they are those of the first
            answers = model.generate(inputs, max_new_tokens=12, num_beams=4)
            found = [answer[0] for answer in answers]
        else:
            found = model.generate(inputs, max_new_tokens=12, num_beams=4, num_return_sequences=len(beams))[0]
        for each, ids, score in zip(found, beams, expected["beam4_scores"], strict=True):
            written = [*each.prompt_ids[:starts].tolist(), *each.ids.tolist()]
            assert written == ids[: len(written)] and set(ids[len(written) :]) <= {model.pad, model.eos, 0}
            assert abs(each.score - score) <= 1e-4 * max(1, abs(score))


def test_the_speller_of_american_english() -> None:
    folder, cases = trained("bart-g2p-us")
    with attend.Model(folder) as model:
        sources = [case["input_ids"] for case in cases]
        for case, found in zip(cases, model.generate(sources, max_new_tokens=63)):
            assert [model.decoder_start, *found.ids.tolist()] == case["greedy_ids"]
        beams = model.generate(sources, num_beams=4, num_return_sequences=2, max_new_tokens=63)
        for case, found in zip(cases, beams):
            for each, ids in zip(found, case["beam4_ids"], strict=True):
                written = [model.decoder_start, *each.ids.tolist()]
                assert written == ids[: len(written)] and set(ids[len(written) :]) <= {model.eos}
            np.testing.assert_allclose([each.score for each in found], case["beam4_scores"], rtol=0, atol=1e-4)


def test_the_teller_of_stories() -> None:
    folder, cases = trained("stories260k")
    with attend.Model(folder) as model:
        for case in cases:
            found = model.generate(case["prompt"], max_new_tokens=len(case["greedy_ids"]))
            assert found[0].prompt_ids.tolist() == case["input_ids"] and found.ids.tolist() == case["greedy_ids"]
            assert model.tokenizer.decode([*case["input_ids"], *case["greedy_ids"]]) == case["text"]
