"""Text to token ids and back."""

from __future__ import annotations

import ctypes
import os
from types import TracebackType
from typing import Union

import numpy as np

from . import _declarations as c
from ._arrays import Ids, Int32Array, ids, view
from ._library import Owned, create, library, sized, text
from .errors import InvalidArgumentError, InvalidStateError

Path = Union[str, "os.PathLike[str]"]


def path_bytes(path: Path) -> bytes:
    """A path as the system spells it."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise InvalidArgumentError(f"path: {path!r} holds a NUL character")
    return encoded


class Tokenizer:
    """A tokenizer. Any number of threads may use it at once.

    ``Tokenizer(path)`` loads one from a checkpoint folder with tokenizer.json, or from such a file; ``Model.tokenizer`` is
    the one of a model. Errors: NotFoundError, InputOutputError, InvalidFileError, UnsupportedError (names the component
    that is not implemented).

    >>> with attend.Tokenizer("models/g2p-en") as tokenizer:
    ...     tokenizer.decode(tokenizer.encode("hello"))
    'hello'
    """

    def __init__(self, path: Path) -> None:
        self._native: Owned | None = create(library.attend_tokenizer_create, path_bytes(path), free=library.attend_tokenizer_free)

    @classmethod
    def _borrowed(cls, model: Owned) -> Tokenizer:
        """The tokenizer of a model, which it keeps alive."""
        tokenizer = cls.__new__(cls)
        tokenizer._native = create(library.attend_model_tokenizer, model, free=None, parent=model)
        return tokenizer

    def _open(self) -> Owned:
        native = self._native
        if native is None:
            raise InvalidStateError("the tokenizer is closed")
        return native

    def encode(self, text: str, special_tokens: bool = True) -> Int32Array:
        """The ids of ``text``, ``[tokens]``. ``special_tokens=False`` leaves out what the checkpoint's template adds.

        The array is a read-only view of memory that it keeps alive.
        """
        native = self._open()
        data = text.encode("utf-8", "surrogatepass")
        options = c.TokenizeOptions(no_special_tokens=not special_tokens)
        encoding = create(
            library.attend_tokenizer_encode, native, data, len(data), ctypes.byref(options), free=library.attend_encoding_free
        )
        address, count = sized(library.attend_encoding_ids, encoding)
        return view(address, (count,), np.int32, encoding)

    def decode(self, ids_: Ids, skip_special_tokens: bool = True) -> str:
        """The text of a sequence of ids. Raises InvalidArgumentError for an id that the tokenizer does not know."""
        native = self._open()
        array = ids(ids_, "ids")
        options = c.DetokenizeOptions(keep_special_tokens=not skip_special_tokens)
        result = create(
            library.attend_tokenizer_decode, native, array.ctypes.data, array.size, ctypes.byref(options), free=library.attend_text_free
        )
        return text(library.attend_text_bytes, result) or ""

    def token(self, id: int) -> str | None:
        """The token with an id, as the file spells it, or ``None`` if there is none."""
        if not -(2**31) <= id < 2**31:
            return None
        return text(library.attend_tokenizer_token, self._open(), id)

    def id(self, token: str) -> int | None:
        """The id of a token spelled as in the file, or ``None``."""
        data = token.encode("utf-8", "surrogatepass")
        found = int(library.attend_tokenizer_id(self._open(), data, len(data)))
        return None if found < 0 else found

    def __len__(self) -> int:
        """One more than the largest id."""
        return int(library.attend_tokenizer_size(self._open()))

    def close(self) -> None:
        """Lets the tokenizer go; closing twice is allowed, using it after is an InvalidStateError."""
        self._native = None

    def __enter__(self) -> Tokenizer:
        self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
