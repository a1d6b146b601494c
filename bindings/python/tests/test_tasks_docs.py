"""What docs/tasks.md shows is what happens: its programs run, and print what it says; its tasks are all there are."""

from __future__ import annotations

import re
from pathlib import Path

import attend
import pytest
from attend.pipelines import ALIASES, TASKS
from conftest import REPOSITORY
from test_attention_docs import run

HEADER = (REPOSITORY / "include" / "attend.h").read_text()
PAGE = (REPOSITORY / "docs" / "tasks.md").read_text()


def programs() -> list[tuple[str, str]]:
    """The programs of the page, each with the output that follows it."""
    return re.findall(r"^```python\n(.*?)^```\n```text\n(.*?)^```$", PAGE, flags=re.M | re.S)


def test_each_program_has_its_output() -> None:
    assert len(programs()) == PAGE.count("```python") == 7


@pytest.mark.parametrize("place", range(7))
def test_a_program_prints_what_the_page_shows(place: int, tmp_path: Path) -> None:
    program, output = programs()[place]
    for name in ("models", "Tests"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    script = tmp_path / "program.py"
    script.write_text(program)
    assert run(script, tmp_path) == output


def test_the_table_has_all_tasks_and_their_functions() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-zA-Z0-9_-]+)`", row[0])}
    assert named == {*TASKS, *ALIASES, "translation_XX_to_YY"}
    for row in rows:
        for name in re.findall(r"`model\.(\w+)`", row[1]):
            assert hasattr(attend.Model, name)
        for name in re.findall(r"`(attend_\w+)`", row[2]):
            assert f"{name}(" in HEADER
