"""What the pages show is what happens: their programs in Python and C run, and write the text that stands behind them.

Tests/Docs/pages.py tells how a page is read. Where a program imports what is not installed, its test is skipped.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import attend
import pytest
from attend import _library
from conftest import REPOSITORY
from stand_ins import put_stand_ins

sys.path.insert(0, str(REPOSITORY / "Tests" / "Docs"))
from pages import Block, all_blocks, blocks, is_one_program, pages  # noqa: E402

LIBRARY = Path(_library.library._name).resolve()
BLOCKS = [block for block in all_blocks() if block.runs and block.language in ("python", "c")]


def programs(language: str) -> list[pytest.ParameterSet]:
    """The programs of the pages in a language, each a test; those of a page that is one program are one."""
    found: list[list[Block]] = []
    for block in BLOCKS:
        if block.language == language:
            joined = language == "python" and is_one_program(block.page)
            if joined and found and found[-1][0].page == block.page:
                found[-1].append(block)
            else:
                found.append([block])
    return [pytest.param(program, id=program[0].place) for program in found]


def written(program: list[Block]) -> str:
    """What the pages say that a program writes."""
    return "".join(block.output.text for block in program if block.output)


def missing(source: str) -> list[str]:
    """Modules that a program imports and that are not installed."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add({"attend.plot": "matplotlib", "attend.sklearn": "sklearn"}.get(node.module, node.module))
            names |= {"matplotlib" for alias in node.names if (node.module, alias.name) == ("attend", "plot")}
    return sorted(name for name in names if importlib.util.find_spec(name.partition(".")[0]) is None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder where a program finds what it finds in the repository, and may leave files."""
    for name in ("models", "Tests", "docs", "bindings"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    return tmp_path


@pytest.mark.parametrize("program", programs("python"))
def test_a_program_in_python_writes_what_its_page_shows(program: list[Block], folder: Path) -> None:
    source = "\n".join(block.source for block in program)
    if lacking := missing(source):
        pytest.skip(f"not installed: {', '.join(lacking)}")
    put_stand_ins(source, folder)
    script = folder / "program.py"
    script.write_text(source, encoding="utf-8")
    own = {"PYTHONPATH": str(Path(attend.__file__).parents[1]), "ATTEND_LIBRARY": str(LIBRARY), "MPLBACKEND": "Agg"}
    result = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env={**os.environ, **own}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    if any(block.output for block in program):
        assert result.stdout == written(program)


@pytest.mark.parametrize("program", programs("c"))
def test_a_program_in_c_writes_what_its_page_shows(program: list[Block], folder: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    block = program[0]
    source, binary, libraries = folder / "program.c", folder / "program", folder / "lib"
    put_stand_ins(block.source, folder)
    source.write_text(block.source, encoding="utf-8")
    libraries.mkdir()
    for link in ("libattend.so", "libattend.so.0"):
        (libraries / link).symlink_to(LIBRARY)
    command = [compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", str(REPOSITORY / "include"), str(source)]
    command += ["-o", str(binary), "-L", str(libraries), "-lattend", "-lpthread", f"-Wl,-rpath,{libraries}"]
    compiled = subprocess.run(command, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stderr
    result = subprocess.run([str(binary)], cwd=folder, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    if block.output:
        assert result.stdout == block.output.text


def test_every_page_is_read() -> None:
    assert len(pages()) > 25 and len(BLOCKS) > 40
    tasks = blocks(REPOSITORY / "docs" / "tasks.md")
    assert [block.language for block in tasks[:2]] == ["python", "text"] and tasks[0].output is tasks[1]
