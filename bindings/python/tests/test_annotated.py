"""docs/annotated-transformer.md is a program that prints what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import attend
from conftest import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "annotated-transformer.md"


def test_the_transformer_built_step_by_step_is_that_of_the_library(tmp_path: Path) -> None:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert len(found) >= 20 and [language for language, _ in found[:2]] == ["python", "text"]
    script = tmp_path / "annotated.py"
    script.write_text("\n".join(text for language, text in found if language == "python"), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, str(script)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(Path(attend.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "".join(text for language, text in found if language == "text")
