"""A trained model of CTranslate2's own tests: its options, outputs and log-probabilities are those that CTranslate2's
tests expect.
"""

from __future__ import annotations

import json
from typing import Any, Iterator

import attend
import numpy as np
import pytest
from conftest import REPOSITORY

FOLDER = REPOSITORY.parent / "shared" / "models" / "aren-transliteration"
GOLDEN: dict[str, Any] = json.loads((FOLDER / "golden.json").read_text()) if FOLDER.exists() else {}
START, END = 1, 2

pytestmark = pytest.mark.skipif(not GOLDEN, reason="../shared/models/aren-transliteration is not there")


def vocabulary(side: str) -> list[str]:
    """The tokens of a language; behind those of the file stands the unknown one."""
    lines = (FOLDER / "aren-transliteration" / f"{side}_vocabulary.txt").read_text(encoding="utf-8")
    return [*lines.rstrip("\n").split("\n"), "<unk>"]


SOURCE = vocabulary("source") if GOLDEN else []
TARGET = vocabulary("target") if GOLDEN else []


@pytest.fixture(scope="module", params=["aren-transliteration", "aren-transliteration-i8"])
def transliterator(request: Any) -> Iterator[attend.Model]:
    with attend.Model(FOLDER / request.param) as model:
        yield model


def source_ids(text: str) -> list[int]:
    return [SOURCE.index(letter) for letter in text]


def target_ids(tokens: Any) -> list[int]:
    return [TARGET.index(token) for token in tokens]


def options(case: dict[str, Any], beams: int) -> dict[str, Any]:
    """A case's options by the names that they have here."""
    prefix = target_ids(case.get("prefix", []))
    found: dict[str, Any] = {
        "beam_rules": "ctranslate2",
        "num_beams": beams,
        "decoder_input_ids": [START, *prefix],
        "max_new_tokens": case.get("max_decoding_length", 256) - len(prefix),
        "min_length": case.get("min_decoding_length", 1),
        "return_attention": case.get("replace_unknowns", False),
    }
    if "suppress_sequences" in case:
        found["bad_words_ids"] = [target_ids(tokens) for tokens in case["suppress_sequences"]]
    if "end_token" in case:
        found["eos_token_id"] = TARGET.index(case["end_token"])
    return found


def spelled(case: dict[str, Any], found: attend.Hypothesis) -> list[str]:
    """The tokens of a hypothesis, as CTranslate2 gives them."""
    ids = [*found.prompt_ids[1:].tolist(), *found.ids.tolist()]
    tokens = [TARGET[id] for id in ids]
    if found.finish_reason == "end" and not case.get("return_end_token"):
        tokens = tokens[:-1]
    if case.get("replace_unknowns"):
        assert found.attention is not None and len(found.attention) == len(ids)
        most = found.attention.argmax(axis=1)
        tokens = [case["src"][most[place]] if token == "<unk>" else token for place, token in enumerate(tokens)]
    return tokens


TRANSLATE = [
    pytest.param(case, beams, id=f"{number}-{beams}")
    for number, case in enumerate(GOLDEN.get("translate", []))
    for beams in case["beam"]
]


@pytest.mark.parametrize("case, beams", TRANSLATE)
def test_translations(transliterator: attend.Model, case: dict[str, Any], beams: int) -> None:
    found = transliterator.generate(source_ids(case["src"]), **options(case, beams))[0]
    tokens = spelled(case, found)
    if "out_len" in case:
        assert len(tokens) == case["out_len"]
    else:
        assert tokens == list(case["out"])


@pytest.mark.parametrize("case", GOLDEN.get("alternatives", []), ids=str)
def test_alternatives(transliterator: attend.Model, case: dict[str, Any]) -> None:
    found = transliterator.generate(
        source_ids(case["src"]),
        **{
            **options(case, 2),
            "num_return_sequences": case["num_hypotheses"],
            "return_alternatives": True,
            "min_alternative_expansion_prob": case.get("min_alternative_expansion_prob", 0.0),
        },
    )
    assert len(found) == case.get("n_hyp", case["num_hypotheses"])
    for number in range(2):
        if f"hyp{number}" in case:
            assert spelled(case, found[number]) == list(case[f"hyp{number}"])


def test_a_batch_is_as_alone(transliterator: attend.Model) -> None:
    sources = [source_ids(case["src"]) for case in GOLDEN["score"]]
    together = transliterator.generate(sources, beam_rules="ctranslate2", num_beams=4, max_new_tokens=20)
    for source, found in zip(sources, together):
        alone = transliterator.generate(source, beam_rules="ctranslate2", num_beams=4, max_new_tokens=20)
        assert alone.ids.tolist() == found.ids.tolist() and alone.score == found.score


def test_scores(transliterator: attend.Model) -> None:
    if transliterator.path.endswith("-i8"):
        pytest.skip("the log-probabilities are those of float32")
    sources = [source_ids(case["src"]) for case in GOLDEN["score"]]
    targets = [[*target_ids(case["tgt"]), END] for case in GOLDEN["score"]]
    for case, found in zip(GOLDEN["score"], transliterator.score(sources, targets)):
        np.testing.assert_allclose(
            found.log_probabilities, case["lp"], rtol=0, atol=GOLDEN["score_token_logprobs_abs_tol"]
        )


def test_the_vocabularies(transliterator: attend.Model) -> None:
    """The tokens of a source are letters, those of a target too, and the unknown one stands behind both."""
    with transliterator.tokenizer as tokenizer:
        for case in GOLDEN["score"]:
            assert tokenizer.encode(" ".join(case["src"])).tolist() == source_ids(case["src"])
            assert tokenizer.encode(" ".join(case["tgt"]), target=True).tolist() == target_ids(case["tgt"])
    assert (transliterator.eos, transliterator.unk) == (END, TARGET.index("<unk>"))


def test_the_examples_of_ids() -> None:
    source, target = GOLDEN["source_ids_example"], GOLDEN["target_ids_example"]
    assert source_ids(source["src"]) == source["ids"] and target_ids(target["tgt"]) == target["ids"]
