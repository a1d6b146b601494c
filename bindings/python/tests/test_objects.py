"""Models, sessions and tokenizers as Python objects: copies, pickles, repr, paths, the log, types."""

from __future__ import annotations

import copy
import gc
import importlib.util
import multiprocessing
import os
import pickle
import re
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import DEFAULT_MODEL, REPOSITORY

HELLO = [13, 10, 17, 17, 20, 0]


def step(model: attend.Model) -> Any:
    with model.session() as session:
        session.encode([HELLO])
        return session.decode_step([1]).copy()


def test_a_pickled_model_is_loaded_again_with_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DEFAULT_MODEL.parent)
    with attend.Model(
        DEFAULT_MODEL.name, compute="int8", threads=1, kernels=attend.kernels_name(), progress=lambda _: None
    ) as model:
        data, expected = pickle.dumps(model), step(model)
    monkeypatch.chdir("/")
    with pickle.loads(data) as other:
        assert (other.path, other.compute, other.threads) == (str(DEFAULT_MODEL), "int8", 1)
        assert other._options == model._options
        assert np.array_equal(step(other), expected)
    with pytest.raises(attend.InvalidStateError, match="closed"):
        pickle.dumps(model)


def test_a_model_goes_to_another_process(model: attend.Model) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (found,) = pool.map(step, [model])
    assert np.array_equal(found, step(model))


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copy_shares_the_weights_and_is_closed_by_itself(duplicate: Any, capfd: pytest.CaptureFixture[str]) -> None:
    model = attend.Model(DEFAULT_MODEL)
    other = duplicate(model)
    assert type(other) is attend.Model and other is not model and other._native is model._native
    expected = step(model)
    model.close()
    assert np.array_equal(step(other), expected)
    with pytest.raises(attend.InvalidStateError, match="closed"):
        duplicate(model)
    tokenizer = duplicate(other.tokenizer)
    other.close()
    assert tokenizer.encode("hello").tolist() == HELLO
    assert capfd.readouterr() == ("", "")


def test_a_pickled_tokenizer_is_loaded_again(model: attend.Model) -> None:
    for tokenizer in (attend.Tokenizer(DEFAULT_MODEL / "tokenizer.json"), model.tokenizer):
        assert pickle.loads(pickle.dumps(tokenizer)).encode("hello").tolist() == HELLO


def test_what_cannot_be_copied_says_so_and_prints_nothing(
    model: attend.Model, capfd: pytest.CaptureFixture[str]
) -> None:
    with model.session() as session:
        session.encode([HELLO])
        for thing in (session, model.tokenizer.stream(), model._native):
            for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
                with pytest.raises(TypeError, match="cannot be copied or pickled"):
                    duplicate(thing)
        logits = session.decode_step([1])
        assert np.array_equal(pickle.loads(pickle.dumps(logits)), logits)
        assert copy.deepcopy(logits).flags.owndata
        encoding = model.tokenizer.tokenize("hello")
        assert copy.copy(encoding) is encoding and copy.deepcopy(encoding) is encoding
        other = pickle.loads(pickle.dumps(encoding))
        for name in ("ids", "offsets", "byte_offsets", "special", "token_types", "sequence_ids"):
            assert np.array_equal(getattr(other, name), getattr(encoding, name))
        assert other.overflow == [] and repr(other) == "<attend.Encoding of 6 tokens>"
    for wrong in (lambda: attend.Model("/nowhere"), lambda: attend.Tokenizer("/nowhere")):
        with pytest.raises(attend.NotFoundError):
            wrong()
    assert capfd.readouterr() == ("", "")


def test_every_object_says_what_it_is(model: attend.Model) -> None:
    assert repr(model).startswith(f"<attend.Model marian '{DEFAULT_MODEL}'") and "float32" in repr(model)
    session = model.session()
    session.encode([HELLO, HELLO])
    assert repr(session) == "<attend.Session of marian, 2 sequences live>"
    session.close()
    assert repr(session) == "<attend.Session of marian, closed>"
    assert "101" in repr(model.tokenizer) and str(DEFAULT_MODEL) in repr(model.tokenizer)
    with attend.Tokenizer(DEFAULT_MODEL) as tokenizer:
        pass
    assert "closed" in repr(tokenizer)
    with attend.Model(DEFAULT_MODEL) as other:
        pass
    assert "closed" in repr(other)


def test_paths_are_text_bytes_or_path_like() -> None:
    for path in (str(DEFAULT_MODEL), os.fsencode(DEFAULT_MODEL), DEFAULT_MODEL, str(DEFAULT_MODEL) + "/"):
        with attend.Model(path) as model, attend.Tokenizer(path) as tokenizer:
            assert model.path == str(DEFAULT_MODEL)
            assert len(tokenizer) == 101
    for wrong in (None, 5, [str(DEFAULT_MODEL)]):
        with pytest.raises(TypeError):
            attend.Model(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NUL"):
        attend.Model(b"models\0")


def test_the_log_refuses_what_cannot_be_called() -> None:
    lines: list[str] = []
    attend.set_log(lambda level, line: lines.append(line))
    try:
        for wrong in ("stderr", 20, sys.stderr, [print]):
            with pytest.raises(TypeError, match="receiver: expected a function, a logger or None"):
                attend.set_log(wrong)  # type: ignore[arg-type]
        attend.Model(DEFAULT_MODEL).close()
    finally:
        attend.set_log(None)
    assert lines  # the receiver before stayed


def test_progress_refuses_what_cannot_be_called(model: attend.Model) -> None:
    calls: list[Any] = [
        lambda: attend.Model(DEFAULT_MODEL, progress=True),  # type: ignore[arg-type]
        lambda: model.session(progress="yes"),  # type: ignore[arg-type]
        lambda: model.embed(["a"], progress=1),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(TypeError, match="progress: expected something to call"):
            call()


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_accepts_the_package_and_what_its_docstrings_and_readmes_promise(tmp_path: Path) -> None:
    package = REPOSITORY / "bindings" / "python"
    programs = [str(Path(__file__).with_name("typed_use.py"))]
    for readme in (REPOSITORY / "README.md", package / "README.md", REPOSITORY / "docs" / "attention.md"):
        for program in re.findall(r"^```python\n(.*?)^```$", readme.read_text(), flags=re.M | re.S):
            programs.append(str(tmp_path / f"readme{len(programs)}.py"))
            Path(programs[-1]).write_text(program)
    assert len(programs) >= 3
    for what in [["-p", "attend"], *([program] for program in programs)]:
        result = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", f"--cache-dir={tmp_path}", *what],
            cwd=package,
            env={**os.environ, "MYPYPATH": str(package)},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stdout


def test_a_model_generates_again_in_a_session_that_rested() -> None:
    with attend.Model(DEFAULT_MODEL) as model:
        words = [model.tokenizer.encode(word) for word in ("attention", "a", "recurrent")]
        first = [(found.ids.tolist(), found.score) for found in model.generate(words, num_beams=3)]
        (resting,) = model._rests
        for _ in range(2):
            assert [(found.ids.tolist(), found.score) for found in model.generate(words, num_beams=3)] == first
            assert model._rests[0].native is resting.native
        with pytest.raises(attend.InvalidArgumentError):
            model.generate(words, num_beams=-1)
        assert not model._rests  # an error leaves nothing behind
        model.generate(words)
        copied = copy.copy(model)
        assert not copied._rests
        told = weakref.ref(model._rests[0].watch)
    assert not model._rests and told() is None


def test_a_session_that_rests_does_not_keep_its_model() -> None:
    model = attend.Model(DEFAULT_MODEL)
    model.generate([[5, 6, 7]])
    gone = weakref.ref(model)
    gc.disable()
    try:
        del model
        assert gone() is None
    finally:
        gc.enable()
