"""What docs/attention.md shows is what happens: its programs run, and print what it says; its picture is up to date."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import attend
import pytest
from attend import _library
from conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "attention.md"
PICTURE = REPOSITORY / "docs" / "images" / "alignment.svg"

has_matplotlib = importlib.util.find_spec("matplotlib") is not None


def programs() -> list[tuple[str, str]]:
    """The programs of the page, each with the output that follows it, if any."""
    return re.findall(r"^```python\n(.*?)^```$(?:\n```text\n(.*?)^```$)?", PAGE.read_text(), flags=re.M | re.S)


def run(script: Path, folder: Path, *arguments: str) -> str:
    package, library = Path(attend.__file__).parents[1], Path(_library.library._name).resolve()
    own = {"PYTHONPATH": str(package), "ATTEND_LIBRARY": str(library), "MPLBACKEND": "Agg"}
    result = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=folder,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_there_are_programs() -> None:
    assert len(programs()) == 5 and sum(bool(output) for _, output in programs()) == 4


@pytest.mark.parametrize("place", range(5))
def test_a_program_prints_what_the_page_shows(place: int, tmp_path: Path) -> None:
    program, output = programs()[place]
    if "plot" in program and not has_matplotlib:
        pytest.skip("matplotlib is not installed")
    (tmp_path / "models").symlink_to(REPOSITORY / "models")
    script = tmp_path / "program.py"
    script.write_text(program)
    assert run(script, tmp_path) == output
    for name in re.findall(r'(?:savefig|save)\("(.*?)"', program):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.skipif(not has_matplotlib, reason="matplotlib is not installed")
def test_the_picture_is_what_its_script_draws(tmp_path: Path) -> None:
    made = tmp_path / "alignment.svg"
    run(PICTURE.with_suffix(".py"), tmp_path, str(made))
    texts = [re.findall(r"<text [^>]*>(.*?)</text>", path.read_text()) for path in (made, PICTURE)]
    assert texts[0] == texts[1] and "".join(texts[0]).startswith("attentionAH0TEH1N")
    arrows = [path.read_text().count('id="patch_') for path in (made, PICTURE)]
    assert arrows[0] == arrows[1] > 0
