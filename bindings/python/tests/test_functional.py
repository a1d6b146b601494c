"""attend.functional against values that PyTorch computed, and what it says about bad input."""

from __future__ import annotations

import math
from typing import Any

import attend
import numpy as np
import pytest
from attend import functional as F
from conftest import FIXTURES, read_safetensors

GOLDENS = read_safetensors(FIXTURES / "functions" / "goldens.safetensors")
END = GOLDENS["sdpa/k"].shape[2] - GOLDENS["sdpa/q"].shape[2]


def part(prefix: str) -> dict[str, np.ndarray]:
    """Goldens by what follows ``prefix/`` in their names."""
    return {name[len(prefix) + 1 :]: array for name, array in GOLDENS.items() if name.startswith(f"{prefix}/")}


def close(found: np.ndarray, expected: np.ndarray, bound: float = 1e-5) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(np.float64) - expected).max(initial=0) <= bound * max(1, np.abs(expected).max(initial=0))


SDPA: dict[str, dict[str, Any]] = {
    "plain": {},
    "grouped": {"enable_gqa": True},
    "causal": {"is_causal": True},
    "causal_end": {"is_causal": True, "query_position": END},
    "window": {"is_causal": True, "query_position": END, "window": 9},
    "window_both": {"query_position": END, "window": 8},
    "soft_cap": {"soft_cap": 3.0},
    "mask": {"attn_mask": GOLDENS["sdpa/mask"] > 0},
    "bias": {"attn_mask": GOLDENS["sdpa/bias"]},
    "bias_soft_cap": {"attn_mask": GOLDENS["sdpa/bias"], "soft_cap": 3.0},
    "lengths": {"key_lengths": GOLDENS["sdpa/lengths"]},
    "alibi": {"slopes": GOLDENS["sdpa/slopes"], "query_position": END},
    "distances": {"distance_bias": GOLDENS["sdpa/distance_bias"], "query_position": END},
    "sinks": {"sinks": GOLDENS["sdpa/sinks"]},
    "relative": {
        "relative_keys": GOLDENS["sdpa/relative_keys"],
        "relative_values": GOLDENS["sdpa/relative_values"],
        "query_position": END,
    },
}


@pytest.mark.parametrize("name", SDPA)
def test_dot_product_attention_is_that_of_the_goldens(name: str) -> None:
    q, k, v = (GOLDENS[f"sdpa/{array}"] for array in "qkv")
    if name == "grouped":
        k, v = k[:, :2], v[:, :2]
    output, weights = F.scaled_dot_product_attention(q, k, v, need_weights=True, **SDPA[name])
    close(output, GOLDENS[f"sdpa/{name}/output"])
    close(weights, GOLDENS[f"sdpa/{name}/weights"])
    assert np.array_equal(F.scaled_dot_product_attention(q, k, v, **SDPA[name]), output)


def test_a_ragged_batch_has_the_bits_of_its_sequences_alone() -> None:
    q, k, v = (GOLDENS[f"sdpa/{array}"] for array in "qkv")
    lengths = GOLDENS["sdpa/lengths"]
    together = F.scaled_dot_product_attention(q, k, v, key_lengths=lengths)
    for i, length in enumerate(lengths):
        alone = F.scaled_dot_product_attention(q[i], k[i, :, :length], v[i, :, :length])
        assert np.array_equal(together[i], alone)


def test_threads_change_no_bit() -> None:
    rng = np.random.default_rng(1)
    q, k, v = (rng.standard_normal((2, 5, 150, 64), np.float32) for _ in range(3))
    found = []
    try:
        for threads in (1, 2, 3):
            F.set_num_threads(threads)
            assert F.get_num_threads() == threads
            found.append(F.scaled_dot_product_attention(q, k, v, is_causal=True))
    finally:
        F.set_num_threads(0)
    assert all(np.array_equal(found[0], other) for other in found)


def test_multi_head_attention_is_that_of_the_module() -> None:
    g = part("multihead")
    weights = (g["in_proj_weight"], g["in_proj_bias"], g["out_proj_weight"], g["out_proj_bias"])
    output, maps = F.multi_head_attention(g["query"], g["memory"], g["memory"], 4, *weights, need_weights=True)
    close(output, g["output"])
    close(maps, g["weights"])
    query, memory = g["query"].swapaxes(0, 1), g["memory"].swapaxes(0, 1)
    biases = (None, None, False, 0.0)
    output, mean = F.multi_head_attention_forward(query, memory, memory, 32, 4, *weights[:2], *biases, *weights[2:])
    close(output.swapaxes(0, 1), g["output"])
    close(mean, g["weights"].mean(1))
    parts = dict(zip(("q_proj_weight", "k_proj_weight", "v_proj_weight"), np.split(weights[0], 3)))
    output = F.multi_head_attention(g["query"], g["memory"], g["memory"], 4, None, *weights[1:], **parts)
    close(output, g["output"])


def test_the_attentions_of_recurrent_networks() -> None:
    g = part("scored")
    query, keys = g["query"], g["keys"]
    general = {"score": "general", "weight": g["general"], "half_window": 4, "need_weights": True}
    place = {"place_weight": g["place_weight"], "place_vector": g["place_vector"]}
    found = {
        "dot": F.luong_attention(g["query_of_keys"], keys, need_weights=True),
        "general": F.luong_attention(query, keys, score="general", weight=g["general"], need_weights=True),
        "concat": F.luong_attention(query, keys, None, "concat", g["concat"], g["v"], need_weights=True),
        "additive": F.additive_attention(query, keys, keys, g["w"], g["u"], g["v"], g["b"], need_weights=True),
        "local_m": F.luong_attention(query, keys, locality="monotonic", query_position=10, **general),
        "local_p": F.luong_attention(query, keys, locality="predictive", **general, **place),
    }
    for name, (context, weights) in found.items():
        close(context, g[f"{name}/context"])
        close(weights, g[f"{name}/weights"])
    lengths = np.array([37, 20], np.int32)
    together = F.additive_attention(query, keys, keys, g["w"], g["u"], g["v"], g["b"], key_lengths=lengths)
    alone = F.additive_attention(query[1], keys[1, :20], keys[1, :20], g["w"], g["u"], g["v"], g["b"])
    assert np.array_equal(together[1], alone)


def test_functions_of_rows() -> None:
    g = part("rows")
    x, y, weight, bias = g["x"], g["y"], g["weight"], g["bias"]
    close(F.layer_norm(x, (48,), weight, bias), g["layer_norm"])
    close(
        F.layer_norm(x.reshape(5, 6, 8), (6, 8), weight.reshape(6, 8), bias.reshape(6, 8)),
        g["layer_norm"].reshape(5, 6, 8),
    )
    close(F.rms_norm(x, 48, weight, 1e-6), g["rms_norm"])
    total, normed = F.add_norm(x, y, weight, bias)
    close(total, x + y)
    close(normed, g["add_norm"])
    for function in (F.relu, F.gelu, F.silu, F.tanh, F.sigmoid):
        close(function(x), g[function.__name__], 2e-6)
    close(F.gelu(x, "tanh"), g["gelu_tanh"])
    close(F.activate(x, "quick_gelu"), g["quick_gelu"])
    close(F.softmax(x, -1), g["softmax"], 1e-6)
    close(F.log_softmax(x, -1), g["log_softmax"])
    assert np.array_equal(F.softmax(np.ascontiguousarray(x.T), 0).T, F.softmax(x, 1))
    own = x.copy()
    assert F.relu(own, inplace=True) is own and np.array_equal(own, F.relu(x))


def test_products_and_embeddings() -> None:
    x, g = GOLDENS["rows/x"], part("network")
    close(F.linear(x, g["w1"], g["b1"]), g["linear"])
    close(F.linear(x, np.asfortranarray(g["w1"]), g["b1"]), g["linear"])
    close(F.linear(x, np.repeat(g["w1"], 2, 1)[:, ::2], g["b1"]), g["linear"])
    close(F.feed_forward(x, g["w1"], g["b1"], g["w2"], g["b2"]), g["relu"])
    close(F.feed_forward(x, g["w1"], None, g["w2"], None, "silu", gated_weight=g["gated"]), g["swiglu"])
    g = part("embedding")
    for kind in (np.int32, np.int64):
        ids = g["ids"].astype(kind)
        close(F.embedding(ids, g["table"], scale=math.sqrt(12), positions=g["positions"]), g["output"])


@pytest.mark.parametrize("kind", ["post", "pre"])
def test_layers_of_the_paper(kind: str) -> None:
    x, memory = GOLDENS["layers/x"], GOLDENS["layers/memory"]
    encoder, decoder = part(f"layers/{kind}/encoder"), part(f"layers/{kind}/decoder")
    close(F.encoder_layer(x, encoder, 4, norm_first=kind == "pre"), encoder["output"])
    close(F.decoder_layer(x, memory, decoder, 4, norm_first=kind == "pre"), decoder["output"])
    own = x.copy()
    close(F.encoder_layer(own, encoder, 4, norm_first=kind == "pre", out=own), encoder["output"])


def test_positions() -> None:
    g = part("positions")
    for layout in ("halves", "interleaved"):
        close(F.sinusoidal_positions(40, 16, layout), g[layout], 1e-6)
        assert np.array_equal(
            F.sinusoidal_positions(10, 16, layout, first=30), F.sinusoidal_positions(40, 16, layout)[30:]
        )
        places = np.arange(40)[:, None]
        rotated = F.rotary_embedding(g["x"], places, interleaved=layout == "interleaved")
        close(rotated, g[f"rotary_{layout}"], 5e-6)
        heads_first = F.rotary_embedding(g["x"].swapaxes(0, 1), interleaved=layout == "interleaved")
        assert np.array_equal(heads_first.swapaxes(0, 1), rotated)
    for heads in (4, 6, 12):
        close(F.alibi_slopes(heads), GOLDENS[f"alibi/slopes_{heads}"], 1e-7)
    relative = GOLDENS["t5/relative"]
    assert np.array_equal(F.relative_buckets(relative), GOLDENS["t5/bidirectional"])
    assert np.array_equal(F.relative_buckets(relative, bidirectional=False), GOLDENS["t5/causal"])
    table = np.random.default_rng(3).standard_normal((32, 4), np.float32)
    assert np.array_equal(F.relative_bias(table, 128), table[F.relative_buckets(np.arange(-128, 129))].T)


@pytest.mark.parametrize("name", ["linear", "dynamic", "llama3", "yarn", "longrope", "proportional"])
def test_scalings_of_rotary_positions(name: str) -> None:
    options: dict[str, Any] = {"factor": 4.0}
    if name == "llama3":
        options = {"factor": 8.0}
    elif name == "longrope":
        options["short_factors"] = np.array([1 + i / 8 for i in range(16)], np.float32)
        options["long_factors"] = np.array([1.5 + i / 4 for i in range(16)], np.float32)
    elif name == "proportional":
        options = {"factor": 2.0, "rotated_share": 0.5}
    found = F.rotary_embedding(GOLDENS["rope/x"], rope_type=name, trained_positions=64, **options)
    close(found, GOLDENS[f"rope/{name}"], 1e-5)


def test_strides_and_outputs_of_the_callers() -> None:
    rng = np.random.default_rng(2)
    packed = rng.standard_normal((2, 11, 3, 4, 16), np.float32)  # [batch, tokens, q k v, heads, width]
    q, k, v = (packed[:, :, i].swapaxes(1, 2) for i in range(3))
    expected = F.scaled_dot_product_attention(*map(np.ascontiguousarray, (q, k, v)))
    assert np.array_equal(F.scaled_dot_product_attention(q, k, v), expected)
    mixed = np.zeros((2, 11, 4, 16), np.float32)
    out = mixed.swapaxes(1, 2)
    assert F.scaled_dot_product_attention(q, k, v, out=out) is out and np.array_equal(out, expected)
    assert np.array_equal(
        F.scaled_dot_product_attention(q[..., ::-1], k[..., ::-1], v),
        F.scaled_dot_product_attention(np.ascontiguousarray(q[..., ::-1]), np.ascontiguousarray(k[..., ::-1]), v),
    )
    F.scaled_dot_product_attention(q, k, v, out=q)  # over its own input
    assert np.array_equal(q, expected)


def test_a_mask_repeats_as_in_pytorch() -> None:
    rng = np.random.default_rng(4)
    q, k, v = (rng.standard_normal((2, 3, 7, 8), np.float32) for _ in range(3))
    full = np.zeros((2, 3, 7, 7), np.float32)
    for shape in ((7, 7), (1, 7), (7, 1), (2, 1, 1, 7), (3, 1, 7), (1, 3, 7, 1)):
        mask = rng.standard_normal(shape, np.float32)
        expected = F.scaled_dot_product_attention(q, k, v, full + mask)
        assert np.array_equal(F.scaled_dot_product_attention(q, k, v, mask), expected)
        seen = mask > 0
        expected = F.scaled_dot_product_attention(q, k, v, np.where(full + seen, np.float32(0), np.float32("-inf")))
        close(F.scaled_dot_product_attention(q, k, v, seen), expected, 1e-6)


def test_rows_without_keys_are_zeros_and_nan_stays_in_its_row() -> None:
    rng = np.random.default_rng(5)
    q, k, v = (rng.standard_normal((1, 1, 4, 8), np.float32) for _ in range(3))
    mask = np.zeros((4, 4), np.float32)
    mask[1] = -np.inf
    mask[2, 0] = np.nan
    output, weights = F.scaled_dot_product_attention(q, k, v, mask, need_weights=True)
    assert (output[0, 0, 1] == 0).all() and (weights[0, 0, 1] == 0).all()
    assert np.isnan(output[0, 0, 2]).all() and np.isfinite(output[0, 0, [0, 3]]).all()
    nothing = F.scaled_dot_product_attention(q, k[:, :, :0], v[:, :, :0])
    assert (nothing == 0).all()
    assert F.scaled_dot_product_attention(q[:, :, :0], k, v).shape == (1, 1, 0, 8)
    assert (F.softmax(np.full((1, 5), -np.inf, np.float32), -1) == 0).all()


def test_errors_name_the_argument_and_both_shapes() -> None:
    x = np.zeros((2, 4, 5, 8), np.float32)

    def fails(text: str, *arguments: Any, function: Any = F.scaled_dot_product_attention, **options: Any) -> None:
        with pytest.raises(attend.InvalidArgumentError) as raised:
            function(*arguments, **options)
        assert text in str(raised.value), raised.value

    fails("query is [2, 4, 5, 8] and key is [2, 4, 5, 7]", x, x[..., :7], x)
    fails("key is [2, 4, 4, 8] and value is [2, 4, 5, 8]", x, x[:, :, :4], x)
    fails("heads", x, x[:, :3], x[:, :3], enable_gqa=True)
    fails("need enable_gqa", x, x[:, :2], x[:, :2])
    fails("options.mask is [3, 5]", x, x, x, np.zeros((3, 5), np.float32))
    fails("options.slopes is [3]", x, x, x, slopes=np.zeros(3, np.float32))
    fails("holds 6; there are 5 keys", x, x, x, key_lengths=np.array([1, 6]))
    fails("output is [2, 4, 5, 9]", x, x, x, out=np.zeros((2, 4, 5, 9), np.float32))
    fails(
        "would overlap", x, x, x, out=np.lib.stride_tricks.as_strided(np.zeros(64, np.float32), x.shape, (0, 0, 32, 4))
    )
    fails("weight is [7, 3]; for x is [2, 4, 5, 8]", x, np.zeros((7, 3), np.float32), function=F.linear)
    fails("ids holds 7; table is [7, 2]", [7], np.zeros((7, 2), np.float32), function=F.embedding)
    fails("norm.weight is [7]", x, (8,), np.zeros(7, np.float32), function=F.layer_norm)
    with pytest.raises(TypeError, match="query: numbers of type float64"):
        F.scaled_dot_product_attention(x.astype(np.float64), x, x)
    with pytest.raises(attend.UnsupportedError, match="dropout_p"):
        F.scaled_dot_product_attention(x, x, x, dropout_p=0.1)
    huge = np.lib.stride_tricks.as_strided(x, (1, 1, 1 << 29, 8), (0, 0, 0, 4))
    with pytest.raises((attend.OutOfMemoryError, attend.InvalidArgumentError)):
        F.scaled_dot_product_attention(huge, huge, huge, out=np.zeros((1, 1, 3, 8), np.float32))


@pytest.mark.parametrize("size", [1.0, 1e2, 1e4, 1e6, 1e9, 1e12])
@pytest.mark.parametrize("width", [1, 3, 12, 64, 128])
def test_weights_sum_to_one_however_large_scores_are(width: int, size: float) -> None:
    draw = np.random.default_rng(1)
    query = draw.standard_normal((1, 2, 8, width), np.float32)
    key = draw.standard_normal((1, 2, 16, width), np.float32) * np.float32(size)
    value = np.ones_like(key)
    mixed, weights = F.scaled_dot_product_attention(query, key, value, need_weights=True)
    assert np.abs(weights.sum(-1) - 1).max() < 1e-5 and weights.min() >= 0
    assert np.abs(mixed - 1).max() < 1e-5
    alone = F.scaled_dot_product_attention(query, key[:, :, :1], 5 * value[:, :, :1])
    assert (alone == 5).all()
    assert F.layer_norm(np.zeros((0, 3, 4), np.float32), (3, 4)).shape == (0, 3, 4)
