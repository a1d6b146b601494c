"""The pieces of a Transformer on arrays of numpy, by the names and with the meaning of ``torch.nn.functional``.

Arrays of float32, float16 and bfloat16 (of the package ml_dtypes) are read where they are, whatever their strides; all
is computed in float32 by the kernels that run models. Results are float32, or bfloat16 where the first input is. What
PyTorch's function does not have comes by keyword. Any thread may call; each call has a context of its own.
"""

from __future__ import annotations

from ._function_calls import get_num_threads, set_num_threads
from ._functional_attention import (
    additive_attention,
    luong_attention,
    multi_head_attention,
    multi_head_attention_forward,
    scaled_dot_product_attention,
)
from ._functional_layers import (
    activate,
    add_norm,
    embedding,
    feed_forward,
    gelu,
    layer_norm,
    linear,
    log_softmax,
    relu,
    rms_norm,
    sigmoid,
    silu,
    softmax,
    tanh,
)
from ._functional_paper import decoder_layer, encoder_layer
from ._functional_positions import (
    alibi_slopes,
    relative_bias,
    relative_buckets,
    rotary_embedding,
    sinusoidal_positions,
)

__all__ = [
    "activate",
    "add_norm",
    "additive_attention",
    "alibi_slopes",
    "decoder_layer",
    "embedding",
    "encoder_layer",
    "feed_forward",
    "gelu",
    "get_num_threads",
    "layer_norm",
    "linear",
    "log_softmax",
    "luong_attention",
    "multi_head_attention",
    "multi_head_attention_forward",
    "relative_bias",
    "relative_buckets",
    "relu",
    "rms_norm",
    "rotary_embedding",
    "scaled_dot_product_attention",
    "set_num_threads",
    "sigmoid",
    "silu",
    "sinusoidal_positions",
    "softmax",
    "tanh",
]
