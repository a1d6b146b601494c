"""Many requests to one model: what becomes of one is what becomes of it alone, whatever else there is."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import REPOSITORY
from test_generation import CASES, CONFORMANCE, PROMPTS, WORDS, bits, ids
from test_interrupts import LONGEST_WAIT, interrupted

#: Kinds of requests, each with what its search needs.
KINDS: list[dict[str, Any]] = [
    {},
    {"num_beams": 3, "num_return_sequences": 2},
    {"do_sample": True, "seed": 7, "temperature": 1.5, "num_return_sequences": 3},
    {"repetition_penalty": 1.3, "top_logprobs": 2},
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
    {"guidance_scale": 1.5},
]


class Mine(Exception):
    pass


# What becomes of requests


def test_results_are_those_of_generate(model: attend.Model) -> None:
    wishes = [(word, {**kind, "output_scores": True}) for word in WORDS for kind in KINDS]
    expected = [bits(model.generate(word, **options)) for word, options in wishes]
    with attend.Scheduler(model, max_rows=10) as scheduler:
        requests = [scheduler.submit(word, priority=i % 3, **options) for i, (word, options) in enumerate(wishes)]
        assert [bits(request.result()) for request in requests] == expected
        assert all(request.done for request in requests)
        stats = scheduler.stats
    assert (stats.submitted, stats.finished, stats.failed) == (len(wishes), len(wishes), 0)
    assert (stats.waiting, stats.running) == (0, 0) and 0 < stats.rows <= 10 * stats.steps
    assert stats.step_seconds > 0 and stats.longest_queue_seconds >= stats.mean_queue_seconds > 0


def test_memory_that_runs_out_changes_no_result() -> None:
    model = attend.Model(CONFORMANCE / "llama")
    wishes = [(prompt, {**kind, "max_new_tokens": 110, "min_new_tokens": 110}) for prompt in PROMPTS for kind in KINDS]
    session = model.session(beyond_positions=True)
    expected = [ids(session.generate(prompt, **options)) for prompt, options in wishes]
    most = 0
    with attend.Scheduler(model, max_cache_bytes=1, beyond_positions=True) as scheduler:
        for prompt, options in wishes:  # what the most demanding of them may come to, from the error
            with pytest.raises(attend.InvalidArgumentError, match="max_cache_bytes is 1") as raised:
                scheduler.submit(prompt, **options)
            most = max(most, int(str(raised.value).split("may take ")[1].split()[0]))
    for never in (False, True):
        with attend.Scheduler(model, max_cache_bytes=most, never_put_aside=never, beyond_positions=True) as scheduler:
            requests = [scheduler.submit(prompt, **options) for prompt, options in wishes]
            assert [ids(request.result()) for request in requests] == expected
            stats = scheduler.stats
        assert never is (stats.put_aside == 0), stats


def test_long_prompts_are_read_in_parts_beside_what_writes(decoder: attend.Model) -> None:
    rng = np.random.default_rng(3)
    long = rng.integers(3, 60, 40).tolist()
    expected = ids(decoder.generate(long, max_new_tokens=5))
    heard: list[int] = []
    with attend.Scheduler(decoder, prompt_tokens_per_step=2) as scheduler:
        first = scheduler.submit(
            PROMPTS[1], max_new_tokens=60, min_new_tokens=60, on_token=lambda event: heard.append(scheduler.stats.steps)
        )
        second = scheduler.submit(long, max_new_tokens=5)
        assert ids(second.result()) == expected
        first.result()
        assert scheduler.stats.prompt_tokens == 41
    assert heard == list(range(heard[0], heard[0] + 60))  # a token in every step


def test_prompts_that_begin_alike_are_read_once(decoder: attend.Model) -> None:
    rng = np.random.default_rng(4)
    same = rng.integers(3, 60, 40).tolist()
    prompts = [[*same, int(last)] for last in rng.integers(3, 60, 12)]
    expected = [ids(decoder.generate(prompt, max_new_tokens=6)) for prompt in prompts]
    with attend.Scheduler(decoder, prefix_cache_bytes=1 << 20) as scheduler:
        requests = [scheduler.submit(prompt, max_new_tokens=6) for prompt in prompts]
        assert [ids(request.result()) for request in requests] == expected
        assert scheduler.stats.prompt_tokens == 41 + 11  # of each but the first one token is its own


def test_the_more_urgent_begin_first_and_everything_has_its_turn(model: attend.Model) -> None:
    begun: list[int] = []
    with attend.Scheduler(model, max_rows=1, priority_seconds=100) as scheduler:
        begins, held = threading.Event(), threading.Event()
        blocker = scheduler.submit("hello", on_token=lambda event: begins.set() or held.wait(10))
        assert begins.wait(10)
        requests = []
        for i in range(12):
            requests.append(
                scheduler.submit(
                    "world",
                    priority=i * 7 % 12,
                    max_new_tokens=1,
                    on_token=lambda event, i=i: begun.append(i * 7 % 12),
                )
            )
        held.set()
        for request in [blocker, *requests]:
            request.result(20)
    assert begun == list(range(11, -1, -1))
    with attend.Scheduler(model, max_rows=1, priority_seconds=1e-9) as scheduler:
        low = scheduler.submit("hello", priority=-100)
        others = [scheduler.submit("hello", priority=100) for _ in range(50)]
        low.result(20)
        assert not others[-1].done  # whoever came much later does not pass
        assert [each.result().text for each in others] == ["HH EH1 L OW0"] * 50


def test_ten_thousand_inputs_are_one_call(model: attend.Model) -> None:
    expected = [bits(model.generate(word, max_new_tokens=4)) for word in WORDS]
    places = np.random.default_rng(5).integers(len(WORDS), size=10_000).tolist()
    heard: list[float] = []
    found = model.generate([WORDS[place] for place in places], max_new_tokens=4, progress=heard.append)
    assert [bits(each) for each in found] == [expected[place] for place in places]
    assert heard == sorted(heard) and len(heard) > 3


# Pieces


def test_pieces_come_as_they_are_written(model: attend.Model) -> None:
    heard: list[int] = []
    with attend.Scheduler(model) as scheduler:
        request = scheduler.submit("transformer", stream=True, on_token=lambda event: heard.append(event.token))
        pieces = list(request)
        assert "".join(pieces) == request.result().text == model.generate("transformer").text
        assert heard == request.result().ids.tolist() and list(request) == []
        with pytest.raises(attend.InvalidStateError, match="stream=True"):
            next(iter(scheduler.submit("hello")))
        with pytest.raises(attend.InvalidArgumentError, match="num_beams"):
            scheduler.submit("hello", num_beams=2, stream=True)


def test_a_conversation_is_a_request(decoder: attend.Model) -> None:
    messages = [{"role": "user", "content": "abc"}]
    expected = decoder.chat(messages, max_new_tokens=8)
    with attend.Scheduler(decoder) as scheduler:
        assert bits(scheduler.chat(messages, max_new_tokens=8).result()) == bits(expected)


# Ends


def test_eight_threads_submit_wait_and_cancel(model: attend.Model) -> None:
    expected = [model.generate(word).text for word in WORDS]
    wrong: list[object] = []

    def use(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(20):
            place = int(rng.integers(len(WORDS)))
            request = scheduler.submit(WORDS[place], priority=int(rng.integers(-2, 3)))
            if rng.random() < 0.3:
                time.sleep(rng.random() * 0.003)
                request.cancel()
                try:
                    found = request.result(20)
                    if found.finish_reason != "cancelled" and found.text != expected[place]:
                        wrong.append(found)
                except attend.CancelledError:
                    pass
            elif rng.random() < 0.7 and request.result(20).text != expected[place]:
                wrong.append(request)

    with attend.Scheduler(model, max_rows=5) as scheduler:
        threads = [threading.Thread(target=use, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert scheduler.submit("hello").result().text == "HH EH1 L OW0"
    assert wrong == []


@pytest.mark.parametrize("number", range(1, 6))
def test_a_cancel_at_every_token(model: attend.Model, number: int) -> None:
    whole = model.generate("transformer").ids.tolist()
    with attend.Scheduler(model) as scheduler:
        seen: list[int] = []
        given = threading.Event()

        def hear(event: attend.TokenEvent) -> None:
            given.wait(10)
            seen.append(event.token)
            if len(seen) == number:
                request.cancel()

        request = scheduler.submit("transformer", on_token=hear)
        given.set()
        found = request.result(20)
        assert found.finish_reason == "cancelled" and found.ids.tolist() == whole[:number] == seen
        with pytest.raises(attend.CancelledError, match="before"):
            beams = scheduler.submit(list(range(3, 30)) * 2, num_beams=4)
            beams.cancel()
            if beams.result(20):  # it had begun
                raise attend.CancelledError("before")


@pytest.mark.parametrize("kind", ["on_token", "logits_processor"])
def test_an_exception_of_a_function_comes_out(model: attend.Model, kind: str) -> None:
    def fail(*_: Any) -> None:
        raise Mine(kind)

    with attend.Scheduler(model) as scheduler:
        good = scheduler.submit("hello")
        bad: dict[str, Any] = {kind: fail}
        request = scheduler.submit("hello", stream=True, **bad)
        for _ in range(2):
            with pytest.raises(Mine, match=kind):
                request.result(20)
        with pytest.raises(Mine, match=kind):
            list(request)
        assert good.result(20).text == scheduler.submit("hello").result(20).text == "HH EH1 L OW0"
        assert scheduler.submit("hello", on_token=lambda event: False).result(20).finish_reason == "cancelled"


def test_it_is_closed_at_any_moment(model: attend.Model) -> None:
    for moment in range(15):
        scheduler = attend.Scheduler(model, max_rows=3)
        requests = [scheduler.submit(word, stream=i % 2 == 0) for i, word in enumerate(WORDS)]
        time.sleep(moment * 0.0005)
        scheduler.close()
        scheduler.close()
        assert scheduler.closed and repr(scheduler) == "<attend.Scheduler of marian, closed>"
        with pytest.raises(attend.InvalidStateError, match="closed"):
            scheduler.submit("hello")
        for request, case in zip(requests, CASES):
            found = request.result(0)
            assert found.finish_reason == "cancelled" or found.text == case["phonemes"]
        for request in requests[::2]:
            assert "".join(request) == request.result().text


def test_what_nobody_refers_to_is_cancelled(model: attend.Model) -> None:
    with attend.Scheduler(model, max_rows=1) as scheduler:
        for _ in range(50):
            scheduler.submit("transformer")
        last = scheduler.submit("hello")
        gc.collect()
        assert last.result(20).text == "HH EH1 L OW0"
        assert scheduler.stats.steps < 50 * 10  # most of them never began


def test_a_wait_can_have_enough(model: attend.Model) -> None:
    with attend.Scheduler(model) as scheduler:
        held = threading.Event()
        request = scheduler.submit("hello", on_token=lambda event: held.wait(10))
        begin = time.monotonic()
        with pytest.raises(TimeoutError, match="0.2"):
            request.result(timeout=0.2)
        assert 0.2 <= time.monotonic() - begin < LONGEST_WAIT and not request.done
        assert "not finished" in repr(request) and "1 running" in repr(scheduler)
        held.set()
        assert request.result(20).text == "HH EH1 L OW0"


def test_ctrl_c_ends_a_wait_at_once() -> None:
    before = """
scheduler = attend.Scheduler(model, threads=1)
requests = [scheduler.submit("transformer", num_beams=8) for _ in range(4_000)]"""
    seconds, _ = interrupted("requests[-1].result()", before=before)
    assert seconds < LONGEST_WAIT


def test_requests_that_share_a_kept_prefix_join_together() -> None:
    options: dict[str, Any] = {"max_new_tokens": 1, "eos_token_id": -1}
    prefix = [3 + 7 * place % 90 for place in range(40)]
    gate = threading.Event()
    with attend.Model(CONFORMANCE / "llama") as model:
        with attend.Scheduler(model, prefix_cache_bytes=1 << 20) as scheduler:
            scheduler.submit([*prefix, 5], **options).result()
            scheduler.submit([9], on_token=lambda _: gate.wait(30), **options)
            requests = [scheduler.submit([*prefix, 6 + place], **options) for place in range(8)]
            before = scheduler.stats.steps
            gate.set()
            found = [request.result().ids.tolist() for request in requests]
            assert scheduler.stats.steps - before <= 3
        assert found == [model.generate([*prefix, 6 + place], **options).ids.tolist() for place in range(8)]


def test_arguments_are_checked(model: attend.Model) -> None:
    for options in ({"max_rows": -1}, {"priority_seconds": 0}, {"priority_seconds": -1.0}, {"threads": 5000}):
        with pytest.raises(attend.InvalidArgumentError, match=next(iter(options))):
            attend.Scheduler(model, **options)  # type: ignore[arg-type]
    with attend.Scheduler(model, max_rows=2) as scheduler:
        for wrong in ({"priority": 40_000}, {"nonesuch": 1}, {"num_beams": 3}):
            with pytest.raises(attend.InvalidArgumentError, match="priority|nonesuch|max_rows is 2"):
                scheduler.submit("hello", **wrong)  # type: ignore[arg-type]
        for input in (5, ["hello", "world"], [[1, 2]], [], None):
            with pytest.raises(TypeError):
                scheduler.submit(input)
        with pytest.raises(TypeError, match="copied"):
            scheduler.__reduce__()
        assert scheduler.submit(np.array(CASES[0]["input_ids"])).result().text == CASES[0]["phonemes"]


# The documentation


def test_the_example_of_the_docs_prints_what_it_says(tmp_path: Path) -> None:
    section = (REPOSITORY / "docs" / "generation.md").read_text().split("\n## Requests at any time\n")[1]
    found = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", section, flags=re.S)
    assert found is not None
    program, output = found.groups()
    script = tmp_path / "example.py"
    script.write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(Path(attend.__file__).parents[1])}
    result = subprocess.run(
        [sys.executable, str(script)], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert (result.stdout, result.stderr) == (output, "")
