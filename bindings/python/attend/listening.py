"""Speech while it is spoken: what ``Model.listen`` gives."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex

from . import _declarations as c
from . import _sound_declarations as s
from ._arrays import number
from ._library import Closable, create, library
from .errors import attach_finished
from .inputs import Sound
from .transcription import Segment, config, found

if TYPE_CHECKING:
    from .session import Session


class SpeechStream(Closable):
    """What somebody says while he says it. ``Model.listen`` and ``Session.listen`` make one.

        with model.listen(16000, language="en") as stream:
            for segment in stream.hear(pieces):  # of a microphone, as they come
                print(segment.start, segment.text)

    Segments do not depend on the sizes of the pieces, and memory is that of a window. One thread at a time.
    """

    _noun = "stream"

    def __init__(self, session: Session, rate: SupportsIndex, options: Mapping[str, Any]) -> None:
        """The arguments are those of ``Session.listen``."""
        self._session = session
        #: Samples of a second.
        self.rate = number(rate, "rate", bits=32)
        struct = s.TranscribeOptions(config=config(options))
        arguments = (session._open(), self.rate, ctypes.byref(struct))
        self._native = create(library.attend_stream_create, *arguments, free=library.attend_stream_free)

    def feed(self, samples: Any) -> tuple[Segment, ...]:
        """The segments that a piece settles, perhaps none: ``[samples]`` or ``[samples, channels]``, float or int16.

        Errors: InvalidArgumentError, TypeError; CancelledError and OutOfMemoryError, after which the stream is over;
        InvalidStateError (it is over), BusyError. An exception that ends a call under way, Ctrl-C's too, carries the
        segments that there were by then: ``error.finished``.
        """
        piece = Sound(samples, sampling_rate=self.rate)
        return self._call(library.attend_stream_feed, ctypes.byref(piece._struct))

    def finish(self) -> tuple[Segment, ...]:
        """The segments that were not settled, now that the speech has ended. Errors as of ``feed``."""
        return self._call(library.attend_stream_finish)

    def hear(self, pieces: Iterable[Any]) -> Iterator[Segment]:
        """The segments of all ``pieces`` as they are settled, and of the end behind them."""
        for piece in pieces:
            yield from self.feed(piece)
        yield from self.finish()

    def _call(self, function: Any, *arguments: Any) -> tuple[Segment, ...]:
        handle = c.Handle()
        try:
            self._session._watch.call(function, self._open(), *arguments, ctypes.byref(handle))
        except BaseException as problem:  # an interrupt from the keyboard too
            if handle.value is not None:
                attach_finished(problem, list(found(handle.value)[0].segments))
            raise
        finally:
            self._session._lengths = None
        assert handle.value is not None
        return found(handle.value)[0].segments


__all__ = ["SpeechStream"]
