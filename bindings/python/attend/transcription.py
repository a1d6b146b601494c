"""From sounds to text: what ``Model.transcribe`` and its relatives give, and how they call."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _declarations as c
from . import _sound_declarations as s
from ._arrays import Float64Array, Int32Array
from ._library import Owned, check, library
from ._options import spelled
from ._progress import Bar, Progress, streamed
from .errors import attach_finished
from .inputs import Input, InputBatch, recording

if TYPE_CHECKING:
    from .session import Session


@dataclass(frozen=True)
class Word:
    """A word, with the spaces before it and the punctuation around it."""

    word: str
    start: float  #: seconds
    end: float


@dataclass(frozen=True)
class Segment:
    """A part of what is said. Of its window of 30 s it tells how that was decoded."""

    start: float  #: seconds from the beginning of the recording
    end: float
    text: str | None  #: None where the model has no tokenizer
    tokens: Int32Array  #: timestamps among them, without an end token
    words: tuple[Word, ...] = ()  #: with ``return_timestamps="word"``
    token_timestamps: Float64Array | None = field(default=None, repr=False)  #: seconds, of each token, where asked for
    window_start: float = 0  #: seconds
    temperature: float = 0
    avg_logprob: float = float("nan")  #: the mean over the tokens of the window
    compression_ratio: float = float("nan")  #: NaN without ``compression_ratio_threshold``
    no_speech_prob: float = float("nan")  #: NaN without ``no_speech_threshold``
    recording: int = 0  #: the place of its recording in the list of the call


@dataclass(frozen=True)
class Transcription:
    """What is said in a recording."""

    segments: tuple[Segment, ...]
    language: str | None  #: its code, "en"; None where the model knows one language
    text: str | None  #: of all segments; None where the model has no tokenizer

    @property
    def words(self) -> tuple[Word, ...]:
        """Those of all segments, with ``return_timestamps="word"``."""
        return tuple(word for segment in self.segments for word in segment.words)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    def __len__(self) -> int:
        return len(self.segments)

    def __str__(self) -> str:
        return self.text or ""


def _recordings(sounds: Sequence[Any], rate: Any) -> InputBatch:
    """The recordings of a call: each a ``Sound`` or what one is made of, arrays at ``rate``."""
    return InputBatch([sound if isinstance(sound, Input) else recording(sound, rate) for sound in sounds])


def _is_one(sounds: Any) -> bool:
    return not isinstance(sounds, (list, tuple))


def transcribe(
    session: Session,
    sounds: Any,
    options: Mapping[str, Any],
    rate: Any,
    progress: Progress | bool | None,
    hear: Any = None,
) -> Transcription | list[Transcription]:
    """``Session.transcribe``; ``hear`` is called with each segment, and ends the call with False."""
    one = _is_one(sounds)
    if not one and not len(sounds):
        return []
    given = _recordings([sounds] if one else sounds, rate)
    struct = s.TranscribeOptions(config=spelled(options))
    if hear is not None:
        struct.on_segment = s.SegmentCallback(lambda segment, _: hear(_segment(segment.contents)) is not False)
    with Bar(progress, 100) as listener:
        found = _run(session, library.attend_transcribe, given, (ctypes.byref(struct),), listener)
    return found[0] if one else found


def detect_language(session: Session, sounds: Any, rate: Any) -> Any:
    """``Session.detect_language``"""
    one = _is_one(sounds)
    if not one and not len(sounds):
        return []
    given = _recordings([sounds] if one else sounds, rate)
    found = [each.language for each in _run(session, library.attend_detect_languages, given, (), None)]
    return found[0] if one else found


def stream(session: Session, sound: Any, options: Mapping[str, Any], rate: Any) -> Iterator[Segment]:
    """The segments of a recording as they come, computed on a thread of its own while the caller reads."""

    def work(hear: Callable[[Segment | None], bool]) -> None:
        transcribe(session, sound, options, rate, None, hear)

    return streamed("attend transcribe", work)


def _run(
    session: Session, function: Any, sounds: InputBatch, options: tuple[Any, ...], progress: Progress | None
) -> list[Transcription]:
    """Makes a call. What there is where it fails goes with the exception."""
    handle = c.Handle()
    arguments = (session._open(), sounds.struct.inputs, sounds.struct.count, *options, ctypes.byref(handle))
    try:
        session._watch.call(function, *arguments, progress=progress)
    except BaseException as problem:  # an interrupt from the keyboard too
        if handle.value is not None:
            attach_finished(problem, _found(handle.value))
        raise
    finally:
        session._lengths = None
    assert handle.value is not None
    return _found(handle.value)


def _found(handle: int) -> list[Transcription]:
    """What a call gave, which takes the handle."""
    native = Owned(handle, library.attend_transcription_free)
    return [_transcription(native, recording) for recording in range(library.attend_transcription_count(native))]


def _transcription(native: Owned, recording: int) -> Transcription:
    segments = []
    for index in range(library.attend_transcription_segment_count(native, recording)):
        struct = s.Segment()
        check(library.attend_transcription_get_segment(native, recording, index, ctypes.byref(struct)))
        segments.append(_segment(struct))
    size = ctypes.c_size_t()
    start = library.attend_transcription_text(native, recording, ctypes.byref(size))
    language = library.attend_transcription_language(native, recording)
    return Transcription(
        segments=tuple(segments),
        language=None if language is None else language.decode("utf-8", "replace"),
        text=None if start is None else _text(start, size.value),
    )


def _text(start: int | None, length: int) -> str:
    return ctypes.string_at(start, length).decode("utf-8", "replace") if start and length else ""


def _segment(struct: s.Segment) -> Segment:
    count = struct.count
    words = tuple(
        Word(_text(word.text, word.text_length), word.start, word.end) for word in struct.words[: struct.word_count]
    )
    return Segment(
        start=struct.start,
        end=struct.end,
        text=None if struct.text is None else _text(struct.text, struct.text_length),
        tokens=np.ctypeslib.as_array(struct.ids, (count,)).copy() if count else np.zeros(0, np.int32),
        words=words,
        token_timestamps=np.ctypeslib.as_array(struct.times, (count,)).copy() if struct.times and count else None,
        window_start=struct.window_start,
        temperature=struct.temperature,
        avg_logprob=struct.log_probability,
        compression_ratio=struct.compression_ratio,
        no_speech_prob=struct.no_speech_probability,
        recording=struct.recording,
    )


__all__ = ["Segment", "Transcription", "Word"]
