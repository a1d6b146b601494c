"""The maps of a sequence, and sums and means of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterable, Iterator, Sequence, TypeVar

import numpy as np

from .._arrays import Float32Array, Float64Array
from ..errors import InvalidArgumentError, InvalidStateError
from ._tokens import Tokens

_Statistic = Callable[[Float32Array], Float64Array]
Floats = TypeVar("Floats", Float32Array, Float64Array)


@dataclass(frozen=True, eq=False)
class Attention:
    """The maps of one kind, of one sequence: for each layer and head how much each query looks at each key."""

    #: "encoder", "decoder", "cross", a decoder's tokens at the source, or "vision", of a picture beside a text
    kind: str
    #: For each layer ``[heads, queries, keys]``; a row sums to 1, or to less in a model with sinks.
    layers: tuple[Float32Array, ...]
    #: Who looks: the tokens that were read; of ``"cross"`` those that were written, which came of these rows
    queries: Tokens
    #: Who is looked at
    keys: Tokens

    def __post_init__(self) -> None:
        if not self.layers:
            raise InvalidArgumentError("layers: there are none")
        for index, layer in enumerate(self.layers):
            if layer.ndim != 3 or layer.shape[0] == 0 or layer.shape[1:] != (len(self.queries), len(self.keys)):
                raise InvalidArgumentError(
                    f"layers[{index}]: expected [heads, {len(self.queries)} queries, {len(self.keys)} keys], found "
                    f"{list(layer.shape)}"
                )

    @staticmethod
    def of(weights: Float32Array, queries: Sequence[str], keys: Sequence[str], kind: str = "cross") -> Attention:
        """Weights of the caller's own: ``[queries, keys]``, with heads before, or with layers and heads."""
        array = np.asarray(weights, np.float32)
        if not 2 <= array.ndim <= 4:
            raise InvalidArgumentError(f"weights: expected 2 to 4 dimensions, found {array.ndim}")
        array = array.reshape((1,) * (4 - array.ndim) + array.shape)
        return Attention(kind, tuple(array), Tokens.of(queries), Tokens.of(keys))

    @property
    def heads(self) -> int:
        """The heads of the layer that has the most."""
        return max(int(layer.shape[0]) for layer in self.layers)

    def map(self, layer: int | None = None, head: int | None = None) -> Float32Array:
        """``[queries, keys]`` of a head; without ``head`` the mean of all heads, without ``layer`` of all layers."""
        chosen = self.layers if layer is None else (self.layers[_place(layer, len(self.layers), "layer")],)
        found = np.zeros((len(self.queries), len(self.keys)), np.float64)
        for own in chosen:
            found += own.mean(axis=0, dtype=np.float64) if head is None else own[_place(head, own.shape[0], "head")]
        return (found / len(chosen)).astype(np.float32)

    def words(self) -> Attention:
        """The maps between words in place of their pieces.

        A word is looked at with the sum of what its pieces are looked at with, and looks as the mean of its pieces
        does (Clark et al. 2019, arXiv:1906.04341), so that rows sum to what they summed to.
        """
        return self._mapped(_merged, self.queries.merged(), self.keys.merged())

    def without_special(self, renormalize: bool = False) -> Attention:
        """The maps without the rows and columns of special tokens; ``renormalize``: rows sum to 1 again."""
        rows, columns = ~self.queries.special, ~self.keys.special
        if not rows.any() or not columns.any():
            raise InvalidArgumentError("there are only special tokens")

        def chosen(layer: Float32Array, _: Attention) -> Float32Array:
            found = layer[:, rows][:, :, columns]
            return normalized(found) if renormalize else found

        return self._mapped(chosen, self.queries.chosen(rows), self.keys.chosen(columns))

    def _mapped(
        self, function: Callable[[Float32Array, Attention], Float32Array], queries: Tokens, keys: Tokens
    ) -> Attention:
        return Attention(self.kind, tuple(function(layer, self) for layer in self.layers), queries, keys)

    def entropy(self) -> Float64Array:
        """How far each head spreads: ``[layers, heads]``, the mean over its queries of ``-sum p log p``, in nats.

        0 looks at one key alone, ``log(keys)`` at all alike. Rows are normalized; NaN where a layer has fewer heads.
        """
        return self._statistic(lambda p: -(p * np.log(np.where(p > 0, p, 1))).sum(axis=2, dtype=np.float64))

    def distance(self) -> Float64Array:
        """How far each head looks: ``[layers, heads]``, the mean over its queries of ``sum p |query - key|``, in
        tokens. Rows are normalized. Not of ``"cross"``, whose queries and keys are places of two texts.
        """
        if self.kind == "cross":
            raise InvalidArgumentError("distance: queries and keys of cross-attention are places of two texts")
        queries, keys = len(self.queries), len(self.keys)
        apart = np.abs(np.arange(queries)[:, None] + (keys - queries) - np.arange(keys)).astype(np.float32)
        return self._statistic(lambda p: (p * apart).sum(axis=2, dtype=np.float64))

    def _statistic(self, of_rows: _Statistic) -> Float64Array:
        found = np.full((len(self.layers), self.heads), np.nan)
        for index, layer in enumerate(self.layers):
            found[index, : layer.shape[0]] = of_rows(normalized(layer)).mean(axis=1)
        return found

    def __repr__(self) -> str:
        size = f"{len(self.layers)} layers, {self.heads} heads, {len(self.queries)} x {len(self.keys)} tokens"
        return f"<attend.maps.Attention {self.kind}, {size}>"


class Maps:
    """What a model looked at while it read a sequence and, perhaps, wrote another: ``Attention`` of up to three kinds.

    They can be iterated over; ``encoder``, ``decoder`` and ``cross`` are an InvalidStateError where there is none.
    """

    def __init__(self, model: str, attentions: Iterable[Attention], pictures: Iterable[Attention] = ()) -> None:
        #: The family of the model
        self.model = model
        #: Of each picture beside a text its patches at each other, in the tower
        self.pictures = tuple(pictures)
        self._kinds = {own.kind: own for own in attentions}

    @property
    def encoder(self) -> Attention:
        """An encoder's tokens at each other."""
        return self._kind("encoder")

    @property
    def decoder(self) -> Attention:
        """A decoder's tokens at those before them and at themselves."""
        return self._kind("decoder")

    @property
    def cross(self) -> Attention:
        """What an encoder-decoder writes at its source."""
        return self._kind("cross")

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which there are."""
        return tuple(self._kinds)

    def __iter__(self) -> Iterator[Attention]:
        return iter(self._kinds.values())

    def words(self) -> Maps:
        """All of them between words: see ``Attention.words``."""
        return Maps(self.model, [own.words() for own in self], self.pictures)

    def _kind(self, kind: str) -> Attention:
        if kind not in self._kinds:
            raise InvalidStateError(f"there are no maps of kind {kind}; {self.model} left {', '.join(self.kinds)}")
        return self._kinds[kind]

    def __repr__(self) -> str:
        return f"<attend.maps.Maps of {self.model}: {', '.join(self.kinds)}>"


def normalized(rows: Floats) -> Floats:
    """Rows that sum to 1; one of zeros stays."""
    sums = rows.sum(axis=-1, keepdims=True)
    found: Floats = np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0)
    return found


def single(maps: Maps | Attention) -> Attention:
    """The one kind of maps that there is."""
    if isinstance(maps, Attention):
        return maps
    if len(maps.kinds) != 1:
        raise InvalidArgumentError(f"maps: there are {', '.join(maps.kinds)}; say which, such as maps.{maps.kinds[0]}")
    return next(iter(maps))


def _merged(layer: Float32Array, own: Attention) -> Float32Array:
    rows, columns = own.queries.words, own.keys.words
    first_rows, first_columns = (np.flatnonzero(np.diff(words, prepend=-1)) for words in (rows, columns))
    summed: Float32Array = np.add.reduceat(np.add.reduceat(layer, first_columns, axis=2), first_rows, axis=1)
    summed /= np.bincount(rows).astype(np.float32)[:, None]
    return summed


def _place(index: int, count: int, name: str) -> int:
    if not -count <= index < count:
        raise InvalidArgumentError(f"{name} is {index}; there are {count}")
    return index
