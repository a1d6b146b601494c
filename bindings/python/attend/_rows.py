"""Tasks on the rows of tables, as engines for data on many machines want them: columns in, typed columns out."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import pipelines
from .errors import AttendError, ErrorCode, InvalidArgumentError
from .model import Model

#: Beside those of ``attend.pipeline``: a vector for each text, as ``Model.embed`` makes it.
EMBEDDING = "embedding"

_LABELS = {"label": "string", "score": "double"}
#: The columns that a task makes, with the types that Spark has for them.
_COLUMNS: dict[str, dict[str, str]] = {
    EMBEDDING: {"embedding": "array<float>"},
    "audio-classification": _LABELS,
    "automatic-speech-recognition": {"text": "string"},
    "feature-extraction": {"features": "array<array<float>>"},
    "fill-mask": {"score": "double", "token": "bigint", "token_str": "string", "sequence": "string"},
    "image-classification": _LABELS,
    "image-to-text": {"generated_text": "string"},
    "question-answering": {"score": "double", "start": "bigint", "end": "bigint", "answer": "string"},
    "summarization": {"summary_text": "string"},
    "text-classification": _LABELS,
    "text-generation": {"generated_text": "string"},
    "text2text-generation": {"generated_text": "string"},
    "token-classification": {
        "entity": "string",
        "score": "double",
        "word": "string",
        "start": "bigint",
        "end": "bigint",
    },
    "translation": {"translation_text": "string"},
    "zero-shot-classification": {"labels": "array<string>", "scores": "array<double>"},
    "zero-shot-image-classification": _LABELS,
}
#: Options that would give a result another shape than the columns say.
_RESHAPING = {"return_tensors", "return_timestamps", "return_language", "num_return_sequences"}
#: Failures that are the row's own: any other ends the run, and the engine tries again where it can.
_OF_ROWS = {
    ErrorCode.INVALID_ARGUMENT,
    ErrorCode.NOT_FOUND,
    ErrorCode.IO,
    ErrorCode.INVALID_FILE,
    ErrorCode.UNSUPPORTED,
}


@dataclass(frozen=True)
class Task:
    """What is done with each row: plain values, which travel to the workers. Each opens the model from its path."""

    path: str
    task: str
    #: The column that is read, or the parts of an input by the columns that hold them.
    column: str | Mapping[str, str]
    compute: str = "float32"
    options: Mapping[str, Any] = field(default_factory=dict)
    #: The column that tells why a row has no result; None: such a row ends the run.
    error: str | None = "error"
    #: Before the names of the columns that are made.
    prefix: str = ""

    def checked(self) -> Task:
        """The same with the task's own name. Raises for what no row could be done with."""
        name, options = self.task, dict(self.options)
        if name != EMBEDDING:
            name, options = pipelines.spelled(name, options)
            for option in _RESHAPING.intersection(options):
                raise InvalidArgumentError(
                    f"{option}: a row has one result, of the columns {', '.join(_COLUMNS[name])}"
                )
        if self.compute not in ("float32", "bfloat16", "int8", "int4"):
            raise InvalidArgumentError(f"compute: {self.compute!r} is none of float32, bfloat16, int8, int4")
        return Task(self.path, name, self.column, self.compute, options, self.error, self.prefix)

    def columns(self) -> dict[str, str]:
        """The columns that are made, and their types in the words of Spark's schemas."""
        found = {self.prefix + name: self._type(spelled) for name, spelled in _COLUMNS[self.task].items()}
        return found if self.error is None else {**found, self.error: "string"}

    def _type(self, plain: str) -> str:
        return f"array<{plain}>" if self._gives_lists() else plain

    def _gives_lists(self) -> bool:
        """Whether each column of a row holds a list: entities, classes, fillings."""
        if self.task == "text-classification":
            return "top_k" in self.options
        if self.task == "question-answering":
            return bool(self.options.get("top_k", 1) != 1)
        return self.task in {
            "audio-classification",
            "fill-mask",
            "image-classification",
            "token-classification",
            "zero-shot-image-classification",
        }

    def cells(self, result: Any) -> list[Any]:
        """The result of a row as its cells, in the order of the columns."""
        if self.task == EMBEDDING:
            return [result]
        if self.task == "feature-extraction":
            return [result[0]]
        if self._gives_lists():
            rows = [result] if isinstance(result, Mapping) else result
            if rows and isinstance(rows[0], list):
                raise InvalidArgumentError("a text with several masked places: a row has one")
            return [[_cell(row, name) for row in rows] for name in _COLUMNS[self.task]]
        row = result[0] if isinstance(result, list) else result
        return [_cell(row, name) for name in _COLUMNS[self.task]]


def _cell(row: Mapping[str, Any], name: str) -> Any:
    return row["entity_group"] if name == "entity" and name not in row else row[name]


class Worker:
    """A task with its model, for any number of batches of rows."""

    def __init__(self, task: Task, threads: int) -> None:
        self.task = task
        self.process = os.getpid()
        model = Model(task.path, compute=task.compute, threads=threads)
        self._answers = None if task.task == EMBEDDING else pipelines.pipeline(task.task, model, **task.options)
        self._model = model

    def inputs(self, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
        """The inputs of rows, from their columns."""
        wanted = self.task.column
        names = [wanted] if isinstance(wanted, str) else list(wanted.values())
        for name in names:
            if name not in columns:
                raise InvalidArgumentError(f"column: there is no {name!r}; there are {', '.join(columns)}")
        if isinstance(wanted, str):
            return list(columns[wanted])
        return [dict(zip(wanted, row)) for row in zip(*(columns[name] for name in names))]

    def rows(self, inputs: list[Any]) -> tuple[list[list[Any]], list[str | None]]:
        """Of each input the cells, or of one without a result Nones and the reason."""
        found: list[tuple[list[Any], str | None]] = []
        self._try(inputs, found)
        return [cells for cells, _ in found], [reason for _, reason in found]

    def _try(self, inputs: list[Any], found: list[tuple[list[Any], str | None]]) -> None:
        """Answers all at once, or where one of them is bad each half by itself: bits do not depend on the batch."""
        if not inputs:
            return
        try:
            cells = [self.task.cells(result) for result in self._answer(inputs)]
        except (AttendError, TypeError, ValueError) as problem:
            if self.task.error is None or (isinstance(problem, AttendError) and problem.code not in _OF_ROWS):
                raise
            if len(inputs) > 1:
                half = len(inputs) // 2
                self._try(inputs[:half], found)
                self._try(inputs[half:], found)
                return
            empty = [None] * len(_COLUMNS[self.task.task])
            found.append((empty, f"{type(problem).__name__}: {problem}"))
            return
        found += [(row, None) for row in cells]

    def _answer(self, inputs: list[Any]) -> Iterable[Any]:
        if any(_is_missing(given) for given in inputs):
            raise TypeError("the row is empty: expected an input, found null")
        if self._answers is None:
            return list(self._model.embed(inputs, **self.task.options))
        pipe = self._answers
        given = {**pipe.known, **pipe._options}
        given.pop("batch_size", None)
        return list(pipe.run(inputs, given))


def _is_missing(given: Any) -> bool:
    """Whether a cell holds nothing: None, or NaN as pandas has it."""
    if isinstance(given, Mapping):
        return any(_is_missing(part) for part in given.values())
    return given is None or (isinstance(given, float) and given != given)


_lock = threading.Lock()
_workers: dict[tuple[str, int], Worker] = {}


def _after_fork() -> None:
    """The child of a fork has threads and models of its own, and a lock that nobody holds."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def shared(task: Task, threads: int) -> Worker:
    """The worker of this process for a task: models are opened once, by path and options, and after any fork."""
    key = (repr(task), threads)
    with _lock:
        worker = _workers.get(key)
        if worker is None or worker.process != os.getpid():
            worker = _workers[key] = Worker(task, threads)
        return worker
