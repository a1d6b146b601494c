"""From texts to pictures: what ``Model.draw`` gives, and how it calls."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from . import _declarations as c
from ._arrays import Int32Array
from ._draw_declarations import DrawOptions
from ._library import Owned, check, library
from ._progress import Bar, Progress

if TYPE_CHECKING:
    from .model import Model
    from .session import Session

#: Red, green and blue, ``[height, width, 3]``.
Pixels = NDArray[np.uint8]


class DrawnPicture:
    """A picture that was drawn."""

    def __init__(self, native: Owned, index: int) -> None:
        self._native = native
        self._index = index
        tensor = c.Tensor()
        check(library.attend_drawing_pixels(native, index, ctypes.byref(tensor)))
        shape = tuple(tensor.shape[: tensor.rank])
        address = ctypes.cast(tensor.data, ctypes.POINTER(ctypes.c_uint8))
        #: Red, green and blue, ``[height, width, 3]``, uint8.
        self.pixels: Pixels = np.ctypeslib.as_array(address, shape).copy()
        count = ctypes.c_size_t()
        tokens = library.attend_drawing_tokens(native, index, ctypes.byref(count))
        #: The tokens that it was painted from.
        self.tokens: Int32Array = np.ctypeslib.as_array(tokens, (count.value,)).copy()
        #: How well it matches the text, as ``clip`` tells: its logit. NaN without.
        self.score: float = library.attend_drawing_score(native, index)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a PNG. Errors: UnsupportedError without libpng; NotFoundError, InputOutputError."""
        check(library.attend_drawing_save(self._native, self._index, os.fsencode(path)))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.pixels, dtype)

    def __repr__(self) -> str:
        height, width, _ = self.pixels.shape
        score = "" if np.isnan(self.score) else f", score {self.score:.2f}"
        return f"<DrawnPicture {width} x {height}{score}>"


class Drawing(Sequence[DrawnPicture]):
    """The pictures of a text, the best first where ``clip`` ranked them. ``pixels`` and ``save`` are the first's."""

    def __init__(self, pictures: Sequence[DrawnPicture]) -> None:
        self._pictures = tuple(pictures)

    @overload
    def __getitem__(self, index: int) -> DrawnPicture: ...
    @overload
    def __getitem__(self, index: slice) -> Drawing: ...
    def __getitem__(self, index: int | slice) -> DrawnPicture | Drawing:
        found = self._pictures[index]
        return Drawing(found) if isinstance(found, tuple) else found

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Iterator[DrawnPicture]:
        return iter(self._pictures)

    @property
    def pixels(self) -> Pixels:
        """Those of the first picture."""
        return self._pictures[0].pixels

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the first picture as a PNG."""
        self._pictures[0].save(path)

    def __repr__(self) -> str:
        return f"<Drawing of {len(self)}: {', '.join(map(repr, self._pictures))}>"


def draw(
    session: Session, text: str | bytes, clip: Model | None, progress: Progress | bool | None, **options: Any
) -> Drawing:
    """``Session.draw``"""
    data = text.encode() if isinstance(text, str) else bytes(text)
    fields = {name: value for name, value in options.items() if value is not None}
    if "painter" in fields:
        fields["painter"] = os.fsencode(fields["painter"])
    struct = DrawOptions(**fields)
    if clip is not None and not hasattr(clip, "similarity"):
        raise TypeError(f"clip: expected a Model, found {type(clip).__name__}")
    judge = None if clip is None else clip._open()  # kept alive through the call
    if judge is not None:
        struct.clip = judge._as_parameter_
    handle = c.Handle()
    arguments = (session._open(), data, len(data), ctypes.byref(struct), ctypes.byref(handle))
    try:
        with Bar(progress, 100) as listener:
            session._watch.call(library.attend_draw, *arguments, progress=listener)
    finally:
        session._lengths = None
    assert handle.value is not None
    native = Owned(handle.value, library.attend_drawing_free)
    return Drawing([DrawnPicture(native, index) for index in range(library.attend_drawing_count(native))])


__all__ = ["DrawnPicture", "Drawing", "Pixels"]
