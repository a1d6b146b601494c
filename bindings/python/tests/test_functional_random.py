"""attend.functional against PyTorch in float64 on random shapes, strides, types and masks: 1,000 cases."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from attend import functional as F

torch = pytest.importorskip("torch")
T = torch.nn.functional

ATTENTIONS, ROWS, PRODUCTS, HEADS = 500, 250, 150, 100


def strided(rng: np.random.Generator, shape: tuple[int, ...], kind: Any = np.float32) -> np.ndarray:
    """Random numbers whose strides are in any order, with gaps, perhaps backwards."""
    order = rng.permutation(len(shape)) if shape else []
    steps = [int(rng.choice([1, 1, 1, 2, 3])) for _ in shape]
    base = rng.standard_normal([shape[axis] * steps[axis] for axis in order]).astype(kind)
    array = base.transpose(np.argsort(order)) if shape else base
    cuts = tuple(slice(None, None, step if rng.random() < 0.8 else -step) for step in steps)
    view = array[cuts]
    assert view.shape == shape
    return view


def double(array: Any) -> Any:
    """A tensor of float64 of an array with any strides."""
    return torch.from_numpy(np.ascontiguousarray(array).astype(np.float64))


def close(found: np.ndarray, expected: Any, bound: float = 1e-5) -> None:
    wanted = expected.numpy()
    assert found.shape == wanted.shape
    assert (np.isnan(found) == np.isnan(wanted)).all()
    if wanted.size:
        largest = max(1.0, np.nanmax(np.abs(wanted), initial=0))
        assert np.nanmax(np.abs(found - wanted), initial=0) <= bound * largest


@pytest.mark.parametrize("block", range(10))
def test_dot_product_attention(block: int) -> None:
    for case in range(block * ATTENTIONS // 10, (block + 1) * ATTENTIONS // 10):
        rng = np.random.default_rng([1, case])
        group, key_heads = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        batch = tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 3)))
        queries, keys = int(rng.integers(1, 70)), int(rng.choice([1, 5, 31, 32, 33, 64, 127, 128, 129, 200]))
        width, values = (int(n) for n in rng.choice([1, 3, 8, 16, 20, 32, 64, 80], 2))
        kind = np.float16 if rng.random() < 0.1 else np.float32
        q = strided(rng, (*batch, group * key_heads, queries, width), kind)
        k = strided(rng, (*batch, key_heads, keys, width), kind)
        v = strided(rng, (*batch, key_heads, keys, values), kind)
        options: dict[str, Any] = {"enable_gqa": group > 1}
        wanted = dict(options)
        if rng.random() < 0.3:
            options["scale"] = wanted["scale"] = float(rng.uniform(0.05, 1))
        if rng.random() < 0.3:
            options["is_causal"] = wanted["is_causal"] = True
        elif rng.random() < 0.6:
            shape = [n if rng.random() < 0.7 else 1 for n in (*q.shape[:-1], keys)]
            shape = shape[int(rng.integers(0, len(shape) - 1)) :]
            mask = strided(rng, tuple(shape))
            if rng.random() < 0.5:
                seen = mask > rng.uniform(-2, 2)
                options["attn_mask"], wanted["attn_mask"] = seen, torch.from_numpy(np.ascontiguousarray(seen))
            else:
                if rng.random() < 0.2:
                    mask[rng.random(mask.shape) < 0.05] = rng.choice([-np.inf, np.nan])
                options["attn_mask"], wanted["attn_mask"] = mask, double(mask)
        expected = T.scaled_dot_product_attention(double(q), double(k), double(v), **wanted)
        close(F.scaled_dot_product_attention(q, k, v, **options), expected)


@pytest.mark.parametrize("block", range(5))
def test_functions_of_rows(block: int) -> None:
    for case in range(block * ROWS // 5, (block + 1) * ROWS // 5):
        rng = np.random.default_rng([2, case])
        shape = tuple(int(n) for n in rng.integers(1, 9, rng.integers(0, 3))) + (int(rng.integers(1, 300)),)
        x = strided(rng, shape)
        dim = int(rng.integers(-len(shape), len(shape)))
        weight, bias = strided(rng, shape[-1:]), strided(rng, shape[-1:])
        out = strided(rng, shape) if rng.random() < 0.5 else None
        pairs = [
            (F.softmax(x, dim, out=out), T.softmax(double(x), dim)),
            (F.log_softmax(x, dim), T.log_softmax(double(x), dim)),
            (F.gelu(x), T.gelu(double(x))),
            (F.gelu(x, approximate="tanh"), T.gelu(double(x), approximate="tanh")),
            (F.silu(x), T.silu(double(x))),
            (F.rms_norm(x, shape[-1:], weight), T.rms_norm(double(x), shape[-1:], double(weight), 2.0**-23)),
        ]
        if shape[-1] > 1:  # of one number the variance is rounding
            expected = T.layer_norm(double(x), shape[-1:], double(weight), double(bias))
            pairs.append((F.layer_norm(x, shape[-1:], weight, bias), expected))
        for found, expected in pairs:
            close(found, expected)


@pytest.mark.parametrize("block", range(3))
def test_products_and_embeddings(block: int) -> None:
    for case in range(block * PRODUCTS // 3, (block + 1) * PRODUCTS // 3):
        rng = np.random.default_rng([3, case])
        inputs, outputs = (int(n) for n in rng.integers(1, 150, 2))
        shape = tuple(int(n) for n in rng.integers(1, 7, rng.integers(0, 4)))
        x, weight = strided(rng, (*shape, inputs)), strided(rng, (outputs, inputs))
        bias = strided(rng, (outputs,)) if rng.random() < 0.5 else None
        expected = T.linear(double(x), double(weight), None if bias is None else double(bias))
        close(F.linear(x, weight, bias), expected)
        ids = rng.integers(0, outputs, shape)
        close(F.embedding(ids, weight), T.embedding(torch.from_numpy(np.asarray(ids)), double(weight)))


@pytest.mark.parametrize("block", range(4))
def test_multi_head_attention(block: int) -> None:
    for case in range(block * HEADS // 4, (block + 1) * HEADS // 4):
        rng = np.random.default_rng([4, case])
        heads, batch, queries, keys = (int(n) for n in (rng.integers(1, 5), *rng.integers(1, 30, 3)))
        width = heads * int(rng.choice([2, 8, 16]))
        query, key = strided(rng, (queries, batch, width)), strided(rng, (keys, batch, width))
        scale = np.float32(1 / math.sqrt(width))
        arrays = [strided(rng, shape) * scale for shape in ((3 * width, width), (3 * width,), (width, width), (width,))]
        padding = rng.random((batch, keys)) < 0.3
        padding[:, 0] = False
        mask = strided(rng, (queries, keys)) if rng.random() < 0.5 else None
        found, maps = F.multi_head_attention_forward(
            query, key, key, width, heads, *arrays[:2], None, None, False, 0.0, *arrays[2:], False, padding, True, mask
        )
        expected, weights = T.multi_head_attention_forward(
            double(query),
            double(key),
            double(key),
            width,
            heads,
            double(arrays[0]),
            double(arrays[1]),
            None,
            None,
            False,
            0.0,
            double(arrays[2]),
            double(arrays[3]),
            False,
            torch.where(torch.from_numpy(padding), -math.inf, 0.0).double(),
            True,
            None if mask is None else double(mask),
        )
        close(found, expected)
        assert maps is not None
        close(maps, weights)
