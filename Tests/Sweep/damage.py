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
    kinds = [root / "Tests/Fixtures" / kind for kind in ("pytorch", "flax", "ctranslate2")]
    return folders + sorted(path for kind in kinds for path in kind.iterdir() if path.is_dir())


def configuration(source: Path) -> Path | None:
    """The config.json that goes with weights in a format of their own, where it does not lie beside them."""
    if (source / "config.json").exists():
        return None
    places = [source.parents[1] / kind / source.name / "config.json" for kind in ("conformance", "features")]
    return next((place for place in places if place.exists()), None)


def cases(root: Path, place: Place, chance: random.Random, count: int) -> Iterator[Case]:
    """`count` checkpoints of which one file is damaged."""
    folders = sources(root)
    for _ in range(count):
        source = chance.choice(folders)
        folder = place.linked(source)
        if config := configuration(source):
            (folder / "config.json").symlink_to(config)
        names = sorted(path.name for path in folder.iterdir() if path.suffix not in (".py", ".md"))
        name = chance.choice(names)
        data, told = spoiled((folder / name).read_bytes(), chance)
        replace(folder / name, data)
        yield Case("damage", f"{source.name}/{name}: {told}", "model", folder)
