"""Whole layers of the paper's encoder and decoder on arrays."""

from __future__ import annotations

import struct
from typing import Any, Mapping

from ._function_calls import Array, Call, Input, begin, end, result, run
from ._functional_attention import attention_options, multi_head_weights
from ._functional_layers import feed_forward_weights, norm_options
from ._library import library

_layer = struct.Struct("Q6Q?7x")


def _layer_weights(
    call: Call, state: Mapping[str, Input], nhead: int, activation: str, norm_first: bool, eps: float, is_decoder: bool
) -> int:
    """The address of an ``attend_layer_weights`` for a call, from the state dict of a layer of PyTorch."""

    def get(name: str) -> Input | None:
        return state.get(name)

    def attention(name: str) -> int:
        return multi_head_weights(
            call,
            nhead,
            state[f"{name}.in_proj_weight"],
            get(f"{name}.in_proj_bias"),
            state[f"{name}.out_proj.weight"],
            get(f"{name}.out_proj.bias"),
        )

    def norm(number: int) -> int:
        return norm_options(call, "layer", get(f"norm{number}.weight"), get(f"norm{number}.bias"), eps)

    network = {
        "weight1": state["linear1.weight"],
        "bias1": get("linear1.bias"),
        "weight2": state["linear2.weight"],
        "bias2": get("linear2.bias"),
    }
    return call.options(
        _layer,
        _layer.size,
        attention("self_attn"),
        attention("multihead_attn") if is_decoder else 0,
        feed_forward_weights(call, activation, network),
        norm(1),
        norm(2) if is_decoder else 0,
        norm(3 if is_decoder else 2),
        norm_first,
    )


def encoder_layer(
    src: Input,
    state: Mapping[str, Input],
    nhead: int,
    activation: str = "relu",
    norm_first: bool = False,
    eps: float = 1e-05,
    *,
    out: Array | None = None,
    **options: Any,
) -> Array:
    """A layer of the paper's encoder, ``[..., tokens, width]``.

    ``state`` has the names of ``torch.nn.TransformerEncoderLayer.state_dict()``. Options are those of
    ``scaled_dot_product_attention``.
    """
    call = begin()
    try:
        x = call.input(src)
        output = result(x.shape, x, out)
        weights = _layer_weights(call, state, nhead, activation, norm_first, eps, False)
        chosen = attention_options(call, **options)
        run(library.attend_encoder_layer, call, call.array(x, "src"), weights, chosen, call.array(output, "out"))
    finally:
        end(call)
    return output


def decoder_layer(
    tgt: Input,
    memory: Input,
    state: Mapping[str, Input],
    nhead: int,
    activation: str = "relu",
    norm_first: bool = False,
    eps: float = 1e-05,
    *,
    cross_options: Mapping[str, Any] | None = None,
    out: Array | None = None,
    **options: Any,
) -> Array:
    """A layer of the paper's decoder, ``[..., tokens, width]``; its self-attention is causal unless told otherwise.

    ``state`` has the names of ``torch.nn.TransformerDecoderLayer.state_dict()``. Options are those of
    ``scaled_dot_product_attention``, for self-attention, and in ``cross_options`` for the attention to ``memory``.
    """
    call = begin()
    try:
        x, source = call.input(tgt), call.input(memory)
        output = result(x.shape, x, out)
        weights = _layer_weights(call, state, nhead, activation, norm_first, eps, True)
        run(
            library.attend_decoder_layer,
            call,
            call.array(x, "tgt"),
            call.array(source, "memory"),
            weights,
            attention_options(call, **{"is_causal": True, **options}),
            attention_options(call, **(cross_options or {})),
            call.array(output, "out"),
        )
    finally:
        end(call)
    return output
