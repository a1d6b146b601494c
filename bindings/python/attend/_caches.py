"""What a session keeps beyond one text: beginnings of prompts, and itself."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Literal, SupportsIndex

from . import _declarations as c
from ._arrays import Ids, Path, SizeArray, ids, number, path_bytes, sizes
from ._library import Closable, check, create, library, size, sized
from .errors import InvalidArgumentError


@dataclass(frozen=True)
class PrefixCache:
    """The use that a session made of kept beginnings of prompts."""

    lookups: int  #: prompts that asked for their beginning
    hits: int  #: those that found some of it
    tokens: int  #: tokens that were found, and not read again
    bytes: int  #: of what is kept at this moment; live sequences may share it


#: The types in which keys and values can be kept.
KeyValueType = Literal["float32", "bfloat16", "int8", "int4"]


def key_value_type_number(name: str | None) -> int:
    """``attend_key_value_type`` by its name."""
    if name is None:
        return c.KEY_VALUES["default"]
    if name not in c.KEY_VALUES:
        raise InvalidArgumentError(f"key_value_type: {name!r} is not one of {', '.join(c.KEY_VALUES)}")
    return c.KEY_VALUES[name]


class Caches(Closable):
    """The methods of ``Session`` about its caches."""

    def _forget(self) -> None:
        """Nothing that was computed before is to be read any more."""
        raise NotImplementedError

    def add_prompt(self, tokens: Ids) -> int:
        """Adds a sequence that begins with the longest kept beginning of the prompt ``tokens``, behind the live ones.

        Returns how many of the tokens it has read thereby: always fewer than all, and 0 where none is kept. ``decode``
        is to be given the others, in as many calls as one likes; the results have the same bits as those of a prompt
        that is read whole. Errors, each of which leaves the session as it was: UnsupportedError (the model is no
        decoder), TypeError, BusyError, OutOfMemoryError.
        """
        native, array = self._open(), ids(tokens)
        found = size(library.attend_session_add_prompt, native, array.ctypes.data, array.size)
        self._forget()
        return found

    def keep_prefix(self, index: SupportsIndex, tokens: Ids) -> None:
        """Keeps the beginning of live sequence ``index``, for prompts that begin alike; see ``add_prompt``.

        ``tokens`` are the first ones that it has read, which is not checked. They are kept in pages of 32 tokens, a
        last page with fewer where at least 8 of them are new, and shared to the token by all who begin with them;
        beyond the session's ``prefix_cache_bytes`` those go that were used longest
        ago. Errors: InvalidArgumentError (no such sequence, one that has read fewer tokens), InvalidStateError (no
        sequence is live), BusyError, OutOfMemoryError.
        """
        native, array = self._open(), ids(tokens)
        check(library.attend_session_keep_prefix(native, number(index, "index"), array.ctypes.data, array.size))

    @property
    def prefix_cache(self) -> PrefixCache:
        """The use that was made of kept beginnings; all 0 in a session that keeps none."""
        stats = c.PrefixCacheStats()
        check(library.attend_session_prefix_cache_stats(self._open(), ctypes.byref(stats)))
        return PrefixCache(stats.lookups, stats.hits, stats.tokens, stats.bytes)

    def clear_prefix_cache(self) -> None:
        """Forgets all kept beginnings; sequences that begin with them stay."""
        check(library.attend_session_prefix_cache_clear(self._open()))

    def save(self, indices: Ids | None = None) -> bytes:
        """The live sequences ``indices``, by default all, as bytes from which ``restore`` makes them again.

        What the decoder has read of each and, of an encoder-decoder, the source. Errors: InvalidArgumentError,
        InvalidStateError (no sequence is live), UnsupportedError (the model is an encoder), BusyError,
        OutOfMemoryError.
        """
        native, array = self._open(), _indices(indices)
        result = create(library.attend_session_save, native, *_span(array), free=library.attend_text_free)
        found, length = sized(library.attend_text_bytes, result)
        return ctypes.string_at(found or 0, length)

    def save_file(self, path: Path, indices: Ids | None = None) -> None:
        """The same to a file, which gets its name when it is whole and then takes the place of what had it.

        Errors besides: NotFoundError (the folder), InputOutputError.
        """
        native, array = self._open(), _indices(indices)
        check(library.attend_session_save_file(native, *_span(array), path_bytes(path)))

    def restore(self, saved: bytes) -> None:
        """Adds sequences that were saved behind the live ones: they go on with the same bits, in whatever process.

        The session must be of the same checkpoint, ``compute`` and ``key_value_type``. Errors, each of which leaves the
        live sequences as they were: InvalidArgumentError (saved of another model), InvalidFileError (cut, damaged, or
        no saved session), BusyError, OutOfMemoryError.
        """
        check(library.attend_session_restore(self._open(), saved, len(saved)))
        self._forget()

    def restore_file(self, path: Path) -> None:
        """The same from a file. Errors besides: NotFoundError, InputOutputError."""
        check(library.attend_session_restore_file(self._open(), path_bytes(path)))
        self._forget()


def _indices(indices: Ids | None) -> SizeArray | None:
    return None if indices is None else sizes(indices, "indices")


def _span(array: SizeArray | None) -> tuple[int | None, int]:
    """Address and length of an array that its owner keeps alive; NULL stands for all live sequences."""
    return (None, 0) if array is None else (array.ctypes.data, array.size)
