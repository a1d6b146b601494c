"""The tasks of docs/tasks.md are all there are."""

from __future__ import annotations

import re

import attend
from attend.pipelines import ALIASES, TASKS
from conftest import REPOSITORY

HEADER = (REPOSITORY / "include" / "attend.h").read_text()
PAGE = (REPOSITORY / "docs" / "tasks.md").read_text()


def test_the_table_has_all_tasks_and_their_functions() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-zA-Z0-9_-]+)`", row[0])}
    assert named == {*TASKS, *ALIASES, "translation_XX_to_YY"}
    for row in rows:
        for name in re.findall(r"`model\.(\w+)`", row[1]):
            assert hasattr(attend.Model, name)
        for name in re.findall(r"`(attend_\w+)`", row[2]):
            assert f"{name}(" in HEADER
