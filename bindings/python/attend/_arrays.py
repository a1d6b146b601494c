"""Between numpy and the library, without copies where the memory already fits."""

from __future__ import annotations

import ctypes
from typing import Any, Iterable, Sequence, Union

import numpy as np
import numpy.typing as npt

from . import _declarations as c
from .errors import InternalError, InvalidArgumentError

Int32Array = npt.NDArray[np.int32]
SizeArray = npt.NDArray[np.uintp]
Float32Array = npt.NDArray[np.float32]
#: One sequence of ids: a list, a tuple, or an array of any integer type.
Ids = Union[Sequence[int], "npt.NDArray[np.integer[Any]]"]
#: Several sequences, or the rows of an integer matrix.
Sequences = Union[Iterable[Ids], "npt.NDArray[np.integer[Any]]"]


class _View:
    """Borrowed memory with the one who keeps it alive: numpy holds this object as the base of the array."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, address: int, shape: tuple[int, ...], type_code: str, owner: object, writeable: bool) -> None:
        self.__array_interface__ = {
            "version": 3,
            "data": (address, not writeable),
            "shape": shape,
            "typestr": type_code,
        }
        self.owner = owner


def view(
    address: int | None, shape: tuple[int, ...], dtype: npt.DTypeLike, owner: object, writeable: bool = False
) -> npt.NDArray[Any]:
    """An array over borrowed memory, read-only unless asked for, which keeps ``owner`` alive for as long as it or a slice of it lives."""
    kind = np.dtype(dtype)
    if address is None or 0 in shape:
        return np.empty(shape, kind)
    return np.asarray(_View(address, shape, kind.str, owner, writeable))


def tensor_view(tensor: c.Tensor, owner: object, writeable: bool = False) -> Float32Array:
    """The array that an ``attend_tensor`` describes."""
    if tensor.type != c.TYPE_FLOAT32:
        raise InternalError(f"the library returned elements of type {tensor.type}, expected float32")
    return view(tensor.data, tuple(tensor.shape[: tensor.rank]), np.float32, owner, writeable)


def _integers(values: Any, what: str) -> npt.NDArray[np.integer[Any]]:
    """``values`` as an integer array of one dimension."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise InvalidArgumentError(f"{what}: expected one dimension, found {array.ndim}")
    if array.size == 0:
        return np.zeros(0, np.int32)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what}: expected integers, found {array.dtype}")
    return array


def ids(values: Ids, what: str = "tokens") -> Int32Array:
    """``values`` as contiguous int32, ``[count]``; the very same memory if it is that already."""
    array = _integers(values, what)
    if array.dtype != np.int32 and array.size:
        limit = np.iinfo(np.int32)
        if int(array.min()) < limit.min or int(array.max()) > limit.max:
            raise InvalidArgumentError(f"{what}: numbers from {array.min()} to {array.max()} do not fit 32 bits")
    return np.ascontiguousarray(array, dtype=np.int32)


def sizes(values: Any, what: str) -> SizeArray:
    """``values`` as contiguous ``size_t``, ``[count]``."""
    array = _integers(values, what)
    if array.size and int(array.min()) < 0:
        raise InvalidArgumentError(f"{what}: {array.min()} is negative")
    return np.ascontiguousarray(array, dtype=np.uintp)


def ragged(sequences: Sequences, what: str = "sequences") -> tuple[Int32Array, SizeArray]:
    """Sequences laid end to end: ids ``[sum of lengths]`` and lengths ``[count]``. An int32 matrix is used as it lies."""
    if isinstance(sequences, np.ndarray):
        if sequences.ndim != 2:
            raise InvalidArgumentError(
                f"{what}: expected a list of sequences or a matrix, found {sequences.ndim} dimension(s); give lengths= for a flat batch"
            )
        rows, columns = sequences.shape
        return ids(sequences.reshape(-1), what), np.full(rows, columns, np.uintp)
    parts = []
    for index, sequence in enumerate(sequences):
        if isinstance(sequence, (int, np.integer)):
            raise TypeError(
                f"{what}: expected a list of sequences, found a list of numbers; put it in a list, or give lengths= for a flat batch"
            )
        parts.append(ids(sequence, f"{what}[{index}]"))
    lengths = np.array([part.size for part in parts], np.uintp)
    if not parts:
        return np.zeros(0, np.int32), lengths
    return (parts[0] if len(parts) == 1 else np.concatenate(parts)), lengths


class Texts:
    """Texts as ``attend_embed`` takes them: an array of addresses and ``[count]`` lengths in bytes."""

    def __init__(self, texts: Iterable[str | bytes]) -> None:
        if isinstance(texts, (str, bytes)):
            raise TypeError("texts: expected a list of texts, found one text; put it in a list")
        spelled = [utf8(text, f"texts[{index}]") for index, text in enumerate(texts)]
        self.texts = (ctypes.c_char_p * len(spelled))(*spelled)
        self.lengths = np.array([len(text) for text in spelled], np.uintp)


def utf8(text: str | bytes, what: str) -> bytes:
    """A text as UTF-8, in which the library takes what no UTF-8 spells for U+FFFD."""
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise TypeError(f"{what}: expected a text, found {type(text).__name__}")
    return text.encode("utf-8", "surrogatepass")


def text_argument(text: str | None, what: str) -> bytes | None:
    """A text that ends with NUL on its way to the library."""
    if text is not None and "\0" in text:
        raise InvalidArgumentError(f"{what}: {text!r} holds a NUL character")
    return None if text is None else utf8(text, what)


class RaggedBatch:
    """An ``attend_batch`` together with the arrays that it points into.

    ``tokens`` is a list of sequences, or flat ids where ``lengths`` is given; ``token_types`` comes in the same form.
    """

    def __init__(self, tokens: Any, lengths: Any = None, token_types: Any = None) -> None:
        types_lengths = None
        if lengths is None:
            self.tokens, self.lengths = ragged(tokens)
            if token_types is not None:
                self.token_types, types_lengths = ragged(token_types, "token_types")
        else:
            self.tokens, self.lengths = ids(tokens), sizes(lengths, "lengths")
            if token_types is not None:
                self.token_types = ids(token_types, "token_types")
            # One by one first: their sum could wrap around and look right.
            longest = int(self.lengths.max()) if self.lengths.size else 0
            if longest > self.tokens.size or int(self.lengths.sum()) != self.tokens.size:
                raise InvalidArgumentError(f"lengths: they do not add up to the number of tokens, {self.tokens.size}")
        if token_types is not None:
            if self.token_types.size != self.tokens.size or (
                types_lengths is not None and not np.array_equal(types_lengths, self.lengths)
            ):
                raise InvalidArgumentError("token_types: their lengths are not those of the tokens")
        self.struct = c.Batch(
            tokens=self.tokens.ctypes.data,
            lengths=self.lengths.ctypes.data,
            count=self.lengths.size,
            token_types=None if token_types is None else self.token_types.ctypes.data,
        )

    def split(self, array: Float32Array) -> list[Float32Array]:
        """The rows of each sequence, as views of ``[sum of lengths, width]``."""
        return split(array, self.lengths)


def split(array: Float32Array, lengths: SizeArray) -> list[Float32Array]:
    """``[sum of lengths, width]`` as one view for each sequence."""
    result, start = [], 0
    for length in lengths.tolist():
        result.append(array[start : start + length])
        start += length
    return result
