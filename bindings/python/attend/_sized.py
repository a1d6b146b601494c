"""What the structs of several parts of include/attend.h have in common."""

from __future__ import annotations

from ctypes import CFUNCTYPE, Structure, c_bool, c_double, c_void_p, sizeof
from typing import Any

#: ``attend_progress_callback``
ProgressCallback = CFUNCTYPE(c_bool, c_double, c_void_p)


class Sized(Structure):
    """A struct that begins with its own size; making one fills it in, and zero is the default of all else."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.struct_size = sizeof(self)
