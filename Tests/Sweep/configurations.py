"""Configurations with values that nobody meant."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cases import Case, Place, replace

STRANGE = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    3,
    7,
    2**31,
    2**53,
    2**63,
    2**64,
    -(2**63),
    10**30,
    0.5,
    1e308,
    -0.0,
    "",
    "x",
    "gelu",
]
STRANGE += [[], [1], [None], [[[]]], {}, {"a": 1}, "é" * 100]


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the values of a JSON document stand."""
    found = [at] if at else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:20]):
            found += paths(inner, (*at, index))
    return found


def changed(document: Any, chance: random.Random, values: list[Any]) -> tuple[Any, str]:
    """A copy of a document in which something is replaced, removed or doubled, and what it was."""
    document = copy.deepcopy(document)
    told = []
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        places = paths(document)
        if not places:
            break
        *way, last = chance.choice(places)
        parent = document
        for key in way:
            parent = parent[key]
        deed = chance.random()
        if deed < 0.15:
            del parent[last]
            told.append(f"without {way} {last}")
        elif deed < 0.25 and isinstance(parent, list):
            parent.insert(last, copy.deepcopy(parent[last]))
            told.append(f"{way} {last} twice")
        else:
            parent[last] = copy.deepcopy(chance.choice(values))
            told.append(f"{way} {last} = {str(parent[last])[:60]}")
    return document, "; ".join(told)


def cases(fixtures: Path, place: Place, chance: random.Random, count: int) -> Iterator[Case]:
    """`count` checkpoints whose config.json was changed."""
    folders = sorted(path.parent for path in fixtures.glob("*/config.json"))
    for _ in range(count):
        source = chance.choice(folders)
        config = json.loads((source / "config.json").read_text())
        config, told = changed(config, chance, STRANGE)
        folder = place.linked(source)
        replace(folder / "config.json", config)
        yield Case("configurations", f"{source.name}: {told}", "model", folder)
