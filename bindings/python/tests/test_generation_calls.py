"""While an answer is written: tokens as they come, the user's processors, streams, progress, cancelling; and tasks."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import lettered
from test_generation import CASES, PROMPTS, WORDS, bits, ids
from test_interrupts import LONGEST_WAIT, interrupted

# Tokens as they come


def test_the_texts_of_tokens_are_the_text(speller: attend.Model) -> None:
    heard: list[attend.TokenEvent] = []
    prompts = ["one", "another", "a third one"]
    found = speller.generate(prompts, on_token=heard.append, max_new_tokens=20, top_logprobs=3)
    for request, answer in enumerate(found):
        events = [event for event in heard if event.request == request]
        assert [event.token for event in events] == answer.ids.tolist()
        assert "".join(event.text for event in events) == answer.text
        assert [event.finish_reason for event in events[:-1]] == [None] * (len(events) - 1)
        assert events[-1].finish_reason == answer.finish_reason
        assert [event.log_probability for event in events] == answer[0].log_probabilities.tolist()
        assert tuple(event.alternatives for event in events) == answer[0].alternatives
        for event in events:
            assert event.sequence == 0 and len(event.alternatives) == 3
            assert event.alternatives[0].token == event.token  # greedy search takes the most probable
            assert event.alternatives[0].log_probability == pytest.approx(event.log_probability, abs=1e-5)


def test_samples_are_told_apart(decoder: attend.Model) -> None:
    heard: dict[tuple[int, int], list[int]] = {}

    def hear(event: attend.TokenEvent) -> None:
        heard.setdefault((event.request, event.sequence), []).append(event.token)
        assert math.isnan(event.log_probability) and event.alternatives == ()

    found = decoder.generate(
        PROMPTS[:2], on_token=hear, do_sample=True, seed=2, temperature=3.0, num_return_sequences=3, max_new_tokens=5
    )
    assert [[heard[request, sample] for sample in range(3)] for request in range(2)] == [ids(each) for each in found]


class Mine(Exception):
    pass


def test_a_listener_ends_the_call(session: attend.Session) -> None:
    heard: list[str] = []

    def hear(event: attend.TokenEvent) -> bool:
        heard.append(event.text)
        return len(heard) < 3

    with pytest.raises(attend.CancelledError):
        session.generate(["hello", "world"], on_token=hear)
    assert len(heard) >= 3
    assert session.generate("hello").text == "HH EH1 L OW0"


def test_an_exception_of_a_listener_comes_out(session: attend.Session) -> None:
    def hear(event: attend.TokenEvent) -> None:
        raise Mine(event.token)

    for _ in range(2):
        with pytest.raises(Mine, match="65"):
            session.generate("hello", on_token=hear)
    assert session.generate("hello").text == "HH EH1 L OW0"


def test_beams_have_nothing_to_hear(model: attend.Model) -> None:
    with pytest.raises(attend.InvalidArgumentError, match="num_beams"):
        model.generate("hello", num_beams=2, on_token=print)
    with pytest.raises(attend.InvalidArgumentError, match="num_beams"):
        list(model.stream("hello", num_beams=2))


# A processor of the user's


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True}], ids=["greedy", "beams", "sampling"])
def test_a_processor_changes_the_answer(model: attend.Model, options: dict[str, Any]) -> None:
    def only(scores: np.ndarray, ids: np.ndarray) -> None:
        assert scores.shape == (model.vocab_size,) and scores.dtype == np.float32 and ids[0] == model.decoder_start
        kept = [84, 50, 0][len(ids) - 1]
        value = scores[kept]
        scores[:] = -np.inf
        scores[kept] = value

    found = model.generate(["hello", "world"], logits_processor=only, **options)
    assert [each.text for each in found] == ["P B"] * 2


def test_an_exception_of_a_processor_comes_out(session: attend.Session) -> None:
    def fail(scores: np.ndarray, ids: np.ndarray) -> None:
        if len(ids) == 3:
            raise Mine(str(ids.tolist()))

    for beams in (1, 2):
        with pytest.raises(Mine, match=r"\[1, 65, "):
            session.generate("hello", logits_processor=fail, num_beams=beams)
    assert session.generate("hello").text == "HH EH1 L OW0"


def test_forbidding_everything_is_said(session: attend.Session) -> None:
    with pytest.raises(attend.InvalidStateError):
        session.generate("hello", logits_processor=lambda scores, ids: scores.fill(-np.inf))
    assert session.generate("hello").text == "HH EH1 L OW0"


# Streams


def test_a_stream_is_the_text(speller: attend.Model) -> None:
    options: dict[str, Any] = {"max_new_tokens": 25, "min_new_tokens": 25}
    pieces = list(speller.stream("some", **options))
    assert len(pieces) > 1 and "".join(pieces) == speller.generate("some", **options).text


def test_a_stream_may_be_left(model: attend.Model) -> None:
    with model.session() as session:
        stream = session.stream("transformer")
        assert next(stream) == "T"
        stream.close()  # type: ignore[attr-defined]
        assert session.generate("hello").text == "HH EH1 L OW0"
        for _ in session.stream("hello"):
            break
        assert "".join(session.stream("hello")) == "HH EH1 L OW0"
    before = threading.active_count()
    assert next(model.stream("hello")) == "HH"  # nobody refers to it any more
    assert threading.active_count() == before


def test_the_errors_of_a_stream_come_out(session: attend.Session) -> None:
    with pytest.raises(attend.InvalidArgumentError, match="no_such_option"):
        list(session.stream("hello", no_such_option=1))
    assert session.generate("hello").text == "HH EH1 L OW0"


# Progress and cancelling


def test_progress_is_heard(model: attend.Model) -> None:
    heard: list[float] = []
    words = WORDS * 150
    with model.session(threads=1) as session:
        session.generate(words, num_beams=4, progress=heard.append)
    assert len(heard) >= 2 and heard == sorted(heard) and 0 <= heard[0] and heard[-1] <= 1
    assert len(model.generate(WORDS, progress=True)) == len(WORDS)


def test_progress_ends_the_call(model: attend.Model) -> None:
    def stop(fraction: float) -> None:
        raise Mine(fraction)

    words = WORDS * 150
    with model.session(threads=1) as session:
        with pytest.raises(attend.CancelledError):
            session.generate(words, num_beams=4, progress=lambda fraction: False)
        with pytest.raises(Mine):
            session.generate(words, num_beams=4, progress=stop)
        assert session.generate("hello").text == "HH EH1 L OW0"


def test_another_thread_cancels(model: attend.Model) -> None:
    with model.session(threads=1) as session:
        timer = threading.Timer(0.1, session.cancel)
        timer.start()
        with pytest.raises(attend.CancelledError):
            session.generate(WORDS * 2000, num_beams=4)
        timer.join()
        assert session.count == 0
        assert session.generate("hello").text == "HH EH1 L OW0"


@pytest.mark.parametrize("number", range(1, 6))
def test_a_cancel_at_every_token(session: attend.Session, number: int) -> None:
    seen: list[int] = []

    def hear(event: attend.TokenEvent) -> None:
        seen.append(event.token)
        if len(seen) == number:
            session.cancel()

    with pytest.raises(attend.CancelledError):
        session.generate("hello", on_token=hear)
    assert session.generate("hello").text == "HH EH1 L OW0"


@pytest.mark.parametrize(
    "call",
    [
        "session.generate(many, num_beams=4)",
        "session.generate(many, on_token=lambda event: None)",
        "session.generate(many, logits_processor=lambda scores, ids: None)",
        "for word in many: list(session.stream(word))",
    ],
)
def test_ctrl_c_ends_the_call(call: str) -> None:
    seconds, live = interrupted(call, before="many = ['transformer'] * 5_000")
    assert live == 0 and seconds < LONGEST_WAIT


# Translations, summaries, conversations


@pytest.mark.parametrize("task", ["translate", "summarize"])
def test_texts_of_texts(model: attend.Model, decoder: attend.Model, task: str) -> None:
    call: Callable[..., Any] = getattr(model, task)
    assert call("hello") == "HH EH1 L OW0"
    assert call(iter(WORDS[:2])) == call(WORDS[:2], num_beams=4) == [case["phonemes"] for case in CASES[:2]]
    assert call([]) == []
    with pytest.raises(attend.InvalidArgumentError, match="no_such_option"):
        call("hello", no_such_option=1)
    with pytest.raises(attend.UnsupportedError, match="gpt2"):
        getattr(decoder, task)("hello")


def test_a_task_of_the_checkpoint(tmp_path: Path) -> None:
    folder = lettered(tmp_path / "bart", "bart")
    config = json.loads((folder / "config.json").read_text())
    params = {"prefix": "sum: ", "max_new_tokens": 5, "min_new_tokens": 5, "num_beams": 2}
    config["task_specific_params"] = {"summarization": params}
    (folder / "config.json").write_text(json.dumps(config))
    with attend.Model(folder) as model:
        wanted = model.generate("sum: abc", max_new_tokens=5, min_new_tokens=5, num_beams=2)
        assert model.summarize("abc") == wanted.text and len(wanted.ids) == 5
        longer = model.generate("sum: abc", max_new_tokens=6, min_new_tokens=5, num_beams=2)
        assert model.summarize("abc", max_new_tokens=6) == longer.text


def test_conversations(decoder: attend.Model, model: attend.Model) -> None:
    messages = [{"role": "user", "content": "Hi!"}]
    found = decoder.chat(messages, max_new_tokens=8)
    with decoder.tokenizer as tokenizer:
        prompt = tokenizer.encode("user:Hi!;>", special_tokens=False)
    assert bits(found) == bits(decoder.generate(prompt, max_new_tokens=8))
    assert found[0].prompt_ids.tolist() == prompt.tolist()
    with pytest.raises(attend.InvalidArgumentError, match="no_such_option"):
        decoder.chat(messages, no_such_option=1)
    with pytest.raises(attend.NotFoundError, match="chat template"):
        model.chat(messages)


# What was finished before a failure


def test_what_was_finished_comes_with_the_exception(model: attend.Model) -> None:
    words = ["transformer", "cat", "hello"]
    whole = model.generate(words)

    def until_the_end(event: attend.TokenEvent) -> bool:
        return event.finish_reason is None

    with pytest.raises(attend.CancelledError) as raised:
        model.generate(words, on_token=until_the_end)
    finished = raised.value.finished
    assert finished is not None and len(finished) == 3 and finished[0] is None
    for found, expected in zip(finished, whole):
        assert found is None or found.ids.tolist() == expected.ids.tolist()
    assert any(found is not None for found in finished)


def test_an_exception_of_the_users_carries_it_too(model: attend.Model) -> None:
    def fail(event: attend.TokenEvent) -> None:
        if event.finish_reason is not None:
            raise KeyError(event.request)

    with pytest.raises(KeyError) as raised:
        model.generate(["transformer", "cat"], on_token=fail)
    finished = raised.value.finished  # type: ignore[attr-defined]
    assert finished[0] is None and finished[1].text == "K AE1 T"


def test_a_call_that_never_began_has_finished_nothing(model: attend.Model) -> None:
    for options in ({"no_such_option": 0}, {"num_beams": 0}):
        with pytest.raises(attend.InvalidArgumentError) as raised:
            model.generate(["cat"], **options)
        assert raised.value.finished is None
