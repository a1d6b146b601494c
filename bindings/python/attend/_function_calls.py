"""Calls of the library's functions: arrays and options of a call lie in memory that is used again."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _function_declarations as f
from ._arrays import SupportsArray
from ._library import check, create, library
from .errors import InvalidArgumentError

Array = npt.NDArray[Any]
#: What the functions read: arrays of numpy, without a copy, and what numpy makes arrays of.
Input = Union[Array, SupportsArray]

#: ``attend_element_type`` of what is read. bfloat16 is that of the package ml_dtypes.
_TYPES = {
    np.dtype(np.float32): 1,
    np.dtype(np.float16): 2,
    np.dtype(np.int32): 12,
    np.dtype(np.int64): 13,
    np.dtype(np.bool_): 30,
}
_BFLOAT16 = 3
_FLOAT32 = np.dtype(np.float32)
# An array that is written in one piece tells its address in a third of the time that __array_interface__ takes.
_address = ctypes.addressof
_character: Any = ctypes.c_char.from_buffer
_MOST_DIMENSIONS = 8
#: Bytes of an array, and of the memory of a call.
_ARRAY_BYTES = ctypes.sizeof(f.Array)
_CALL_BYTES = 64 * _ARRAY_BYTES

#: An array of each rank: address, type, rank, shape, and strides at their place.
_packers = [struct.Struct(f"QiI{rank}q{8 * (_MOST_DIMENSIONS - rank)}x{rank}q") for rank in range(_MOST_DIMENSIONS + 1)]

#: Threads of new contexts; 0: one for each processor.
_threads = 0


class Call:
    """A context and the memory of one call's arrays and options."""

    __slots__ = ("_address", "_memory", "_place", "context", "kept")

    def __init__(self) -> None:
        options = f.ContextOptions(threads=_threads)
        owned = create(library.attend_context_create, ctypes.byref(options), free=library.attend_context_free)
        self.context = owned
        self._memory = bytearray(_CALL_BYTES)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._place = 0
        #: Arrays that were made for this call and must live until it ends.
        self.kept: list[Array] = []

    def _take(self, size: int) -> int:
        place = self._place
        self._place = place + size
        if place + size > _CALL_BYTES:
            raise InvalidArgumentError(f"a call takes at most {_CALL_BYTES // _ARRAY_BYTES} arrays")
        return place

    def array(self, array: Array, name: str) -> int:
        """The address of an ``attend_array`` of this memory."""
        dtype = array.dtype
        kind = _TYPES.get(dtype)
        if kind is None:
            if dtype.name != "bfloat16":
                raise TypeError(f"{name}: numbers of type {dtype} are not taken; float32, float16 and bfloat16 are")
            kind = _BFLOAT16
        rank = array.ndim
        if rank > _MOST_DIMENSIONS:
            raise InvalidArgumentError(f"{name}: {rank} dimensions are more than {_MOST_DIMENSIONS}")
        if not array.flags.aligned:  # addresses or strides between elements, which only records have
            array = array.copy()
            self.kept.append(array)
        try:
            data = _address(_character(array))
        except (TypeError, ValueError):  # not writable, with gaps, or empty
            data = array.__array_interface__["data"][0]
        size = dtype.itemsize
        place = self._take(_ARRAY_BYTES)
        steps = [step // size for step in array.strides]
        _packers[rank].pack_into(self._memory, place, data, kind, rank, *array.shape, *steps)
        return self._address + place

    def optional(self, array: Input | None, name: str) -> int:
        """The same, or 0 for None."""
        return 0 if array is None else self.array(self.input(array), name)

    def input(self, array: Input) -> Array:
        """What numpy makes an array of, kept until the call ends; its own arrays as they are."""
        if type(array) is np.ndarray:
            return array
        made = numbers(array)
        self.kept.append(made)
        return made

    def options(self, packer: struct.Struct, *fields: Any) -> int:
        """The address of a struct of options in this memory."""
        place = self._take((packer.size + 7) & ~7)
        packer.pack_into(self._memory, place, *fields)
        return self._address + place


_idle: list[Call] = []
os.register_at_fork(after_in_child=_idle.clear)


def begin() -> Call:
    """A call that nobody else is at; ``end`` takes it back."""
    try:
        return _idle.pop()
    except IndexError:
        return Call()


def end(call: Call) -> None:
    """Forgets the arrays of a call, whose context stays for the next."""
    call._place = 0
    if call.kept:
        call.kept.clear()
    _idle.append(call)


def set_num_threads(count: int) -> None:
    """Sets how many threads a function may use, the caller's included; 0: one for each processor."""
    global _threads
    if count < 0:
        raise InvalidArgumentError(f"count: {count} is negative")
    _threads = count
    _idle.clear()


def get_num_threads() -> int:
    """What ``set_num_threads`` was given; 0 at the start."""
    return _threads


def numbers(values: Input) -> Array:
    """An array of anything that numpy reads; Python's own numbers become float32."""
    array: Array = np.asarray(values)
    if array.dtype == np.float64 and not isinstance(values, np.ndarray) and not hasattr(values, "__array__"):
        return array.astype(np.float32)
    return array


def result(shape: tuple[int, ...], like: Array, out: Array | None) -> Array:
    """The array for a result: ``out``, or a new one of the type of ``like``, float32 unless that is bfloat16."""
    if out is not None:
        if not isinstance(out, np.ndarray) or not out.flags.writeable:
            raise TypeError("out: expected an array of numpy that can be written")
        return out
    dtype = like.dtype
    return np.empty(shape, dtype if dtype is not _FLOAT32 and dtype.name == "bfloat16" else _FLOAT32)


def run(function: Any, call: Call, *arguments: Any) -> None:
    """Calls the library, and raises what it says."""
    error = function(call.context, *arguments)
    if error is not None:
        check(error)
