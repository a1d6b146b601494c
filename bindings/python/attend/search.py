"""Which of many vectors are nearest to a query: exact semantic search over what ``Model.embed`` gives."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from . import _declarations as c
from . import _task_declarations as t
from ._arrays import Float32Array, Path, SupportsArray, address, number, path_bytes, text_argument
from ._library import Closable, check, create, library
from .errors import InvalidArgumentError

#: Queries of a call: between calls Ctrl-C is heard.
_AT_ONCE = 64


class Hits(NamedTuple):
    """What a search found, ``[queries, top_k]`` each, the best first."""

    #: Of equal scores the lower number is first; -1 where there are fewer vectors.
    numbers: npt.NDArray[np.int64]
    scores: Float32Array


class SearchIndex(Closable):
    """Vectors that can be looked for: ``index.add(model.embed(texts)); index.search(model.embed(["..."]), 10)``.

    ``width``: numbers of a vector, at most 65,536. ``type``: ``"float32"``, scores are products with the vectors as
    they were given (5 bytes a number), or ``"int8"``, with what 8 bits leave of them (1 byte). ``normalize``: vectors
    and queries are brought to length 1, and scores are cosines. ``threads``: of a search; 0: one for each processor.

    Searches are exact: all vectors are read in 8 bits, in which bounds of every product are known, and those that may
    be among the best are computed from the vectors themselves. Any number of threads may search at once; nobody may
    search while vectors are added. ``save`` writes an index to a file, which ``SearchIndex.open`` maps.

    Errors: InvalidArgumentError (vectors of another width, not finite or, without ``normalize``, with a largest number
    that is not between 2**-100 and 2**100), UnsupportedError, OutOfMemoryError.
    """

    _noun = "index"

    def __init__(
        self,
        width: SupportsIndex,
        *,
        type: str = "float32",
        normalize: bool = False,
        threads: SupportsIndex = 0,
        kernels: str | None = None,
    ) -> None:
        if type not in ("float32", "int8"):
            raise InvalidArgumentError(f"type: {type!r} is neither float32 nor int8")
        options = _options(threads, kernels, type=c.COMPUTE[type], normalize=bool(normalize))
        self._native = create(
            library.attend_search_index_create,
            number(width, "width"),
            ctypes.byref(options),
            free=library.attend_search_index_free,
        )

    @classmethod
    def open(cls, path: Path, *, threads: SupportsIndex = 0, kernels: str | None = None) -> SearchIndex:
        """An index that ``save`` wrote. Vectors in float32 stay in the file, which must not change meanwhile.

        Errors: NotFoundError, InputOutputError, InvalidFileError.
        """
        index = cls.__new__(cls)
        options = _options(threads, kernels)
        index._native = create(
            library.attend_search_index_open,
            path_bytes(path),
            ctypes.byref(options),
            free=library.attend_search_index_free,
        )
        return index

    @property
    def width(self) -> int:
        """Numbers of a vector."""
        return int(library.attend_search_index_width(self._open()))

    @property
    def type(self) -> str:
        """``"float32"`` or ``"int8"``."""
        return {number: name for name, number in c.COMPUTE.items()}[library.attend_search_index_type(self._open())]

    @property
    def nbytes(self) -> int:
        """The bytes that the vectors take, in memory or in the file."""
        return int(library.attend_search_index_bytes(self._open()))

    def __len__(self) -> int:
        return int(library.attend_search_index_count(self._open()))

    def add(self, vectors: SupportsArray | Any) -> None:
        """Adds vectors, ``[count, width]``, which get the next numbers, from 0 on."""
        rows = self._rows(vectors, "vectors")
        if len(rows):
            check(library.attend_search_index_add(self._open(), address(rows), len(rows)))

    def search(self, queries: SupportsArray | Any, top_k: SupportsIndex = 10) -> Hits:
        """The ``top_k`` vectors with the largest products with each query: ``Hits``, ``[queries, top_k]``.

        Of one query, ``[width]``, they are ``[top_k]``. ``top_k`` is cut to the number of vectors.
        """
        most = min(number(top_k, "top_k", bits=63), len(self))
        one = np.ndim(queries) == 1
        rows = self._rows(np.asarray(queries)[None] if one else queries, "queries")
        numbers = np.full((len(rows), most), -1, np.int64)
        scores = np.full((len(rows), most), -np.inf, np.float32)
        for first in range(0, len(rows) if most else 0, _AT_ONCE):
            some = rows[first : first + _AT_ONCE]
            outputs = (address(numbers[first:]), address(scores[first:]))
            check(library.attend_search_index_search(self._open(), address(some), len(some), most, *outputs))
        return Hits(numbers[0], scores[0]) if one else Hits(numbers, scores)

    def save(self, path: Path) -> None:
        """Saves the index in a file, which comes to be all at once. Errors: NotFoundError, InputOutputError."""
        check(library.attend_search_index_save(self._open(), path_bytes(path)))

    def _rows(self, vectors: Any, what: str) -> Float32Array:
        rows = np.ascontiguousarray(vectors, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise InvalidArgumentError(f"{what}: expected [count, {self.width}], found {list(rows.shape)}")
        return rows

    def __repr__(self) -> str:
        if self.closed:
            return "<attend.SearchIndex, closed>"
        return f"<attend.SearchIndex of {len(self)} vectors of {self.width} numbers, {self.type}>"


def _options(threads: SupportsIndex, kernels: str | None, **fields: Any) -> t.SearchIndexOptions:
    return t.SearchIndexOptions(
        threads=number(threads, "threads", bits=32), kernels=text_argument(kernels, "kernels"), **fields
    )


__all__ = ["Hits", "SearchIndex"]
