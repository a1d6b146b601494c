"""The structs and functions of classes in include/attend.h."""

from __future__ import annotations

from ctypes import POINTER, Structure, c_char_p, c_double, c_float, c_int, c_size_t, c_void_p
from typing import Any

from ._sized import Sized


class ClassifyOptions(Sized):
    """``attend_classify_options``"""

    _fields_ = [("struct_size", c_size_t), ("top_k", c_size_t), ("function", c_int), ("max_length", c_size_t)]


class Class(Sized):
    """``attend_class``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("number", c_size_t),
        ("label", c_void_p),
        ("label_length", c_size_t),
        ("score", c_double),
        ("logit", c_float),
    ]


#: ``attend_class_function``
FUNCTIONS = {None: 0, "softmax": 1, "sigmoid": 2, "none": 3, "cross-encoder": 4}

CLASS_STRUCTS: dict[str, type[Structure]] = {"attend_classify_options": ClassifyOptions, "attend_class": Class}

_out, _texts = POINTER(c_void_p), POINTER(c_char_p)
_options = POINTER(ClassifyOptions)

CLASS_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "attend_classify": (c_void_p, [c_void_p, c_void_p, c_size_t, _options, _out]),
    "attend_classify_texts": (
        c_void_p,
        [c_void_p, _texts, c_void_p, _texts, c_void_p, c_size_t, _options, _out],
    ),
    "attend_classification_count": (c_size_t, [c_void_p]),
    "attend_classification_class_count": (c_size_t, [c_void_p, c_size_t]),
    "attend_classification_get": (c_void_p, [c_void_p, c_size_t, c_size_t, POINTER(Class)]),
    "attend_classification_free": (None, [c_void_p]),
}
