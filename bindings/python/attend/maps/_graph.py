"""Attention through all layers: rollout and flow (Abnar and Zuidema 2020, arXiv:2005.00928).

A state of a layer is, of the states below it, half what attention mixes and half the state itself, for the residual
connection: ``A = 0.5 W + 0.5 I`` with W the mean of the heads. Rollout multiplies these; flow takes them for capacities
of a network from the last layer to the tokens, and asks for the largest flow.

The paper has encoders and decoders. An encoder-decoder is one network here: places of the source and of the target in
one list. A layer of the encoder mixes the first and leaves the second as they are; a layer of the decoder mixes the
targets among themselves, then each half and half with the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._arrays import Float64Array
from ..errors import InvalidArgumentError
from ._attention import Attention, Maps, normalized, single
from ._tokens import Tokens

#: Augmenting paths of less than this are not looked for.
_LEAST = 1e-9
#: Bytes of the networks that are worked on at once.
_MEMORY = 1 << 26


@dataclass(frozen=True, eq=False)
class _Network:
    """Layers of mixing from the tokens up, between places of which some are tokens of the input."""

    mixes: list[Float64Array]  #: each ``[places, places]``, rows sum to 1
    kind: str
    first_query: int  #: the places of the queries end the list
    queries: Tokens
    keys: Tokens  #: the places of the keys begin it


def rollout(maps: Maps | Attention) -> Attention:
    """How much of each token is in the states after each layer: ``layers[i]`` is ``[1, queries, keys]``.

    Of an encoder or decoder all its tokens; rows sum to 1. Of an encoder-decoder the source, after each layer of the
    decoder: the rest of a row is what came of the tokens written before. Quick for any length.
    """
    network = _network(maps)
    reached = np.eye(network.mixes[0].shape[0])
    layers = []
    for mix in network.mixes:
        reached = mix @ reached
        layers.append(reached[None, network.first_query :, : len(network.keys)].astype(np.float32))
    if network.kind == "cross":  # a layer of the decoder is two mixes; those of the encoder reach no query
        assert isinstance(maps, Maps)
        layers = layers[-2 * len(maps.cross.layers) :][1::2]
    return Attention(network.kind, tuple(layers), network.queries, network.keys)


def flow(maps: Maps | Attention) -> Attention:
    """The largest flow from each query's last state to each token: one layer, ``[1, queries, keys]``, from 0 to 1.

    Each number is a maximal flow of its own, so rows sum to what they will. The time grows with about the fourth power
    of the tokens: 12 layers of 16 tokens take less than a second, of 64 two minutes. For long texts take ``words()``.
    """
    network = _network(maps)
    capacities = network.mixes[::-1]
    size, sinks = capacities[0].shape[0], len(network.keys)
    at_once = max(1, _MEMORY // (16 * size * size * len(capacities)))
    found = np.zeros((1, len(network.queries), sinks), np.float32)
    for row in range(len(network.queries)):
        for first in range(0, sinks, at_once):
            some = np.arange(first, min(first + at_once, sinks))
            found[0, row, some] = _Flows(capacities, network.first_query + row, some).maximal()
    return Attention(network.kind, (found,), network.queries, network.keys)


def _network(maps: Maps | Attention) -> _Network:
    if isinstance(maps, Maps) and {"decoder", "cross"} <= set(maps.kinds):
        return _joined(maps)
    own = single(maps)
    if len(own.queries) != len(own.keys):
        raise InvalidArgumentError(
            f"maps: {len(own.queries)} queries and {len(own.keys)} keys; a rollout or flow needs the maps of all tokens"
            ", of an encoder-decoder those of Maps"
        )
    return _Network([_mixed(layer) for layer in own.layers], own.kind, 0, own.queries, own.keys)


def _joined(maps: Maps) -> _Network:
    decoder, cross = maps.decoder, maps.cross
    encoder = maps.encoder if "encoder" in maps.kinds else None
    source, target = len(cross.keys), len(cross.queries)
    if len(decoder.queries) != target or len(decoder.keys) != target or len(decoder.layers) != len(cross.layers):
        raise InvalidArgumentError("maps: those of the decoder and across are of other tokens or layers")
    if encoder is not None and len(encoder.keys) != source:
        raise InvalidArgumentError(f"maps: the encoder read {len(encoder.keys)} tokens, the source has {source}")
    mixes = []
    for layer in () if encoder is None else encoder.layers:
        mixes.append(np.eye(source + target))
        mixes[-1][:source, :source] = _mixed(layer)
    for own, across in zip(decoder.layers, cross.layers):
        mixes.append(np.eye(source + target))
        mixes[-1][source:, source:] = _mixed(own)
        mixes.append(np.eye(source + target))
        mixes[-1][source:] *= 0.5
        mixes[-1][source:, :source] = 0.5 * _mean(across)
    return _Network(mixes, "cross", source, cross.queries, cross.keys)


def _mean(layer: np.ndarray) -> Float64Array:
    """The mean of the heads, whose rows sum to 1 with sinks too."""
    mean: Float64Array = layer.mean(axis=0, dtype=np.float64)
    return normalized(mean)


def _mixed(layer: np.ndarray) -> Float64Array:
    found: Float64Array = 0.5 * _mean(layer) + 0.5 * np.eye(layer.shape[1])
    return found


class _Flows:
    """Maximal flows from one place to several, side by side, each in a network of its own.

    Ford and Fulkerson's method: along the widest path that is left (Edmonds and Karp 1972), found by sweeps from the
    source to the sinks, and where the way leads back along a flow, from the sinks to the source.
    """

    def __init__(self, capacities: list[Float64Array], source: int, sinks: np.ndarray) -> None:
        self._source, self._sinks = source, sinks
        self._rows = np.arange(len(sinks))
        shape = (len(capacities), len(sinks), *capacities[0].shape)
        self._left = np.empty(shape)  # of layer k, sink: from a place of level k to one of level k + 1
        self._left[:] = np.stack(capacities)[:, None]
        self._used = np.zeros(shape)

    def maximal(self) -> Float64Array:
        """The flow to each sink."""
        flows = np.zeros(len(self._sinks))
        while True:
            widths = self._search()
            reached = np.flatnonzero(widths > _LEAST)
            if not reached.size:
                return flows
            flows[reached] += widths[reached]
            self._augment(reached, widths[reached])

    def _search(self) -> Float64Array:
        """The widths of the widest paths to the sinks, whose steps are then in ``_origins`` and ``_back``."""
        levels, count, size = len(self._left) + 1, len(self._sinks), self._left.shape[2]
        self._widths = np.zeros((levels, count, size))
        self._widths[0, :, self._source] = np.inf
        self._origins = np.zeros((levels, count, size), np.intp)
        self._back = np.zeros((levels, count, size), np.bool_)
        end = self._widths[-1]
        for level in range(levels - 1):
            self._widen(level + 1, np.minimum(self._widths[level][:, :, None], self._left[level]), 1, False)
        is_open = self._left[-1][self._rows, :, self._sinks].max(axis=1) > _LEAST
        is_open &= self._left[0][:, self._source].max(axis=1) > _LEAST
        while (is_open & (end[self._rows, self._sinks] <= _LEAST)).any():
            improved = False
            for level in range(levels - 2, 0, -1):
                led = np.minimum(self._widths[level + 1][:, None, :], self._used[level])
                improved |= self._widen(level, led, 2, True)
            if not improved:
                break
            for level in range(1, levels - 1):
                self._widen(level + 1, np.minimum(self._widths[level][:, :, None], self._left[level]), 1, False)
        found: Float64Array = end[self._rows, self._sinks]
        return found

    def _widen(self, level: int, led: Float64Array, axis: int, back: bool) -> bool:
        """Takes over the ways to the places of a level that are wider than those known. Whether there were any."""
        best = led.max(axis=axis)
        better = best > self._widths[level]
        if not better.any():
            return False
        self._widths[level][better] = best[better]
        self._origins[level][better] = led.argmax(axis=axis)[better]
        self._back[level][better] = back
        return bool((best[better] > _LEAST).any())

    def _augment(self, rows: np.ndarray, amounts: Float64Array) -> None:
        """Sends flow along the paths to some of the sinks, from their ends."""
        places, levels = self._sinks[rows], np.full(len(rows), len(self._left))
        while rows.size:
            origins, back = self._origins[levels, rows, places], self._back[levels, rows, places]
            edges = np.where(back, levels, levels - 1), rows, np.where(back, places, origins)
            ends = np.where(back, origins, places)
            self._left[(*edges, ends)] += np.where(back, amounts, -amounts)
            self._used[(*edges, ends)] -= np.where(back, amounts, -amounts)
            levels, places = np.where(back, levels + 1, levels - 1), origins
            going = levels > 0
            rows, places, levels, amounts = rows[going], places[going], levels[going], amounts[going]
