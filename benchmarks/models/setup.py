#!/usr/bin/env python3
"""Makes the environment in which the benchmarks run: a virtual environment with every peer in a pinned version.

    python benchmarks/models/setup.py [--venv FOLDER] [--only NAME ...]

Each peer is installed by itself, so that one that cannot be had does not keep the others out: the comparison runs
without it and says so. What is installed already is left alone. llama.cpp and whisper.cpp are compiled for this CPU
(some minutes, at low priority).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / "build" / "benchmarks-venv"


@dataclass(frozen=True)
class Peer:
    """What one contender needs from the package index."""

    name: str
    requirements: tuple[str, ...]
    #: Modules that can be imported when it is there.
    modules: tuple[str, ...] = ()
    #: Environment of the installation: how a source distribution is compiled.
    environment: dict[str, str] = field(default_factory=dict)
    #: A package whose wheels are made for any CPU: it is compiled for this one.
    compiled: str | None = None


PEERS = (
    Peer("numpy", ("numpy==2.4.6",), ("numpy",)),
    # A "+cpu" build of this version is preferred by pip where the configured index or folder has one.
    Peer(
        "torch",
        ("torch==2.15.0", "torchvision==0.29.2", "transformers==5.24.0", "pillow==13.0.0"),
        ("torch", "torchvision", "transformers", "PIL"),
    ),
    Peer("ctranslate2", ("ctranslate2==4.8.5",), ("ctranslate2",)),
    Peer("faster-whisper", ("faster-whisper==1.2.1",), ("faster_whisper",)),
    Peer("onnxruntime", ("onnxruntime==1.32.0", "onnx==1.23.2"), ("onnxruntime", "onnx")),
    Peer("openvino", ("openvino==2026.4.1", "nncf==3.4.0"), ("openvino", "nncf")),
    Peer(
        "whisper.cpp",
        ("pywhispercpp==1.5.1",),
        environment={
            "CMAKE_ARGS": "-DGGML_NATIVE=ON",
            "CMAKE_BUILD_PARALLEL_LEVEL": "2",
            "SETUPTOOLS_SCM_PRETEND_VERSION": "1.5.1",  # its archive does not know
        },
        compiled="pywhispercpp",
    ),
    Peer(
        "llama.cpp",
        ("llama-cpp-python==0.3.36", "gguf==0.19.0"),
        ("llama_cpp", "gguf"),
        {
            "CMAKE_ARGS": "-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF",
            "CMAKE_BUILD_PARALLEL_LEVEL": "2",
            # GCC 12 believes that _tile_loadconfig reads 8 bytes of its 64 and drops the stores to the others as dead:
            # a crash in the first product on a CPU with AMX.
            "CXXFLAGS": "-fno-tree-dse -fno-dse",
        },
    ),
)


def present(python: Path, peer: Peer) -> bool:
    """Whether the peer's modules can be imported and its pinned versions are the ones installed."""
    lines = ["import importlib.metadata as m", *(f"import {module}" for module in peer.modules)]
    for requirement in peer.requirements:
        name, version = requirement.split("==")
        lines.append(f"assert m.version({name!r}).split('+')[0] == {version!r}")
    done = subprocess.run([python, "-c", "\n".join(lines)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0


def install(python: Path, peer: Peer) -> bool:
    """Installs one peer at low priority; pip's own words go to the terminal. Returns whether it worked."""
    command = [
        "nice",
        "-n",
        "19",
        str(python),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        *peer.requirements,
    ]
    if peer.compiled:
        command += ["--no-binary", peer.compiled]
    if peer.environment:
        command.append("--no-cache-dir")  # not something that was compiled once with other options
    return subprocess.run(command, env={**os.environ, **peer.environment}).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--venv", type=Path, default=VENV, help=f"where the environment is made (default: {VENV.relative_to(ROOT)})"
    )
    parser.add_argument("--only", nargs="+", choices=[peer.name for peer in PEERS], help="install these alone")
    arguments = parser.parse_args()
    python = arguments.venv / "bin" / "python"
    if not python.exists():
        print(f"making {arguments.venv}", flush=True)
        venv.create(arguments.venv, with_pip=True)
    missing = []
    for peer in PEERS:
        if arguments.only and peer.name not in arguments.only:
            continue
        if present(python, peer):
            print(f"{peer.name}: there already", flush=True)
            continue
        print(f"{peer.name}: installing {', '.join(peer.requirements)}", flush=True)
        if not (install(python, peer) and present(python, peer)):
            missing.append(peer.name)
    if missing:
        print(f"not available here: {', '.join(missing)}. The comparison runs without, and says so.")
    print(f"run: {python} benchmarks/models/compare.py --short")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
