"""Where weights lie, and threads that stay where they are."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import attend
import numpy as np
import pytest
from conftest import FIXTURES

MIXTURE = FIXTURES / "conformance" / "mixtral"
IDS = [[3, 14, 15, 9, 2, 6], [5, 35]]


def logits(model: attend.Model, **options: object) -> np.ndarray:
    """The logits of the last tokens of two texts."""
    with model.session(**options) as session:  # type: ignore[arg-type]
        for text in IDS:
            session.add_prompt(text)
        return np.array(session.decode(IDS, logits="last"))


@pytest.mark.parametrize("compute", ["float32", "bfloat16", "int8", "int4"])
@pytest.mark.parametrize("budget", [1, 100_000, 1 << 40])
def test_mapped_weights_give_the_same(compute: str, budget: int, tmp_path: Path) -> None:
    with attend.Model(MIXTURE, compute=compute) as model:
        assert model.mapped_weights() is None
        expected = logits(model)
    options = {"compute": compute, "weights": "mapped", "memory_budget": budget, "weights_directory": "/var/tmp"}
    with attend.Model(MIXTURE, **options) as model:  # type: ignore[arg-type]
        for _ in range(3):
            assert np.array_equal(logits(model), expected)
        used = model.mapped_weights()
        assert used is not None and used.bytes > 0 and 0 <= used.resident_bytes <= used.bytes
        assert 0 <= used.wait_seconds <= used.product_seconds and 0 <= used.wait_share <= 1
        assert (used.read_bytes == 0) == (budget >= used.bytes)


def test_options_survive_a_pickle() -> None:
    with attend.Model(MIXTURE, weights="mapped", memory_budget=1, weights_directory="/var/tmp") as model:
        with pickle.loads(pickle.dumps(model)) as copy:
            assert copy.mapped_weights() is not None
            assert np.array_equal(logits(copy), logits(model))


def test_what_cannot_be_meant_is_an_error() -> None:
    with pytest.raises(attend.InvalidArgumentError, match="'disk' is not one of resident, mapped, auto"):
        attend.Model(MIXTURE, weights="disk")  # type: ignore[arg-type]
    with pytest.raises(attend.InvalidArgumentError, match="memory_budget"):
        attend.Model(MIXTURE, memory_budget=-1)
    with pytest.raises(attend.InputOutputError, match="/there/is/none"):
        attend.Model(MIXTURE, weights="mapped", weights_directory="/there/is/none")
    with attend.Model(MIXTURE, weights="auto", memory_budget=1 << 40) as model:
        assert model.mapped_weights() is None


@pytest.mark.parametrize("pinned", [False, True])
def test_sessions_side_by_side(pinned: bool) -> None:
    """Sessions of two threads each, more than there may be processors, give what one gives alone."""
    found: list[np.ndarray] = []
    with attend.Model(MIXTURE, threads=2, pin_threads=pinned) as model:
        expected = logits(model, threads=1)

        def work() -> None:
            for _ in range(20):
                found.append(logits(model, threads=2, pin_threads=pinned))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert not any(thread.is_alive() for thread in threads)
    assert len(found) == 60
    assert all(np.array_equal(one, expected) for one in found)
