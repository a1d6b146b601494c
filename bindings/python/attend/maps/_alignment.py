"""From soft alignments to hard ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._arrays import Float32Array
from ..errors import InvalidArgumentError

#: What a weight of 0 counts as, so that a path through it has a logarithm.
_LEAST = 1e-12


class Step(NamedTuple):
    """A query with the key that it is aligned with."""

    query: int
    key: int
    weight: float


def best_path(weights: Float32Array, monotonic: bool = True) -> list[Step]:
    """The path through ``[queries, keys]`` whose weights have the largest product, a key for each query.

    ``monotonic``: the keys never go back, as letters and phonemes or speech and text are aligned (the Viterbi path of
    a left-to-right model); otherwise each query has its largest weight, for languages of another order.
    """
    array = np.asarray(weights, np.float64)
    if array.ndim != 2 or 0 in array.shape:
        raise InvalidArgumentError(f"weights: expected [queries, keys], found {list(array.shape)}")
    keys = _monotonic(np.log(np.maximum(array, _LEAST))) if monotonic else array.argmax(axis=1)
    return [Step(query, int(key), float(array[query, key])) for query, key in enumerate(keys)]


def _monotonic(scores: np.ndarray) -> np.ndarray:
    """Viterbi: the best key of each query where keys only grow. ``[queries, keys]`` to ``[queries]``."""
    queries, keys = scores.shape
    origins = np.zeros((queries, keys), np.intp)
    best = scores[0]
    for query in range(1, queries):
        leading = np.maximum.accumulate(best)
        is_new = np.concatenate(([True], best[1:] > leading[:-1]))
        origins[query] = np.maximum.accumulate(np.where(is_new, np.arange(keys), 0))
        best = leading + scores[query]
    path = np.zeros(queries, np.intp)
    path[-1] = best.argmax()
    for query in range(queries - 1, 0, -1):
        path[query - 1] = origins[query, path[query]]
    return path
