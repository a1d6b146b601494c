"""Search over vectors against a look at all of them in double precision; clusters; the step of scikit-learn."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from attend import clustering
from conftest import available_kernels


def vectors(count: int, width: int, seed: int = 0, groups: int = 0) -> Any:
    """Random vectors; with ``groups`` near as many of them, so that many scores are close to each other."""
    draw = np.random.default_rng(seed)
    found = draw.standard_normal((count, width), np.float32)
    if groups:
        found = 0.05 * found + draw.standard_normal((groups, width), np.float32)[draw.integers(groups, size=count)]
    return found.astype(np.float32)


def best(rows: Any, queries: Any, most: int) -> tuple[Any, Any]:
    scores = queries.astype(np.float64) @ rows.astype(np.float64).T
    order = np.lexsort((np.broadcast_to(np.arange(len(rows)), scores.shape), -scores), axis=1)[:, :most]
    return order, np.take_along_axis(scores, order, axis=1)


@pytest.mark.parametrize("width", [1, 3, 32, 100, 384])
@pytest.mark.parametrize("groups", [0, 20])
def test_searches_are_exact(width: int, groups: int) -> None:
    rows, queries = vectors(40_000, width, groups=groups), vectors(40, width, 1)
    index = attend.SearchIndex(width)
    for part in np.array_split(rows, 7):
        index.add(part)
    found = index.search(queries, 25)
    numbers, scores = best(rows, queries, 25)
    assert (found.numbers == numbers).mean() > 0.999  # sums of double precision differ in their last bits
    np.testing.assert_allclose(found.scores, scores, rtol=1e-6, atol=1e-6)
    one = index.search(queries[3], 25)
    assert (one.numbers == found.numbers[3]).all() and (one.scores == found.scores[3]).all()


def test_equal_scores_are_in_the_order_of_their_numbers() -> None:
    rows = np.repeat(vectors(50, 16), 300, axis=0)
    index = attend.SearchIndex(16)
    index.add(rows)
    numbers = index.search(rows[4500], 300).numbers
    assert numbers.tolist() == list(range(4500, 4800))


def test_threads_and_kernels_change_nothing(tmp_path: Path) -> None:
    rows, queries = vectors(30_000, 96, groups=5), vectors(20, 96, 1)
    results = []
    for type in ("float32", "int8"):
        own = []
        for kernels in available_kernels():
            for threads in (1, 2, 3):
                index = attend.SearchIndex(96, type=type, threads=threads, kernels=kernels, normalize=True)
                index.add(rows)
                own.append(index.search(queries, 9))
        index.save(tmp_path / type)
        opened = attend.SearchIndex.open(tmp_path / type, threads=2)
        assert opened.type == type and opened.width == 96 and len(opened) == 30_000
        own.append(opened.search(queries, 9))
        for each in own[1:]:
            assert (each.numbers == own[0].numbers).all() and (each.scores == own[0].scores).all()
        opened.add(rows[:10_000])
        index.add(rows[:10_000])
        assert (opened.search(queries, 9).scores == index.search(queries, 9).scores).all()
        results.append(own[0])
    np.testing.assert_allclose(results[0].scores, results[1].scores, atol=0.01)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    asked = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    np.testing.assert_allclose(results[0].scores, best(unit, asked, 9)[1], atol=1e-6)


def test_indexes_of_all_sizes() -> None:
    index = attend.SearchIndex(4)
    queries = vectors(2, 4)
    assert len(index) == 0 and index.search(queries, 3).numbers.shape == (2, 0)
    index.add(np.zeros((3, 4), np.float32))
    assert index.search(queries, 5).numbers.tolist() == [[0, 1, 2]] * 2
    index.add(np.empty((0, 4), np.float32))
    assert len(index) == 3 and index.search(queries[:0], 2).numbers.shape == (0, 2)
    index.add(vectors(16384 * 2 - 3, 4))
    assert len(index) == 16384 * 2 and index.nbytes > 0
    assert index.search(queries, 10**9).numbers.shape == (2, 16384 * 2)
    assert "32768 vectors of 4 numbers" in repr(index)
    index.close()
    assert index.closed and "closed" in repr(index)
    with pytest.raises(attend.InvalidStateError):
        index.search(queries)


def test_large_and_small_numbers() -> None:
    rows = vectors(9000, 32)
    rows[::2] *= 1e18
    rows[1::7] *= 1e-18
    index = attend.SearchIndex(32)
    index.add(rows)
    queries = vectors(5, 32, 3)
    assert (index.search(queries, 8).numbers == best(rows, queries, 8)[0]).all()


def test_many_threads_search_at_once() -> None:
    rows, queries = vectors(40_000, 64), vectors(64, 64, 1)
    index = attend.SearchIndex(64)
    index.add(rows)
    wanted = index.search(queries, 5)
    wrong = []

    def work() -> None:
        for _ in range(5):
            if (index.search(queries, 5).scores != wanted.scores).any():
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_bad_input_is_named(tmp_path: Path) -> None:
    index = attend.SearchIndex(3)
    for call, message in (
        (lambda: attend.SearchIndex(0), "width is 0"),
        (lambda: attend.SearchIndex(1 << 17), "width is 131072"),
        (lambda: attend.SearchIndex(3, type="int4"), "type: 'int4'"),
        (lambda: index.add([[1.0, 2.0]]), r"expected \[count, 3\], found \[1, 2\]"),
        (lambda: index.add([[1.0, np.nan, 0.0]]), "number 1 of vector 0 is nan"),
        (lambda: index.search([[np.inf, 0.0, 0.0]], 1), "top_k|number 0 of vector 0 is inf"),
    ):
        with pytest.raises(attend.InvalidArgumentError, match=message):
            index.add(np.ones((1, 3), np.float32))
            call()
    path = tmp_path / "index"
    index.add(vectors(20000, 3))
    index.save(path)
    data = path.read_bytes()
    for damaged, message in (
        (data[:-1], "was cut or added to"),
        (data[:40], "is no saved index"),
        (b"x" + data[1:], "is no saved index"),
        (data[:8] + b"\x09" + data[9:], "version 9"),
        (data[:36] + b"\xff" + data[37:], "header makes no sense"),
        (b"", "is no saved index"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(attend.InvalidFileError, match=message):
            attend.SearchIndex.open(path)
    with pytest.raises(attend.NotFoundError):
        attend.SearchIndex.open(tmp_path / "none")
    with pytest.raises(attend.NotFoundError):
        index.save(tmp_path / "none" / "index")


def test_kmeans_finds_the_groups() -> None:
    rows = vectors(3000, 24, groups=6)
    found = clustering.kmeans(rows, 6, seed=3)
    assert found.centers.shape == (6, 24) and sorted(np.unique(found.labels)) == list(range(6))
    distances = ((rows[:, None].astype(np.float64) - found.centers) ** 2).sum(axis=2)
    np.testing.assert_allclose(found.inertia, distances.min(axis=1).sum(), rtol=1e-4)
    assert (found.labels == distances.argmin(axis=1)).mean() > 0.999
    # Each group is about its mean, 0.05 away in each of 24 numbers.
    assert found.inertia < 3000 * 24 * 0.05**2 * 1.2
    again = clustering.kmeans(rows, 6, seed=3)
    assert (again.labels == found.labels).all() and again.inertia == found.inertia
    same = clustering.kmeans(np.ones((5, 2), np.float32), 3)
    assert same.inertia == 0
    for bad in (0, 3001):
        with pytest.raises(attend.InvalidArgumentError, match="clusters"):
            clustering.kmeans(rows, bad)


def test_communities_are_those_of_sentence_transformers() -> None:
    rows = vectors(600, 32, groups=15)
    rows[::5] = vectors(120, 32, 9)
    found = clustering.communities(rows, threshold=0.9, min_size=8)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = unit @ unit.T
    # The same, as sentence-transformers' documentation tells it.
    groups = sorted(
        ([place for place in np.argsort(-row, kind="stable") if row[place] >= 0.9] for row in cosines),
        key=len,
        reverse=True,
    )
    taken: set[int] = set()
    wanted = []
    for group in groups:
        rest = [place for place in group if place not in taken]
        if len(group) >= 8 and len(rest) >= 8:
            wanted.append(rest)
            taken.update(rest)
    assert [sorted(group.tolist()) for group in found] == [sorted(map(int, group)) for group in wanted]
    assert len(found) > 5 and all(len(group) >= 8 for group in found)
    assert clustering.communities(rows, threshold=1.5) == []


def test_a_step_of_scikit_learn(bare: Path) -> None:
    pytest.importorskip("sklearn")
    from attend.sklearn import TextEmbedder
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, classes = ["w3 w4", "w5", "w3 w4 w4", "w5 w5"] * 5, [0, 1, 0, 1] * 5
    steps = make_pipeline(TextEmbedder(str(bare)), LogisticRegression())
    assert steps.fit(texts, classes).score(texts, classes) == 1
    assert (pickle.loads(pickle.dumps(steps)).predict(texts) == classes).all()
    with attend.Model(bare) as model:
        embedder = TextEmbedder(model, truncate_dim=5)
        assert (embedder.fit_transform(texts) == model.embed(texts, truncate_dim=5)).all()
        assert len(embedder.get_feature_names_out()) == 5 and embedder.transform([]).shape == (0, 5)
    assert clone(TextEmbedder(str(bare), prompt="x")).get_params()["prompt"] == "x"


@pytest.mark.parametrize("size", [1e-42, 1e-31, 3e38])
def test_sizes_that_products_do_not_bear_are_told(size: float) -> None:
    index = attend.SearchIndex(8)
    with pytest.raises(attend.InvalidArgumentError, match="vectors: the largest number of vector 1 is"):
        index.add(np.array([[1] * 8, [size] * 8], np.float32))
    assert len(index) == 0
    index.add(np.ones((1, 8), np.float32))
    with pytest.raises(attend.InvalidArgumentError, match="queries: the largest number of vector 0 is"):
        index.search(np.full((1, 8), size, np.float32), 1)
    normalized = attend.SearchIndex(8, normalize=True)
    normalized.add(np.full((2, 8), size, np.float32))
    assert normalized.search(np.full((1, 8), size, np.float32), 2).scores == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1, 100), (1e-25, 0), (1e25, 0), (1e19, 1e20)])
def test_clusters_do_not_depend_on_where_vectors_lie(scale: float, shift: float) -> None:
    rows = vectors(60, 8, groups=3)
    expected = clustering.kmeans(rows, 3)
    found = clustering.kmeans(rows * np.float32(scale) + np.float32(shift), 3)
    assert (found.labels == expected.labels).all()
    assert found.inertia / np.float64(scale) ** 2 == pytest.approx(expected.inertia, rel=1e-2)
    wanted = clustering.communities(rows, min_size=1)
    moved = clustering.communities(rows * np.float32(scale), min_size=1)
    assert [group.tolist() for group in moved] == [group.tolist() for group in wanted]
