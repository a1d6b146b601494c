"""Positions: sinusoidal, rotary, and the biases of relative ones."""

from __future__ import annotations

import struct

import numpy as np

from . import _function_declarations as f
from ._function_calls import Array, Input, begin, end, result, run
from ._library import library
from .errors import InvalidArgumentError

_rotary = struct.Struct("Qi?3xQ8d2Q2Q")


def sinusoidal_positions(length: int, width: int, layout: str = "interleaved", first: int = 0) -> Array:
    """The positions of section 3.5 of the paper, ``[length, width]``, from ``first`` on.

    Layouts are ``"interleaved"`` (the paper's), ``"halves"`` (all sines first) and ``"tensor2tensor"``.
    """
    if layout not in f.SINUSOID:
        raise InvalidArgumentError(f"layout: {layout!r} is none of {', '.join(f.SINUSOID)}")
    call = begin()
    try:
        output = np.empty((length, width), np.float32)
        run(library.attend_sinusoidal_positions, call, f.SINUSOID[layout], first, call.array(output, "out"))
    finally:
        end(call)
    return output


def rotary_embedding(
    input: Input,
    positions: Input | None = None,
    *,
    rope_type: str = "default",
    interleaved: bool = False,
    dimensions: int = 0,
    theta: float = 10000.0,
    factor: float = 1.0,
    low_frequency_factor: float = 1.0,
    high_frequency_factor: float = 4.0,
    beta_fast: float = 32.0,
    beta_slow: float = 1.0,
    attention_factor: float = 0.0,
    rotated_share: float = 1.0,
    trained_positions: int = 0,
    length: int = 0,
    short_factors: Input | None = None,
    long_factors: Input | None = None,
    out: Array | None = None,
) -> Array:
    """Rotary positions (arXiv:2104.09864): ``[..., tokens, width]``, with the scalings of Hugging Face's ``rope_type``.

    ``positions`` repeats to the dimensions of ``input`` but its last; None: 0, 1, 2, ... along the last but one.
    """
    if rope_type not in f.ROPE:
        raise InvalidArgumentError(f"rope_type: {rope_type!r} is none of {', '.join(f.ROPE)}")
    call = begin()
    try:
        x = call.input(input)
        output = result(x.shape, x, out)
        options = call.options(
            _rotary,
            _rotary.size,
            f.ROPE[rope_type],
            interleaved,
            dimensions,
            theta,
            factor,
            low_frequency_factor,
            high_frequency_factor,
            beta_fast,
            beta_slow,
            attention_factor,
            rotated_share,
            trained_positions,
            length,
            call.optional(short_factors, "short_factors"),
            call.optional(long_factors, "long_factors"),
        )
        run(
            library.attend_rotary_embedding,
            call,
            call.array(x, "input"),
            call.optional(positions, "positions"),
            options,
            call.array(output, "out"),
        )
    finally:
        end(call)
    return output


def alibi_slopes(heads: int) -> Array:
    """The slopes of linear biases, ``[heads]`` (arXiv:2108.12409, section 3)."""
    call = begin()
    try:
        output = np.empty(heads, np.float32)
        run(library.attend_alibi_slopes, call, call.array(output, "out"))
    finally:
        end(call)
    return output


def relative_buckets(
    relative: Input, num_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True
) -> Array:
    """The bucket of each distance from query to key (``key - query``) of T5 (arXiv:1910.10683, section 2.1)."""
    call = begin()
    try:
        distances = np.ascontiguousarray(relative, np.int32)
        output = np.empty(distances.shape, np.int32)
        run(
            library.attend_relative_buckets,
            call,
            call.array(distances, "relative"),
            num_buckets,
            max_distance,
            bidirectional,
            call.array(output, "out"),
        )
    finally:
        end(call)
    return output


def relative_bias(table: Input, max_distance: int = 128, bidirectional: bool = True) -> Array:
    """T5's table, ``[buckets, heads]``, as the ``distance_bias`` of attention: ``[heads, 2 max_distance + 1]``."""
    call = begin()
    try:
        biases = call.input(table)
        output = np.empty((biases.shape[-1], 2 * max_distance + 1), np.float32)
        run(
            library.attend_relative_bias,
            call,
            call.array(biases, "table"),
            max_distance,
            bidirectional,
            call.array(output, "out"),
        )
    finally:
        end(call)
    return output
