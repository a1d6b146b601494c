"""From a prompt or a source to an answer: what ``Model.generate`` and its relatives give, and how they call."""

from __future__ import annotations

import ctypes
import math
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import _declarations as c
from ._arrays import Float32Array, Int32Array, Texts, copied, text_argument
from ._encodings import Encoding
from ._library import Owned, check, create, library, text
from ._options import spelled
from ._progress import Bar, Progress, streamed
from .errors import InvalidArgumentError, attach_finished
from .inputs import Input, InputBatch, batch_of, pictures
from .tools import Message, ToolCall

if TYPE_CHECKING:
    from .model import Model
    from .session import Session

FinishReason = Literal["end", "length", "stop", "grammar", "time", "cancelled"]

#: ``attend_finish_reason``
FINISH_REASONS: dict[int, FinishReason] = {
    10: "end",
    20: "length",
    30: "stop",
    40: "grammar",
    50: "time",
    60: "cancelled",
}


@dataclass(frozen=True)
class Alternative:
    """A token that might have stood at a place."""

    token: int
    log_probability: float


@dataclass(frozen=True)
class TokenEvent:
    """A token as it is chosen; what ``on_token`` is called with."""

    request: int  #: the place of the request in its list
    sequence: int  #: the sample of the request
    token: int
    text: str  #: the text that is certain by now: whole characters, often none
    log_probability: float  #: NaN unless ``output_scores`` or ``top_logprobs`` asks for it
    alternatives: tuple[Alternative, ...]  #: the most probable tokens of this place, with ``top_logprobs``
    finish_reason: FinishReason | None  #: of the last token


@dataclass(frozen=True)
class Hypothesis:
    """One sequence that was generated."""

    ids: Int32Array  #: what was generated, its end token included, ``[tokens]``
    prompt_ids: Int32Array  #: the prompt of a decoder, or the start token and a forced prefix
    text: str | None  #: ``ids`` as text without special tokens; None where the model has no tokenizer
    score: float | None  #: by which a beam search ranks; None where nothing is ranked
    log_probabilities: Float32Array  #: ``[tokens]``, NaN where they were not asked for
    finish_reason: FinishReason
    alternatives: tuple[tuple[Alternative, ...], ...] = ()  #: of each token, with ``top_logprobs``
    #: With ``return_attention`` a row for each token behind the start, of a forced prefix too: ``[tokens, source]``.
    attention: Float32Array | None = field(default=None, repr=False)
    message: Message | None = None  #: text and calls apart, where the call was given ``tools``

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants called; they are looked for where the call was given ``tools``."""
        return self.message.tool_calls if self.message else ()


@dataclass(frozen=True)
class Generation:
    """The answer to one request: its hypotheses, the best first. The attributes of the best are its own."""

    hypotheses: tuple[Hypothesis, ...]

    @property
    def text(self) -> str | None:
        return self.hypotheses[0].text

    @property
    def ids(self) -> Int32Array:
        return self.hypotheses[0].ids

    @property
    def score(self) -> float | None:
        return self.hypotheses[0].score

    @property
    def finish_reason(self) -> FinishReason:
        return self.hypotheses[0].finish_reason

    @property
    def message(self) -> Message | None:
        return self.hypotheses[0].message

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self.hypotheses[0].tool_calls

    def __len__(self) -> int:
        return len(self.hypotheses)

    def __getitem__(self, index: int) -> Hypothesis:
        return self.hypotheses[index]

    def __iter__(self) -> Iterator[Hypothesis]:
        return iter(self.hypotheses)

    def __str__(self) -> str:
        return self.text or ""


#: Hears tokens in their order; False ends the whole call.
OnToken = Callable[[TokenEvent], Any]
#: Changes the logits of one sequence, ``[vocabulary]``, in place; the ids are the prompt and what was generated.
LogitsProcessor = Callable[[Float32Array, Int32Array], None]


class Call:
    """The options of one call, as C takes them, and the exceptions of the user's functions."""

    def __init__(
        self,
        options: Mapping[str, Any],
        on_token: OnToken | None,
        logits_processor: LogitsProcessor | None,
        assistant: Model | None,
    ) -> None:
        self.raised: BaseException | None = None
        self._on_token, self._process = on_token, logits_processor
        self._has_tools = options.get("tools") is not None
        self.struct = c.GenerationOptions(config=spelled(options))
        if assistant is not None:
            self._assistant = _handle(assistant)  # kept alive through the call
            self.struct.assistant = self._assistant._as_parameter_
        if on_token is not None:
            self.struct.on_token = c.TokenCallback(self._token)
        if logits_processor is not None:
            self.struct.on_logits = c.LogitsCallback(self._logits)

    def _token(self, address: Any, _: Any) -> int:
        if self.raised is not None:
            return c.VERDICT["end_all"]
        try:
            assert self._on_token is not None
            return c.VERDICT["go_on"] if self._on_token(_event(address.contents)) is not False else c.VERDICT["end_all"]
        except BaseException as problem:
            self.raised = problem
            return c.VERDICT["end_all"]

    def _logits(self, scores: Any, vocabulary: int, ids: Any, count: int, _: Any) -> bool:
        if self.raised is not None:
            return False
        try:
            assert self._process is not None
            floats = np.ctypeslib.as_array(ctypes.cast(scores, ctypes.POINTER(ctypes.c_float)), (vocabulary,))
            tokens = np.ctypeslib.as_array(ctypes.cast(ids, ctypes.POINTER(ctypes.c_int32)), (count,))
            self._process(floats, tokens)
            return True
        except BaseException as problem:
            self.raised = problem
            return False

    def run(
        self, session: Session, function: Any, arguments: Sequence[Any], progress: Progress | None
    ) -> list[Generation]:
        """Makes the call. An exception of the user's functions comes out in place of what it led to."""
        handle = c.Handle()

        def call(listener: Progress | None) -> None:
            session._watch.call(
                function, *arguments, ctypes.byref(self.struct), ctypes.byref(handle), progress=listener
            )

        try:
            if self.struct.on_token or self.struct.on_logits:
                self._apart(call, progress or session._watch.every)
            else:
                call(progress)
        except BaseException as problem:  # an interrupt from the keyboard too
            problem = self.raised or problem
            if handle.value is not None:
                found = self._found(handle.value)
                attach_finished(problem, [each if _is_whole(each) else None for each in found])
            raise problem from None
        assert handle.value is not None
        found = self._found(handle.value)
        if self.raised is not None:
            raise self.raised
        return found

    def _found(self, address: int) -> list[Generation]:
        """What was generated for each request, which takes the handle at ``address``."""
        native = Owned(address, library.attend_generation_free)
        return [self.generation(native, request) for request in range(library.attend_generation_count(native))]

    def generation(self, native: Owned, request: int) -> Generation:
        """What was generated for a request, of a handle with the results of one or several."""
        count = library.attend_generation_hypothesis_count(native, request)
        return Generation(tuple(_hypothesis(native, request, index, self._has_tools) for index in range(count)))

    def _apart(self, call: Callable[[Progress], None], progress: Progress | None) -> None:
        """Makes a call that runs the user's functions on a thread of its own, which no signal reaches.

        On the main thread a signal that waits is raised at the very beginning of a function that C calls, where no
        ``try`` of its own could catch it, and ctypes would drop it.
        """
        outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

        def goes_on(fraction: float) -> bool:
            return self.raised is None and (progress is None or progress(fraction) is not False)

        def work() -> None:
            try:
                call(goes_on)
                outcomes.put(None)
            except BaseException as problem:
                outcomes.put(problem)

        threading.Thread(target=work, name="attend generate", daemon=True).start()
        try:
            problem = outcomes.get()
        except BaseException as interrupt:
            self.raised = interrupt
            outcomes.get()  # it hears of that with its next token, or a moment later
            raise
        if problem is not None:
            raise problem


def generate(
    session: Session,
    inputs: Any,
    options: Mapping[str, Any],
    on_token: OnToken | None,
    logits_processor: LogitsProcessor | None,
    assistant: Model | None,
    progress: Progress | bool | None,
    images: Any = None,
) -> Generation | list[Generation]:
    """``Session.generate``"""
    one = is_one(inputs)
    if images is not None:
        inputs, images = _with_images(session, inputs, images, one)
    if one:
        inputs = [inputs]
    elif not hasattr(inputs, "__array__") and not isinstance(inputs, Mapping):
        inputs = list(inputs)
        if not inputs:
            return []
    call = Call(options, on_token, logits_processor, assistant)
    with Bar(progress, len(inputs)) as listener:
        if isinstance(inputs, list) and isinstance(inputs[0], (str, bytes)):
            texts = Texts(inputs)
            arguments: tuple[Any, ...] = (session._open(), texts.texts, texts.lengths.ctypes.data, texts.lengths.size)
            found = call.run(session, library.attend_generate_texts, arguments, listener)
        else:
            batch = batch_of(session._rules, inputs, images=images)
            arguments = (session._open(), ctypes.byref(batch.struct))
            found = call.run(session, library.attend_generate, arguments, listener)
    session._lengths = None
    return found[0] if one else found


def stream(session: Session, prompt: Any, options: Mapping[str, Any], assistant: Model | None) -> Iterator[str]:
    """The text of one answer, piece by piece, computed on a thread of its own while the caller reads.

    A stream that is closed, or no longer referred to, ends the computing.
    """

    def work(hear: Callable[[str | None], bool]) -> None:
        generate(session, prompt, options, lambda event: hear(event.text or None), None, assistant, None)

    return streamed("attend stream", work)


def describe(
    session: Session, seen: Any, prompt: str | None, options: Mapping[str, Any], progress: Progress | bool | None
) -> str | None | list[str | None]:
    """``Session.describe``"""
    one = not isinstance(seen, (list, tuple))
    given = pictures(seen)
    if not given:
        return []
    batch = InputBatch(given)
    spoken = text_argument(prompt, "prompt")
    with Bar(progress, len(given)) as listener:
        arguments = (session._open(), batch.struct.inputs, batch.struct.count, spoken)
        found = Call(options, None, None, None).run(session, library.attend_describe, arguments, listener)
    session._lengths = None
    texts = [answer.text for answer in found]
    return texts[0] if one else texts


def _handle(model: Any) -> Owned:
    if not hasattr(model, "_open") or not hasattr(model, "generation_config"):
        raise TypeError(f"assistant_model: expected a Model, found {type(model).__name__}")
    handle: Owned = model._open()
    return handle


def _with_images(session: Session, inputs: Any, images: Any, one: bool) -> tuple[Any, list[Input]]:
    """Prompts as ids, and the pictures of all of them in their order."""
    prompts, lists = ([inputs], [images]) if one else (list(inputs), list(images))
    if len(prompts) != len(lists):
        raise InvalidArgumentError(f"images: {len(lists)} lists of pictures for {len(prompts)} prompts")
    if any(isinstance(prompt, (str, bytes)) for prompt in prompts):
        with session._model.tokenizer as tokenizer:
            prompts = [tokenizer.encode(prompt) for prompt in prompts]
    return (prompts[0] if one else prompts), [picture for own in lists for picture in pictures(own)]


def is_one(inputs: Any) -> bool:
    """Whether this is one text, or the ids of one sequence, not a list of several."""
    if isinstance(inputs, (str, bytes, Encoding, Input)):
        return True
    if isinstance(inputs, np.ndarray):
        return inputs.ndim == 1 and inputs.dtype != object
    return isinstance(inputs, Sequence) and len(inputs) > 0 and isinstance(inputs[0], (int, np.integer))


def _event(event: c.TokenEvent) -> TokenEvent:
    return TokenEvent(
        event.request,
        event.sequence,
        event.token,
        ctypes.string_at(event.text, event.text_length).decode("utf-8", "replace") if event.text_length else "",
        event.log_probability,
        alternatives(event.alternatives, event.alternative_count),
        FINISH_REASONS.get(event.finish_reason),
    )


def alternatives(address: Any, count: int) -> tuple[Alternative, ...]:
    """A copy of ``attend_token_alternative[count]``."""
    return tuple(Alternative(address[i].token, address[i].log_probability) for i in range(count))


def _is_whole(generation: Generation) -> bool:
    """Whether a request was finished, not ended with its call."""
    return len(generation) > 0 and all(each.finish_reason != "cancelled" for each in generation)


def _message(native: Owned, request: int, index: int) -> Message:
    found = create(library.attend_generation_message, native, request, index, free=library.attend_text_free)
    return Message.parse(text(library.attend_text_bytes, found) or "{}")


def _hypothesis(native: Owned, request: int, index: int, has_tools: bool) -> Hypothesis:
    found = c.Hypothesis()
    check(library.attend_generation_get_hypothesis(native, request, index, ctypes.byref(found)))
    ids = copied(found.ids, (found.count,), np.int32)
    generated = found.count - found.prompt_count
    width = found.alternative_count
    others = alternatives(found.alternatives, generated * width) if found.alternatives else ()
    attention = None
    if found.attention_count:
        attention = copied(found.attention, (found.attention_count,), np.float32).reshape(found.count - 1, -1)
    return Hypothesis(
        ids=ids[found.prompt_count :],
        prompt_ids=ids[: found.prompt_count],
        text=None if not found.text else ctypes.string_at(found.text, found.text_length).decode("utf-8", "replace"),
        score=None if math.isnan(found.score) else found.score,
        log_probabilities=copied(found.log_probabilities, (generated,), np.float32),
        finish_reason=FINISH_REASONS[found.finish_reason],
        alternatives=tuple(others[i : i + width] for i in range(0, generated * width, width)) if width else (),
        attention=attention,
        message=_message(native, request, index) if has_tools else None,
    )


__all__ = ["Alternative", "Generation", "Hypothesis", "TokenEvent"]
