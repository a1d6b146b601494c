"""Small models of random weights, under the names of models that pages speak of and that are too large to be here."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from conftest import FIXTURES, REPOSITORY
from test_drawing import clip
from test_tools import talker

Maker = Callable[[Path], object]


def _link(*parts: str) -> Maker:
    return lambda path: path.symlink_to(FIXTURES.joinpath(*parts))


#: What stands at a name, beside the program that names it.
STAND_INS: dict[str, Maker] = {
    "Qwen3-0.6B": lambda path: talker(path, "<tool_call>").close(),
    "all-MiniLM-L6-v2": _link("tasks", "topics"),
    "dalle-mini": _link("drawing", "dalle-mega-scan"),
    "vqgan_imagenet_f16_16384": _link("drawing", "vqgan"),
    "clip-vit-base-patch32": lambda path: clip(path).close(),
    "picture.png": lambda path: path.symlink_to(REPOSITORY / "models" / "shapes-en" / "scene.png"),
}
#: What another stand-in needs beside it.
_WITH = {"dalle-mini": ["vqgan_imagenet_f16_16384"]}


def put_stand_ins(source: str, folder: Path) -> None:
    """Puts what a program names in quotes into its folder."""
    for name in [name for name in STAND_INS if f'"{name}"' in source]:
        for each in (name, *_WITH.get(name, [])):
            STAND_INS[each](folder / each)
