"""Norms, activations and products on arrays."""

from __future__ import annotations

import math
import struct
from typing import Any, Mapping

import numpy as np

from . import _function_declarations as f
from ._function_calls import Array, Call, Input, begin, end, numbers, result, run
from ._library import library
from .errors import InvalidArgumentError, UnsupportedError

_norm = struct.Struct("Qiff4xQQ")
_feed_forward = struct.Struct("Qi4x6Q")


def norm_options(
    call: Call, kind: str, weight: Input | None, bias: Input | None, eps: float | None, offset: float = 0.0
) -> int:
    if eps is not None and eps < 0:
        raise InvalidArgumentError(f"eps: {eps} is negative")
    # 0 is the default of the header; the smallest number adds nothing to a variance.
    epsilon = 0.0 if eps is None else eps or 1e-45
    return call.options(
        _norm,
        _norm.size,
        f.NORM[kind],
        epsilon,
        offset,
        call.optional(weight, "weight"),
        call.optional(bias, "bias"),
    )


def _normalized(
    kind: str,
    input: Input,
    normalized_shape: Any,
    weight: Input | None,
    bias: Input | None,
    eps: float | None,
    out: Array | None,
    offset: float = 0.0,
) -> Array:
    call = begin()
    try:
        x = call.input(input)
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        if not shape or x.shape[x.ndim - len(shape) :] != shape:
            raise InvalidArgumentError(f"input is {list(x.shape)}, which does not end with {list(shape)}")
        output = result(x.shape, x, out)
        y = output
        if len(shape) > 1:  # the dimensions that are normalised together become one
            for name, given in (("weight", weight), ("bias", bias)):
                if given is not None and np.shape(given) != shape:
                    raise InvalidArgumentError(f"{name} is {list(np.shape(given))}; it must be {list(shape)}")
            flat = (*x.shape[: -len(shape)], math.prod(shape))
            x, y = x.reshape(flat), output.reshape(flat)
            weight, bias = (None if given is None else numbers(given).reshape(-1) for given in (weight, bias))
            call.kept += [x, y]
        options = norm_options(call, kind, weight, bias, eps, offset)
        run(library.attend_normalize, call, call.array(x, "input"), options, call.array(y, "out"))
        if len(shape) > 1 and not np.shares_memory(y, output):
            output[...] = y.reshape(output.shape)
    finally:
        end(call)
    return output


def layer_norm(
    input: Input,
    normalized_shape: Any,
    weight: Input | None = None,
    bias: Input | None = None,
    eps: float = 1e-05,
    *,
    out: Array | None = None,
) -> Array:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` over the last dimensions (arXiv:1607.06450)."""
    return _normalized("layer", input, normalized_shape, weight, bias, eps, out)


def rms_norm(
    input: Input,
    normalized_shape: Any,
    weight: Input | None = None,
    eps: float | None = None,
    *,
    weight_offset: float = 0.0,
    out: Array | None = None,
) -> Array:
    """``x / sqrt(mean of squares + eps) * (weight + weight_offset)`` (arXiv:1910.07467); ``eps`` None: 2^-23."""
    return _normalized("rms", input, normalized_shape, weight, None, eps, out, weight_offset)


def add_norm(
    x: Input,
    y: Input,
    weight: Input | None = None,
    bias: Input | None = None,
    eps: float | None = None,
    *,
    kind: str = "layer",
) -> tuple[Array, Array]:
    """A residual connection and the norm behind it: ``(x + y, norm(x + y))``.

    Post-norm goes on with the second, pre-norm reads it in its next sub-layer and adds to the first.
    """
    if kind not in f.NORM:
        raise InvalidArgumentError(f"kind: {kind!r} is none of {', '.join(f.NORM)}")
    call = begin()
    try:
        first, second = call.input(x), call.input(y)
        total, output = result(first.shape, first, None), result(first.shape, first, None)
        run(
            library.attend_add_norm,
            call,
            call.array(first, "x"),
            call.array(second, "y"),
            norm_options(call, kind, weight, bias, eps),
            call.array(total, "sum"),
            call.array(output, "out"),
        )
    finally:
        end(call)
    return total, output


def activate(input: Input, activation: str, *, out: Array | None = None) -> Array:
    """An activation by its name in ``attend_activation``: ``"relu"``, ``"gelu_tanh"``, ``"relu_squared"``, ..."""
    if activation not in f.ACTIVATION:
        raise InvalidArgumentError(f"activation: {activation!r} is none of {', '.join(f.ACTIVATION)}")
    call = begin()
    try:
        x = call.input(input)
        output = result(x.shape, x, out)
        run(library.attend_activate, call, call.array(x, "input"), f.ACTIVATION[activation], call.array(output, "out"))
    finally:
        end(call)
    return output


def relu(input: Input, inplace: bool = False) -> Array:
    """``max(x, 0)``"""
    return activate(input, "relu", out=_itself(input) if inplace else None)


def gelu(input: Input, approximate: str = "none", *, out: Array | None = None) -> Array:
    """``x Φ(x)`` (arXiv:1606.08415); ``approximate`` ``"tanh"``: its approximation."""
    if approximate not in ("none", "tanh"):
        raise InvalidArgumentError(f"approximate: {approximate!r} is neither 'none' nor 'tanh'")
    return activate(input, "gelu" if approximate == "none" else "gelu_tanh", out=out)


def silu(input: Input, inplace: bool = False) -> Array:
    """``x σ(x)``"""
    return activate(input, "silu", out=_itself(input) if inplace else None)


def tanh(input: Input) -> Array:
    """The hyperbolic tangent."""
    return activate(input, "tanh")


def sigmoid(input: Input) -> Array:
    """``1 / (1 + e^-x)``"""
    return activate(input, "sigmoid")


def _itself(input: Input) -> Array:
    if not isinstance(input, np.ndarray):
        raise TypeError("inplace: expected an array of numpy")
    return input


def _softmax(function: Any, input: Input, dim: int, dtype: Any, out: Array | None) -> Array:
    call = begin()
    try:
        x = call.input(input)
        if dtype is not None:
            x = x.astype(dtype)
            call.kept.append(x)
        if not -x.ndim <= dim < x.ndim:
            raise InvalidArgumentError(f"dim: {dim}, and input is {list(x.shape)}")
        output = result(x.shape, x, out)
        y = output
        if dim not in (-1, x.ndim - 1):
            x, y = np.moveaxis(x, dim, -1), np.moveaxis(output, dim, -1)
        run(function, call, call.array(x, "input"), call.array(y, "out"))
    finally:
        end(call)
    return output


def softmax(input: Input, dim: int, _stacklevel: int = 3, dtype: Any = None, *, out: Array | None = None) -> Array:
    """``e^x`` over its sum along ``dim``; zeros where all numbers are minus infinity."""
    return _softmax(library.attend_softmax, input, dim, dtype, out)


def log_softmax(input: Input, dim: int, _stacklevel: int = 3, dtype: Any = None, *, out: Array | None = None) -> Array:
    """The logarithm of ``softmax``."""
    return _softmax(library.attend_log_softmax, input, dim, dtype, out)


def linear(input: Input, weight: Input, bias: Input | None = None, *, out: Array | None = None) -> Array:
    """``input weightᵀ + bias``: ``[..., inputs]``, ``[outputs, inputs]``, ``[outputs]``."""
    call = begin()
    try:
        x, w = call.input(input), call.input(weight)
        output = result((*x.shape[:-1], w.shape[0]), x, out)
        run(
            library.attend_linear,
            call,
            call.array(x, "input"),
            call.array(w, "weight"),
            call.optional(bias, "bias"),
            call.array(output, "out"),
        )
    finally:
        end(call)
    return output


def feed_forward_weights(call: Call, activation: str, arrays: Mapping[str, Input | None]) -> int:
    """The address of an ``attend_feed_forward_weights`` for a call."""
    if activation not in f.ACTIVATION:
        raise InvalidArgumentError(f"activation: {activation!r} is none of {', '.join(f.ACTIVATION)}")
    names = ("weight1", "bias1", "gated_weight", "gated_bias", "weight2", "bias2")
    return call.options(
        _feed_forward,
        _feed_forward.size,
        f.ACTIVATION[activation],
        *(call.optional(arrays.get(name), name) for name in names),
    )


def feed_forward(
    input: Input,
    weight1: Input,
    bias1: Input | None,
    weight2: Input,
    bias2: Input | None,
    activation: str = "relu",
    *,
    gated_weight: Input | None = None,
    gated_bias: Input | None = None,
    out: Array | None = None,
) -> Array:
    """``activation(x weight1ᵀ + bias1) weight2ᵀ + bias2`` (section 3.3 of the paper); with ``gated_weight`` gated."""
    call = begin()
    try:
        x = call.input(input)
        output = result(x.shape, x, out)
        arrays = {
            "weight1": weight1,
            "bias1": bias1,
            "gated_weight": gated_weight,
            "gated_bias": gated_bias,
            "weight2": weight2,
            "bias2": bias2,
        }
        weights = feed_forward_weights(call, activation, arrays)
        run(library.attend_feed_forward, call, call.array(x, "input"), weights, call.array(output, "out"))
    finally:
        end(call)
    return output


def embedding(
    input: Input,
    weight: Input,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
    *,
    scale: float = 1.0,
    positions: Input | None = None,
    out: Array | None = None,
) -> Array:
    """``scale * weight[input] + positions`` (section 3.4 of the paper).

    Row i of ``positions`` is added to token i of each sequence. ``padding_idx``, ``norm_type``, ``scale_grad_by_freq``
    and ``sparse`` are of training and change nothing; ``max_norm`` is refused.
    """
    if max_norm is not None:
        raise UnsupportedError("max_norm: tables are never changed")
    call = begin()
    try:
        ids, table = call.input(input), call.input(weight)
        output = result((*ids.shape, table.shape[-1]), table, out)
        run(
            library.attend_embedding,
            call,
            call.array(ids, "input"),
            call.array(table, "weight"),
            scale,
            call.optional(positions, "positions"),
            call.array(output, "out"),
        )
    finally:
        end(call)
    return output
