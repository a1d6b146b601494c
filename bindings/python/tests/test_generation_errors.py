"""Options and inputs that generate refuses: the error names what is wrong, and the session goes on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import attend
import pytest
from conftest import FIXTURES

CONFORMANCE = FIXTURES / "conformance"


@pytest.mark.parametrize(
    "options, part",
    [
        ({"no_such_option": 1}, "no_such_option"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"max_new_tokens": -1}, "max_new_tokens"),
        ({"max_new_tokens": "many"}, "max_new_tokens"),
        ({"max_new_tokens": 1.5}, "max_new_tokens"),
        ({"max_length": 1}, "max_length"),
        ({"num_beams": 0}, "num_beams"),
        ({"num_beams": -(2**31)}, "num_beams"),
        ({"num_beams": 2**31}, "num_beams"),
        ({"num_beams": 2**63}, "num_beams"),
        ({"num_beams": True}, "num_beams"),
        ({"num_return_sequences": 0}, "num_return_sequences"),
        ({"num_return_sequences": 2**31, "do_sample": True}, "num_return_sequences"),
        ({"num_return_sequences": 2}, "num_return_sequences"),
        ({"num_return_sequences": 5, "num_beams": 4}, "num_return_sequences"),
        ({"num_beams": 4, "num_beam_groups": 3}, "num_beam_groups"),
        ({"num_beam_groups": 2}, "num_beam_groups"),
        ({"num_beams": 2, "length_penalty": "long"}, "length_penalty"),
        ({"num_beams": 2, "early_stopping": "soon"}, "early_stopping"),
        ({"temperature": 0.5}, "temperature"),
        ({"do_sample": True, "temperature": -1.0}, "temperature"),
        ({"do_sample": True, "temperature": math.nan}, "temperature"),
        ({"do_sample": True, "top_k": -1}, "top_k"),
        ({"do_sample": True, "top_p": 1.5}, "top_p"),
        ({"do_sample": True, "top_p": -0.1}, "top_p"),
        ({"do_sample": True, "min_p": 2.0}, "min_p"),
        ({"do_sample": True, "seed": -1}, "seed is -1, expected an integer from 0 to 18446744073709551615"),
        ({"do_sample": True, "seed": 2**64}, "seed is 18446744073709551616"),
        ({"do_sample": True, "seed": 1.5}, "seed is 1.5"),
        ({"do_sample": True, "samplers": ["nonesuch"]}, "nonesuch"),
        ({"do_sample": True, "num_beams": 4, "num_beam_groups": 2}, "do_sample"),
        ({"do_sample": True, "num_beams": 4, "mirostat_tau": 5.0}, "mirostat_tau"),
        ({"repetition_penalty": 0.0}, "repetition_penalty"),
        ({"no_repeat_ngram_size": -1}, "no_repeat_ngram_size"),
        ({"bad_words_ids": [[]]}, "bad_words_ids"),
        ({"suppress_tokens": [101]}, "suppress_tokens"),
        ({"logit_bias": [[101, 1.0]]}, "logit_bias"),
        ({"sequence_bias": {"a": 1}}, "sequence_bias"),
        ({"min_new_tokens": 5, "max_new_tokens": 4}, "min_new_tokens"),
        ({"forced_bos_token_id": 101}, "forced_bos_token_id"),
        ({"eos_token_id": 101}, "eos_token_id"),
        ({"stop_strings": [""]}, "stop_strings"),
        ({"stop_strings": 3}, "stop_strings"),
        ({"top_logprobs": -1}, "top_logprobs"),
        ({"top_logprobs": 2**31}, "top_logprobs"),
        ({"max_time": -1.0}, "max_time"),
        ({"beam_rules": "nonesuch"}, "beam_rules"),
        ({"penalty_alpha": 0.6}, "top_k"),
        ({"max_new_tokens": object()}, "object"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bad_options_are_named(session: attend.Session, options: dict[str, Any], part: str) -> None:
    with pytest.raises(attend.InvalidArgumentError, match=part):
        session.generate("hello", **options)
    assert session.generate("hello").text == "HH EH1 L OW0"


def test_only_what_fails_by_itself_is_named_by_its_number(session: attend.Session) -> None:
    options: dict[str, Any] = {"num_beams": 2, "num_return_sequences": 3}
    for inputs in ("hello", ["hello"], ["hello", "ab"]):
        with pytest.raises(attend.InvalidArgumentError, match="^num_return_sequences is 3"):
            session.generate(inputs, **options)
    with attend.Model(CONFORMANCE / "gpt2") as model, attend.Scheduler(model) as scheduler:
        with pytest.raises(attend.InvalidArgumentError, match="^request 1: max_length is 3"):
            model.generate([[3], [3, 4, 5, 6]], max_length=3)
        with pytest.raises(attend.InvalidArgumentError, match="^max_length is 3"):
            scheduler.submit([3, 4, 5, 6], max_length=3)


@pytest.mark.parametrize(
    "inputs, error",
    [
        ([[]], attend.InvalidArgumentError),
        ([[13, 101, 0]], attend.InvalidArgumentError),
        ([[13, -1]], attend.InvalidArgumentError),
        ([[13] * 65], attend.InvalidArgumentError),
        (["a", 3], TypeError),
        (5, TypeError),
        ([[0.5]], TypeError),
        (["hello", "x" * 100], attend.InvalidArgumentError),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_inputs_are_refused(session: attend.Session, inputs: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        session.generate(inputs)
    assert session.generate("hello").text == "HH EH1 L OW0"


def test_models_that_write_nothing_say_so(bare: Path) -> None:
    with attend.Model(bare) as model:
        for call in (lambda: model.generate("w7 w9"), lambda: model.generate([7, 9]), lambda: list(model.stream("w7"))):
            with pytest.raises(attend.UnsupportedError, match="bert"):
                call()


def test_texts_need_a_tokenizer() -> None:
    with attend.Model(CONFORMANCE / "gpt2") as model:
        with pytest.raises(attend.NotFoundError, match="tokenizer"):
            model.generate("hello")
        with pytest.raises(attend.NotFoundError, match="tokenizer"):
            model.generate([3], stop_strings=["a"])
        assert model.generate([3], max_new_tokens=2).text is None


@pytest.mark.parametrize(
    "options, part",
    [
        ({"regex": "a("}, "regex"),
        ({"grammar": "root ::= other"}, "other"),
        ({"lark": "start: other"}, "other"),
        ({"json_schema": "{"}, "json_schema"),
        ({"json_schema": {"type": "nonesuch"}}, "nonesuch"),
        ({"regex": "a", "grammar": 'root ::= "a"'}, "regex"),
    ],
)
def test_a_broken_language_is_named(decoder: attend.Model, options: dict[str, Any], part: str) -> None:
    with pytest.raises((attend.InvalidArgumentError, attend.UnsupportedError), match=part):
        decoder.generate("a", **options)


def test_a_language_needs_a_tokenizer() -> None:
    with attend.Model(CONFORMANCE / "gpt2") as model, pytest.raises(attend.NotFoundError, match="tokenizer"):
        model.generate([3, 4], regex="a")
