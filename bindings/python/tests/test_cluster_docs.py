"""What docs/cluster.md shows runs, and its table has all tasks and columns."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest
from attend._rows import _COLUMNS
from conftest import FIXTURES, REPOSITORY
from test_attention_docs import run

PAGE = (REPOSITORY / "docs" / "cluster.md").read_text()
#: What a snippet stands behind: those that come before it in its section.
PROGRAMS = {
    heading: "\n".join(re.findall(r"^```python\n(.*?)^```$", section, flags=re.M | re.S))
    for heading, section in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.M | re.S)
}


def needs(program: str) -> None:
    """Skips where what a program needs is not there."""
    for module in ("ray", "pyspark"):
        if f"import {module}" in program or f"attend.{module}" in program or f"from {module}" in program:
            if importlib.util.find_spec(module) is None:
                pytest.skip(f"{module} is not installed")
    if "pyspark" in program and shutil.which("java") is None:
        pytest.skip("Spark needs Java")


@pytest.mark.parametrize("heading", [heading for heading, program in PROGRAMS.items() if program])
def test_the_programs_of_a_section_run(heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = PROGRAMS[heading]
    needs(program)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "topics").symlink_to(FIXTURES / "tasks" / "topics")
    (tmp_path / "models" / "llama").symlink_to(FIXTURES / "conformance" / "llama")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    begin = "import numpy as np\n"
    if "attend.ray" in program:
        monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
        begin += "import ray\nray.init(num_cpus=2, include_dashboard=False, object_store_memory=120 << 20)\n"
        begin += "import attend.ray\n"
    script = tmp_path / "program.py"
    script.write_text(begin + program)
    run(script, tmp_path)


def test_the_table_has_all_tasks_and_their_columns() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    named = {name: re.findall(r"`([\w]+)`", row[1]) for row in rows for name in re.findall(r"`([\w-]+)`", row[0])}
    assert set(named) == set(_COLUMNS)
    for name, columns in named.items():
        assert [column for column in columns if column != "top_k"] == list(_COLUMNS[name])
