"""The structs and callbacks of generation in include/attend.h."""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_size_t,
    c_uint32,
    c_void_p,
)

from ._sized import Sized


class TokenAlternative(Structure):
    """``attend_token_alternative``"""

    _fields_ = [("token", c_int32), ("log_probability", c_float)]


class TokenEvent(Sized):
    """``attend_token_event``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("request", c_size_t),
        ("sequence", c_size_t),
        ("token", c_int32),
        ("log_probability", c_float),
        ("text", c_void_p),
        ("text_length", c_size_t),
        ("alternatives", POINTER(TokenAlternative)),
        ("alternative_count", c_size_t),
        ("finish_reason", c_uint32),
    ]


#: ``attend_token_callback``
TokenCallback = CFUNCTYPE(c_int, POINTER(TokenEvent), c_void_p)
#: ``attend_logits_callback``
LogitsCallback = CFUNCTYPE(c_bool, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p)

#: ``attend_verdict`` by name.
VERDICT = {"go_on": 0, "end_sequence": 1, "end_request": 2, "end_all": 3}


class GenerationOptions(Sized):
    """``attend_generation_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("config", c_char_p),
        ("max_new_tokens", c_uint32),
        ("num_beams", c_uint32),
        ("num_return_sequences", c_uint32),
        ("stop_strings", POINTER(c_char_p)),
        ("stop_string_count", c_size_t),
        ("on_token", TokenCallback),
        ("on_token_context", c_void_p),
        ("on_logits", LogitsCallback),
        ("on_logits_context", c_void_p),
        ("assistant", c_void_p),
    ]


class Hypothesis(Sized):
    """``attend_hypothesis``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("ids", POINTER(c_int32)),
        ("count", c_size_t),
        ("prompt_count", c_size_t),
        ("text", c_void_p),
        ("text_length", c_size_t),
        ("score", c_double),
        ("log_probabilities", POINTER(c_float)),
        ("alternatives", POINTER(TokenAlternative)),
        ("alternative_count", c_size_t),
        ("attention", POINTER(c_float)),
        ("attention_count", c_size_t),
        ("finish_reason", c_int),
    ]
