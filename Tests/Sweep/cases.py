"""A case of the sweep, and a place for its files."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any


@dataclasses.dataclass
class Case:
    """Something to be done with a folder or a file."""

    kind: str
    name: str
    action: str
    path: Path
    extra: Path | str = ""
    fail: int = 0  # the allocation that fails, from 1; 0: none
    least: int = 0  # of allocations of at least so many bytes
    wanted: str = ""  # the ending that it has to have, "ok" or "error"; otherwise both are fine


class Place:
    """A temporary folder that gives out new folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def new(self) -> Path:
        """An empty folder."""
        self.count += 1
        folder = self.folder / str(self.count)
        folder.mkdir()
        return folder

    def copy(self, source: Path) -> Path:
        """A copy of a folder's files, of which the expected outputs are left out."""
        folder = self.new()
        for file in source.iterdir():
            if file.is_file() and file.name != "expected.safetensors":
                shutil.copy(file, folder / file.name)
        return folder

    def linked(self, source: Path) -> Path:
        """Links to a folder's files: cheap, and each can be replaced by writing a new one under its name."""
        folder = self.new()
        for file in source.iterdir():
            if file.is_file() and file.name != "expected.safetensors":
                (folder / file.name).symlink_to(file)
        return folder


def replace(path: Path, data: bytes | str | Any) -> None:
    """Writes a file anew: bytes and texts as they are, anything else as JSON."""
    path.unlink(missing_ok=True)
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
