"""From a prompt or a source to an answer: what generate gives, alone and in a batch, when it ends, and constraints."""

from __future__ import annotations

import json
from typing import Any

import attend
import numpy as np
import pytest
from conftest import DEFAULT_MODEL, FIXTURES

CONFORMANCE = FIXTURES / "conformance"
CASES = json.loads((DEFAULT_MODEL / "cases.json").read_text())
WORDS = [case["word"] for case in CASES[:12]]
#: Sequences of ids of different lengths, which every conformance model can read.
PROMPTS: list[list[int]] = [[5, 9, 13], [7], [40, 41, 42, 43, 44, 45, 46], [11, 12], [60, 3, 60, 3, 60]]
DECODERS = ["gpt2", "llama", "gemma2", "bloom", "qwen3_moe", "gpt_neo"]
ENCODER_DECODERS = ["marian", "bart", "t5", "m2m_100", "pegasus"]


def bits(generation: attend.Generation) -> list[Any]:
    """All that an answer says, so that two of them can be compared to the bit."""
    return [
        (each.ids.tolist(), each.prompt_ids.tolist(), each.log_probabilities.tobytes(), each.score, each.finish_reason)
        for each in generation
    ]


def ids(generation: attend.Generation) -> list[list[int]]:
    return [each.ids.tolist() for each in generation]


# What is given and what comes


def test_one_text_gives_one_answer(model: attend.Model) -> None:
    found = model.generate("hello")
    assert isinstance(found, attend.Generation) and len(found) == 1
    assert found.text == str(found) == "HH EH1 L OW0" and found.finish_reason == "end"
    assert found.ids.tolist() == [65, 55, 74, 78, 0] and found.ids.dtype == np.int32
    assert found[0].prompt_ids.tolist() == [model.decoder_start]
    assert found.score is None and np.isnan(found[0].log_probabilities).all()


def test_none_takes_back_what_the_checkpoint_says(model: attend.Model) -> None:
    forced = model.generate("hello", max_new_tokens=3)
    assert forced.ids.tolist() == [65, 55, 0]  # forced_eos_token_id of the checkpoint
    free = model.generate("hello", max_new_tokens=3, forced_eos_token_id=None)
    assert free.ids.tolist() == [65, 55, 74] and free.finish_reason == "length"
    assert len(model.generate("hello", max_new_tokens=None)[0].ids) == 5


def test_many_texts_give_answers_in_their_order(model: attend.Model) -> None:
    found = model.generate(WORDS)
    assert [each.text for each in found] == [case["phonemes"] for case in CASES[:12]]
    assert [each.text for each in model.generate(iter(WORDS))] == [each.text for each in found]
    assert [bits(each) for each in model.generate([word.encode() for word in WORDS])] == [bits(each) for each in found]


def test_ids_come_in_every_form(model: attend.Model) -> None:
    sources = [case["input_ids"] for case in CASES[:3]]
    expected = [case["greedy_ids"][1:] for case in CASES[:3]]
    assert [each.ids.tolist() for each in model.generate(sources)] == expected
    assert [each.ids.tolist() for each in model.generate([np.array(ids) for ids in sources])] == expected
    for one in (sources[0], tuple(sources[0]), np.array(sources[0]), np.array(sources[0], np.int64)):
        assert model.generate(one).ids.tolist() == expected[0]
    matrix = model.generate(np.array([sources[0], sources[0]]))
    assert [each.ids.tolist() for each in matrix] == [expected[0]] * 2
    encodings = [model.tokenizer.tokenize(case["word"]) for case in CASES[:3]]
    assert [each.ids.tolist() for each in model.generate(encodings)] == expected
    assert model.generate(encodings[0]).ids.tolist() == expected[0]


def test_nothing_gives_nothing(model: attend.Model) -> None:
    assert model.generate([]) == [] and model.generate(iter([])) == []


def test_the_beams_of_the_reference(model: attend.Model) -> None:
    for case in CASES[:6]:
        found = model.generate(case["word"], num_beams=4, num_return_sequences=2)
        assert ids(found) == case["beam4_ids"]
        np.testing.assert_allclose([each.score for each in found], case["beam4_scores"], rtol=0, atol=1e-4)
        assert found.score == found[0].score and [each.finish_reason for each in found] == ["end"] * 2


def test_no_sequence_is_live_after_an_answer(session: attend.Session) -> None:
    session.encode([[13, 10, 0]])
    session.generate("hello")
    assert session.count == 0
    session.encode([[13, 10, 17, 17, 20, 0]])
    assert session.decode_step([1]).argmax() == 65


# Together as alone

REQUESTS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "penalties": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "frequency_penalty": 0.2},
    "beams": {"num_beams": 4, "num_return_sequences": 3, "length_penalty": 0.6},
    "early beams": {"num_beams": 3, "num_return_sequences": 3, "early_stopping": True},
    "groups": {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
    "samples": {"do_sample": True, "seed": 7, "num_return_sequences": 3, "top_k": 20, "temperature": 1.5},
    "nucleus": {"do_sample": True, "seed": 1, "top_p": 0.9, "min_p": 0.01},
    "contrastive": {"penalty_alpha": 0.6, "top_k": 4},
    "drawn beams": {"num_beams": 3, "num_return_sequences": 2, "do_sample": True, "seed": 3, "temperature": 2.0},
}


@pytest.mark.parametrize("family", DECODERS + ENCODER_DECODERS)
@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_in_a_batch_is_as_alone(family: str, name: str) -> None:
    options = {"max_new_tokens": 12, "output_scores": True, **REQUESTS[name]}
    if name == "contrastive" and family in ENCODER_DECODERS:
        pytest.skip("contrastive search is for decoders")
    with attend.Model(CONFORMANCE / family) as model:
        together = model.generate(PROMPTS, **options)
        for found in together:
            assert len(found) == options.get("num_return_sequences", 1)
            for each in found:
                assert 0 < len(each.ids) <= 12 and each.text is None and each.alternatives == ()
                assert not np.isnan(each.log_probabilities).any() and (each.log_probabilities <= 0).all()
        if not options.get("do_sample"):  # the samples of a request hang on its number
            assert [bits(model.generate(prompt, **options)) for prompt in PROMPTS] == [bits(each) for each in together]
        assert [bits(each) for each in model.generate(PROMPTS, **options)] == [bits(each) for each in together]
        assert bits(model.generate(PROMPTS[:2], **options)[1]) == bits(together[1])
        with model.session(threads=1) as session:
            assert [bits(each) for each in session.generate(PROMPTS, **options)] == [bits(each) for each in together]


@pytest.mark.parametrize("family", ["gpt2", "marian"])
def test_a_seed_makes_the_samples(family: str) -> None:
    options: dict[str, Any] = {"do_sample": True, "temperature": 2.0, "max_new_tokens": 10, "num_return_sequences": 4}
    with attend.Model(CONFORMANCE / family) as model:
        first = model.generate(PROMPTS[0], seed=3, **options)
        assert ids(model.generate(PROMPTS[0], seed=3, **options)) == ids(first)
        assert ids(model.generate(PROMPTS[0], seed=4, **options)) != ids(first)
        assert ids(model.generate(PROMPTS, seed=3, **options)[0]) == ids(first)
        assert len({tuple(each) for each in ids(first)}) == 4
        large = [ids(model.generate(PROMPTS[0], seed=seed, **options)) for seed in (2**32 + 3, 2**63 + 3, 2**64 - 1)]
        assert ids(first) not in large and large[0] != large[1] != large[2]
        fewer = model.generate(PROMPTS[0], seed=3, **{**options, "num_return_sequences": 2})
        assert ids(fewer) == ids(first)[:2]


def test_a_request_is_drawn_alike_at_any_place_of_a_call(decoder: attend.Model) -> None:
    for more in ({}, {"num_beams": 2}, {"num_return_sequences": 2}):
        options = {"do_sample": True, "seed": 3, "temperature": 3.0, "max_new_tokens": 10, **more}
        alone = [bits(decoder.generate(prompt, **options)) for prompt in PROMPTS]
        assert [bits(each) for each in decoder.generate(PROMPTS, **options)] == alone
        assert [bits(each) for each in decoder.generate(PROMPTS[::-1], **options)] == alone[::-1]


def test_more_requests_than_run_side_by_side(model: attend.Model) -> None:
    words = (WORDS * 60)[:700]
    expected = {case["word"]: case["phonemes"] for case in CASES}
    assert [each.text for each in model.generate(words)] == [expected[word] for word in words]


# Ends


def test_lengths_end_an_answer(decoder: attend.Model) -> None:
    found = decoder.generate([5, 9, 13], max_new_tokens=4, eos_token_id=-1)
    assert len(found.ids) == 4 and found.finish_reason == "length" and found[0].prompt_ids.tolist() == [5, 9, 13]
    assert len(decoder.generate([5, 9, 13], max_length=8, min_length=8).ids) == 5
    longest = decoder.generate([5, 9, 13], suppress_tokens=[2], max_new_tokens=1000)
    assert len(longest.ids) == 62 and longest.finish_reason == "length"  # the last is not read: 64 positions


def test_stop_strings_end_an_answer(speller: attend.Model) -> None:
    options: dict[str, Any] = {"max_new_tokens": 30, "min_new_tokens": 30}
    whole = speller.generate("some", **options).text
    stop = whole[6:9]  # three tokens
    found = speller.generate(["some", "other"], stop_strings=[stop, "\u00e9"], **options)[0]
    assert found.finish_reason == "stop" and found.text == whole[: whole.index(stop) + 3]
    assert bits(speller.generate("some", stop_strings=stop, **options)) == bits(found)
    beams = speller.generate("some", num_beams=3, max_new_tokens=20, stop_strings=[stop[0]])
    assert all(stop[0] not in each.text[:-1] for each in beams)


def test_time_ends_an_answer(decoder: attend.Model) -> None:
    found = decoder.generate([PROMPTS[0]] * 3, max_time=1e-9, min_new_tokens=50, max_new_tokens=50)
    assert [each.finish_reason for each in found] == ["time"] * 3 and all(len(each.ids) < 50 for each in found)


# Constraints

SEARCHES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "sampling": {"do_sample": True, "seed": 5, "temperature": 1.5, "num_return_sequences": 4},
    "beams": {"num_beams": 4, "num_return_sequences": 4},
}
SCHEMA = {
    "type": "object",
    "properties": {"kind": {"enum": ["cat", "dog", "bird"]}, "tame": {"type": "boolean"}},
    "required": ["kind", "tame"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("search", SEARCHES)
def test_a_json_schema_is_kept(speller: attend.Model, search: str) -> None:
    answers = speller.generate(["one", "another"], json_schema=SCHEMA, max_new_tokens=60, **SEARCHES[search])
    for answer in answers:
        for each in answer:
            assert each.finish_reason in ("end", "grammar"), each
            value = json.loads(each.text)
            assert set(value) == {"kind", "tame"} and type(value["tame"]) is bool
            assert value["kind"] in ("cat", "dog", "bird")
    spelled = speller.generate(
        ["one", "another"], json_schema=json.dumps(SCHEMA), max_new_tokens=60, **SEARCHES[search]
    )
    assert [bits(each) for each in spelled] == [bits(each) for each in answers]


@pytest.mark.parametrize("search", SEARCHES)
def test_text_that_leaves_no_choice_is_the_same_at_once(speller: attend.Model, search: str) -> None:
    # Tokens are letters: there is one way to cut a text.
    told = {"output_scores": True} if search == "beams" else {"top_logprobs": 2}
    options: dict[str, Any] = {"json_schema": SCHEMA, "max_new_tokens": 60, **told, **SEARCHES[search]}
    answers = speller.generate(["one", "another"], **options)
    slow = speller.generate(["one", "another"], grammar_fast_forward=False, **options)
    assert [bits(each) for each in answers] == [bits(each) for each in slow]


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize(
    "constraint",
    [
        {"regex": "[a-c]{3}-[0-9]{2}"},
        {"grammar": 'root ::= [a-c] [a-c] [a-c] "-" [0-9] [0-9]'},
        {"lark": 'start: /[a-c]{3}/ "-" /[0-9]{2}/'},
    ],
    ids=lambda constraint: str(*constraint),
)
def test_a_language_is_kept(speller: attend.Model, search: str, constraint: dict[str, Any]) -> None:
    for each in speller.generate("one", max_new_tokens=20, **constraint, **SEARCHES[search]):
        text = each.text
        assert each.finish_reason in ("end", "grammar") and len(text) == 6 and text[3] == "-", each
        assert set(text[:3]) <= set("abc") and set(text[4:]) <= set("0123456789")
