"""What README.md shows is what happens: its Python and its C are run, and print what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import attend
import pytest
from attend import _library
from conftest import REPOSITORY, known_families


def blocks() -> list[tuple[str, str]]:
    """The fenced blocks of README.md: (language, text)."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", (REPOSITORY / "README.md").read_text(), flags=re.M | re.S)


def examples(language: str) -> list[tuple[str, str]]:
    """The programs in a language, each with the block after it: its output."""
    found = blocks()
    places = [i for i, (name, _) in enumerate(found) if name == language]
    assert all(found[place + 1][0] == "text" for place in places)
    return [(found[place][1], found[place + 1][1]) for place in places]


def test_there_are_examples_of_both_ways_in_both_languages() -> None:
    assert len(examples("python")) == len(examples("c")) == 3


@pytest.mark.parametrize("place", range(3))
def test_a_python_example_prints_what_the_readme_shows(place: int, tmp_path: Path) -> None:
    program, output = examples("python")[place]
    script = tmp_path / "example.py"
    script.write_text(program)
    package = str(Path(attend.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, str(script)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": package},
        capture_output=True,
        text=True,
    )
    assert (result.stdout, result.stderr) == (output, "")


@pytest.mark.parametrize(("place", "name"), [(0, "generate"), (1, "see"), (2, "hello")])
def test_a_c_example_is_the_file_and_prints_what_the_readme_shows(place: int, name: str, tmp_path: Path) -> None:
    program, output = examples("c")[place]
    assert (REPOSITORY / "bindings" / "c" / f"{name}.c").read_text().endswith(program)
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source, binary, folder = tmp_path / f"{name}.c", tmp_path / name, tmp_path / "lib"
    source.write_text(program)
    folder.mkdir()
    library = Path(_library.library._name).resolve()
    for link in ("libattend.so", "libattend.so.0"):
        (folder / link).symlink_to(library)
    command = [
        compiler,
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-I",
        str(REPOSITORY / "include"),
        str(source),
        "-o",
        str(binary),
    ]
    subprocess.run([*command, "-L", str(folder), "-lattend", f"-Wl,-rpath,{folder}"], check=True)
    result = subprocess.run([str(binary)], cwd=REPOSITORY, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, output, "")


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
    assert commands == ["scripts/run", "scripts/test"]
    for command in commands:
        assert os.access(REPOSITORY / command, os.X_OK)
