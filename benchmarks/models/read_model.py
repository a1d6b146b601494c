"""Reads a checkpoint that make_model.py made, for those whose files are written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def read_tensors(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """All tensors of ``model.safetensors`` as maps of the file: float32, or the bits of bfloat16 as uint16."""
    path = folder / "model.safetensors"
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    types = {"F32": np.dtype("<f4"), "BF16": np.dtype("<u2")}
    return {
        name: np.memmap(path, types[entry["dtype"]], "r", 8 + length + entry["data_offsets"][0], tuple(entry["shape"]))
        for name, entry in header.items()
        if name != "__metadata__"
    }
