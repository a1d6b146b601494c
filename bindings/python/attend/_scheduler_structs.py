"""The structs, the callback and the functions of many requests in include/attend.h."""

from __future__ import annotations

from ctypes import CFUNCTYPE, POINTER, Structure, c_bool, c_char_p, c_double, c_int32, c_size_t, c_void_p
from typing import Any

from ._generation_structs import GenerationOptions
from ._sized import Sized

#: ``attend_done_callback``
DoneCallback = CFUNCTYPE(None, c_void_p)


class SchedulerOptions(Sized):
    """``attend_scheduler_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("max_rows", c_size_t),
        ("max_cache_bytes", c_size_t),
        ("prompt_tokens_per_step", c_size_t),
        ("priority_seconds", c_double),
        ("never_put_aside", c_bool),
    ]


class RequestOptions(Sized):
    """``attend_request_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("generation", POINTER(GenerationOptions)),
        ("on_done", DoneCallback),
        ("on_done_context", c_void_p),
        ("priority", c_int32),
    ]


class SchedulerStats(Sized):
    """``attend_scheduler_stats``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("submitted", c_size_t),
        ("finished", c_size_t),
        ("failed", c_size_t),
        ("waiting", c_size_t),
        ("running", c_size_t),
        ("put_aside", c_size_t),
        ("steps", c_size_t),
        ("rows", c_size_t),
        ("prompt_tokens", c_size_t),
        ("tokens", c_size_t),
        ("step_seconds", c_double),
        ("mean_queue_seconds", c_double),
        ("longest_queue_seconds", c_double),
    ]


STRUCTS: dict[str, type[Structure]] = {
    "attend_scheduler_options": SchedulerOptions,
    "attend_request_options": RequestOptions,
    "attend_scheduler_stats": SchedulerStats,
}

_out = POINTER(c_void_p)

PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "attend_scheduler_create": (c_void_p, [c_void_p, c_void_p, POINTER(SchedulerOptions), _out]),
    "attend_scheduler_free": (None, [c_void_p]),
    "attend_scheduler_submit": (c_void_p, [c_void_p, c_void_p, c_size_t, POINTER(RequestOptions), _out]),
    "attend_scheduler_submit_text": (c_void_p, [c_void_p, c_char_p, c_size_t, POINTER(RequestOptions), _out]),
    "attend_scheduler_submit_chat": (c_void_p, [c_void_p, c_char_p, c_size_t, c_void_p, POINTER(RequestOptions), _out]),
    "attend_request_wait": (c_void_p, [c_void_p, c_double, _out]),
    "attend_request_cancel": (None, [c_void_p]),
    "attend_request_free": (None, [c_void_p]),
    "attend_scheduler_get_stats": (c_void_p, [c_void_p, POINTER(SchedulerStats)]),
}
