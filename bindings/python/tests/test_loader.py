"""The loader says where it looked, and refuses a library that does not fit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attend
import pytest
from attend import _library


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    package = str(Path(attend.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {package!r})\n{code}"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_a_chosen_library_that_is_missing_is_named() -> None:
    result = run("import attend", ATTEND_LIBRARY="/nowhere/libattend.so")
    assert result.returncode != 0
    assert "LibraryNotFoundError" in result.stderr
    assert "/nowhere/libattend.so (ATTEND_LIBRARY): no such file" in result.stderr


def test_a_chosen_file_that_is_no_library_is_named_with_the_reason(tmp_path: Path) -> None:
    wrong = tmp_path / "libattend.so"
    wrong.write_text("not a library")
    result = run("import attend", ATTEND_LIBRARY=str(wrong))
    assert result.returncode != 0 and str(wrong) in result.stderr and "file too short" in result.stderr


def test_the_error_is_an_import_error() -> None:
    result = run(
        "try:\n import attend\nexcept ImportError as e: print(type(e).__name__)", ATTEND_LIBRARY="/nowhere/libattend.so"
    )
    assert result.stdout.strip() == "LibraryNotFoundError"


def test_all_places_are_listed_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATTEND_LIBRARY", raising=False)
    reasons = list(dict.fromkeys(why for _, why in _library.candidates()))
    assert reasons[0] == "inside the package" and reasons[-1] == "the system loader" and "Python's prefix" in reasons


def test_the_build_folder_of_a_checkout_is_found_from_a_package_inside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ATTEND_LIBRARY", raising=False)
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "attend.h").touch()
    (tmp_path / "Package.swift").touch()
    monkeypatch.setattr(
        _library,
        "__file__",
        str(tmp_path / "build" / "venv" / "lib" / "python3" / "site-packages" / "attend" / "_library.py"),
    )
    places = dict(_library.candidates())
    assert places[str(tmp_path / ".build" / "release" / "libattend.so")] == "the build folder of a checkout"
    assert places[str(tmp_path / "build" / "venv" / "lib" / "libattend.so.0")] == "beside the installed package"


@pytest.mark.parametrize("number", [199, 10000, 20200])
def test_an_older_library_and_another_major_version_are_refused(number: int) -> None:
    with pytest.raises(attend.LibraryNotFoundError, match="needs 0.2.0"):
        _library.check_version(number)


@pytest.mark.parametrize("number", [200, 201, 300, 9999])
def test_a_later_library_of_the_same_major_version_is_accepted(number: int) -> None:
    _library.check_version(number)
