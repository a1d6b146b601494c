"""Many requests to one model at once."""

from __future__ import annotations

import atexit
import ctypes
import queue
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

from . import _declarations as c
from ._arrays import number, utf8
from ._batches import RaggedBatch, Rules
from ._caches import KeyValueType, key_value_type_number
from ._library import Closable, Owned, check, create, library
from .errors import CancelledError, InvalidArgumentError, InvalidStateError
from .generation import Call, Generation, LogitsProcessor, OnToken, TokenEvent, is_one
from .tools import Tool, ToolChoice

if TYPE_CHECKING:
    from .model import Model

#: Seconds between two moments at which a wait lets Python hear signals.
_PAUSE = 0.05


@dataclass(frozen=True)
class SchedulerStats:
    """What a scheduler has done so far."""

    submitted: int  #: requests
    finished: int  #: those with a result, what was cancelled among them
    failed: int  #: those with an error
    waiting: int  #: at this moment
    running: int  #: at this moment, in the batch
    put_aside: int  #: how often a request was put aside for want of memory
    steps: int
    rows: int  #: sequences of all steps; by the steps, how full they were
    prompt_tokens: int  #: tokens of prompts that were read, again after requests were put aside
    tokens: int  #: other tokens that were read, drafts among them
    step_seconds: float  #: time of all steps
    mean_queue_seconds: float  #: from the submission until a request joined the batch
    longest_queue_seconds: float


class Scheduler(Closable):
    """Requests to one model, submitted at any time from any thread and generated side by side (continuous batching).

        with attend.Scheduler(model) as scheduler:
            requests = [scheduler.submit(text, max_new_tokens=50) for text in texts]
            answers = [request.result().text for request in requests]

    Requests join the batch and leave it between two steps; what is generated for one is what ``generate`` gives for it.
    The more urgent ones run first: priority makes a request more urgent, and so does waiting, so that everything has
    its turn.

    ``max_rows``: sequences that a step reads, beams and samples counted; 0: 64. ``max_cache_bytes``: the most bytes of
    keys and values of what runs; 0: no bound. Where they run out the least urgent request is put aside and computed
    again later, with the same result; with ``never_put_aside`` a request waits until there is room for all that it may
    come to. ``prompt_tokens_per_step``: tokens of prompts that a step reads beside the sequences that write, so that a
    long prompt does not stall them; 0: 512. ``priority_seconds``: the waiting that a unit of priority is worth.
    The others are those of ``Model.session``; with ``prefix_cache_bytes`` prompts that begin alike share what was read
    of them, and while one is read the others wait for it.

    Errors: InvalidArgumentError, UnsupportedError, OutOfMemoryError, InvalidStateError (after ``os.fork()``).
    """

    _noun = "scheduler"

    def __init__(
        self,
        model: Model,
        *,
        max_rows: SupportsIndex = 0,
        max_cache_bytes: SupportsIndex = 0,
        prompt_tokens_per_step: SupportsIndex = 0,
        priority_seconds: float = 1.0,
        never_put_aside: bool = False,
        threads: SupportsIndex = 0,
        beyond_positions: bool = False,
        prefix_cache_bytes: SupportsIndex = 0,
        key_value_type: KeyValueType | None = None,
    ) -> None:
        self._model = model
        self._rules = Rules(model._padding, model.token_type_count > 0)
        session = c.SessionOptions(
            threads=number(threads, "threads", bits=32),
            beyond_positions=bool(beyond_positions),
            prefix_cache_bytes=number(prefix_cache_bytes, "prefix_cache_bytes"),
            key_value_type=key_value_type_number(key_value_type),
        )
        options = c.SchedulerOptions(
            max_rows=number(max_rows, "max_rows"),
            max_cache_bytes=number(max_cache_bytes, "max_cache_bytes"),
            prompt_tokens_per_step=number(prompt_tokens_per_step, "prompt_tokens_per_step"),
            priority_seconds=float(priority_seconds),
            never_put_aside=bool(never_put_aside),
        )
        if priority_seconds == 0:
            raise InvalidArgumentError("priority_seconds: it is 0, and must be above")
        self._native = create(
            library.attend_scheduler_create,
            model._open(),
            ctypes.byref(session),
            ctypes.byref(options),
            free=library.attend_scheduler_free,
        )
        _open_ones.add(self)

    def submit(
        self,
        input: Any,
        *,
        priority: SupportsIndex = 0,
        stream: bool = False,
        on_token: OnToken | None = None,
        logits_processor: LogitsProcessor | None = None,
        assistant_model: Model | None = None,
        **options: Any,
    ) -> Request:
        """Takes a request, one text or sequence of ids, and returns at once.

        ``priority``: the higher, the sooner, from -32768 to 32767. ``stream``: whether the request can be iterated over
        for pieces of its text. ``on_token``, ``logits_processor``, ``assistant_model`` and the options are those of
        ``Session.generate``; functions run on threads of the library, may submit and cancel, and must not wait.
        ``on_token`` returning False ends the request; an exception of either comes out of ``Request.result``.
        ``max_time`` counts from here on.

        Errors: InvalidArgumentError (also for a request that needs more rows or bytes than there may be), TypeError,
        NotFoundError (a text without a tokenizer), UnsupportedError, OutOfMemoryError, InvalidStateError.
        """
        return Request(self, input, _priority(priority), stream, on_token, logits_processor, assistant_model, options)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Tool] | None = None,
        tool_choice: ToolChoice | None = None,
        **options: Any,
    ) -> Request:
        """Takes a conversation, which the chat template in the tokenizer's folder spells; else as ``submit``.

        ``tools`` and ``tool_choice`` are those of ``Model.chat``.
        """
        with self._model.tokenizer as tokenizer:
            prompt = tokenizer.encode_chat(messages, add_generation_prompt=True, tools=tools)
        return self.submit(prompt, tools=tools, tool_choice=tool_choice, **options)

    @property
    def stats(self) -> SchedulerStats:
        """What was done so far. Any thread may ask."""
        found = c.SchedulerStats()
        check(library.attend_scheduler_get_stats(self._open(), ctypes.byref(found)))
        return SchedulerStats(**{name: getattr(found, name) for name in SchedulerStats.__dataclass_fields__})

    def close(self) -> None:
        """Cancels what is not finished, and waits for the step under way. Closing twice is allowed.

        Requests stay: their results are what there was by then.
        """
        super().close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an attend.Scheduler cannot be copied or pickled: make another of the same model")

    def __repr__(self) -> str:
        if self.closed:
            return f"<attend.Scheduler of {self._model.family}, closed>"
        stats = self.stats
        return f"<attend.Scheduler of {self._model.family}, {stats.running} running, {stats.waiting} waiting>"


class Request:
    """A request that a scheduler has taken. Any thread may wait for it or cancel it.

    One that nobody refers to any more is cancelled.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        input: Any,
        priority: int,
        stream: bool,
        on_token: OnToken | None,
        logits_processor: LogitsProcessor | None,
        assistant_model: Model | None,
        options: Mapping[str, Any],
    ) -> None:
        self._found: Generation | None = None
        self._pieces: queue.SimpleQueue[str | None] | None = queue.SimpleQueue() if stream else None
        self._call = Call(options, _listener(on_token, self._pieces), logits_processor, assistant_model)
        struct = c.RequestOptions(generation=ctypes.pointer(self._call.struct), priority=priority)
        if self._pieces is not None:
            struct.on_done = c.DoneCallback(_ender(self._pieces))
        # The handle is freed before what its callbacks need.
        kept = (self._call, struct)
        arguments: tuple[Any, int]
        if isinstance(input, (str, bytes)):
            text = utf8(input, "input")
            function, arguments = library.attend_scheduler_submit_text, (text, len(text))
        else:
            if not is_one(input):
                raise TypeError(f"input: expected a text or the ids of one sequence, found {type(input).__name__}")
            batch = RaggedBatch([input], None, None, None, scheduler._rules)
            function, arguments = library.attend_scheduler_submit, (batch.tokens.ctypes.data, batch.tokens.size)
        self._native = create(
            function,
            scheduler._open(),
            *arguments,
            ctypes.byref(struct),
            free=library.attend_request_free,
            parent=kept,
        )

    def result(self, timeout: float | None = None) -> Generation:
        """What was generated, when it is finished. Ctrl-C is answered while this waits, and leaves the request running.

        What was cancelled, or had no more time, is what there was by then; its ``finish_reason`` says so. Errors: what
        the request failed of, or an exception of the user's functions; CancelledError for one that was cancelled before
        there was anything; TimeoutError after ``timeout`` seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while self._found is None:
            left = _PAUSE if end is None else min(_PAUSE, max(end - time.monotonic(), 0.0))
            handle = c.Handle()
            check_request(library.attend_request_wait(self._native, left, ctypes.byref(handle)), self._call)
            if handle.value is not None:
                self._found = self._call.generation(Owned(handle.value, library.attend_generation_free), 0)
            elif end is not None and time.monotonic() >= end:
                raise TimeoutError(f"the request is not finished after {timeout} seconds")
        if self._call.raised is not None:
            raise self._call.raised
        if not self._found.hypotheses:
            raise CancelledError("the request has ended before anything was generated")
        return self._found

    @property
    def done(self) -> bool:
        """Whether ``result`` would not wait."""
        handle = c.Handle()
        error = library.attend_request_wait(self._native, 0.0, ctypes.byref(handle))
        if error is not None:
            library.attend_error_free(error)
            return True
        if handle.value is None:
            return False
        library.attend_generation_free(handle)
        return True

    def cancel(self) -> None:
        """Ends the request as soon as it can be: between two steps. One that is finished stays as it is."""
        library.attend_request_cancel(self._native)

    def __iter__(self) -> Iterator[str]:
        """The text as it is written, piece by piece, of a request that was submitted with ``stream=True``; once."""
        pieces = self._pieces
        if pieces is None:
            raise InvalidStateError("the request was not submitted with stream=True")
        while True:
            piece = pieces.get()
            if piece is None:
                pieces.put(None)  # whoever else iterates is to end too
                self.result()  # which raises what the request failed of
                return
            yield piece

    def __reduce__(self) -> NoReturn:
        raise TypeError("an attend.Request cannot be copied or pickled: it is under way in this process")

    def __repr__(self) -> str:
        return f"<attend.Request, {'finished' if self.done else 'not finished'}>"


def check_request(error: int | None, call: Call) -> None:
    """``check``, with an exception of the user's functions in the place of what it led to."""
    try:
        check(error)
    except BaseException as problem:
        raise call.raised or problem from None


def _priority(value: SupportsIndex) -> int:
    result = value.__index__()
    if not -(2**31) <= result < 2**31:
        raise InvalidArgumentError(f"priority: {result} does not fit 32 bits")
    return result


def _listener(on_token: OnToken | None, pieces: queue.SimpleQueue[str | None] | None) -> OnToken | None:
    """What hears the tokens: the user's function, the queue of pieces, both or none. It refers to no request."""
    if pieces is None:
        return on_token

    def hear(event: TokenEvent) -> Any:
        if event.text:
            pieces.put(event.text)
        return on_token is None or on_token(event)

    return hear


def _ender(pieces: queue.SimpleQueue[str | None]) -> Any:
    """Ends a queue of pieces."""

    def end(_: Any) -> None:
        pieces.put(None)

    return end


#: Schedulers whose thread must not come into Python while it shuts down.
_open_ones: weakref.WeakSet[Scheduler] = weakref.WeakSet()


def _close_all() -> None:
    for scheduler in list(_open_ones):
        scheduler.close()


atexit.register(_close_all)

__all__ = ["Request", "Scheduler", "SchedulerStats"]
