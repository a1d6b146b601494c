"""Files that were cut, flipped or emptied on their way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from cases import Case, Place, replace


def spoiled(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Damaged bytes, and what was done to them."""
    if not data:
        return b"{", "one byte"
    deed = chance.choice(["cut", "flip", "flip", "flip early", "flip early", "insert", "zero", "empty"])
    place = chance.randrange(min(len(data), 4096) if deed == "flip early" else len(data))
    if deed == "cut":
        return data[:place], f"cut to {place} bytes"
    if deed == "empty":
        return b"", "emptied"
    if deed == "insert":
        return data[:place] + bytes(chance.randrange(256) for _ in range(8)) + data[place:], f"8 bytes at {place}"
    if deed == "zero":
        return data[:place] + bytes(len(data[place : place + 64])) + data[place + 64 :], f"zeros at {place}"
    bit = 1 << chance.randrange(8)
    return data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :], f"bit {bit} of byte {place}"


def sources(root: Path) -> list[Path]:
    """Folders of every kind of checkpoint that the repository has."""
    names = ["gpt2", "llama-bf16-sharded", "bert", "marian", "t5", "gpt_oss"]
    folders = [root / "Tests/Fixtures/conformance" / name for name in names] + [root / "models/g2p-en"]
    return folders + sorted(path.parent for path in (root / "Tests/Fixtures").glob("pytorch/*/config.json"))


def cases(root: Path, place: Place, chance: random.Random, count: int) -> Iterator[Case]:
    """`count` checkpoints of which one file is damaged."""
    folders = sources(root)
    for _ in range(count):
        source = chance.choice(folders)
        folder = place.linked(source)
        names = sorted(path.name for path in folder.iterdir() if path.suffix not in (".py", ".md"))
        name = chance.choice(names)
        data, told = spoiled((folder / name).read_bytes(), chance)
        replace(folder / name, data)
        yield Case("damage", f"{source.name}/{name}: {told}", "model", folder)
