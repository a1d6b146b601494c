"""Writes safetensors files tensor by tensor, so that a model larger than the memory at hand can be made.

The format (github.com/huggingface/safetensors): the length of a JSON header as a little-endian u64, the header, which
gives each tensor's type, shape and byte range, then the bytes of the tensors.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Callable, Iterable

import numpy as np
import numpy.typing as npt

#: The bytes of an element, by the name that the format gives its type.
ITEM_BYTES = {"F32": 4, "BF16": 2}


def to_bfloat16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """The nearest bfloat16 of each finite value, ties to even, as its bits."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + (((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF))) >> np.uint32(16)).astype(np.uint16)


def write(
    path: Path,
    shapes: Iterable[tuple[str, tuple[int, ...]]],
    dtype: str,
    values: Callable[[str], npt.NDArray[np.float32]],
) -> None:
    """Writes a file of tensors of one type. ``values(name)`` is called once for each, in order; its array is then
    dropped.

    The file appears under its name when it is complete.
    """
    shapes = list(shapes)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes:
        start, end = end, end + math.prod(shape) * ITEM_BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the bytes of the tensors begin at a multiple of 8
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes:
            array = values(name)
            assert array.shape == shape and array.dtype == np.float32, name
            file.write((to_bfloat16(array) if dtype == "BF16" else np.ascontiguousarray(array)).data)
    partial.rename(path)
