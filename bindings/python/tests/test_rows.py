"""Tasks on the rows of tables, whatever engine hands them over: columns, bad rows, one model a process."""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
from pathlib import Path
from typing import Any

import attend
import pytest
from attend._rows import Task, Worker, shared
from conftest import FIXTURES

TASKS = FIXTURES / "tasks"
TEXTS = ["the cat sat", "on a mat", "and purred"]


def worker(folder: Path, task: str, column: Any = "text", **options: Any) -> Worker:
    return Worker(Task(str(folder), task, column, options=options).checked(), 1)


def answered(made: Worker, columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The rows that are made, by the names of their columns."""
    cells, reasons = made.rows(made.inputs(columns))
    names = list(made.task.columns())
    return [dict(zip(names, [*row, reason])) for row, reason in zip(cells, reasons)]


def test_columns_are_those_of_the_pipeline() -> None:
    found = answered(worker(TASKS / "topics", "sentiment-analysis"), {"text": TEXTS})
    wanted = attend.pipeline("text-classification", TASKS / "topics")(TEXTS)
    assert found == [{**one, "error": None} for one in wanted]
    found = answered(worker(TASKS / "topics", "text-classification", top_k=2), {"text": TEXTS})
    wanted = attend.pipeline("text-classification", TASKS / "topics", top_k=2)(TEXTS)
    for one, classes in zip(found, wanted):
        assert one["label"] == [each["label"] for each in classes]
        assert one["score"] == [each["score"] for each in classes]


def test_entities_are_lists() -> None:
    for options in ({}, {"aggregation_strategy": "simple"}):
        made = worker(TASKS / "tokens", "ner", **options)
        assert made.task.columns()["entity"] == "array<string>"
        wanted = attend.pipeline("token-classification", TASKS / "tokens", **options)(TEXTS)
        for one, entities in zip(answered(made, {"text": TEXTS}), wanted):
            assert one["word"] == [entity["word"] for entity in entities]
            assert one["entity"] == [entity.get("entity", entity.get("entity_group")) for entity in entities]


def test_parts_of_an_input_come_from_columns_of_any_name() -> None:
    made = worker(TASKS / "answers", "question-answering", {"question": "q", "context": "page"})
    rows = answered(made, {"q": ["who sat", ""], "page": ["the cat sat on a mat"] * 2, "id": [1, 2]})
    wanted = attend.pipeline("question-answering", TASKS / "answers")(
        question="who sat", context="the cat sat on a mat"
    )
    assert rows[0] == {**wanted, "error": None}
    assert rows[1]["answer"] is None and "question is empty" in rows[1]["error"]
    with pytest.raises(attend.InvalidArgumentError, match="there is no 'q'; there are text"):
        made.inputs({"text": []})


def test_a_bad_row_takes_only_itself_out() -> None:
    given = [*TEXTS, None, "word " * 5000, float("nan"), *TEXTS]
    rows = answered(worker(TASKS / "topics", "text-classification"), {"text": given})
    wanted = attend.pipeline("text-classification", TASKS / "topics")(TEXTS)
    assert [{key: row[key] for key in ("label", "score")} for row in rows[:3]] == wanted
    assert rows[6:] == rows[:3]
    assert "expected an input, found null" in rows[3]["error"] and rows[3]["error"] == rows[5]["error"]
    assert rows[4]["label"] is None and "InvalidArgumentError" in rows[4]["error"]
    ends = Worker(Task(str(TASKS / "topics"), "text-classification", "text", error=None).checked(), 1)
    with pytest.raises(TypeError, match="found null"):
        ends.rows([None])


def test_what_no_row_could_be_done_with_is_refused_at_once() -> None:
    for task, options, message in (
        ("poetry", {}, "there is no 'poetry'"),
        ("text-generation", {"num_return_sequences": 2}, "num_return_sequences"),
        ("translation", {"return_tensors": True}, "return_tensors"),
    ):
        with pytest.raises(attend.InvalidArgumentError, match=message):
            Task("path", task, "text", options=options).checked()
    with pytest.raises(attend.InvalidArgumentError, match="compute: 'int3'"):
        Task("path", "ner", "text", compute="int3").checked()


def _in_child(task: Task, results: Any) -> None:
    made = shared(task, 1)
    results.put((made is shared(task, 1), made.rows(TEXTS)))


def test_a_process_opens_a_model_once_and_a_fork_opens_its_own() -> None:
    task = Task(str(TASKS / "topics"), "text-classification", "text").checked()
    own = shared(task, 1)
    assert shared(task, 1) is own and shared(task, 2) is not own
    wanted = own.rows(TEXTS)  # the threads of this process are at work by now
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_in_child, args=(task, results))
    child.start()
    assert results.get(timeout=60) == (True, wanted)
    child.join(60)
    assert child.exitcode == 0
    assert own.rows(TEXTS) == wanted


def _with_the_parents_model(model: attend.Model, results: Any) -> None:
    try:
        model.embed(["a text"])
        results.put("computed")
    except attend.InvalidStateError as problem:
        results.put(str(problem))


def test_a_model_of_the_parent_says_so_in_the_child() -> None:
    with attend.Model(TASKS / "topics", threads=2) as model:
        model.session().encode([[1, 2]])
        context = multiprocessing.get_context("fork")
        results = context.Queue()
        child = context.Process(target=_with_the_parents_model, args=(model, results))
        child.start()
        assert "created before the process forked" in results.get(timeout=60)
        child.join(60)
        assert child.exitcode == 0


@pytest.mark.parametrize("engine", ["ray", "spark"])
def test_an_engine_that_is_not_there_is_named(engine: str) -> None:
    if importlib.util.find_spec({"ray": "ray", "spark": "pyspark"}[engine]) is not None:
        pytest.skip(f"{engine} is installed")
    with pytest.raises(ImportError, match=rf"pip install 'libattend\[{engine}\]'"):
        importlib.import_module(f"attend.{engine}")
