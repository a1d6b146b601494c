"""Tasks on Ray Data, and models in stages over actors: order, bad rows, what is killed in the middle of a run."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, Iterator

import attend
import numpy as np
import pytest
from conftest import FIXTURES

ray = pytest.importorskip("ray", reason="attend.ray needs ray[data]: pip install 'libattend[ray]'")
pytest.importorskip("ray.data")

import attend.ray  # noqa: E402
from attend._pipeline import ranges  # noqa: E402
from attend.ray import shares  # noqa: E402

MODEL = FIXTURES / "tasks" / "topics"
TEXTS = [f"{word} tables and {word} engines" for word in ("swimming", "cat", "mat", "weather") * 50]
PROMPTS = [[5, 6, 7], [8], [9, 10, 11, 12], [3, 4], [5]]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    os.environ["RAY_AUTH_MODE"] = "disabled"
    package = str(Path(attend.__file__).resolve().parents[1])
    variables = {"PYTHONPATH": os.pathsep.join([package, str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])}
    if "ATTEND_LIBRARY" in os.environ:
        variables["ATTEND_LIBRARY"] = str(Path(os.environ["ATTEND_LIBRARY"]).resolve())
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=120 << 20,
        runtime_env={"env_vars": variables},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def rows(texts: list[Any]) -> Any:
    given = [{"id": index, "text": text} for index, text in enumerate(texts)]
    return ray.data.from_items(given, override_num_blocks=8)


class KilledOnce(attend.ray.Mapper):
    """Its process is killed in the middle of the run, unless that has happened."""

    def __init__(self, *arguments: Any, mark: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._mark, self._calls = mark, 0

    def __call__(self, batch: Any) -> Any:
        made = super().__call__(batch)
        self._calls += 1
        if self._calls == 2:
            try:
                os.close(os.open(self._mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return made
            os.kill(os.getpid(), signal.SIGKILL)
        return made


def test_order_and_bad_rows() -> None:
    given: list[Any] = [*TEXTS, None, "word " * 5000]
    found = attend.ray.map_rows(rows(given), MODEL, "text-classification", batch_size=16, workers=2).take_all()
    assert [row["id"] for row in found] == list(range(len(given)))
    for row, wanted in zip(found, attend.pipeline("text-classification", MODEL)(TEXTS)):
        assert (row["label"], row["score"], row["error"]) == (wanted["label"], wanted["score"], None)
    assert "found null" in found[-2]["error"] and found[-2]["label"] is None
    assert "InvalidArgumentError" in found[-1]["error"] and found[-1]["score"] is None


def test_a_killed_actor_is_repeated_with_the_same_bits(tmp_path: Path) -> None:
    mark = tmp_path / "killed"
    data = rows(TEXTS)
    data.context.execution_options.preserve_order = True
    found = data.map_batches(
        KilledOnce,
        fn_constructor_kwargs={"model": str(MODEL), "task": "embedding", "mark": str(mark)},
        batch_format="pyarrow",
        batch_size=16,
        concurrency=2,
        num_cpus=0.5,
    ).take_all()
    assert mark.exists()
    assert [row["id"] for row in found] == list(range(len(TEXTS)))
    with attend.Model(MODEL) as model:
        assert np.array_equal(np.array([row["embedding"] for row in found], np.float32), model.embed(TEXTS))


def test_rows_stream_through() -> None:
    """Results come while later rows are still to be read, and a reader finds a CPU beside the actors."""
    data = ray.data.range(400, override_num_blocks=20).map(lambda row: {"id": row["id"], "text": f"cat {row['id']}"})
    seen = 0
    for batch in attend.ray.map_rows(data, MODEL, "text-classification", batch_size=8).iter_batches(batch_size=20):
        assert batch["id"].tolist() == list(range(seen, seen + 20))
        seen += 20
    assert seen == 400


def test_actors_leave_a_cpu_to_the_readers() -> None:
    assert shares(None, None, 8) == (8, 7 / 8, 1)
    assert shares(2, None, 8) == (2, 3.5, 4)
    assert shares(2, None, 2) == (2, 0.5, 1)
    assert shares(None, None, 1) == (1, 0, 1)
    assert shares(3, 2, 8) == (3, 2, 2)
    assert shares(None, 2, 8) == (4, 2, 2)
    assert shares(1, 0.25, 8) == (1, 0.25, 1)
    with pytest.raises(attend.InvalidArgumentError, match="workers is 0"):
        shares(0, None, 8)


def test_what_cannot_be_is_refused_before_the_run() -> None:
    with pytest.raises(attend.InvalidArgumentError, match="no 'poetry'"):
        attend.ray.map_rows(rows(TEXTS), MODEL, "poetry")
    with pytest.raises(attend.InvalidArgumentError, match="rows: 0"):
        attend.ray.Mapper(MODEL, "ner", rows=0)


def test_layers_are_shared_out_by_their_weights() -> None:
    assert ranges(22, 2, 44, 65) == [(0, 12), (12, 22)]
    assert ranges(4, 4, 10, 1) == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert ranges(5, 3, 1, 100) == [(0, 3), (3, 4), (4, 5)]
    with pytest.raises(attend.InvalidArgumentError, match="stages is 3; the model has 2 layers"):
        ranges(2, 3, 1, 1)


@pytest.mark.parametrize("options", [{}, {"do_sample": True, "seed": 3}, {"num_beams": 2}])
def test_a_pipeline_has_the_bits_of_one_process(options: dict[str, Any]) -> None:
    folder = FIXTURES / "conformance" / "llama"
    with attend.Model(folder, threads=1) as model:
        wanted = model.generate(PROMPTS, max_new_tokens=9, eos_token_id=-1, **options)
    with attend.ray.Pipeline(folder, stages=2) as pipeline:
        for groups in (None, 1, 9):
            found = pipeline.generate(PROMPTS, groups=groups, max_new_tokens=9, eos_token_id=-1, **options)
            assert [one.ids.tolist() for one in found] == [one.ids.tolist() for one in wanted]
        assert pipeline.generate([]) == []
        with pytest.raises(attend.InvalidArgumentError, match="temperature"):
            pipeline.generate(PROMPTS, do_sample=True, temperature=-1.0)


def test_a_stage_that_is_killed_is_started_again() -> None:
    folder = FIXTURES / "conformance" / "gpt2"
    with attend.Model(folder, threads=1) as model:
        wanted = model.generate(PROMPTS, max_new_tokens=20, eos_token_id=-1)
    with attend.ray.Pipeline(folder, stages=[(0, 1), (1, 2)]) as pipeline:
        pipeline.generate(PROMPTS, max_new_tokens=2)
        for actor in pipeline._actors:
            with pytest.raises(ray.exceptions.RayActorError):
                ray.get(actor.__ray_call__.remote(lambda _: os.kill(os.getpid(), signal.SIGKILL)))
            found = pipeline.generate(PROMPTS, max_new_tokens=20, eos_token_id=-1, retries=3)
            assert [one.ids.tolist() for one in found] == [one.ids.tolist() for one in wanted]


def test_stages_that_do_not_follow_one_another_are_refused() -> None:
    for stages in ([(0, 1)], [(1, 2), (2, 3)], [(0, 1), (2, 3)]):
        with pytest.raises(attend.InvalidArgumentError, match="stages: "):
            attend.ray.Pipeline(FIXTURES / "conformance" / "llama", stages=stages)
