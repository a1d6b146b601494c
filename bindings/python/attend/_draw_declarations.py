"""The structs and functions of drawing in include/attend.h."""

from __future__ import annotations

from ctypes import POINTER, Structure, c_bool, c_char_p, c_double, c_int32, c_size_t, c_uint64, c_void_p
from typing import Any

from ._sized import Sized


class DrawOptions(Sized):
    """``attend_draw_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("seed", c_uint64),
        ("candidates", c_size_t),
        ("temperature", c_double),
        ("top_k", c_size_t),
        ("top_p", c_double),
        ("condition_scale", c_double),
        ("clip", c_void_p),
        ("painter", c_char_p),
        ("greedy", c_bool),
    ]


DRAW_STRUCTS: dict[str, type[Structure]] = {"attend_draw_options": DrawOptions}


def draw_prototypes(tensor: type[Structure]) -> dict[str, tuple[Any, list[Any]]]:
    """The functions, of which one fills a ``tensor``."""
    return {
        "attend_draw": (c_void_p, [c_void_p, c_char_p, c_size_t, POINTER(DrawOptions), POINTER(c_void_p)]),
        "attend_drawing_count": (c_size_t, [c_void_p]),
        "attend_drawing_pixels": (c_void_p, [c_void_p, c_size_t, POINTER(tensor)]),
        "attend_drawing_tokens": (POINTER(c_int32), [c_void_p, c_size_t, POINTER(c_size_t)]),
        "attend_drawing_score": (c_double, [c_void_p, c_size_t]),
        "attend_drawing_save": (c_void_p, [c_void_p, c_size_t, c_char_p]),
        "attend_drawing_free": (None, [c_void_p]),
    }
