"""The structs and functions of the header's section on functions."""

from __future__ import annotations

from ctypes import POINTER, Structure, c_bool, c_char_p, c_double, c_float, c_int, c_int64, c_size_t, c_uint32, c_void_p
from typing import Any

from ._sized import Sized


class Array(Structure):
    """``attend_array``"""

    _fields_ = [
        ("data", c_void_p),
        ("type", c_int),
        ("rank", c_uint32),
        ("shape", c_int64 * 8),
        ("strides", c_int64 * 8),
    ]


class ContextOptions(Sized):
    """``attend_context_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("threads", c_uint32),
        ("kernels", c_char_p),
        ("pin_threads", c_bool),
    ]


class AttentionOptions(Sized):
    """``attend_attention_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("scale", c_float),
        ("soft_cap", c_float),
        ("causal", c_bool),
        ("query_position", c_int64),
        ("window", c_size_t),
        ("mask", c_void_p),
        ("key_lengths", c_void_p),
        ("slopes", c_void_p),
        ("distance_bias", c_void_p),
        ("sinks", c_void_p),
        ("relative_keys", c_void_p),
        ("relative_values", c_void_p),
        ("weights", c_void_p),
    ]


class MultiHeadWeights(Sized):
    """``attend_multi_head_weights``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("in_proj_weight", c_void_p),
        ("in_proj_bias", c_void_p),
        ("query_weight", c_void_p),
        ("key_weight", c_void_p),
        ("value_weight", c_void_p),
        ("out_proj_weight", c_void_p),
        ("out_proj_bias", c_void_p),
        ("heads", c_size_t),
        ("key_heads", c_size_t),
    ]


class ScoredAttentionOptions(Sized):
    """``attend_scored_attention_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("score", c_int),
        ("locality", c_int),
        ("weight", c_void_p),
        ("key_weight", c_void_p),
        ("bias", c_void_p),
        ("vector", c_void_p),
        ("half_window", c_size_t),
        ("query_position", c_int64),
        ("place_weight", c_void_p),
        ("place_vector", c_void_p),
        ("mask", c_void_p),
        ("key_lengths", c_void_p),
        ("weights", c_void_p),
    ]


class RotaryOptions(Sized):
    """``attend_rotary_options``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("type", c_int),
        ("interleaved", c_bool),
        ("dimensions", c_size_t),
        ("theta", c_double),
        ("factor", c_double),
        ("low_frequency_factor", c_double),
        ("high_frequency_factor", c_double),
        ("beta_fast", c_double),
        ("beta_slow", c_double),
        ("attention_factor", c_double),
        ("rotated_share", c_double),
        ("trained_positions", c_size_t),
        ("length", c_size_t),
        ("short_factors", c_void_p),
        ("long_factors", c_void_p),
    ]


class Norm(Sized):
    """``attend_norm``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("kind", c_int),
        ("epsilon", c_float),
        ("weight_offset", c_float),
        ("weight", c_void_p),
        ("bias", c_void_p),
    ]


class FeedForwardWeights(Sized):
    """``attend_feed_forward_weights``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("activation", c_int),
        ("weight1", c_void_p),
        ("bias1", c_void_p),
        ("gated_weight", c_void_p),
        ("gated_bias", c_void_p),
        ("weight2", c_void_p),
        ("bias2", c_void_p),
    ]


class LayerWeights(Sized):
    """``attend_layer_weights``"""

    _fields_ = [
        ("struct_size", c_size_t),
        ("self_attention", c_void_p),
        ("cross_attention", c_void_p),
        ("feed_forward", c_void_p),
        ("self_attention_norm", c_void_p),
        ("cross_attention_norm", c_void_p),
        ("feed_forward_norm", c_void_p),
        ("norm_first", c_bool),
    ]


FUNCTION_STRUCTS: dict[str, type[Structure]] = {
    "attend_array": Array,
    "attend_context_options": ContextOptions,
    "attend_attention_options": AttentionOptions,
    "attend_multi_head_weights": MultiHeadWeights,
    "attend_scored_attention_options": ScoredAttentionOptions,
    "attend_rotary_options": RotaryOptions,
    "attend_norm": Norm,
    "attend_feed_forward_weights": FeedForwardWeights,
    "attend_layer_weights": LayerWeights,
}

#: ``attend_score_kind`` by name.
SCORE = {"dot": 0, "general": 1, "concat": 2, "additive": 3}

#: ``attend_locality`` by name.
LOCALITY = {"global": 0, "monotonic": 1, "predictive": 2}

#: ``attend_sinusoid_layout`` by name.
SINUSOID = {"interleaved": 0, "halves": 1, "tensor2tensor": 2}

#: ``attend_rope_type`` by name.
ROPE = {"default": 0, "linear": 1, "dynamic": 2, "llama3": 3, "yarn": 4, "longrope": 5, "proportional": 6}

#: ``attend_norm_kind`` by name.
NORM = {"layer": 0, "rms": 1}

#: ``attend_activation`` by name.
ACTIVATION = {
    "none": 0,
    "relu": 1,
    "gelu": 2,
    "gelu_tanh": 3,
    "quick_gelu": 4,
    "silu": 5,
    "tanh": 6,
    "sigmoid": 7,
    "relu_squared": 8,
}

# Arrays and structs of options go by their addresses: calls of a few microseconds make no objects for them.
_error = c_void_p
_context = c_void_p
_array = c_void_p
_options = c_void_p

FUNCTION_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "attend_array_init": (None, [POINTER(Array), c_void_p, c_int, c_size_t, c_void_p]),
    "attend_context_create": (_error, [POINTER(ContextOptions), POINTER(c_void_p)]),
    "attend_context_free": (None, [_context]),
    "attend_scaled_dot_product_attention": (_error, [_context, _array, _array, _array, _options, _array]),
    "attend_multi_head_attention": (_error, [_context, _array, _array, _array, _options, _options, _array]),
    "attend_scored_attention": (_error, [_context, _array, _array, _array, _options, _array]),
    "attend_sinusoidal_positions": (_error, [_context, c_int, c_int64, _array]),
    "attend_rotary_embedding": (_error, [_context, _array, _array, _options, _array]),
    "attend_alibi_slopes": (_error, [_context, _array]),
    "attend_relative_buckets": (_error, [_context, _array, c_size_t, c_size_t, c_bool, _array]),
    "attend_relative_bias": (_error, [_context, _array, c_size_t, c_bool, _array]),
    "attend_normalize": (_error, [_context, _array, _options, _array]),
    "attend_add_norm": (_error, [_context, _array, _array, _options, _array, _array]),
    "attend_activate": (_error, [_context, _array, c_int, _array]),
    "attend_softmax": (_error, [_context, _array, _array]),
    "attend_log_softmax": (_error, [_context, _array, _array]),
    "attend_linear": (_error, [_context, _array, _array, _array, _array]),
    "attend_feed_forward": (_error, [_context, _array, _options, _array]),
    "attend_embedding": (_error, [_context, _array, _array, c_float, _array, _array]),
    "attend_encoder_layer": (_error, [_context, _array, _options, _options, _array]),
    "attend_decoder_layer": (_error, [_context, _array, _array, _options, _options, _options, _array]),
}
