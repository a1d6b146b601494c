"""Tasks on the rows of Ray Data, and models in stages over Ray's actors: what ``libattend[ray]`` installs.

    import attend.ray

    rows = ray.data.read_parquet("/shared/texts")
    attend.ray.map_rows(rows, "/shared/all-MiniLM-L6-v2", "embedding", column="text", workers=8)

An actor opens the model once, from a path that all machines see, and computes on as many threads as it has CPUs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._arrays import Path
from ._places import found
from ._rows import Task, Worker
from .errors import InvalidArgumentError

try:
    import pyarrow  # noqa: F401  what Ray Data hands tables over with
    import ray
    import ray.data
except ImportError as problem:
    raise ImportError("attend.ray needs ray[data]: pip install 'libattend[ray]'") from problem

from ._pipeline import Pipeline
from ._tables import answered


class Mapper:
    """A task for ``map_batches``, whose actors open the model once each.

        rows.map_batches(
            attend.ray.Mapper, fn_constructor_kwargs={"model": path, "task": "ner", "column": "text"},
            batch_format="pyarrow", concurrency=4, num_cpus=2)

    ``model``: a path that all machines see. ``task``: ``"embedding"``, with the options of ``Model.embed``, or a task
    of ``attend.pipeline`` with its ``options``. ``column``: what is read, or the parts of an input by the columns that
    hold them: ``{"question": "q", "context": "page"}``. The columns that are made have the names of the pipeline's
    results, behind ``prefix``; docs/cluster.md lists them. ``threads``: 0: as many as the actor has CPUs, and at least
    one.

    Rows stay as they are. A row that the task cannot be done for (no text, one that is too long, a file that is not
    there) has nulls, and the reason in the column ``error``; with ``error=None`` it ends the run. ``rows`` are answered
    at once. Results depend neither on it nor on how the rows are cut into batches, so that what a second actor computes
    where one was lost has the same bits.
    """

    def __init__(
        self,
        model: Path,
        task: str,
        *,
        column: str | Mapping[str, str] = "text",
        compute: str = "float32",
        threads: int = 0,
        rows: int = 256,
        error: str | None = "error",
        prefix: str = "",
        **options: Any,
    ) -> None:
        column = column if isinstance(column, str) else dict(column)
        what = Task(found(model), task, column, compute, options, error, prefix).checked()
        if rows < 1:
            raise InvalidArgumentError(f"rows: {rows} rows cannot be answered at once")
        self._rows = rows
        self._worker = Worker(what, threads or actor_threads())

    def __call__(self, batch: Any) -> Any:
        """The columns of a batch, a table of Arrow, with those of the task behind them."""
        return answered(self._worker, batch, self._rows)


def actor_threads() -> int:
    """The CPUs of the actor that asks, and at least one: a share of a CPU is enough for a thread."""
    return max(1, int(ray.get_runtime_context().get_assigned_resources().get("CPU", 0)))


def shares(workers: int | None, cpus: float | None, all_cpus: float) -> tuple[int, float, int]:
    """How many actors, the CPUs that each asks Ray for, and its threads; None: whatever fits a cluster.

    What reads and writes the rows needs a CPU too. Where the actors would take all, they ask for less than they use,
    and readers run beside them.
    """
    if (workers is not None and workers < 1) or (cpus is not None and cpus < 0):
        raise InvalidArgumentError(f"workers is {workers} and cpus {cpus}: at least one worker is needed")
    count = workers or max(1, int(all_cpus / max(1.0, cpus or 1.0)))
    if cpus is not None:
        return count, cpus, max(1, int(cpus))
    threads = max(1, int(all_cpus) // count)
    return count, min(float(threads), max(0.0, all_cpus - 1) / count), threads


def map_rows(
    dataset: Any,
    model: Path,
    task: str,
    *,
    column: str | Mapping[str, str] = "text",
    workers: int | None = None,
    cpus: float | None = None,
    batch_size: int = 256,
    compute: str = "float32",
    error: str | None = "error",
    prefix: str = "",
    ray_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> Any:
    """``dataset`` with the columns that a task makes of each row, in its order; else as ``Mapper``.

    ``workers``: how many actors; None: as many as there are CPUs. ``cpus``: what each asks Ray for, and its threads;
    None: an equal share of the cluster, of which the actors leave a CPU to what reads the rows by asking for less than
    they use. ``ray_options`` go to ``map_batches`` as they are. An actor that is lost is started again, and its rows
    are computed again, with the same bits.
    """
    count, asked, threads = shares(workers, cpus, ray.cluster_resources().get("CPU", 1.0))
    arguments = {
        "model": model,
        "task": task,
        "column": column,
        "compute": compute,
        "threads": threads,
        "rows": batch_size,
        "error": error,
        "prefix": prefix,
        **options,
    }
    Task(found(model), task, column, compute, options, error, prefix).checked()
    dataset.context.execution_options.preserve_order = True
    given = {
        "batch_size": batch_size,
        "batch_format": "pyarrow",
        "concurrency": count,
        "num_cpus": asked,
        **(ray_options or {}),
    }
    return dataset.map_batches(Mapper, fn_constructor_kwargs=arguments, **given)


__all__ = ["Mapper", "Pipeline", "map_rows"]
