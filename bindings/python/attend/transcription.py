"""From sounds to text: what ``Model.transcribe`` and its relatives give, and how they call."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _declarations as c
from . import _sound_declarations as s
from ._arrays import Float64Array, Int32Array, copied
from ._library import Owned, check, create, library, text
from ._options import spelled
from ._progress import Bar, Progress, streamed
from .errors import InvalidArgumentError, attach_finished
from .inputs import Input, InputBatch, recording

if TYPE_CHECKING:
    from .session import Session


@dataclass(frozen=True)
class Word:
    """A word or a character. Words of a Whisper have the spaces before them and the punctuation around them."""

    word: str
    start: float  #: seconds
    end: float


@dataclass(frozen=True)
class Segment:
    """A part of what is said. Of a Whisper's window of 30 s it tells how that was decoded."""

    start: float  #: seconds from the beginning of the recording
    end: float
    text: str | None  #: None where the model has no tokenizer
    tokens: Int32Array  #: timestamps among them, without an end token; with CTC the symbols
    words: tuple[Word, ...] = ()  #: with ``return_timestamps="word"`` or ``"char"``
    characters: tuple[Word, ...] = ()  #: of a model with CTC, with ``return_timestamps="char"``
    #: seconds, of each token, where asked for; with CTC always
    token_timestamps: Float64Array | None = field(default=None, repr=False)
    window_start: float = 0  #: seconds
    temperature: float = 0
    #: the mean over the tokens of the window; of a search with CTC that of the text, divided by its frames
    avg_logprob: float = float("nan")
    compression_ratio: float = float("nan")  #: NaN without ``compression_ratio_threshold``
    no_speech_prob: float = float("nan")  #: NaN without ``no_speech_threshold``
    recording: int = 0  #: the place of its recording in the list of the call


@dataclass(frozen=True)
class Transcription:
    """What is said in a recording."""

    segments: tuple[Segment, ...]
    language: str | None  #: its code, "en"; None where the model knows one language
    text: str | None  #: of all segments; None where the model has no tokenizer
    _written: Any = field(default=None, repr=False, compare=False)  # by format, or the library's own transcription

    @property
    def words(self) -> tuple[Word, ...]:
        """Those of all segments, with ``return_timestamps="word"`` or ``"char"``."""
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def characters(self) -> tuple[Word, ...]:
        """Those of all segments, of a model with CTC and with ``return_timestamps="char"``."""
        return tuple(character for segment in self.segments for character in segment.characters)

    def srt(self, *, words: bool = False) -> str:
        """Subtitles in the format of SubRip; with ``words`` each word is one, where there are any."""
        return self._as("srt", words)

    def vtt(self, *, words: bool = False) -> str:
        """Subtitles in the format of WebVTT; with ``words`` each word is one, where there are any."""
        return self._as("vtt", words)

    def json(self) -> str:
        """An object with ``segments``, their words and characters among them, ``text`` and ``language``, as Whisper's
        writer has."""
        return self._as("json", False)

    def save(self, path: str | os.PathLike[str], *, words: bool = False) -> None:
        """Writes a file in the format that the end of its name says: .srt, .vtt, .json or .txt, the text alone."""
        ending = os.path.splitext(os.fspath(path))[1].lower()
        if ending == ".txt":
            text = str(self)
        elif ending[1:] in s.FORMATS:
            text = self._as(ending[1:], words)
        else:
            raise InvalidArgumentError(f"path: {os.fspath(path)!r} ends with none of .srt, .vtt, .json, .txt")
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)

    def _as(self, format: str, words: bool) -> str:
        if isinstance(self._written, dict):
            return str(self._written[format, bool(words)])
        arguments = (*self._written, s.FORMATS[format], bool(words))
        found = create(library.attend_transcription_format, *arguments, free=library.attend_text_free)
        return text(library.attend_text_bytes, found) or ""

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process has no transcription of the library's, and writes none anew.
        state = dict(self.__dict__)
        if self.text is not None:
            state["_written"] = {(name, words): self._as(name, words) for name in s.FORMATS for words in (False, True)}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

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
    struct = s.TranscribeOptions(config=config(options))
    if hear is not None:
        struct.on_segment = s.SegmentCallback(lambda segment, _: hear(_segment(segment.contents)) is not False)
    with Bar(progress, 100) as listener:
        found = _run(session, library.attend_transcribe, given, (ctypes.byref(struct),), listener)
    return found[0] if one else found


def config(options: Mapping[str, Any]) -> bytes | None:
    """Options as JSON; that of a language model is a path."""
    model = options.get("language_model")
    return spelled(options if model is None else {**options, "language_model": os.fsdecode(model)})


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
            attach_finished(problem, found(handle.value))
        raise
    finally:
        session._lengths = None
    assert handle.value is not None
    return found(handle.value)


def found(handle: int) -> list[Transcription]:
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
        _written=(native, recording),
    )


def _text(start: int | None, length: int) -> str:
    return ctypes.string_at(start, length).decode("utf-8", "replace") if start and length else ""


def _words(first: Any, count: int) -> tuple[Word, ...]:
    return tuple(Word(_text(word.text, word.text_length), word.start, word.end) for word in first[:count])


def _segment(struct: s.Segment) -> Segment:
    count = struct.count
    return Segment(
        start=struct.start,
        end=struct.end,
        text=None if struct.text is None else _text(struct.text, struct.text_length),
        tokens=copied(struct.ids, (count,), np.int32),
        words=_words(struct.words, struct.word_count),
        characters=_words(struct.characters, struct.character_count),
        token_timestamps=copied(struct.times, (count,), np.float64) if struct.times and count else None,
        window_start=struct.window_start,
        temperature=struct.temperature,
        avg_logprob=struct.log_probability,
        compression_ratio=struct.compression_ratio,
        no_speech_prob=struct.no_speech_probability,
        recording=struct.recording,
    )


__all__ = ["Segment", "Transcription", "Word"]
