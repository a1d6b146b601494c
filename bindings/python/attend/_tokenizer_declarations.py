"""The structs, the callback and the functions of tokenizers in include/attend.h."""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_int,
    c_int32,
    c_size_t,
    c_uint32,
    c_void_p,
)
from typing import Any

from ._sized import ProgressCallback, Sized

#: ``attend_text_callback``
TextCallback = CFUNCTYPE(c_bool, c_void_p, c_size_t, c_void_p)

#: ``attend_truncation`` by name.
TRUNCATION = {"longest_first": 0, "only_first": 1, "only_second": 2, "none": 3}

#: ``attend_side`` by name, without the default.
SIDE = {"right": 1, "left": 2}


class TokenizeOptions(Sized):
    """``attend_tokenize_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("no_special_tokens", c_bool),
        ("max_length", c_size_t),
        ("truncation", c_int),
        ("truncation_side", c_int),
        ("stride", c_size_t),
        ("threads", c_uint32),
        ("progress", ProgressCallback),
        ("progress_context", c_void_p),
        ("are_targets", c_bool),
    ]


class TokenizerInfo(Sized):
    """``attend_tokenizer_info``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("size", c_size_t),
        ("model_max_length", c_size_t),
        ("begin_token", c_int32),
        ("end_token", c_int32),
        ("unknown_token", c_int32),
        ("separator_token", c_int32),
        ("pad_token", c_int32),
        ("class_token", c_int32),
        ("mask_token", c_int32),
        ("truncation_side", c_int),
    ]


class DetokenizeOptions(Sized):
    """``attend_detokenize_options``"""

    _fields_ = [("struct_size", c_size_t), ("keep_special_tokens", c_bool)]


class ChatOptions(Sized):
    """``attend_chat_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("generation_prompt", c_bool),
        ("variables", c_char_p),
        ("template_name", c_char_p),
        ("inputs", c_void_p),
        ("input_count", c_size_t),
    ]


class TokenOffsets(Structure):
    """``attend_token_offsets``"""

    _fields_ = [("byte_start", c_int32), ("byte_end", c_int32), ("scalar_start", c_int32), ("scalar_end", c_int32)]


TOKENIZER_STRUCTS: dict[str, type[Structure]] = {
    "attend_tokenize_options": TokenizeOptions,
    "attend_tokenizer_info": TokenizerInfo,
    "attend_detokenize_options": DetokenizeOptions,
    "attend_token_offsets": TokenOffsets,
    "attend_chat_options": ChatOptions,
}

_out, _size, _texts = POINTER(c_void_p), POINTER(c_size_t), POINTER(c_char_p)

TOKENIZER_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "attend_tokenizer_create": (c_void_p, [c_char_p, _out]),
    "attend_tokenizer_free": (None, [c_void_p]),
    "attend_model_tokenizer": (c_void_p, [c_void_p, _out]),
    "attend_tokenizer_size": (c_size_t, [c_void_p]),
    "attend_tokenizer_encode": (c_void_p, [c_void_p, c_char_p, c_size_t, POINTER(TokenizeOptions), _out]),
    "attend_tokenizer_encode_pair": (
        c_void_p,
        [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, POINTER(TokenizeOptions), _out],
    ),
    "attend_tokenizer_encode_batch": (
        c_void_p,
        [c_void_p, _texts, c_void_p, _texts, c_void_p, c_size_t, POINTER(TokenizeOptions), _out],
    ),
    "attend_tokenizer_get_info": (c_void_p, [c_void_p, POINTER(TokenizerInfo)]),
    "attend_encoding_ids": (c_void_p, [c_void_p, _size]),
    "attend_encoding_offsets": (c_void_p, [c_void_p]),
    "attend_encoding_special": (c_void_p, [c_void_p]),
    "attend_encoding_token_types": (c_void_p, [c_void_p]),
    "attend_encoding_sequence_ids": (c_void_p, [c_void_p]),
    "attend_encoding_overflow_count": (c_size_t, [c_void_p]),
    "attend_encoding_overflow": (c_void_p, [c_void_p, c_size_t]),
    "attend_encoding_free": (None, [c_void_p]),
    "attend_detokenizer_create": (c_void_p, [c_void_p, POINTER(DetokenizeOptions), TextCallback, c_void_p, _out]),
    "attend_detokenizer_add": (c_void_p, [c_void_p, c_int32]),
    "attend_detokenizer_finish": (c_void_p, [c_void_p]),
    "attend_detokenizer_free": (None, [c_void_p]),
    "attend_tokenizer_chat": (c_void_p, [c_void_p, c_char_p, c_size_t, POINTER(ChatOptions), _out]),
    "attend_tokenizer_encode_chat": (c_void_p, [c_void_p, c_char_p, c_size_t, POINTER(ChatOptions), _out]),
    "attend_tokenizer_decode": (c_void_p, [c_void_p, c_void_p, c_size_t, POINTER(DetokenizeOptions), _out]),
    "attend_text_bytes": (c_void_p, [c_void_p, _size]),
    "attend_text_free": (None, [c_void_p]),
    "attend_tokenizer_token": (c_void_p, [c_void_p, c_int32, _size]),
    "attend_tokenizer_id": (c_int32, [c_void_p, c_char_p, c_size_t]),
}
