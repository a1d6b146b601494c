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


def small_florence(folder: Path) -> Path:
    """The fixture with a tokenizer, whose ids are places but for a few, and a processor of pictures."""
    shutil.copytree(FIXTURES / "features" / "florence2", folder, dirs_exist_ok=True)
    names = ["<s>", "<pad>", "</s>", "<unk>", "cat", *[f"<loc_{10 * at}>" for at in range(93)], "<image>"]
    tokenizer = {
        "version": "1.0",
        "added_tokens": [
            {"id": at, "content": name, "special": name != "cat", "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False}
            for at, name in enumerate(names) if name != "cat"
        ],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": {name: at for at, name in enumerate(names)}, "unk_token": "<unk>"},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    front = {"image_processor_type": "CLIPImageProcessor", "do_center_crop": False, "size": {"height": 40, "width": 56}}
    (folder / "preprocessor_config.json").write_text(json.dumps(front))
    return folder


def test_a_model_locates(tmp_path: Path) -> None:
    folder = small_florence(tmp_path)
    picture = attend.Picture(np.random.default_rng(2).integers(0, 256, (50, 80, 3), np.uint8))
    assert picture.size == (80, 50)
    options = {"max_new_tokens": 9, "min_new_tokens": 9, "do_sample": False}
    with attend.Model(folder) as model:
        answer = model.generate("<OD>", images=[picture], **options)
        with model.tokenizer as tokenizer:
            text = tokenizer.decode(answer.ids, skip_special_tokens=False)
        assert text.count("<loc_") > 3
        for task in ("<OD>", "<REGION_PROPOSAL>", "<CAPTION>"):
            found = model.locate(picture, task, **options)
            answer = model.generate(task, images=[picture], **options)
            with model.tokenizer as tokenizer:
                text = tokenizer.decode(answer.ids, skip_special_tokens=False)
            assert found == regions.parse(task, text, (80, 50))
        box = regions.spell((0, 0, 40, 30), (80, 50))
        asked = model.locate(picture, "<REGION_TO_DESCRIPTION>", box, size=(80, 50), **options)
        assert asked.regions == () and asked.text
        with pytest.raises(attend.InvalidArgumentError, match="size"):
            model.locate(FIXTURES / "pictures" / "wide.png", "<OD>")
        with pytest.raises(attend.InvalidArgumentError, match="none of"):
            model.locate(picture, "<OCR_WITH_REGIONS>")


def test_what_a_processor_says_of_answers(tmp_path: Path) -> None:
    folder = small_florence(tmp_path)
    file = folder / "processor_config.json"
    picture = np.zeros((40, 56, 3), np.uint8)
    with attend.Model(folder) as model:
        for rules, message in ((7, "cannot be read"), ({"ocr": {"PATTERN": "x"}}, "PATTERN")):
            file.write_text(json.dumps({"post_processor_config": rules}))
            with pytest.raises(attend.AttendError, match=message):
                model.locate(picture, "<OD>", max_new_tokens=2)
        rules = {"ocr": {"PATTERN": regions._QUAD.pattern, "AREA_THRESHOLD": 0.5}, "phrase_grounding": {
            "banned_grounding_tokens": ["it"]}}  # fmt: skip
        file.write_text(json.dumps({"post_processor_config": rules}))
        assert regions._rules(str(folder)) == (["it"], 0.5)
