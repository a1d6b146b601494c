"""Tasks on Spark's tables: one model a worker process, rows as they were, tasks repeated with the same bits."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any, Iterator

import attend
import numpy as np
import pytest
from conftest import FIXTURES

pytest.importorskip("pyspark", reason="attend.spark needs pyspark: pip install 'libattend[spark]'")
pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java", allow_module_level=True)

import attend.spark
from pyspark.sql import SparkSession

MODEL = FIXTURES / "tasks" / "topics"
TEXTS = [f"{word} tables and {word} engines" for word in ("swimming", "cat", "mat", "weather") * 50]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    package = str(Path(attend.__file__).resolve().parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])
    session = (
        SparkSession.builder.master("local[2, 4]")  # a task may fail four times
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "16")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def test_rows_stay_as_they_are_and_where_they_are(spark: Any) -> None:
    rows = [(2**53 + index, text) for index, text in enumerate(TEXTS)]
    frame = spark.createDataFrame(rows, "id bigint, text string").repartition(4)
    before = [tuple(row) for row in frame.collect()]
    found = attend.spark.map_rows(frame, MODEL, "text-classification").collect()
    assert [(row["id"], row["text"]) for row in found] == before
    classify = attend.pipeline("text-classification", MODEL)
    for row, wanted in zip(found, classify([text for _, text in before])):
        assert (row["label"], row["score"], row["error"]) == (wanted["label"], wanted["score"], None)


def test_embeddings_are_those_of_one_process(spark: Any) -> None:
    frame = spark.createDataFrame(list(enumerate([*TEXTS, None])), "id bigint, body string").repartition(3)
    made = attend.spark.map_rows(frame, MODEL, "embedding", column="body", batch_size=7, prefix="made_", error="why")
    assert made.schema["made_embedding"].dataType.simpleString() == "array<float>"
    found = {row["id"]: row for row in made.collect()}
    assert found[len(TEXTS)]["made_embedding"] is None and "found null" in found[len(TEXTS)]["why"]
    vectors = np.array([found[index]["made_embedding"] for index in range(len(TEXTS))], np.float32)
    with attend.Model(MODEL) as model:
        assert np.array_equal(vectors, model.embed(TEXTS))


def test_a_killed_worker_is_repeated_with_the_same_bits(spark: Any, tmp_path: Path) -> None:
    frame = spark.createDataFrame(list(enumerate(TEXTS)), "id bigint, text string").repartition(4)
    made = attend.spark.map_rows(frame, MODEL, "text-classification")
    wanted = made.collect()
    mark, kill = str(tmp_path / "killed"), int(signal.SIGKILL)

    def once(batches: Iterator[Any]) -> Iterator[Any]:
        """Kills the worker with the model, which hands its batches to this one, when some rows are through."""
        import os as system
        from pathlib import Path as Folder

        for index, batch in enumerate(batches):
            if index == 2:
                try:
                    system.close(system.open(mark, system.O_CREAT | system.O_EXCL))
                except FileExistsError:
                    pass
                else:
                    for process in Folder("/proc").glob("[0-9]*"):
                        number = int(process.name)
                        try:
                            parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
                            if int(parent) == system.getppid() and "libattend" in (process / "maps").read_text():
                                system.kill(number, kill)
                                Folder(mark).write_text(str(number))
                        except OSError:
                            continue
            yield batch

    assert made.mapInArrow(once, made.schema).collect() == wanted
    assert Path(mark).read_text().isdigit()


def test_udf_gives_a_struct(spark: Any) -> None:
    frame = spark.createDataFrame([(1, TEXTS[0]), (2, None)], "id bigint, text string")
    classify = attend.spark.udf(MODEL, "sentiment-analysis")
    first, second = frame.select("id", classify("text").alias("found")).select("id", "found.*").collect()
    wanted = attend.pipeline("sentiment-analysis", MODEL)([TEXTS[0]])[0]
    assert (first["label"], first["score"], first["error"]) == (wanted["label"], wanted["score"], None)
    assert second["label"] is None and "found null" in second["error"]
    answer = attend.spark.udf(
        FIXTURES / "tasks" / "answers", "question-answering", column={"question": "q", "context": "page"}
    )
    asked = spark.createDataFrame([("who sat", "the cat sat on a mat")], "a string, b string")
    row = asked.select(answer("a", "b").alias("found")).collect()[0]["found"]
    wanted = attend.pipeline("question-answering", FIXTURES / "tasks" / "answers")(
        question="who sat", context="the cat sat on a mat"
    )
    assert {key: row[key] for key in wanted} == wanted


def test_what_cannot_be_is_refused_before_the_job(spark: Any) -> None:
    frame = spark.createDataFrame([(1, "a")], "score bigint, text string")
    with pytest.raises(attend.InvalidArgumentError, match="a column 'score' already"):
        attend.spark.map_rows(frame, MODEL, "text-classification")
    with pytest.raises(attend.InvalidArgumentError, match="no 'poetry'"):
        attend.spark.map_rows(frame, MODEL, "poetry")
    with pytest.raises(attend.NotFoundError):
        attend.spark.map_rows(frame, "org/no-such-model", "ner")
