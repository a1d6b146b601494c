"""The structs and functions of scores in include/attend.h."""

from __future__ import annotations

from ctypes import POINTER, Structure, c_bool, c_char_p, c_double, c_float, c_int, c_int32, c_size_t, c_void_p
from typing import Any

from ._generation_structs import TokenAlternative
from ._sized import Sized

#: ``attend_score_normalization`` by name.
NORMALIZATION = {"sum": 0, "mean": 1}


class ScoreOptions(Sized):
    """``attend_score_options``"""

    _fields_ = [("struct_size", c_size_t), ("window", c_size_t), ("stride", c_size_t), ("top_logprobs", c_size_t)]


class TextScore(Sized):
    """``attend_text_score``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("ids", POINTER(c_int32)),
        ("count", c_size_t),
        ("log_probabilities", POINTER(c_float)),
        ("sum", c_double),
        ("perplexity", c_double),
        ("is_greedy", c_bool),
        ("alternatives", POINTER(TokenAlternative)),
        ("alternative_count", c_size_t),
    ]


SCORE_STRUCTS: dict[str, type[Structure]] = {"attend_score_options": ScoreOptions, "attend_text_score": TextScore}

_options, _texts, _out = POINTER(ScoreOptions), POINTER(c_char_p), POINTER(c_void_p)

SCORE_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "attend_score": (c_void_p, [c_void_p, c_void_p, c_void_p, _options, _out]),
    "attend_score_texts": (c_void_p, [c_void_p, _texts, c_void_p, _texts, c_void_p, c_size_t, _options, _out]),
    "attend_scores_count": (c_size_t, [c_void_p]),
    "attend_scores_get": (c_void_p, [c_void_p, c_size_t, POINTER(TextScore)]),
    "attend_scores_probabilities": (c_void_p, [c_void_p, c_size_t, c_size_t, c_int, c_void_p]),
    "attend_scores_free": (None, [c_void_p]),
}
