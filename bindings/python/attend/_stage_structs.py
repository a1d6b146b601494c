"""The stages of a pipeline as include/attend.h has them."""

from __future__ import annotations

from ctypes import CFUNCTYPE, POINTER, Structure, c_bool, c_float, c_int32, c_size_t, c_void_p


class StageStep(Structure):
    """``attend_stage_step``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("count", c_size_t),
        ("parents", POINTER(c_size_t)),
        ("positions", POINTER(c_size_t)),
        ("lengths", POINTER(c_size_t)),
        ("tokens", POINTER(c_int32)),
        ("states", POINTER(c_float)),
    ]


#: ``attend_stage_callback``
StageCallback = CFUNCTYPE(c_bool, POINTER(StageStep), c_void_p)
