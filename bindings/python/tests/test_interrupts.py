"""Long calls: Ctrl-C stops them at once, progress is heard, another thread cancels them."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from attend._library import Owned
from conftest import DEFAULT_MODEL

HELLO = [13, 10, 17, 17, 20, 0]
LONG = np.tile(np.array(HELLO[:5] * 12, np.int32), (5_000, 1))  # seconds of work for one thread

# A program that says when it begins its long call, what ended it, and that all is as it should be after that.
# What starts the tests may have Ctrl-C ignored, as a shell does for jobs in the background, and children inherit that.
PROGRAM = """
import signal, sys, time
import numpy as np
import attend

signal.signal(signal.SIGINT, signal.default_int_handler)

def ready():
    print("ready", flush=True)
    return time.monotonic()

model = attend.Model({folder!r})
session = model.session(threads=1)
long = np.tile(np.array([13, 10, 17, 17, 20] * 12, np.int32), (5_000, 1))
{before}
start = ready()
try:
    {call}
    print("came through")
except {error} as problem:
    print(type(problem).__name__, time.monotonic() - start, session.count)
session.encode([[13, 10, 17]])
print(session.count)
"""
BEFORE_SIGNAL = 0.4  # seconds
LONGEST_WAIT = 2  # seconds; a twentieth of it, but on a machine that does much else


def interrupted(
    call: str,
    *,
    folder: Path = DEFAULT_MODEL,
    before: str = "",
    error: str = "KeyboardInterrupt",
    number: int = signal.SIGINT,
) -> tuple[float, int]:
    """Sends the program a signal in its call: the seconds until the exception, and how many sequences then live."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(folder=str(folder), call=call, before=before, error=error)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(attend.__file__).parents[1])},
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(BEFORE_SIGNAL)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert errors == ""
    name, seconds, live, after = output.split()
    assert name == error and after == "1"
    return float(seconds) - BEFORE_SIGNAL, int(live)


@pytest.mark.parametrize(
    "call, before, live",
    [
        ("session.encode(long)", "", 0),
        ("session.encode(long)", "session = model.session(threads=1, progress=lambda fraction: None)", 0),
        ("session.decode(long)", "session.encode([[13, 0]] * 5_000)", 5_000),
    ],
)
def test_ctrl_c_ends_a_long_call_at_once(call: str, before: str, live: int) -> None:
    seconds, left = interrupted(call, before=before)
    assert left == live
    assert seconds < LONGEST_WAIT


def test_ctrl_c_ends_embedding_at_once(bare: Path) -> None:
    seconds, left = interrupted("session.embed(texts)", folder=bare, before="texts = ['w7 w9'] * 1_000_000")
    assert left == 0 and seconds < LONGEST_WAIT


@pytest.mark.parametrize(
    "call",
    ["tokenizer.encode(text)", "tokenizer.encode('hello', pair=text)", "tokenizer.encode_batch([text] * 4)"],
)
def test_ctrl_c_ends_the_reading_of_a_long_text_at_once(call: str) -> None:
    # Seconds of reading, and well below the longest text that a tokenizer takes, of which it would say so at once.
    seconds, live = interrupted(call, before="tokenizer, text = model.tokenizer, 'hello world ' * 3_000_000")
    assert seconds < LONGEST_WAIT and live == 0


def test_what_was_begun_ends_behind_ctrl_c() -> None:
    """No thread goes on reading for nobody."""
    before = """import threading
tokenizer, text = model.tokenizer, 'hello world ' * 8_000_000

def read():
    try:
        tokenizer.encode(text)
    finally:
        [thread] = [thread for thread in threading.enumerate() if thread.name == "attend"]
        thread.join(2)
        assert not thread.is_alive()
"""
    interrupted("read()", before=before)


def test_long_texts_are_read_as_short_ones_are(model: attend.Model) -> None:
    tokenizer = model.tokenizer
    text = "hello" * 100_000
    ids = tokenizer.encode(text)
    assert len(ids) == len(tokenizer.encode("hello")) * 100_000 - 99_999
    assert np.array_equal(tokenizer.encode_batch([text])[0].ids, ids)
    assert tokenizer.decode(ids) == " ".join(text)
    with pytest.raises(attend.InvalidArgumentError, match="max_length|tokens"):
        tokenizer.encode(text, max_length=3, truncation="none")


def test_whatever_the_handler_of_a_signal_raises_comes_out() -> None:
    before = """import signal
def stop(number, frame): raise TimeoutError('enough')
signal.signal(signal.SIGTERM, stop)"""
    seconds, _ = interrupted("session.encode(long)", before=before, error="TimeoutError", number=signal.SIGTERM)
    assert seconds < LONGEST_WAIT


def test_ctrl_c_ends_loading() -> None:
    """Whenever it comes: between two loads, or in the middle of one."""
    seconds, _ = interrupted(f"while True: attend.Model({str(DEFAULT_MODEL)!r})")
    assert seconds < LONGEST_WAIT


def test_progress_of_a_long_call_is_heard(model: attend.Model) -> None:
    heard: list[float] = []
    with model.session(threads=1, progress=heard.append) as session:
        session.encode([HELLO])
        assert heard == []  # a short call reports nothing
        session.encode(LONG)
        assert len(heard) >= 2 and heard == sorted(heard) and 0 <= heard[0] and heard[-1] <= 1


def test_progress_that_returns_false_cancels(model: attend.Model) -> None:
    with model.session(threads=1, progress=lambda fraction: False) as session:
        with pytest.raises(attend.CancelledError):
            session.encode(LONG)
        assert session.count == 0
        session.encode([HELLO])
        assert session.decode_step([1]).argmax() == 65


def test_an_exception_in_progress_comes_out_and_the_session_goes_on(model: attend.Model) -> None:
    class Mine(Exception):
        pass

    def stop(fraction: float) -> None:
        raise Mine(fraction)

    with model.session(threads=1, progress=stop) as session:
        for _ in range(2):
            with pytest.raises(Mine):
                session.encode(LONG)
        session.encode([HELLO])
        assert session.decode_step([1]).argmax() == 65


def test_another_thread_cancels(model: attend.Model) -> None:
    with model.session(threads=1) as session:
        timer = threading.Timer(0.2, session.cancel)
        timer.start()
        start = time.monotonic()
        with pytest.raises(attend.CancelledError):
            session.encode(LONG)
        timer.join()
        assert time.monotonic() - start < 2
        assert session.count == 0
        session.cancel()
        with pytest.raises(attend.CancelledError):
            session.encode([HELLO])
        session.encode([HELLO])
        assert session.count == 1


def test_each_thread_hears_its_own(model: attend.Model) -> None:
    """A thread that hears BusyError does not take what the computing one raised."""
    started = threading.Event()
    found: list[Any] = []

    def stop(fraction: float) -> None:
        started.set()
        if fraction > 0.05:
            raise LookupError(threading.get_ident())

    session = model.session(threads=1, progress=stop)

    def work() -> None:
        try:
            session.encode(LONG)
        except LookupError as problem:
            found.append(problem.args[0] == threading.get_ident())

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    while thread.is_alive():
        try:
            session.select([])
        except (attend.BusyError, attend.InvalidStateError):
            time.sleep(0.001)
    thread.join()
    assert found == [True]


def test_an_interrupt_that_meets_a_destructor_is_raised_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    freed: list[int] = []
    tripped = ctypes.CDLL(None)[
        "raise"
    ]  # from inside of C, so that Python hears of it in the destructor at the soonest
    inner = Owned(7, freed.append)
    outer = Owned(signal.SIGINT, tripped, parent=inner)
    try:
        with pytest.raises(KeyboardInterrupt):
            del inner, outer
            for _ in range(1000):
                pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert freed == [7] and not lost
