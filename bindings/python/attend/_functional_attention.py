"""Attention on arrays: scaled dot-product, multi-head, and that of recurrent networks."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from . import _function_declarations as f
from ._function_calls import Array, Call, Input, begin, end, numbers, result, run
from ._library import library
from .errors import InvalidArgumentError, UnsupportedError

_attention = struct.Struct("Qff?7xqQ8Q")
_multi_head = struct.Struct("Q7QQQ")
_scored = struct.Struct("Qii4QQq5Q")


def attention_options(
    call: Call,
    *,
    scale: float | None = None,
    is_causal: bool = False,
    attn_mask: Input | None = None,
    query_position: int = 0,
    window: int = 0,
    soft_cap: float = 0.0,
    key_lengths: Input | None = None,
    slopes: Input | None = None,
    distance_bias: Input | None = None,
    sinks: Input | None = None,
    relative_keys: Input | None = None,
    relative_values: Input | None = None,
    weights: Array | None = None,
) -> int:
    """The address of an ``attend_attention_options`` for a call."""
    if scale == 0:
        raise InvalidArgumentError("scale: 0 would make all scores equal")
    return call.options(
        _attention,
        _attention.size,
        scale or 0.0,
        soft_cap,
        is_causal,
        query_position,
        window,
        call.optional(attn_mask, "attn_mask"),
        call.optional(key_lengths, "key_lengths"),
        call.optional(slopes, "slopes"),
        call.optional(distance_bias, "distance_bias"),
        call.optional(sinks, "sinks"),
        call.optional(relative_keys, "relative_keys"),
        call.optional(relative_values, "relative_values"),
        0 if weights is None else call.array(weights, "weights"),
    )


def scaled_dot_product_attention(
    query: Input,
    key: Input,
    value: Input,
    attn_mask: Input | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    need_weights: bool = False,
    out: Array | None = None,
    **options: Any,
) -> Any:
    """``softmax(scale query keyᵀ + ...) value``, as ``torch.nn.functional.scaled_dot_product_attention`` computes it.

    ``query`` is ``[..., heads, queries, width]``, ``key`` and ``value`` are ``[..., key heads, keys, ...]``. A mask is
    bool, where False hides a key, or is added to the scores. A query that sees no key gets zeros.

    Beyond PyTorch, by keyword (what they mean is said at ``attend_attention_options`` in the header):
    ``query_position``, ``window``, ``soft_cap``, ``key_lengths``, ``slopes``, ``distance_bias``, ``sinks``,
    ``relative_keys`` and ``relative_values``; ``need_weights=True`` gives the probabilities too, as ``(output,
    weights)``; ``out`` is an array for the result.
    """
    if dropout_p:
        raise UnsupportedError(f"dropout_p: {dropout_p}; nothing is dropped outside of training")
    call = begin()
    try:
        query, key, value = call.input(query), call.input(key), call.input(value)
        if query.ndim > 2 and query.shape[:-2] != key.shape[:-2]:
            key, value = _repeated(query, key, value, enable_gqa)
        output = result((*query.shape[:-1], value.shape[-1]), query, out) if value.ndim else numbers(query)
        weights = np.empty((*query.shape[:-1], key.shape[-2]), output.dtype) if need_weights else None
        q, k, v = call.array(query, "query"), call.array(key, "key"), call.array(value, "value")
        if attn_mask is None and not options and weights is None and scale is None and not is_causal:
            chosen = 0
        else:
            chosen = attention_options(
                call, scale=scale, is_causal=is_causal, attn_mask=attn_mask, weights=weights, **options
            )
        run(library.attend_scaled_dot_product_attention, call, q, k, v, chosen, call.array(output, "out"))
    finally:
        end(call)
    return output if weights is None else (output, weights)


def _repeated(query: Array, key: Array, value: Array, enable_gqa: bool) -> tuple[Array, Array]:
    """Keys and values whose dimensions of 1 repeat to those of the queries, as in PyTorch."""
    if key.ndim < 3 or key.ndim != query.ndim or value.ndim != key.ndim:
        return key, value  # an error of the library's
    heads, key_heads = query.shape[-3], key.shape[-3]
    if heads != key_heads and key_heads != 1 and not enable_gqa:
        raise InvalidArgumentError(
            f"query is {list(query.shape)} and key {list(key.shape)}: {key_heads} heads of keys for {heads} of queries "
            "need enable_gqa=True"
        )
    try:
        before = np.broadcast_shapes(query.shape[:-3], key.shape[:-3])
    except ValueError:
        return key, value
    if before != query.shape[:-3]:
        return key, value
    return np.broadcast_to(key, before + key.shape[-3:]), np.broadcast_to(value, before + value.shape[-3:])


def multi_head_weights(
    call: Call,
    num_heads: int,
    in_proj_weight: Input | None,
    in_proj_bias: Input | None,
    out_proj_weight: Input,
    out_proj_bias: Input | None,
    projections: tuple[Input | None, Input | None, Input | None] = (None, None, None),
    key_heads: int = 0,
) -> int:
    """The address of an ``attend_multi_head_weights`` for a call."""
    return call.options(
        _multi_head,
        _multi_head.size,
        call.optional(in_proj_weight, "in_proj_weight"),
        call.optional(in_proj_bias, "in_proj_bias"),
        *(call.optional(weight, f"{name}_proj_weight") for weight, name in zip(projections, "qkv")),
        call.optional(out_proj_weight, "out_proj_weight"),
        call.optional(out_proj_bias, "out_proj_bias"),
        num_heads,
        key_heads,
    )


def multi_head_attention(
    query: Input,
    key: Input,
    value: Input,
    num_heads: int,
    in_proj_weight: Input | None,
    in_proj_bias: Input | None,
    out_proj_weight: Input,
    out_proj_bias: Input | None = None,
    *,
    q_proj_weight: Input | None = None,
    k_proj_weight: Input | None = None,
    v_proj_weight: Input | None = None,
    num_key_heads: int = 0,
    need_weights: bool = False,
    out: Array | None = None,
    **options: Any,
) -> Any:
    """Multi-head attention with its projections (section 3.2.2 of the paper), ``[..., tokens, width]``.

    Weights have the shapes and names of ``torch.nn.MultiheadAttention``. Options are those of
    ``scaled_dot_product_attention``; masks and weights are ``[..., heads, queries, keys]``.
    """
    call = begin()
    try:
        query, key, value = call.input(query), call.input(key), call.input(value)
        width = np.shape(out_proj_weight)[0]
        output = result((*query.shape[:-1], width), query, out)
        weights = None
        if need_weights:
            weights = np.empty((*query.shape[:-2], num_heads, query.shape[-2], key.shape[-2]), output.dtype)
        projections = (q_proj_weight, k_proj_weight, v_proj_weight)
        run(
            library.attend_multi_head_attention,
            call,
            call.array(query, "query"),
            call.array(key, "key"),
            call.array(value, "value"),
            multi_head_weights(
                call,
                num_heads,
                in_proj_weight,
                in_proj_bias,
                out_proj_weight,
                out_proj_bias,
                projections,
                num_key_heads,
            ),
            attention_options(call, weights=weights, **options),
            call.array(output, "out"),
        )
    finally:
        end(call)
    return output if weights is None else (output, weights)


def multi_head_attention_forward(
    query: Input,
    key: Input,
    value: Input,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Input | None,
    in_proj_bias: Input | None,
    bias_k: None,
    bias_v: None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Input,
    out_proj_bias: Input | None,
    training: bool = False,
    key_padding_mask: Input | None = None,
    need_weights: bool = True,
    attn_mask: Input | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Input | None = None,
    k_proj_weight: Input | None = None,
    v_proj_weight: Input | None = None,
    static_k: None = None,
    static_v: None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Array, Array | None]:
    """The function behind ``torch.nn.MultiheadAttention``: ``[tokens, batch, width]`` or ``[tokens, width]``.

    As there, True in a mask hides a key, and ``is_causal`` is a hint that says what ``attn_mask`` is. What belongs to
    training, and keys and values from elsewhere, are refused.
    """
    for name, given in {
        "bias_k": bias_k,
        "bias_v": bias_v,
        "add_zero_attn": add_zero_attn,
        "training": training and dropout_p,
        "static_k": static_k,
        "static_v": static_v,
    }.items():
        if given is not None and given is not False and given != 0:
            raise UnsupportedError(f"{name}: not implemented")
    q, k, v = (array if array.ndim == 2 else array.swapaxes(0, 1) for array in map(numbers, (query, key, value)))
    if q.shape[-1] != embed_dim_to_check:
        raise InvalidArgumentError(f"query is {list(np.shape(query))}: its width is not {embed_dim_to_check}")
    if is_causal and attn_mask is None:
        raise InvalidArgumentError("is_causal: attn_mask is needed beside it")
    output, weights = multi_head_attention(
        q,
        k,
        v,
        num_heads,
        None if use_separate_proj_weight else in_proj_weight,
        in_proj_bias,
        out_proj_weight,
        out_proj_bias,
        q_proj_weight=q_proj_weight,
        k_proj_weight=k_proj_weight,
        v_proj_weight=v_proj_weight,
        need_weights=True,
        attn_mask=_joined(attn_mask, key_padding_mask, q, num_heads),
    )
    if output.ndim == 3:
        output = np.ascontiguousarray(output.swapaxes(0, 1))
    if not need_weights:
        return output, None
    return output, weights.mean(axis=-3) if average_attn_weights else weights


def _joined(attn_mask: Input | None, key_padding_mask: Input | None, query: Array, heads: int) -> Array | None:
    """Both masks of PyTorch's function as one that repeats to ``[batch, heads, queries, keys]``."""
    joined = None
    if attn_mask is not None:
        mask = numbers(attn_mask)
        if mask.ndim == 3 and query.ndim == 3:  # [batch * heads, queries, keys]
            mask = mask.reshape(-1, heads, *mask.shape[1:])
        joined = ~mask if mask.dtype == np.bool_ else mask
    if key_padding_mask is not None:
        mask = numbers(key_padding_mask)
        mask = mask[..., None, None, :]
        mask = ~mask if mask.dtype == np.bool_ else mask
        if joined is None:
            return mask
        if joined.dtype == np.bool_ and mask.dtype == np.bool_:
            return joined & mask
        parts = [
            np.where(part, np.float32(0), np.float32("-inf")) if part.dtype == np.bool_ else part
            for part in (joined, mask)
        ]
        return parts[0] + parts[1]
    return joined


def _scored_attention(
    score: str,
    query: Input,
    key: Input,
    value: Input | None,
    *,
    weight: Input | None = None,
    key_weight: Input | None = None,
    bias: Input | None = None,
    vector: Input | None = None,
    locality: str = "global",
    half_window: int = 0,
    query_position: int = 0,
    place_weight: Input | None = None,
    place_vector: Input | None = None,
    attn_mask: Input | None = None,
    key_lengths: Input | None = None,
    need_weights: bool = False,
    out: Array | None = None,
) -> Any:
    if locality not in f.LOCALITY:
        raise InvalidArgumentError(f"locality: {locality!r} is none of {', '.join(f.LOCALITY)}")
    call = begin()
    try:
        query, key = call.input(query), call.input(key)
        value = key if value is None else call.input(value)
        output = result((*query.shape[:-1], value.shape[-1]), query, out)
        weights = np.empty((*query.shape[:-1], key.shape[-2]), output.dtype) if need_weights else None
        options = call.options(
            _scored,
            _scored.size,
            f.SCORE[score],
            f.LOCALITY[locality],
            call.optional(weight, "weight"),
            call.optional(key_weight, "key_weight"),
            call.optional(bias, "bias"),
            call.optional(vector, "vector"),
            half_window,
            query_position,
            call.optional(place_weight, "place_weight"),
            call.optional(place_vector, "place_vector"),
            call.optional(attn_mask, "attn_mask"),
            call.optional(key_lengths, "key_lengths"),
            0 if weights is None else call.array(weights, "weights"),
        )
        run(
            library.attend_scored_attention,
            call,
            call.array(query, "query"),
            call.array(key, "key"),
            call.array(value, "value"),
            options,
            call.array(output, "out"),
        )
    finally:
        end(call)
    return output if weights is None else (output, weights)


def additive_attention(
    query: Input,
    key: Input,
    value: Input | None,
    query_weight: Input,
    key_weight: Input,
    vector: Input,
    bias: Input | None = None,
    **options: Any,
) -> Any:
    """Scores ``vectorᵀ tanh(query_weight q + key_weight k + bias)`` (Bahdanau et al. 2014, arXiv:1409.0473).

    ``query`` is ``[..., queries, query width]``, ``key`` ``[..., keys, key width]``; ``value`` None: the keys. By
    keyword ``attn_mask``, ``key_lengths``, ``need_weights``, ``out``.
    """
    return _scored_attention(
        "additive", query, key, value, weight=query_weight, key_weight=key_weight, vector=vector, bias=bias, **options
    )


def luong_attention(
    query: Input,
    key: Input,
    value: Input | None = None,
    score: str = "dot",
    weight: Input | None = None,
    vector: Input | None = None,
    **options: Any,
) -> Any:
    """Attention with the scores of Luong et al. 2015, arXiv:1508.04025: ``"dot"``, ``"general"`` or ``"concat"``.

    By keyword ``locality`` (``"global"``, ``"monotonic"`` for local-m, ``"predictive"`` for local-p) with
    ``half_window``, ``query_position``, ``place_weight`` and ``place_vector``; ``attn_mask``, ``key_lengths``,
    ``need_weights``, ``out``.
    """
    if score not in ("dot", "general", "concat"):
        raise InvalidArgumentError(f"score: {score!r} is none of dot, general, concat")
    return _scored_attention(score, query, key, value, weight=weight, vector=vector, **options)
