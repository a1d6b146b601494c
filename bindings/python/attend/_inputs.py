"""Inputs that are no tokens, as the C header takes them."""

from __future__ import annotations

from typing import Any, Sequence, Union

import numpy as np

from . import _declarations as c
from ._arrays import SupportsArray
from ._batches import address
from .errors import InvalidArgumentError

#: Arrays of numbers as a model's first layer reads them: one for each sequence, or one more dimension in front.
Features = Union[Sequence[SupportsArray], SupportsArray]


class InputBatch:
    """An ``attend_batch`` of inputs together with the arrays that it points into."""

    def __init__(self, features: Features) -> None:
        arrays = [_numbers(array, index) for index, array in enumerate(features)]  # type: ignore[arg-type]
        if not arrays:
            raise InvalidArgumentError("features: there are none")
        self._arrays = arrays
        self._inputs = (c.Input * len(arrays))(*(_input(array) for array in arrays))
        self.struct = c.Batch(count=len(arrays), inputs=self._inputs)


def _numbers(array: Any, index: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    found = np.ascontiguousarray(array)
    if found.dtype.kind not in "f":
        raise TypeError(f"features[{index}]: expected floating-point numbers, found {found.dtype}")
    if not 1 <= found.ndim <= 3:
        raise InvalidArgumentError(f"features[{index}]: expected 1 to 3 dimensions, found {found.ndim}")
    return found.astype(np.float32, copy=False)


def _input(array: np.ndarray[Any, np.dtype[np.float32]]) -> c.Input:
    return c.Input(
        kind=c.INPUTS["features"],
        data=address(array),
        type=c.TYPE_FLOAT32,
        rank=array.ndim,
        shape=(*array.shape, *[0] * (3 - array.ndim)),
    )
