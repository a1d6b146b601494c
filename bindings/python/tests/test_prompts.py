"""Prompts with pictures against the processors of transformers: what they write around pictures, and what follows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import FIXTURES

CASES = [
    pytest.param(file.parent, case, id=f"{file.parent.name}-{index}")
    for file in sorted((FIXTURES / "features").glob("*/prompts.json"))
    for index, case in enumerate(json.loads(file.read_text()))
]


def picture(size: list[int], seed: int) -> np.ndarray:
    """As make_prompts.py makes it."""
    rows, columns, channels = np.meshgrid(np.arange(size[0]), np.arange(size[1]), np.arange(3), indexing="ij")
    return ((7 * rows + 13 * columns + 31 * channels + 5 * seed + rows * columns // 3) % 256).astype(np.uint8)


def with_options(folder: Path, case: dict[str, Any], tmp_path: Path) -> Path:
    """The folder, or where a case changes the processor's options a copy of it."""
    if "options" not in case:
        return folder
    shutil.copytree(folder, tmp_path / "copy")
    file = tmp_path / "copy" / "preprocessor_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **case["options"]}))
    return tmp_path / "copy"


@pytest.mark.parametrize(("folder", "case"), CASES)
def test_a_prompt_becomes_what_the_processor_makes_of_it(folder: Path, case: dict[str, Any], tmp_path: Path) -> None:
    """The ids are the processor's: with them the answer is the same to the bits of its probabilities."""
    pictures = [picture(size, index) for index, size in enumerate(case["pictures"])]
    options: dict[str, Any] = {"max_new_tokens": 6, "min_new_tokens": 6, "num_beams": 1, "output_scores": True}
    with attend.Model(with_options(folder, case, tmp_path)) as model:
        if "messages" in case:
            found = model.chat(with_pictures(case["messages"], pictures), **options)
        else:
            found = model.generate(case["text"], images=pictures, **options)
        # A prompt that is written out already is read as it is.
        written = model.generate(case["ids"], images=pictures, **options)
    assert found.ids.tolist() == written.ids.tolist() == case["answer"]
    np.testing.assert_array_equal(found[0].log_probabilities, written[0].log_probabilities)
    assert not np.isnan(found[0].log_probabilities).any()


def with_pictures(messages: list[dict[str, Any]], pictures: list[np.ndarray]) -> list[dict[str, Any]]:
    given = iter(pictures)

    def part(one: dict[str, Any]) -> dict[str, Any]:
        return {"type": "image", "image": next(given)} if one["type"] == "image" else one

    return [{**message, "content": [part(one) for one in message["content"]]} for message in messages]


def test_prompts_of_a_batch_take_their_own_pictures() -> None:
    for name in ("gemma3-vision", "paligemma", "idefics3"):
        cases = json.loads((FIXTURES / "features" / name / "prompts.json").read_text())[:3]
        pictures = [[picture(size, index) for index, size in enumerate(case["pictures"])] for case in cases]
        with attend.Model(FIXTURES / "features" / name) as model:
            answers = model.generate(
                [case["text"] for case in cases], images=pictures, max_new_tokens=6, min_new_tokens=6, num_beams=1
            )
        assert [answer.ids.tolist() for answer in answers] == [case["answer"] for case in cases]


def test_places_and_pictures_are_counted() -> None:
    with attend.Model(FIXTURES / "features" / "gemma3-vision") as model:
        one = picture([40, 40], 0)
        with pytest.raises(attend.InvalidArgumentError, match="holds 1 pictures, .* its texts have places for 2:"):
            model.generate("<start_of_image> or <start_of_image>", images=[one], max_new_tokens=1)
        with pytest.raises(attend.InvalidArgumentError, match="holds 2 pictures, .* its texts have places for 1:"):
            model.generate("<start_of_image>", images=[one, one], max_new_tokens=1)
