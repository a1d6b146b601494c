"""The picture of docs/attention.md is up to date."""

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

PICTURE = REPOSITORY / "docs" / "images" / "alignment.svg"

has_matplotlib = importlib.util.find_spec("matplotlib") is not None


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


@pytest.mark.skipif(not has_matplotlib, reason="matplotlib is not installed")
def test_the_picture_is_what_its_script_draws(tmp_path: Path) -> None:
    made = tmp_path / "alignment.svg"
    run(PICTURE.with_suffix(".py"), tmp_path, str(made))
    texts = [re.findall(r"<text [^>]*>(.*?)</text>", path.read_text()) for path in (made, PICTURE)]
    assert texts[0] == texts[1] and "".join(texts[0]).startswith("attentionAH0TEH1N")
    arrows = [path.read_text().count('id="patch_') for path in (made, PICTURE)]
    assert arrows[0] == arrows[1] > 0
