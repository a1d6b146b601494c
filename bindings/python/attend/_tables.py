"""Tasks on tables of Arrow, which Ray Data and Spark hand to Python."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ._rows import Worker
from .errors import InvalidArgumentError

_PLAIN = {"string": pa.string(), "double": pa.float64(), "float": pa.float32(), "bigint": pa.int64()}


def arrow_type(spelled: str) -> Any:
    """A type of Arrow by the name that Spark has for it."""
    if spelled.startswith("array<"):
        return pa.list_(arrow_type(spelled[len("array<") : -1]))
    return _PLAIN[spelled]


def check_names(worker_columns: dict[str, str], present: list[str]) -> None:
    """Raises where a column that is made is there already."""
    for name in worker_columns:
        if name in present:
            raise InvalidArgumentError(f"the table has a column {name!r} already: give prefix= or error= another name")


def answered(worker: Worker, table: Any, rows: int) -> Any:
    """A table, or a batch of records, with the columns of a task behind its own; ``rows`` are answered at once."""
    columns = worker.task.columns()
    check_names(columns, table.schema.names)
    wanted = worker.task.column
    names = [wanted] if isinstance(wanted, str) else list(wanted.values())
    found: list[list[Any]] = [[] for _ in columns]
    for start in range(0, table.num_rows, rows):
        piece = table.slice(start, rows)
        read = {name: piece.column(name).to_pylist() for name in names if name in piece.schema.names}
        cells, reasons = worker.rows(worker.inputs(read if read else dict.fromkeys(piece.schema.names, [])))
        for row, reason in zip(cells, reasons):
            for column, cell in zip(found, row):
                column.append(cell)
            if worker.task.error is not None:
                found[-1].append(reason)
    fields, arrays = list(table.schema), list(table.columns)
    for (name, spelled), values in zip(columns.items(), found):
        kind = arrow_type(spelled)
        fields.append(pa.field(name, kind))
        arrays.append(pa.array(values, kind))
    return type(table).from_arrays(arrays, schema=pa.schema(fields, metadata=table.schema.metadata))
