"""A trained decoder with its tokenizer: what it tells must be what transformers makes it tell, from text to text."""

from __future__ import annotations

import json
from typing import Any

import attend
import numpy as np
import pytest
from conftest import REPOSITORY, available_kernels
from greedy import greedy

STORIES = REPOSITORY.parent / "shared" / "models" / "stories260k"
CASES = json.loads((STORIES / "cases.json").read_text()) if STORIES.exists() else []

pytestmark = pytest.mark.skipif(not CASES, reason="../shared/models/stories260k is not there")


@pytest.mark.parametrize("kernels", available_kernels())
def test_ids_and_text_are_those_of_the_reference(kernels: str) -> None:
    with attend.Model(STORIES, kernels=kernels) as model, model.session() as session:
        for case in CASES:
            prompt = model.tokenizer.encode(case["prompt"]).tolist()
            assert prompt == case["input_ids"]
            ids = greedy(model, session, [prompt], len(case["greedy_ids"]))[0]
            assert ids == case["greedy_ids"]
            assert model.tokenizer.decode(prompt + ids) == case["text"]


@pytest.mark.parametrize(
    "compute, least", [("float32", 0.9999999), ("bfloat16", 0.999), ("int8", 0.999), ("int4", 0.97)]
)
def test_the_logits_after_a_prompt(compute: str, least: float) -> None:
    with attend.Model(STORIES, compute=compute) as model, model.session() as session:
        for case in CASES:
            session.encode([case["input_ids"]])
            expected: Any = np.array(case["last_logits"])
            found = session.logits()[0]
            assert np.corrcoef(found, expected)[0, 1] > least
            if compute == "float32":
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
