"""The structs and functions of speech in include/attend.h."""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_size_t,
    c_uint32,
    c_void_p,
)
from typing import Any

from ._sized import Sized


class Word(Structure):
    """``attend_word``"""

    _fields_ = [("start", c_double), ("end", c_double), ("text", c_void_p), ("text_length", c_size_t)]


class Segment(Sized):
    """``attend_segment``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("recording", c_size_t),
        ("start", c_double),
        ("end", c_double),
        ("ids", POINTER(c_int32)),
        ("count", c_size_t),
        ("times", POINTER(c_double)),
        ("text", c_void_p),
        ("text_length", c_size_t),
        ("words", POINTER(Word)),
        ("word_count", c_size_t),
        ("window_start", c_double),
        ("temperature", c_double),
        ("log_probability", c_double),
        ("compression_ratio", c_double),
        ("no_speech_probability", c_double),
        ("characters", POINTER(Word)),
        ("character_count", c_size_t),
    ]


#: ``attend_segment_callback``
SegmentCallback = CFUNCTYPE(c_bool, POINTER(Segment), c_void_p)


class TranscribeOptions(Sized):
    """``attend_transcribe_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("config", c_char_p),
        ("on_segment", SegmentCallback),
        ("on_segment_context", c_void_p),
    ]


#: ``attend_transcription_format_kind``
FORMATS = {"srt": 1, "vtt": 2, "json": 3}

SOUND_STRUCTS: dict[str, type[Structure]] = {
    "attend_word": Word,
    "attend_segment": Segment,
    "attend_transcribe_options": TranscribeOptions,
}

_sounds, _out = c_void_p, POINTER(c_void_p)

SOUND_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "attend_transcribe": (c_void_p, [c_void_p, _sounds, c_size_t, POINTER(TranscribeOptions), _out]),
    "attend_detect_languages": (c_void_p, [c_void_p, _sounds, c_size_t, _out]),
    "attend_stream_create": (c_void_p, [c_void_p, c_uint32, POINTER(TranscribeOptions), _out]),
    "attend_stream_feed": (c_void_p, [c_void_p, _sounds, _out]),
    "attend_stream_finish": (c_void_p, [c_void_p, _out]),
    "attend_stream_free": (None, [c_void_p]),
    "attend_transcription_count": (c_size_t, [c_void_p]),
    "attend_transcription_segment_count": (c_size_t, [c_void_p, c_size_t]),
    "attend_transcription_get_segment": (c_void_p, [c_void_p, c_size_t, c_size_t, POINTER(Segment)]),
    "attend_transcription_language": (c_char_p, [c_void_p, c_size_t]),
    "attend_transcription_text": (c_void_p, [c_void_p, c_size_t, POINTER(c_size_t)]),
    "attend_transcription_format": (c_void_p, [c_void_p, c_size_t, c_int, c_bool, _out]),
    "attend_transcription_free": (None, [c_void_p]),
}
