"""What the models of the benchmarks are described with: tensors of random numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

Config = dict[str, Any]


@dataclass(frozen=True)
class Weight:
    """One tensor of a checkpoint: normal with deviation ``scale``, around ``center``."""

    name: str
    shape: tuple[int, ...]
    scale: float = 0.0
    center: float = 0.0
    #: These rows are zero: the padding row of an embedding.
    zero_rows: range = range(0)


def matrix(name: str, rows: int, columns: int, transposed: bool = False) -> Weight:
    """A matrix [out, in] (``transposed``: [in, out]) that keeps the variance of what it multiplies."""
    return Weight(name, (columns, rows) if transposed else (rows, columns), columns**-0.5)


def linear(name: str, rows: int, columns: int, transposed: bool = False, gain: float = 1.0) -> list[Weight]:
    """A matrix, ``gain`` times as large as its inputs alone would have it, and its bias."""
    weight = matrix(f"{name}.weight", rows, columns, transposed)
    return [replace(weight, scale=gain * weight.scale), Weight(f"{name}.bias", (rows,), 0.02)]


def norm(name: str, width: int, bias: bool = True) -> list[Weight]:
    """A norm's weight around 1 and its bias around 0."""
    weight = Weight(f"{name}.weight", (width,), 0.05, 1.0)
    return [weight, Weight(f"{name}.bias", (width,), 0.05)] if bias else [weight]
