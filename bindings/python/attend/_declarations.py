"""include/attend.h as ctypes sees it: structs, callbacks, prototypes, and nothing else.

tests/test_declarations.py compares all of it with the header, in both directions. What the functions mean is said
in the header; the pleasant side of it is in model.py, session.py and tokenizer.py.
"""

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
    c_ssize_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any

from ._class_declarations import CLASS_PROTOTYPES, CLASS_STRUCTS
from ._draw_declarations import DRAW_STRUCTS, draw_prototypes
from ._function_declarations import FUNCTION_PROTOTYPES, FUNCTION_STRUCTS
from ._generation_structs import VERDICT as VERDICT
from ._generation_structs import GenerationOptions as GenerationOptions
from ._generation_structs import Hypothesis as Hypothesis
from ._generation_structs import LogitsCallback as LogitsCallback
from ._generation_structs import TokenAlternative as TokenAlternative
from ._generation_structs import TokenCallback as TokenCallback
from ._generation_structs import TokenEvent as TokenEvent
from ._scheduler_structs import PROTOTYPES as _SCHEDULER_PROTOTYPES
from ._scheduler_structs import STRUCTS as _SCHEDULER_STRUCTS
from ._scheduler_structs import DoneCallback as DoneCallback
from ._scheduler_structs import RequestOptions as RequestOptions
from ._scheduler_structs import SchedulerOptions as SchedulerOptions
from ._scheduler_structs import SchedulerStats as SchedulerStats
from ._score_declarations import SCORE_PROTOTYPES, SCORE_STRUCTS
from ._sized import ProgressCallback as ProgressCallback
from ._sized import Sized as Sized
from ._sound_declarations import SOUND_PROTOTYPES, SOUND_STRUCTS
from ._sound_declarations import SegmentCallback as SegmentCallback
from ._stage_structs import StageCallback as StageCallback
from ._stage_structs import StageStep as StageStep
from ._task_declarations import TASK_PROTOTYPES, TASK_STRUCTS
from ._tokenizer_declarations import SIDE as SIDE
from ._tokenizer_declarations import TOKENIZER_PROTOTYPES, TOKENIZER_STRUCTS
from ._tokenizer_declarations import TRUNCATION as TRUNCATION
from ._tokenizer_declarations import ChatOptions as ChatOptions
from ._tokenizer_declarations import DetokenizeOptions as DetokenizeOptions
from ._tokenizer_declarations import TextCallback as TextCallback
from ._tokenizer_declarations import TokenizeOptions as TokenizeOptions
from ._tokenizer_declarations import TokenizerInfo as TokenizerInfo
from ._tokenizer_declarations import TokenOffsets as TokenOffsets

#: Handles are addresses. As a result one arrives as ``int``, or ``None`` for NULL.
Handle = c_void_p

#: ``attend_log_callback``
LogCallback = CFUNCTYPE(None, c_int, c_char_p, c_void_p)

TYPE_FLOAT32 = 1
TYPE_INT16 = 11
TYPE_UINT8 = 20

#: ``attend_element_type`` to the name of the element type.
TYPE_NAMES = {
    TYPE_FLOAT32: "float32",
    2: "float16",
    3: "bfloat16",
    4: "float64",
    10: "int8",
    11: "int16",
    12: "int32",
    13: "int64",
    20: "uint8",
    21: "uint16",
    22: "uint32",
    23: "uint64",
    30: "bool",
}

#: ``attend_compute_type`` by name.
COMPUTE = {"default": 0, "float32": 1, "bfloat16": 2, "int8": 3, "int4": 4}

#: ``attend_logits_kind`` by name.
LOGITS = {"default": 0, "none": 1, "last": 2, "all": 3}

#: ``attend_attention_kind`` by name.
ATTENTION = {"encoder": 1, "decoder": 2, "cross": 3, "vision": 4}

#: ``attend_key_value_type`` by name.
KEY_VALUES = {"default": 0, "float32": 1, "bfloat16": 2, "int8": 3, "int4": 4}

#: ``attend_weight_placement`` by name.
PLACEMENTS = {"resident": 0, "mapped": 1, "auto": 2}


class ModelOptions(Sized):
    """``attend_model_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("compute", c_int),
        ("threads", c_uint32),
        ("kernels", c_char_p),
        ("progress", ProgressCallback),
        ("progress_context", c_void_p),
        ("copy_weights", c_bool),
        ("pin_threads", c_bool),
        ("weights", c_int),
        ("memory_budget", c_size_t),
        ("weights_directory", c_char_p),
        ("first_layer", c_size_t),
        ("end_layer", c_size_t),
    ]


class File(Structure):
    """``attend_file``"""

    _fields_ = [("name", c_char_p), ("data", c_void_p), ("size", c_size_t)]


class SessionOptions(Sized):
    """``attend_session_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("threads", c_uint32),
        ("beyond_positions", c_bool),
        ("progress", ProgressCallback),
        ("progress_context", c_void_p),
        ("prefix_cache_bytes", c_size_t),
        ("key_value_type", c_int),
        ("pin_threads", c_bool),
        ("stage", StageCallback),
        ("stage_context", c_void_p),
    ]


class PrefixCacheStats(Sized):
    """``attend_prefix_cache_stats``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("lookups", c_size_t),
        ("hits", c_size_t),
        ("tokens", c_size_t),
        ("bytes", c_size_t),
    ]


class Tensor(Structure):
    """``attend_tensor``"""

    _fields_ = [("data", c_void_p), ("type", c_int), ("rank", c_size_t), ("shape", c_size_t * 4)]


INPUTS = {"features": 1, "bytes": 2, "file": 3, "pixels": 4, "samples": 5}


class Input(Sized):
    """``attend_input``; its pointer is the address of numpy memory."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_int),
        ("data", c_void_p),
        ("size", c_size_t),
        ("type", c_int),
        ("rank", c_size_t),
        ("shape", c_size_t * 3),
        ("strides", c_ssize_t * 3),
        ("sample_rate", c_uint32),
        ("draft", c_bool),
    ]


class Batch(Sized):
    """``attend_batch``; its pointers are the addresses of numpy memory."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("tokens", c_void_p),
        ("lengths", c_void_p),
        ("count", c_size_t),
        ("token_types", c_void_p),
        ("logits", c_int),
        ("inputs", POINTER(Input)),
        ("input_count", c_size_t),
        ("seen_pictures", c_void_p),
        ("states", c_void_p),
    ]


class EmbedOptions(Sized):
    """``attend_embed_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("prompt", c_char_p),
        ("prompt_name", c_char_p),
        ("truncate_dim", c_size_t),
    ]


class ModelInfo(Sized):
    """``attend_model_info``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_int),
        ("compute", c_int),
        ("threads", c_uint32),
        ("vocabulary_size", c_size_t),
        ("hidden_size", c_size_t),
        ("encoder_layers", c_size_t),
        ("decoder_layers", c_size_t),
        ("encoder_positions", c_size_t),
        ("decoder_positions", c_size_t),
        ("parameters", c_size_t),
        ("weight_bytes", c_size_t),
        ("decoder_start_token", c_int32),
        ("begin_token", c_int32),
        ("end_token", c_int32),
        ("pad_token", c_int32),
        ("unknown_token", c_int32),
        ("forced_begin_token", c_int32),
        ("forced_end_token", c_int32),
        ("encoder_vocabulary_size", c_size_t),
        ("encoder_hidden_size", c_size_t),
        ("decoder_vocabulary_size", c_size_t),
        ("decoder_hidden_size", c_size_t),
        ("label_count", c_size_t),
        ("token_type_count", c_size_t),
        ("embedding_size", c_size_t),
        ("first_layer", c_size_t),
        ("whole_layers", c_size_t),
        ("mapped_bytes", c_size_t),
        ("mapped_resident_bytes", c_size_t),
        ("mapped_read_bytes", c_uint64),
        ("mapped_wait_seconds", c_double),
        ("mapped_product_seconds", c_double),
    ]


class TensorInfo(Sized):
    """``attend_tensor_info``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("name", c_char_p),
        ("type", c_int),
        ("rank", c_size_t),
        ("shape", POINTER(c_size_t)),
    ]


#: What the header calls each struct.
STRUCTS: dict[str, type[Structure]] = {
    "attend_model_options": ModelOptions,
    "attend_file": File,
    "attend_stage_step": StageStep,
    "attend_session_options": SessionOptions,
    "attend_prefix_cache_stats": PrefixCacheStats,
    "attend_tensor": Tensor,
    "attend_input": Input,
    "attend_batch": Batch,
    **TOKENIZER_STRUCTS,
    "attend_token_alternative": TokenAlternative,
    "attend_token_event": TokenEvent,
    "attend_generation_options": GenerationOptions,
    "attend_hypothesis": Hypothesis,
    **_SCHEDULER_STRUCTS,
    **SCORE_STRUCTS,
    **CLASS_STRUCTS,
    **TASK_STRUCTS,
    **SOUND_STRUCTS,
    **DRAW_STRUCTS,
    "attend_embed_options": EmbedOptions,
    "attend_model_info": ModelInfo,
    "attend_tensor_info": TensorInfo,
    **FUNCTION_STRUCTS,
}

_handle_out = POINTER(Handle)
_size_out = POINTER(c_size_t)
_texts = POINTER(c_char_p)

#: Every function of the header: what it returns, what it takes. ``attend_error *`` is a handle; arrays and text with a
#: length are addresses.
PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    # Version
    "attend_version_number": (c_int32, []),
    "attend_version_string": (c_char_p, []),
    # Errors
    "attend_error_get_code": (c_int, [Handle]),
    "attend_error_message": (c_char_p, [Handle]),
    "attend_error_free": (None, [Handle]),
    # Runtime
    "attend_log_set": (None, [LogCallback, c_void_p]),
    "attend_kernels_name": (c_char_p, []),
    # Models
    "attend_model_create": (Handle, [c_char_p, POINTER(ModelOptions), _handle_out]),
    "attend_model_create_from_files": (
        Handle,
        [POINTER(File), c_size_t, POINTER(ModelOptions), _handle_out],
    ),
    "attend_tokenizer_create_from_files": (Handle, [POINTER(File), c_size_t, _handle_out]),
    "attend_model_free": (None, [Handle]),
    # Tokenizers
    **TOKENIZER_PROTOTYPES,
    # Sessions
    "attend_session_create": (Handle, [Handle, POINTER(SessionOptions), _handle_out]),
    "attend_session_free": (None, [Handle]),
    "attend_session_add": (Handle, [Handle, POINTER(Batch)]),
    "attend_session_cancel": (None, [Handle]),
    "attend_session_count": (Handle, [Handle, _size_out]),
    "attend_session_encoded_length": (Handle, [Handle, c_size_t, _size_out]),
    "attend_session_length": (Handle, [Handle, c_size_t, _size_out]),
    # Encode and decode
    "attend_encode": (Handle, [Handle, POINTER(Batch)]),
    "attend_decode_step": (Handle, [Handle, c_void_p, c_size_t, POINTER(Tensor)]),
    "attend_decode": (Handle, [Handle, POINTER(Batch), POINTER(Tensor)]),
    "attend_session_logits": (Handle, [Handle, POINTER(Tensor)]),
    "attend_session_pooled": (Handle, [Handle, POINTER(Tensor)]),
    "attend_session_select": (Handle, [Handle, c_void_p, c_size_t]),
    "attend_session_truncate": (Handle, [Handle, c_size_t, c_size_t]),
    "attend_session_hidden_states": (Handle, [Handle, POINTER(Tensor)]),
    # Caches
    "attend_session_add_prompt": (Handle, [Handle, c_void_p, c_size_t, _size_out]),
    "attend_session_keep_prefix": (Handle, [Handle, c_size_t, c_void_p, c_size_t]),
    "attend_session_prefix_cache_stats": (Handle, [Handle, POINTER(PrefixCacheStats)]),
    "attend_session_prefix_cache_clear": (Handle, [Handle]),
    "attend_session_save": (Handle, [Handle, c_void_p, c_size_t, _handle_out]),
    "attend_session_save_file": (Handle, [Handle, c_void_p, c_size_t, c_char_p]),
    "attend_session_restore": (Handle, [Handle, c_char_p, c_size_t]),
    "attend_session_restore_file": (Handle, [Handle, c_char_p]),
    # Generation
    "attend_generate": (Handle, [Handle, POINTER(Batch), POINTER(GenerationOptions), _handle_out]),
    "attend_generate_texts": (
        Handle,
        [Handle, POINTER(c_char_p), c_void_p, c_size_t, POINTER(GenerationOptions), _handle_out],
    ),
    "attend_generate_chat": (
        Handle,
        [Handle, c_char_p, c_size_t, POINTER(ChatOptions), POINTER(GenerationOptions), _handle_out],
    ),
    "attend_describe": (
        Handle,
        [Handle, c_void_p, c_size_t, c_char_p, POINTER(GenerationOptions), _handle_out],
    ),
    "attend_generation_count": (c_size_t, [Handle]),
    "attend_generation_hypothesis_count": (c_size_t, [Handle, c_size_t]),
    "attend_generation_get_hypothesis": (Handle, [Handle, c_size_t, c_size_t, POINTER(Hypothesis)]),
    "attend_generation_message": (Handle, [Handle, c_size_t, c_size_t, _handle_out]),
    "attend_generation_free": (None, [Handle]),
    # Many requests
    **_SCHEDULER_PROTOTYPES,
    # Scores
    **SCORE_PROTOTYPES,
    # Speech
    **SOUND_PROTOTYPES,
    **draw_prototypes(Tensor),
    # Classes
    **CLASS_PROTOTYPES,
    # Tasks on texts, Vectors
    **TASK_PROTOTYPES,
    # Embeddings
    "attend_embed": (Handle, [Handle, POINTER(c_char_p), c_void_p, c_size_t, POINTER(EmbedOptions), POINTER(Tensor)]),
    "attend_similarity": (Handle, [Handle, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p, c_void_p]),
    # Introspection
    "attend_model_get_info": (Handle, [Handle, POINTER(ModelInfo)]),
    "attend_model_family": (c_char_p, [Handle]),
    "attend_model_label": (c_void_p, [Handle, c_size_t, _size_out]),
    "attend_model_kernels": (c_char_p, [Handle]),
    "attend_model_end_tokens": (c_void_p, [Handle, _size_out]),
    "attend_model_config": (c_void_p, [Handle, _size_out]),
    "attend_model_generation_config": (c_void_p, [Handle, _size_out]),
    "attend_model_tensor_count": (c_size_t, [Handle]),
    "attend_model_tensor": (Handle, [Handle, c_size_t, POINTER(TensorInfo)]),
    "attend_session_record_attentions": (Handle, [Handle, c_bool]),
    "attend_session_attentions": (Handle, [Handle, c_int, c_size_t, c_size_t, POINTER(Tensor)]),
    "attend_session_memory": (Handle, [Handle, _size_out]),
    # Functions
    **FUNCTION_PROTOTYPES,
}
