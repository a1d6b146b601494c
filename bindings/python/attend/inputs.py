"""Inputs that are no tokens: what models that see or hear read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence, Union

import numpy as np

from . import _declarations as c
from ._arrays import SizeArray, SupportsArray
from ._batches import address
from .errors import InvalidArgumentError

if TYPE_CHECKING:
    import numpy.typing as npt


class Input:
    """What a model reads in place of tokens. ``Features`` is one. Immutable: any thread may use it."""

    _struct: c.Input

    def __repr__(self) -> str:
        return f"attend.{type(self).__name__}({tuple(self._struct.shape[: self._struct.rank])})"


class Features(Input):
    """Numbers as the first layer of a model reads them, after all preprocessing.

    ``array``: the pixel values of a picture, ``[channels, height, width]``; a spectrogram, ``[bins, frames]``; the
    samples of a sound, ``[samples]``. A numpy array or a tensor of PyTorch on the CPU, floating-point; contiguous
    float32 is read where it lies. TypeError for other numbers, InvalidArgumentError for other shapes.
    """

    def __init__(self, array: SupportsArray | Sequence[Any]) -> None:
        found = np.asarray(array)
        if found.dtype.kind != "f":
            raise TypeError(f"features: expected floating-point numbers, found {found.dtype}")
        if not 1 <= found.ndim <= 3:
            raise InvalidArgumentError(f"features: expected 1 to 3 dimensions, found {found.ndim}")
        self.array: npt.NDArray[np.float32] = np.ascontiguousarray(found, np.float32)
        self._struct = c.Input(
            kind=c.INPUTS["features"],
            data=address(self.array),
            type=c.TYPE_FLOAT32,
            rank=self.array.ndim,
            shape=(*self.array.shape, *[0] * (3 - self.array.ndim)),
        )


#: One or several inputs.
Inputs = Union[Input, Sequence[Input]]


def are_inputs(given: Any) -> bool:
    """Whether an argument holds inputs, rather than tokens or texts."""
    return isinstance(given, Input) or isinstance(given, (list, tuple)) and bool(given) and isinstance(given[0], Input)


class InputBatch:
    """An ``attend_batch`` of inputs together with what it points into."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = [inputs] if isinstance(inputs, Input) else list(inputs)
        for index, given in enumerate(self._inputs):
            if not isinstance(given, Input):
                raise TypeError(
                    f"inputs[{index}]: expected an Input like those before it, found {type(given).__name__}"
                )
        self._structs = (c.Input * len(self._inputs))(*(given._struct for given in self._inputs))
        self.struct = c.Batch(count=len(self._inputs), inputs=self._structs)
        #: Of the sequences; how many hidden states an input becomes is for the model to say.
        self.lengths: SizeArray | None = None
