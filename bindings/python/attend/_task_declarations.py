"""The structs and functions of tasks on texts and of vectors in include/attend.h."""

from __future__ import annotations

from ctypes import POINTER, Structure, c_bool, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_uint32, c_void_p
from typing import Any

from ._generation_structs import GenerationOptions
from ._sized import Sized
from ._tokenizer_declarations import TokenOffsets


class EntityOptions(Sized):
    """``attend_entity_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("aggregation", c_int),
        ("ignored_labels", POINTER(c_char_p)),
        ("ignored_label_count", c_size_t),
        ("max_length", c_size_t),
        ("windows", c_bool),
        ("stride", c_size_t),
    ]


class Entity(Sized):
    """``attend_entity``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("label", c_void_p),
        ("label_length", c_size_t),
        ("score", c_double),
        ("word", c_void_p),
        ("word_length", c_size_t),
        ("token", c_int64),
        ("offsets", TokenOffsets),
    ]


class AnswerOptions(Sized):
    """``attend_answer_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("top_k", c_size_t),
        ("max_answer_length", c_size_t),
        ("max_length", c_size_t),
        ("stride", c_size_t),
        ("allow_no_answer", c_bool),
        ("within_words", c_bool),
    ]


class AnswerSpan(Sized):
    """``attend_answer_span``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("text", c_void_p),
        ("text_length", c_size_t),
        ("score", c_double),
        ("offsets", TokenOffsets),
    ]


class FillOptions(Sized):
    """``attend_fill_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("top_k", c_size_t),
        ("targets", POINTER(c_char_p)),
        ("target_count", c_size_t),
        ("max_length", c_size_t),
    ]


class Filling(Sized):
    """``attend_filling``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("token", c_int32),
        ("score", c_double),
        ("word", c_void_p),
        ("word_length", c_size_t),
        ("text", c_void_p),
        ("text_length", c_size_t),
    ]


class ZeroShotOptions(Sized):
    """``attend_zero_shot_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("hypothesis_template", c_char_p),
        ("multi_label", c_bool),
        ("max_length", c_size_t),
    ]


class TranslateOptions(Sized):
    """``attend_translate_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("src_lang", c_char_p),
        ("tgt_lang", c_char_p),
        ("max_length", c_size_t),
    ]


class SummarizeOptions(Sized):
    """``attend_summarize_options``"""

    _fields_ = [("struct_size", c_size_t), ("max_length", c_size_t), ("by_parts", c_bool)]


class RewriteOptions(Sized):
    """``attend_rewrite_options``"""

    _fields_ = [("struct_size", c_size_t), ("task", c_char_p), ("max_length", c_size_t)]


class SearchIndexOptions(Sized):
    """``attend_search_index_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("type", c_int),
        ("threads", c_uint32),
        ("kernels", c_char_p),
        ("normalize", c_bool),
    ]


#: ``attend_aggregation``
AGGREGATIONS = {"none": 0, "simple": 1, "first": 2, "average": 3, "max": 4}

TASK_STRUCTS: dict[str, type[Structure]] = {
    "attend_entity_options": EntityOptions,
    "attend_entity": Entity,
    "attend_answer_options": AnswerOptions,
    "attend_answer_span": AnswerSpan,
    "attend_fill_options": FillOptions,
    "attend_filling": Filling,
    "attend_zero_shot_options": ZeroShotOptions,
    "attend_translate_options": TranslateOptions,
    "attend_summarize_options": SummarizeOptions,
    "attend_rewrite_options": RewriteOptions,
    "attend_search_index_options": SearchIndexOptions,
}

_out, _texts = POINTER(c_void_p), POINTER(c_char_p)
_column = [_texts, c_void_p]
_result = c_void_p


def _rewriting(options: type[Structure]) -> tuple[Any, list[Any]]:
    return _result, [c_void_p, *_column, c_size_t, POINTER(options), POINTER(GenerationOptions), _out]


TASK_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "attend_find_entities": (_result, [c_void_p, *_column, c_size_t, POINTER(EntityOptions), _out]),
    "attend_entities_count": (c_size_t, [c_void_p]),
    "attend_entities_entity_count": (c_size_t, [c_void_p, c_size_t]),
    "attend_entities_get": (_result, [c_void_p, c_size_t, c_size_t, POINTER(Entity)]),
    "attend_entities_free": (None, [c_void_p]),
    "attend_answer": (_result, [c_void_p, *_column, *_column, c_size_t, POINTER(AnswerOptions), _out]),
    "attend_answers_count": (c_size_t, [c_void_p]),
    "attend_answers_span_count": (c_size_t, [c_void_p, c_size_t]),
    "attend_answers_get": (_result, [c_void_p, c_size_t, c_size_t, POINTER(AnswerSpan)]),
    "attend_answers_free": (None, [c_void_p]),
    "attend_fill": (_result, [c_void_p, *_column, c_size_t, POINTER(FillOptions), _out]),
    "attend_fillings_count": (c_size_t, [c_void_p]),
    "attend_fillings_mask_count": (c_size_t, [c_void_p, c_size_t]),
    "attend_fillings_filling_count": (c_size_t, [c_void_p, c_size_t, c_size_t]),
    "attend_fillings_get": (_result, [c_void_p, c_size_t, c_size_t, c_size_t, POINTER(Filling)]),
    "attend_fillings_free": (None, [c_void_p]),
    "attend_classify_zero_shot": (
        _result,
        [c_void_p, *_column, c_size_t, *_column, c_size_t, POINTER(ZeroShotOptions), _out],
    ),
    "attend_translate": _rewriting(TranslateOptions),
    "attend_summarize": _rewriting(SummarizeOptions),
    "attend_rewrite": _rewriting(RewriteOptions),
    "attend_search_index_create": (_result, [c_size_t, POINTER(SearchIndexOptions), _out]),
    "attend_search_index_open": (_result, [c_char_p, POINTER(SearchIndexOptions), _out]),
    "attend_search_index_add": (_result, [c_void_p, c_void_p, c_size_t]),
    "attend_search_index_search": (_result, [c_void_p, c_void_p, c_size_t, c_size_t, c_void_p, c_void_p]),
    "attend_search_index_count": (c_size_t, [c_void_p]),
    "attend_search_index_width": (c_size_t, [c_void_p]),
    "attend_search_index_type": (c_int, [c_void_p]),
    "attend_search_index_bytes": (c_size_t, [c_void_p]),
    "attend_search_index_save": (_result, [c_void_p, c_char_p]),
    "attend_search_index_free": (None, [c_void_p]),
}
