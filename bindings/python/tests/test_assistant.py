"""A draft model: the answers are those without it, to the bit."""

from __future__ import annotations

from typing import Any

import attend
import pytest
from conftest import DEFAULT_MODEL, FIXTURES
from test_generation import PROMPTS, bits

CONFORMANCE = FIXTURES / "conformance"
MANNERS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "penalties": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    "samples": {"do_sample": True, "seed": 7, "num_return_sequences": 3, "top_k": 20, "temperature": 1.5},
    "alternatives": {"top_logprobs": 3},
}


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("family, other", [("gpt2", "gpt_neo"), ("llama", "qwen2"), ("bart", "marian")])
def test_an_assistant_changes_nothing(family: str, other: str, manner: str) -> None:
    options = {"max_new_tokens": 20, "output_scores": True, **MANNERS[manner]}
    with attend.Model(CONFORMANCE / family) as model:
        expected = [bits(each) for each in model.generate(PROMPTS, **options)]
        for name in (family, other):  # itself, and one that guesses wrong
            with attend.Model(CONFORMANCE / name) as assistant:
                if assistant.vocab_size != model.vocab_size:
                    continue
                for more in ({}, {"num_assistant_tokens": 3, "assistant_confidence_threshold": 0.0}):
                    found = model.generate(PROMPTS, assistant_model=assistant, **options, **more)
                    assert [bits(each) for each in found] == expected


def test_tokens_are_heard_in_their_order() -> None:
    with attend.Model(CONFORMANCE / "gpt2") as model:
        heard: list[int] = []
        found = model.generate(
            PROMPTS[0],
            assistant_model=model,
            num_assistant_tokens=5,
            assistant_confidence_threshold=0.0,
            max_new_tokens=30,
            on_token=lambda event: heard.append(event.token),
        )
        assert heard == found.ids.tolist() == model.generate(PROMPTS[0], max_new_tokens=30).ids.tolist()


def test_a_stream_with_an_assistant(decoder: attend.Model) -> None:
    text = decoder.generate("ab", max_new_tokens=20).text
    assert "".join(decoder.stream("ab", max_new_tokens=20, assistant_model=decoder)) == text


def test_assistants_that_do_not_fit() -> None:
    with attend.Model(CONFORMANCE / "gpt2") as model:
        with attend.Model(CONFORMANCE / "marian") as other:
            with pytest.raises(attend.InvalidArgumentError, match="assistant model"):
                model.generate([3], assistant_model=other)
        with attend.Model(CONFORMANCE / "bert") as other:
            with pytest.raises(attend.UnsupportedError, match="assistant model is of a bert model"):
                model.generate([3], assistant_model=other)
        with pytest.raises(TypeError, match="assistant_model"):
            model.generate([3], assistant_model="gpt2")  # type: ignore[arg-type]
        assert model.generate([3], max_new_tokens=2).ids.size == 2
    with attend.Model(DEFAULT_MODEL) as model, attend.Model(CONFORMANCE / "marian") as other:
        text = f"has a vocabulary of {other.vocab_size} tokens; the model has one of {model.vocab_size}"
        with pytest.raises(attend.InvalidArgumentError, match=text):
            model.generate("hello", assistant_model=other)


@pytest.mark.parametrize(
    "options, part",
    [
        ({"num_assistant_tokens": 0}, "num_assistant_tokens is 0; it is 1 or more"),
        ({"num_assistant_tokens": 2**31}, "num_assistant_tokens"),
        ({"assistant_confidence_threshold": 1.5}, "assistant_confidence_threshold is 1.5; it is from 0 to 1"),
        ({"num_beams": 2}, "num_beams is 2 with an assistant model"),
        ({"penalty_alpha": 0.5, "top_k": 4}, "penalty_alpha is 0.5 with an assistant model"),
        ({"prompt_lookup_num_tokens": 3}, "only one of them can draft"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], part: str) -> None:
    with attend.Model(CONFORMANCE / "gpt2") as model:
        with pytest.raises(attend.InvalidArgumentError, match=part):
            model.generate([3], assistant_model=model, **options)
        for name in ("num_assistant_tokens", "assistant_confidence_threshold"):
            with pytest.raises(attend.InvalidArgumentError, match=f"{name} is set, and there is no assistant model"):
                model.generate([3], **{name: 1})
