"""Where the weights of a model lie, and what became of those that do not all stay in memory."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from typing import Any, Literal, SupportsIndex

from . import _declarations as c
from ._arrays import Path, number, path_bytes
from ._library import Owned, check, library
from .errors import InvalidArgumentError

#: Where weights lie: in memory, in a file of which a part is in memory, or there where memory would not hold them.
Placement = Literal["resident", "mapped", "auto"]


@dataclass(frozen=True)
class MappedWeights:
    """The use that products made of weights that lie in a file."""

    bytes: int  #: in the file
    resident_bytes: int  #: of them that are meant to be in memory at this moment
    read_bytes: int  #: that were read since the model was loaded
    wait_seconds: float  #: that products waited until their weights were in memory
    product_seconds: float  #: that they took altogether

    @property
    def wait_share(self) -> float:
        """The share of the time of products that waited for the disk."""
        return self.wait_seconds / self.product_seconds if self.product_seconds > 0 else 0.0


@dataclass(frozen=True)
class Placing:
    """The options of a model that say where its weights lie."""

    weights: Placement = "resident"
    memory_budget: SupportsIndex = 0
    weights_directory: Path | None = None

    @property
    def options(self) -> dict[str, Any]:
        """As ``Model`` takes them again."""
        return {
            "weights": self.weights,
            "memory_budget": number(self.memory_budget, "memory_budget"),
            "weights_directory": self.weights_directory,
        }

    @property
    def fields(self) -> dict[str, Any]:
        """As ``attend_model_options`` has them."""
        if self.weights not in c.PLACEMENTS:
            raise InvalidArgumentError(f"weights: {self.weights!r} is not one of {', '.join(c.PLACEMENTS)}")
        directory = self.weights_directory
        return {
            "weights": c.PLACEMENTS[self.weights],
            "memory_budget": number(self.memory_budget, "memory_budget"),
            "weights_directory": None if directory is None else path_bytes(os.path.expanduser(directory)),
        }


def mapped_weights(model: Owned) -> MappedWeights | None:
    """What became of the mapped weights of a model; None where none are mapped."""
    info = c.ModelInfo()
    check(library.attend_model_get_info(model, ctypes.byref(info)))
    if info.mapped_bytes == 0:
        return None
    return MappedWeights(
        info.mapped_bytes,
        info.mapped_resident_bytes,
        info.mapped_read_bytes,
        info.mapped_wait_seconds,
        info.mapped_product_seconds,
    )
