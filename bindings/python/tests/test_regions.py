"""Places in pictures, as Florence-2 writes them, against what transformers makes of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from attend import regions
from conftest import FIXTURES

CASES = json.loads((FIXTURES / "regions" / "cases.json").read_text(encoding="utf-8"))
BANNED = ("it", "the image")


def as_transformers(task: str, found: attend.Located) -> Any:
    """An answer in the form of ``post_process_generation``."""
    labels = [each.label for each in found]
    kind = regions.KINDS[task]
    if kind == "text":
        return found.text
    if kind == "quads":
        return {"quad_boxes": [list(each.quad or ()) for each in found], "labels": labels}
    if kind == "polygons":
        return {"polygons": [[list(one) for one in each.polygons or ()] for each in found], "labels": labels}
    boxes = [each for each in found if each.box is not None]
    result = {"bboxes": [list(each.box or ()) for each in boxes], "labels": [each.label for each in boxes]}
    if kind != "boxes or polygons":
        return result
    outlines = [each for each in found if each.polygons is not None]
    return {
        "bboxes": result["bboxes"],
        "bboxes_labels": result["labels"],
        "polygons": [[list(one) for one in each.polygons or ()] for each in outlines],
        "polygons_labels": [each.label for each in outlines],
    }


@pytest.mark.parametrize("task", list(regions.KINDS))
def test_answers_are_those_of_transformers(task: str) -> None:
    cases = [case for case in CASES if case["task"] == task]
    assert len(cases) >= 20
    for case in cases:
        found = regions.parse(
            task, case["text"], tuple(case["size"]), banned=BANNED, least_area=case["least_area"]
        )  # fmt: skip
        assert as_transformers(task, found) == case["found"], case


def test_places_are_spelled() -> None:
    assert regions.spell([0, 0, 639, 479.9], (640, 480)) == "<loc_0><loc_0><loc_998><loc_999>"
    assert regions.spell([-3, 9, 900, 9], (640, 9)) == "<loc_0><loc_999><loc_999><loc_999>"
    box = regions.parse("<REGION_PROPOSAL>", regions.spell([10, 20, 30, 40], (1000, 1000)), (1000, 1000)).regions[0]
    assert box == regions.Region("", box=(10, 20, 30, 40))
    with pytest.raises(attend.InvalidArgumentError, match="size"):
        regions.spell([1, 2], (0, 5))
    with pytest.raises(attend.InvalidArgumentError, match="<OD> is none of|'<X>' is none of"):
        regions.parse("<X>", "", (5, 5))
