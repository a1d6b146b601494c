"""Sessions: batches in, views out, selection, states, lifetimes, threads."""

from __future__ import annotations

import gc
import os
import threading
from typing import Any

import attend
import numpy as np
import pytest
from attend._batches import RaggedBatch
from attend._library import Owned
from conftest import DEFAULT_MODEL

HELLO = [13, 10, 17, 17, 20, 0]
CAT = [8, 6, 25, 0]


def logits_of(session: attend.Session, *batch: Any, **more: Any) -> np.ndarray:
    session.encode(*batch, **more)
    return session.decode_step([1] * session.count).copy()


def test_every_form_of_a_batch_means_the_same(session: attend.Session) -> None:
    expected = logits_of(session, [HELLO, CAT])
    forms: list[Any] = [
        [np.array(HELLO), CAT],
        (tuple(HELLO), np.array(CAT, np.uint8)),
        [np.array(HELLO, np.int64), np.array(CAT, np.int16)],
        [np.array(HELLO * 2, np.int32)[:6], np.array([CAT, CAT]).T[:, 0]],
        iter([HELLO, CAT]),
    ]
    for form in forms:
        assert np.array_equal(logits_of(session, form), expected)
    assert np.array_equal(logits_of(session, np.array(HELLO + CAT, np.int32), lengths=[6, 4]), expected)
    assert np.array_equal(logits_of(session, HELLO + CAT, lengths=np.array([6, 4])), expected)


def test_rows_of_a_matrix_are_sequences(session: attend.Session) -> None:
    matrix = np.array([CAT, HELLO[2:]], np.int32)
    assert np.array_equal(logits_of(session, matrix), logits_of(session, [CAT, HELLO[2:]]))


def test_flat_int32_is_read_where_it_lies() -> None:
    flat = np.array(HELLO + CAT, np.int32)
    assert np.shares_memory(RaggedBatch(flat, [6, 4]).tokens, flat)
    assert RaggedBatch(flat, [6, 4]).struct.tokens == flat.ctypes.data
    matrix = np.array([CAT, CAT], np.int32)
    assert np.shares_memory(RaggedBatch(matrix).tokens, matrix)
    assert np.shares_memory(RaggedBatch([flat]).tokens, flat)
    lengths = np.array([6, 4], np.uintp)
    assert np.shares_memory(RaggedBatch(flat, lengths).lengths, lengths)


def test_logits_are_a_view_of_the_session_that_may_be_masked(session: attend.Session) -> None:
    session.encode([HELLO, CAT])
    assert not session.hidden_states()[0].flags.writeable
    logits = session.decode_step([1, 1])
    assert logits.shape == (2, 101) and logits.dtype == np.float32 and logits.flags.c_contiguous
    assert not logits.flags.owndata
    expected = session.decode_step(logits.argmax(1)).copy()
    session.encode([HELLO, CAT])
    logits = session.decode_step([1, 1])
    tokens = logits.argmax(1)
    logits[:] = -np.inf  # the numbers are the caller's: nothing that follows depends on them
    assert np.array_equal(session.decode_step(tokens), expected)
    rows = session.decode([[5, 6], [7]])
    assert [row.shape for row in rows] == [(2, 101), (1, 101)]
    assert rows[1].ctypes.data == rows[0].ctypes.data + 2 * 101 * 4  # one memory, cut
    assert not rows[0].flags.owndata


def test_lengths_count_and_memory(session: attend.Session) -> None:
    assert session.count == 0 and session.lengths == []
    session.encode([HELLO, CAT])
    assert session.count == 2 and session.lengths == [0, 0]
    session.decode_step([1, 1])
    session.decode([[5, 6], [7]])
    assert session.lengths == [3, 2]
    assert session.memory > 0
    session.select([1])
    assert session.count == 1 and session.lengths == [2]
    session.select([0, 0, 0])
    assert session.lengths == [2, 2, 2]
    session.select([])
    assert session.count == 0
    with pytest.raises(attend.InvalidStateError):
        session.decode_step([])


def test_decoding_at_once_is_decoding_step_by_step(session: attend.Session) -> None:
    session.encode([HELLO, CAT])
    together = [rows.copy() for rows in session.decode([[1, 65, 55], [1, 73]])]
    session.encode([HELLO])
    apart = [session.decode_step([token]).copy()[0] for token in (1, 65, 55)]
    assert np.array_equal(np.stack(apart), together[0])


def test_logits_of_all_of_the_last_or_of_no_token(session: attend.Session) -> None:
    tokens = [[1, 65, 55], [1, 73]]
    session.encode([HELLO, CAT])
    every = [rows.copy() for rows in session.decode(tokens)]
    session.encode([HELLO, CAT])
    last = session.decode(tokens, logits="last")
    assert last.shape == (2, 101) and all(np.array_equal(last[i], every[i][-1]) for i in range(2))
    session.encode([HELLO, CAT])
    assert session.decode(tokens, logits="none") is None and session.lengths == [3, 2]
    with pytest.raises(attend.InvalidArgumentError, match="logits: 'first' is not one of"):
        session.decode(tokens, logits="first")  # type: ignore[call-overload]
    assert session.lengths == [3, 2]


def test_a_sequence_without_tokens_waits(session: attend.Session) -> None:
    session.encode([HELLO, CAT])
    session.decode([[1], [1]])
    rows = session.decode([[], [73]])
    assert [row.shape for row in rows] == [(0, 101), (1, 101)] and session.lengths == [1, 2]
    last = session.decode([[65], []], logits="last").copy()
    assert np.isnan(last[1]).all() and not np.isnan(last[0]).any() and session.lengths == [2, 2]
    session.encode([HELLO])
    session.decode_step([1])
    assert np.array_equal(session.decode_step([65])[0], last[0])
    with pytest.raises(attend.InvalidArgumentError):
        session.decode([[]])


def test_added_sequences_come_after_the_live_ones(session: attend.Session) -> None:
    session.encode([HELLO])
    session.decode_step([1])
    session.add([CAT])
    assert session.lengths == [1, 0] and [len(rows) for rows in session.hidden_states()] == [4]
    session.decode([[], [1]])
    together = session.decode_step([65, 73]).copy()
    for row, (source, token) in enumerate([(HELLO, 65), (CAT, 73)]):
        session.encode([source])
        session.decode_step([1])
        assert np.array_equal(session.decode_step([token])[0], together[row])
    with pytest.raises(attend.InvalidArgumentError):
        session.add([[101]])
    assert session.count == 1


def test_what_was_truncated_was_never_read(session: attend.Session) -> None:
    session.encode([HELLO, CAT])
    expected = [rows[-1].copy() for rows in session.decode([[1, 65, 55], [1, 73]])]
    session.truncate(0, 1)
    session.truncate(np.int64(1), np.int64(1))
    assert session.lengths == [1, 1]
    found = session.decode([[65, 55], [73]], logits="last")
    assert np.array_equal(found, np.stack(expected))
    for index, length in ((2, 0), (0, 4), (-1, 0), (0, -1)):
        with pytest.raises(attend.InvalidArgumentError):
            session.truncate(index, length)


def test_selected_sequences_go_on_as_if_alone(session: attend.Session) -> None:
    session.encode([HELLO, CAT])
    session.decode_step([1, 1])
    session.select([1, 0])
    after = session.decode_step([73, 65]).copy()
    for row, (source, token) in enumerate([(CAT, 73), (HELLO, 65)]):
        session.encode([source])
        session.decode_step([1])
        assert np.array_equal(session.decode_step([token])[0], after[row])


def test_hidden_states_are_cut_by_sequence(session: attend.Session) -> None:
    with pytest.raises(attend.InvalidStateError):
        session.hidden_states()
    session.encode([HELLO, CAT])
    states = session.hidden_states()
    assert [state.shape for state in states] == [(6, 128), (4, 128)]
    kept = states[1].copy()
    session.encode([CAT])
    assert np.array_equal(session.hidden_states()[0], kept)
    session.decode_step([1])
    assert [state.shape for state in session.hidden_states()] == [(1, 128)]
    session.decode([[5, 6, 7]])
    assert [state.shape for state in session.hidden_states()] == [(3, 128)]
    session.select([0])
    with pytest.raises(attend.InvalidStateError):
        session.hidden_states()


def test_a_model_without_such_a_head_says_so(session: attend.Session) -> None:
    session.encode([HELLO])
    for ask in (session.logits, session.pooled):
        with pytest.raises(attend.UnsupportedError):
            ask()


def test_bad_batches_are_refused_and_leave_the_session_as_it_was(session: attend.Session) -> None:
    session.encode([HELLO])
    session.decode_step([1])
    bad: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception]]] = [
        (([],), {}, attend.InvalidArgumentError),
        (([HELLO, []],), {}, attend.InvalidArgumentError),
        (([HELLO, [101]],), {}, attend.InvalidArgumentError),
        (([[-1]],), {}, attend.InvalidArgumentError),
        (([[5] * 65],), {}, attend.InvalidArgumentError),
        (([[2**31]],), {}, attend.InvalidArgumentError),
        ((HELLO,), {}, TypeError),
        ((np.array(HELLO),), {}, attend.InvalidArgumentError),
        (([[0.5]],), {}, TypeError),
        (([["a"]],), {}, TypeError),
        (([[[1]]],), {}, attend.InvalidArgumentError),
        ((HELLO,), {"lengths": [5]}, attend.InvalidArgumentError),
        ((HELLO,), {"lengths": [-1, 7]}, attend.InvalidArgumentError),
        ((HELLO,), {"lengths": np.array([2**63, 2**63, 6], np.uint64)}, attend.InvalidArgumentError),
        (([HELLO],), {"token_types": [CAT]}, attend.InvalidArgumentError),
    ]
    for positional, named, kind in bad:
        with pytest.raises(kind):
            session.encode(*positional, **named)
        assert session.count == 1 and session.lengths == [1]
    with pytest.raises(attend.InvalidArgumentError, match="101"):
        session.encode([HELLO, [5, 101]])
    for tokens in ([], [1, 1], [101], [-1]):
        with pytest.raises(attend.InvalidArgumentError):
            session.decode_step(tokens)
    for parents in ([1], [-1], [2**40]):
        with pytest.raises(attend.InvalidArgumentError):
            session.select(parents)
    assert session.lengths == [1]
    assert session.decode_step([65]).shape == (1, 101)


def test_a_step_needs_an_encode_and_a_free_position(session: attend.Session) -> None:
    with pytest.raises(attend.InvalidStateError):
        session.decode_step([1])
    with pytest.raises(attend.InvalidStateError):
        session.select([])
    session.encode([CAT])
    for _ in range(64):
        session.decode_step([5])
    with pytest.raises(attend.InvalidStateError):
        session.decode_step([5])
    assert session.lengths == [64]


def handles() -> int:
    gc.collect()
    return sum(isinstance(thing, Owned) for thing in _all_objects())


def _all_objects() -> list[Any]:
    # Owned has slots only and is not tracked by the collector itself: reach it through what refers to it.
    seen: dict[int, Any] = {}
    for thing in gc.get_objects():
        for inner in gc.get_referents(thing):
            if isinstance(inner, Owned):
                seen[id(inner)] = inner
    return list(seen.values())


def test_views_outlive_a_closed_session_and_hold_its_memory(model: attend.Model) -> None:
    before = handles()
    session = model.session()
    session.encode([HELLO, CAT])
    logits = session.decode_step([1, 1])
    copy = logits.copy()
    row = logits[1]
    session.close()
    del session, logits
    assert handles() == before + 1  # the row holds the session
    other = model.session()  # whatever reuses freed memory would overwrite the row
    other.encode([HELLO] * 50)
    other.decode_step([1] * 50)
    other.close()
    assert np.array_equal(row, copy[1])
    del row, other
    assert handles() == before


def test_closing_twice_is_allowed_and_use_after_close_is_an_error(model: attend.Model) -> None:
    session = model.session()
    session.close()
    session.close()
    assert session.closed
    uses: list[Any] = [
        lambda: session.encode([HELLO]),
        lambda: session.decode_step([1]),
        lambda: session.decode([[1]]),
        lambda: session.select([]),
        lambda: session.hidden_states(),
        lambda: session.logits(),
        lambda: session.pooled(),
        lambda: session.count,
        lambda: session.lengths,
        lambda: session.memory,
        lambda: session.__enter__(),
    ]
    for use in uses:
        with pytest.raises(attend.InvalidStateError, match="closed"):
            use()


def test_a_session_keeps_its_model_alive() -> None:
    session = attend.Model(DEFAULT_MODEL).session()
    gc.collect()
    session.encode([HELLO])
    assert session.decode_step([1]).argmax() == 65


def test_more_threads_than_the_model_has_is_an_error(model: attend.Model) -> None:
    with pytest.raises(attend.InvalidArgumentError):
        model.session(threads=model.threads + 1)
    with pytest.raises(attend.InvalidArgumentError):
        model.session(threads=-1)
    with model.session(threads=1) as one, model.session() as all:
        assert np.array_equal(logits_of(one, [HELLO, CAT]), logits_of(all, [HELLO, CAT]))


def test_two_threads_on_one_session_one_of_them_hears_busy(session: attend.Session) -> None:
    large = np.tile(np.array(HELLO[:5] * 12, np.int32), (1000, 1))
    started = threading.Event()
    finished = threading.Event()

    def read() -> None:
        started.set()
        session.encode(large)
        finished.set()

    thread = threading.Thread(target=read)
    heard = []
    thread.start()
    started.wait()
    while not finished.is_set() and not heard:
        try:
            session.select([])  # as cheap a call as there is; before the other has begun it is merely too early
        except attend.BusyError as error:
            heard.append(error)
        except attend.InvalidStateError:
            pass
    thread.join()
    assert heard and heard[0].code == attend.ErrorCode.BUSY
    assert session.count == 1000  # the call that was under way came through


def test_sessions_of_one_model_run_side_by_side(model: attend.Model) -> None:
    expected = {}
    with model.session() as session:
        for source in (HELLO, CAT):
            expected[len(source)] = logits_of(session, [source])
    wrong = []

    def work(source: list[int]) -> None:
        with model.session(threads=1) as session:
            for _ in range(50):
                if not np.array_equal(logits_of(session, [source]), expected[len(source)]):
                    wrong.append(source)

    threads = [threading.Thread(target=work, args=(source,)) for source in (HELLO, CAT, HELLO, CAT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_closing_during_a_call_lets_the_call_end(model: attend.Model) -> None:
    session = model.session()
    large = np.tile(np.array(HELLO[:5] * 12, np.int32), (300, 1))
    thread = threading.Thread(target=lambda: session.encode(large))
    thread.start()
    session.close()
    thread.join()
    assert session.closed


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # that a process has threads is the point
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_after_a_fork_the_child_hears_an_error_and_makes_its_own_model(
    model: attend.Model, session: attend.Session
) -> None:
    session.encode([HELLO])
    child = os.fork()
    if child == 0:
        status = 1
        try:
            try:
                session.encode([HELLO])
            except attend.InvalidStateError:
                with attend.Model(DEFAULT_MODEL) as own, own.session() as mine:
                    mine.encode([HELLO])
                    status = 0 if mine.decode_step([1]).argmax() == 65 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert session.decode_step([1]).argmax() == 65
