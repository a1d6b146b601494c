"""Tasks on the rows of Spark's tables: what ``libattend[spark]`` installs.

    import attend.spark

    attend.spark.map_rows(frame, "/shared/all-MiniLM-L6-v2", "embedding", column="text")

What travels to the workers is the path and the options. Each worker process opens the model itself, once, by path and
options, after Spark has forked it, and computes on as many threads as a task of Spark has CPUs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ._arrays import Path
from ._rows import Task, shared
from .errors import InvalidArgumentError

try:
    import pandas
    import pyarrow  # noqa: F401  what Spark hands tables to Python with
    from pyspark import TaskContext
    from pyspark.sql import DataFrame
    from pyspark.sql import types as kinds
    from pyspark.sql.functions import pandas_udf
except ImportError as problem:
    raise ImportError("attend.spark needs pyspark, pandas and pyarrow: pip install 'libattend[spark]'") from problem

from ._tables import answered, check_names

_PLAIN = {
    "string": kinds.StringType(),
    "double": kinds.DoubleType(),
    "float": kinds.FloatType(),
    "bigint": kinds.LongType(),
}


def map_rows(
    frame: DataFrame,
    model: Path,
    task: str,
    *,
    column: str | Mapping[str, str] = "text",
    compute: str = "float32",
    batch_size: int = 256,
    error: str | None = "error",
    prefix: str = "",
    **options: Any,
) -> DataFrame:
    """``frame`` with the columns that a task makes of each row.

    ``model``: a path that all machines see. ``task``: ``"embedding"``, with the options of ``Model.embed``, or a task
    of ``attend.pipeline`` with its ``options``. ``column``: what is read, or the parts of an input by the columns that
    hold them: ``{"question": "q", "context": "page"}``. The columns that are made have the names of the pipeline's
    results, behind ``prefix``; docs/cluster.md lists them.

    Rows stay as they are and where they are. A row that the task cannot be done for (no text, one that is too long, a
    file that is not there) has nulls, and the reason in the column ``error``; with ``error=None`` it ends the job.
    ``batch_size`` rows are answered at once; results do not depend on it, nor on partitions, so that a task which Spark
    repeats gives the same bits. Needs Spark 3.4 or later.
    """
    what = Task(_path(model), task, _plain(column), compute, options, error, prefix).checked()
    check_names(what.columns(), frame.columns)
    rows = _size(batch_size)

    def answer(batches: Iterator[Any]) -> Iterator[Any]:
        worker = shared(what, _threads())
        for batch in batches:
            yield answered(worker, batch, rows)

    fields = [kinds.StructField(name, _type(spelled), True) for name, spelled in what.columns().items()]
    return frame.mapInArrow(answer, kinds.StructType([*frame.schema.fields, *fields]))


def udf(
    model: Path,
    task: str,
    *,
    column: str | Mapping[str, str] = "text",
    compute: str = "float32",
    batch_size: int = 256,
    error: str | None = "error",
    **options: Any,
) -> Any:
    """A pandas UDF: ``frame.select("id", attend.spark.udf(path, "sentiment-analysis")("text").alias("found"))``.

    It gives a struct of the columns that ``map_rows`` would make. It is called with one column, or where ``column``
    names parts with as many, in their order.
    """
    what = Task(_path(model), task, _plain(column), compute, options, error).checked()
    rows, columns = _size(batch_size), what.columns()
    fields = [kinds.StructField(name, _type(spelled), True) for name, spelled in columns.items()]

    def answer(*given: pandas.Series) -> pandas.DataFrame:
        worker = shared(what, _threads())
        names = ["text"] if isinstance(what.column, str) else list(what.column)
        if len(given) != len(names):
            raise InvalidArgumentError(f"{len(given)} columns for {', '.join(names)}")
        inputs = list(given[0]) if isinstance(what.column, str) else [dict(zip(names, row)) for row in zip(*given)]
        found: list[list[Any]] = []
        for start in range(0, len(inputs), rows):
            cells, reasons = worker.rows(inputs[start : start + rows])
            found += [row if error is None else [*row, reason] for row, reason in zip(cells, reasons)]
        return pandas.DataFrame(found, columns=list(columns), dtype=object)

    # Spark reads the kind of a UDF from its types, which are only names here.
    answer.__annotations__ = {"given": pandas.Series, "return": pandas.DataFrame}
    return pandas_udf(answer, kinds.StructType(fields))


def _type(spelled: str) -> Any:
    if spelled.startswith("array<"):
        return kinds.ArrayType(_type(spelled[len("array<") : -1]))
    return _PLAIN[spelled]


def _threads() -> int:
    """The CPUs that Spark gives the task that this process works on."""
    context = TaskContext.get()
    return context.cpus() if context is not None else 1


def _path(model: Path) -> str:
    from ._places import found

    return found(model)


def _plain(column: str | Mapping[str, str]) -> str | dict[str, str]:
    return column if isinstance(column, str) else dict(column)


def _size(batch_size: int) -> int:
    if batch_size < 1:
        raise InvalidArgumentError(f"batch_size: {batch_size} rows cannot be answered at once")
    return batch_size
