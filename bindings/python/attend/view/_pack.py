"""Attention maps in few bytes: what a page holds of them, and what it leaves out.

A map is mostly numbers near 0, so rows are lists of the keys that are looked at. A layer is one block, deflated and in
base64, of these parts, one behind the other (codec.js reads it):

    counts  [2][heads x queries]  how many keys each row keeps: all low bytes, then all high bytes
    gaps    [2][kept]             keys that are skipped before each that is kept: low bytes, high bytes
    values  [kept]                float32, or a byte v with weight (v / 255)^2

Few numbers are kept as they are, many in 8 bits. Squares make the steps of small weights small: the error of a weight p
is at most sqrt(p) / 255. Where that is too much for the page, the smallest weights of all are left out, by one bound
for all layers, and the page says which and how much that is.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Sequence

import numpy as np
import numpy.typing as npt

from .._arrays import Float32Array
from ..errors import InvalidArgumentError
from ..maps import Attention

#: As many numbers are kept as float32; more are kept in 8 bits.
EXACT = 300_000
_STEPS = 255
#: Bytes in base64 that a kept number takes, as a first guess.
_GUESS = 1.9
#: A guess that turns out too low is made lower by this much more than it was wrong.
_CARE = 0.97


@dataclass(frozen=True)
class Packed:
    """The blocks of all maps, and what they say less than the maps."""

    blocks: list[list[str]]  #: of each kind and layer
    exact: bool  #: whether the numbers are those that were given
    least: float  #: the smallest weight that is kept; 0: all are
    left_out: float  #: the share of all attention that is left out


class Full(Exception):
    """There is no room for any number."""


def pack(attentions: Sequence[Attention], max_bytes: int) -> Packed:
    """The blocks of some maps, together at most ``max_bytes`` long. Raises Full where not one number fits."""
    for own in attentions:
        if len(own.keys) > 0xFFFF:
            raise InvalidArgumentError(f"maps: {len(own.keys)} keys; a page takes 65,535")
    if sum(layer.size for own in attentions for layer in own.layers) <= EXACT:
        blocks = [
            [_block(layer, layer > 0, np.ascontiguousarray(layer, "<f4")) for layer in own.layers] for own in attentions
        ]
        if _size(blocks) <= max_bytes:
            return Packed(blocks, True, 0, 0)
    return _rounded(attentions, max_bytes)


def _rounded(attentions: Sequence[Attention], max_bytes: int) -> Packed:
    """The blocks in 8 bits, with the lowest bound that lets them fit."""
    if max_bytes <= 0:
        raise Full
    counts, masses = np.zeros(_STEPS + 1, np.int64), np.zeros(_STEPS + 1)
    for own in attentions:
        for layer in own.layers:
            steps = _steps(layer).reshape(-1)
            counts += np.bincount(steps, minlength=_STEPS + 1)
            masses += np.bincount(steps, weights=layer.reshape(-1), minlength=_STEPS + 1)
    kept = np.cumsum(counts[::-1])[::-1]  # of each bound
    allowed = max_bytes / _GUESS
    bound = 0
    while True:
        bound = max(bound + 1, int(np.argmax(np.append(kept, 0) <= allowed)))
        if bound > _STEPS:
            raise Full
        blocks = [[_bounded(layer, bound) for layer in own.layers] for own in attentions]
        size = _size(blocks)
        if size <= max_bytes:
            left_out = float(masses[:bound].sum() / max(masses.sum(), np.finfo(float).tiny))
            return Packed(blocks, False, ((bound - 0.5) / _STEPS) ** 2, left_out)
        allowed = kept[bound] * _CARE * max_bytes / size


def _size(blocks: list[list[str]]) -> int:
    return sum(len(block) for own in blocks for block in own)


def _steps(layer: Float32Array) -> npt.NDArray[np.uint8]:
    """Weights as roots in 8 bits."""
    return np.rint(np.sqrt(np.clip(layer, 0, 1)) * np.float32(_STEPS)).astype(np.uint8)


def _bounded(layer: Float32Array, bound: int) -> str:
    steps = _steps(layer)
    return _block(layer, steps >= bound, steps)


def _block(layer: Float32Array, kept: npt.NDArray[np.bool_], values: npt.NDArray[np.generic]) -> str:
    """A layer ``[heads, queries, keys]``: the values that are kept, and where they stand."""
    keys = layer.shape[2]
    places = np.flatnonzero(kept)
    rows = places // keys
    counts = np.bincount(rows, minlength=layer.shape[0] * layer.shape[1])
    gaps = np.diff(places - rows * keys, prepend=-1) - 1
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]])[counts > 0]
    gaps[firsts] = (places - rows * keys)[firsts]
    parts = [_halves(counts), _halves(gaps), values.reshape(-1)[places].tobytes()]
    return base64.b64encode(zlib.compress(b"".join(parts), 6)).decode("ascii")


def _halves(numbers: npt.NDArray[np.int64]) -> bytes:
    """Numbers of 16 bits: all low bytes, then all high bytes."""
    return numbers.astype("<u2").view(np.uint8).reshape(-1, 2).T.tobytes()
