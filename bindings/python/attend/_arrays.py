"""Between numpy and the library, without copies where the memory already fits."""

from __future__ import annotations

import ctypes
import math
import operator
import os
import re
from typing import Any, Iterable, Protocol, Sequence, SupportsIndex, Union

import numpy as np
import numpy.typing as npt

from . import _declarations as c
from .errors import InternalError, InvalidArgumentError

Int32Array = npt.NDArray[np.int32]
SizeArray = npt.NDArray[np.uintp]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


class SupportsArray(Protocol):
    """What numpy makes an array of: its own arrays, tensors of PyTorch on the CPU, those of others."""

    def __array__(self) -> Any: ...


#: One sequence of ids: a list, a tuple, or an array or tensor of any integer type.
Ids = Union[Sequence[SupportsIndex], SupportsArray]
#: What names a file or a folder.
Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


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
    """An array over borrowed memory, read-only unless asked for.

    It keeps ``owner`` alive for as long as it or a slice of it lives.
    """
    kind = np.dtype(dtype)
    if address is None or 0 in shape:
        return np.empty(shape, kind)
    return np.asarray(_View(address, shape, kind.str, owner, writeable))


def copied(pointer: Any, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array of its own of the numbers that a pointer of ctypes points to, which may be null where there are none."""
    count = math.prod(shape)
    if count == 0:
        return np.zeros(shape, dtype)
    numbers = bytearray(ctypes.string_at(pointer, count * np.dtype(dtype).itemsize))
    return np.frombuffer(numbers, dtype).reshape(shape)


def tensor_view(tensor: c.Tensor, owner: object, writeable: bool = False) -> Float32Array:
    """The array that an ``attend_tensor`` describes."""
    if tensor.type != c.TYPE_FLOAT32:
        raise InternalError(f"the library returned elements of type {tensor.type}, expected float32")
    return view(tensor.data, tuple(tensor.shape[: tensor.rank]), np.float32, owner, writeable)


_BOOLEANS = {bool, np.bool_}
_INT32 = np.dtype(np.int32)


def integers(values: Any, what: str) -> npt.NDArray[np.integer[Any]]:
    """``values`` as an integer array of any shape: TypeError for booleans, fractions, texts and whatever else is no
    integer.
    """
    if type(values) is np.ndarray and values.dtype is _INT32:  # the usual case, in a loop of steps
        return values
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{what}: expected ids, found a text; a tokenizer makes ids of it")
    if isinstance(values, (list, tuple)) and not _BOOLEANS.isdisjoint(map(type, values)):
        raise TypeError(f"{what}: expected integers, found booleans")
    try:
        array = np.asarray(values)
    except ValueError as problem:  # lists of different lengths inside
        raise InvalidArgumentError(f"{what}: {problem}") from None
    if array.size == 0:
        return np.zeros(array.shape, np.int32)
    if array.dtype.kind == "O" and all(isinstance(value, int) for value in array.reshape(-1)):
        raise InvalidArgumentError(f"{what}: numbers from {array.min()} to {array.max()} do not fit 64 bits")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what}: expected integers, found {array.dtype}")
    return array


def _vector(values: Any, what: str) -> npt.NDArray[np.integer[Any]]:
    """``values`` as an integer array of one dimension."""
    array = integers(values, what)
    if array.ndim != 1:
        raise InvalidArgumentError(f"{what}: expected one dimension, found {array.ndim}")
    return array


def ids(values: Ids, what: str = "tokens") -> Int32Array:
    """``values`` as contiguous int32, ``[count]``; the very same memory if it is that already."""
    return int32(_vector(values, what), what)


def int32(array: npt.NDArray[np.integer[Any]], what: str) -> Int32Array:
    """Integers as contiguous int32 of the same shape."""
    if array.dtype is not _INT32 and array.size:
        limit = np.iinfo(np.int32)
        if int(array.min()) < limit.min or int(array.max()) > limit.max:
            raise InvalidArgumentError(f"{what}: numbers from {array.min()} to {array.max()} do not fit 32 bits")
    return np.ascontiguousarray(array, dtype=np.int32)


def sizes(values: Any, what: str) -> SizeArray:
    """``values`` as contiguous ``size_t``, ``[count]``."""
    array = _vector(values, what)
    if array.size and int(array.min()) < 0:
        raise InvalidArgumentError(f"{what}: {array.min()} is negative")
    return np.ascontiguousarray(array, dtype=np.uintp)


def number(value: SupportsIndex, what: str, bits: int = 64) -> int:
    """An argument that the library takes as an unsigned number: any integer type, in range."""
    try:
        result = operator.index(value)
    except TypeError:
        raise TypeError(f"{what}: expected an integer, found {type(value).__name__}") from None
    if not 0 <= result < 2**bits:
        raise InvalidArgumentError(f"{what}: {result} {'is negative' if result < 0 else f'does not fit {bits} bits'}")
    return result


def address(array: npt.NDArray[Any]) -> int:
    """Where the numbers of an array lie; in less time than ``array.ctypes`` takes, which makes objects."""
    return int(array.__array_interface__["data"][0])


class Texts:
    """Texts as the library takes several: an array of addresses and ``[count]`` lengths in bytes."""

    def __init__(self, texts: Iterable[str | bytes], what: str = "texts") -> None:
        if isinstance(texts, (str, bytes)):
            raise TypeError(f"{what}: expected a list of texts, found one text; put it in a list")
        spelled = [utf8(text, f"{what}[{index}]") for index, text in enumerate(texts)]
        self.texts = (ctypes.c_char_p * len(spelled))(*spelled)
        self.lengths = np.array([len(text) for text in spelled], np.uintp)


def utf8(text: str | bytes, what: str) -> bytes:
    """A text as UTF-8, in which the library takes what no UTF-8 spells for U+FFFD."""
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise TypeError(f"{what}: expected a text, found {type(text).__name__}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # one U+FFFD for each half of a pair, so that places in the text stay what they are
        return re.sub("[\ud800-\udfff]", "\ufffd", text).encode("utf-8")


def text_argument(text: str | None, what: str) -> bytes | None:
    """A text that ends with NUL on its way to the library."""
    if text is None:
        return None
    data = utf8(text, what)
    if b"\0" in data:
        raise InvalidArgumentError(f"{what}: {text!r} holds a NUL character")
    return data


def path_bytes(path: Path) -> bytes:
    """A path as the system spells it."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise InvalidArgumentError(f"path: {path!r} holds a NUL character")
    return encoded
