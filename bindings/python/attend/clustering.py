"""Groups of embeddings: k-means, and communities of texts that say the same."""

from __future__ import annotations

from typing import Any, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from . import functional
from ._arrays import Float32Array, SupportsArray, number
from .errors import InvalidArgumentError

#: Vectors whose products with all others are made at once.
_AT_ONCE = 1024


class Clusters(NamedTuple):
    """What k-means found."""

    labels: npt.NDArray[np.int64]  #: the cluster of each vector, ``[count]``
    centers: Float32Array  #: ``[clusters, width]``
    inertia: float  #: the sum of squared distances of vectors to their centers
    iterations: int


def kmeans(
    vectors: SupportsArray | Any,
    clusters: SupportsIndex,
    *,
    seed: int = 0,
    max_iterations: SupportsIndex = 100,
    tolerance: float = 1e-4,
) -> Clusters:
    """Divides vectors, ``[count, width]``, into groups around their means (Lloyd 1982).

    The first centers are vectors that are drawn one after another, far ones with more probability (k-means++, Arthur
    and Vassilvitskii 2007). It ends when no center moves by more than ``tolerance`` times the spread of the vectors, or
    after ``max_iterations``. The same arguments give the same clusters. A cluster that loses all its vectors gets the
    one that is farthest from its center.
    """
    given, count = _rows(vectors), number(clusters, "clusters")
    if not 1 <= count <= len(given):
        raise InvalidArgumentError(f"clusters: {count} of {len(given)} vectors")
    # Around their mean and near 1, so that squares of distances neither cancel nor leave float32.
    middle = given.mean(axis=0, dtype=np.float64)
    spread = given - middle
    scale = float(np.abs(spread).max()) or 1.0
    rows = np.ascontiguousarray(spread / scale, np.float32)
    draw = np.random.default_rng(seed)
    squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    centers = _first_centers(rows, squares, count, draw)
    least = tolerance * float(rows.var(axis=0, dtype=np.float64).mean())
    iterations, most = 0, number(max_iterations, "max_iterations")
    while iterations < most:
        iterations += 1
        labels, distances = _assign(rows, squares, centers)
        moved = _means(rows, labels, distances, count)
        shift = float(((moved - centers) ** 2).sum(dtype=np.float64))
        centers = moved
        if shift <= least:
            break
    labels, distances = _assign(rows, squares, centers)
    return Clusters(
        labels, (centers * scale + middle).astype(np.float32), float(distances.sum()) * scale**2, iterations
    )


def communities(
    vectors: SupportsArray | Any, *, threshold: float = 0.75, min_size: SupportsIndex = 10
) -> list[npt.NDArray[np.int64]]:
    """Groups of vectors that are near each other, largest first, the most central vector of each first.

    A group is a vector with all whose cosine to it is at least ``threshold``, and has ``min_size`` members; of groups
    that share vectors the larger one keeps them, and what is left of the other stays where it is large enough: the fast
    clustering of sentence-transformers' ``community_detection``.
    """
    given, least = _rows(vectors).astype(np.float64), number(min_size, "min_size")
    lengths = np.linalg.norm(given, axis=1, keepdims=True)
    rows = np.ascontiguousarray(given / np.where(lengths > 0, lengths, 1), np.float32)
    groups = []
    for first in range(0, len(rows), _AT_ONCE):
        for cosines in functional.linear(rows[first : first + _AT_ONCE], rows):
            near = np.flatnonzero(cosines >= threshold)
            if len(near) >= max(least, 1):
                groups.append(near[np.argsort(-cosines[near], kind="stable")])
    groups.sort(key=len, reverse=True)
    taken = np.zeros(len(rows), bool)
    found = []
    for group in groups:
        rest = group[~taken[group]]
        if len(rest) >= max(least, 1):
            taken[rest] = True
            found.append(rest.astype(np.int64))
    found.sort(key=len, reverse=True)
    return found


def _rows(vectors: Any) -> Float32Array:
    rows = np.ascontiguousarray(vectors, np.float32)
    if rows.ndim != 2:
        raise InvalidArgumentError(f"vectors: expected [count, width], found {list(rows.shape)}")
    if not np.isfinite(rows).all():
        raise InvalidArgumentError("vectors: some numbers are not finite")
    return rows


def _distances(rows: Float32Array, squares: Any, centers: Float32Array) -> Any:
    """Squared distances, ``[count, centers]``."""
    products = functional.linear(rows, np.ascontiguousarray(centers, np.float32))
    own = np.einsum("ij,ij->i", centers, centers, dtype=np.float64)
    return np.maximum(squares[:, None] - 2.0 * products + own, 0)


def _assign(rows: Float32Array, squares: Any, centers: Float32Array) -> tuple[Any, Any]:
    """The nearest center of each vector, and the square of the distance to it."""
    labels = np.empty(len(rows), np.int64)
    nearest = np.empty(len(rows), np.float64)
    for first in range(0, len(rows), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        distances = _distances(rows[part], squares[part], centers)
        labels[part] = distances.argmin(axis=1)
        nearest[part] = distances.min(axis=1)
    return labels, nearest


def _first_centers(rows: Float32Array, squares: Any, count: int, draw: np.random.Generator) -> Float32Array:
    chosen = [int(draw.integers(len(rows)))]
    _, nearest = _assign(rows, squares, rows[chosen])
    while len(chosen) < count:
        total = nearest.sum()
        if total > 0:
            place = int(np.searchsorted(np.cumsum(nearest), draw.random() * total))
        else:
            place = int(draw.integers(len(rows)))
        chosen.append(min(place, len(rows) - 1))
        nearest = np.minimum(nearest, _assign(rows, squares, rows[chosen[-1:]])[1])
    return rows[chosen].copy()


def _means(rows: Float32Array, labels: Any, distances: Any, count: int) -> Float32Array:
    """The mean of each cluster."""
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels, minlength=count)
    sums = np.zeros((count, rows.shape[1]), np.float64)
    filled = np.flatnonzero(sizes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])[filled]
    sums[filled] = np.add.reduceat(rows[order].astype(np.float64), starts, axis=0)
    for empty, far in zip(np.flatnonzero(sizes == 0), np.argsort(-distances, kind="stable")):
        sums[empty], sizes[empty] = rows[far], 1
    return (sums / sizes[:, None]).astype(np.float32)


__all__ = ["Clusters", "communities", "kmeans"]
