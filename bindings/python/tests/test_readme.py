"""What README.md says holds: its examples are those of bindings, its tables those of the library."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import attend
import pytest
from conftest import REPOSITORY, known_families


def blocks() -> list[tuple[str, str]]:
    """The fenced blocks of README.md: (language, text)."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", (REPOSITORY / "README.md").read_text(), flags=re.M | re.S)


@pytest.mark.parametrize(("place", "name"), [(0, "generate"), (1, "see"), (2, "hello")])
def test_a_c_example_is_the_file(place: int, name: str) -> None:
    programs = [text for language, text in blocks() if language == "c"]
    assert len(programs) == 3 and (REPOSITORY / "bindings" / "c" / f"{name}.c").read_text().endswith(programs[place])


@pytest.mark.parametrize(
    "command, output",
    [
        ("generate.py models/g2p-en --stream hello", "hello\tHH EH1 L OW0\n"),
        ("generate.py models/g2p-en --options {} hello", "hello\tHH EH1 L OW0\tend\n"),
        ("spell.py hello world", "hello\tHH EH1 L OW0\nworld\tW ER1 L D\n"),
    ],
)
def test_the_examples_run_as_they_say(command: str, output: str) -> None:
    program, *arguments = command.split()
    result = subprocess.run(
        [sys.executable, f"bindings/python/examples/{program}", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(Path(attend.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stdout) == (0, output), result.stderr


def families() -> dict[str, str]:
    """The table of families in docs/families.md: the kind of each model type."""
    section = (REPOSITORY / "docs" / "families.md").read_text().split("<!-- families -->")[1]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")
    ]
    return {name: row[1] for row in rows[1:] for name in re.findall(r"`([^`]+)`", row[0])}


def test_the_families_of_the_docs_are_those_of_the_library() -> None:
    known = known_families()
    assert len(known) > 10
    assert sorted(families()) == sorted(known)


def test_the_families_of_the_docs_are_of_the_kind_they_say() -> None:
    titles = {
        attend.Kind.ENCODER: "encoder",
        attend.Kind.DECODER: "decoder",
        attend.Kind.ENCODER_DECODER: "encoder-decoder",
    }
    kinds = families()
    checked = 0
    for config in sorted((REPOSITORY / "Tests" / "Fixtures" / "conformance").glob("*/config.json")):
        if json.loads(config.read_text())["model_type"] in kinds:
            with attend.Model(config.parent) as model:
                assert titles[model.kind] in kinds[model.family].split(", ")
            checked += 1
    assert checked > 10


def test_the_arithmetic_of_the_readme_is_that_of_the_library() -> None:
    section = (REPOSITORY / "README.md").read_text().split("\n## Arithmetic\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `(\w+)`.*?\| ([\d.]+) MB \|", section, flags=re.M)
    assert [name for name, _ in rows] == ["float32", "bfloat16", "int8", "int4"]
    for name, megabytes in rows:
        with attend.Model(REPOSITORY / "models" / "g2p-en", compute=name) as model:
            assert model.compute == name and f"{model.weight_bytes / 1e6:.1f}" == megabytes


def test_the_commands_of_the_readme_exist() -> None:
    shown = "".join(text for language, text in blocks() if language == "sh")
    commands = re.findall(r"^(scripts/\w+)", shown, flags=re.M)
    assert commands == ["scripts/run", "scripts/test", "scripts/docs"]
    for command in commands:
        assert os.access(REPOSITORY / command, os.X_OK)
