"""Decoders whose layers look at pictures, and those whose pictures come in parts: what is particular to them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import FIXTURES, REPOSITORY, read_safetensors

FEATURES = FIXTURES / "features"
SHARED = REPOSITORY.parent / "shared" / "seeing-hearing"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/seeing-hearing")
TOLERANCE = 1e-4


def picture(name: str) -> Path:
    return SHARED / "image" / "pixels" / f"{name}.png"


def close(found: Any, expected: np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=TOLERANCE)


@needs_shared
def test_idefics_from_files() -> None:
    """Logits and texts of prompts with no picture, one, and three, one by one and side by side."""
    path = SHARED / "multimodal" / "idefics"
    cases = json.loads((path / "cases.json").read_text())["cases"]
    expected = read_safetensors(path / "expected.safetensors")
    options: dict[str, Any] = {"max_new_tokens": 14, "min_new_tokens": 14, "bad_words_ids": [[300], [301]],
                               "do_sample": False}  # fmt: skip
    prompts = [expected[f"{index}/input_ids"][0].tolist() for index in range(len(cases))]
    pictures = [[picture(part[1:]) for part in case["prompt"] if part.startswith("@")] for case in cases]
    with attend.Model(path) as model, model.session() as session:
        for index, case in enumerate(cases):
            session.encode([prompts[index]], images=pictures[index])
            close(session.logits()[0], expected[f"{index}/logits_last_position"])
            answer = model.generate(prompts[index], images=pictures[index] or None, **options)
            assert answer.ids.tolist() == expected[f"{index}/greedy_ids"].tolist()
            assert answer.text == case["greedy_text"]
            # Without the tokens around pictures, which are written then.
            bare = [token for token in prompts[index] if token != 300]
            assert model.generate(bare, images=pictures[index] or None, **options).ids.tolist() == answer.ids.tolist()
        together = model.generate(prompts, images=pictures, **options)
        assert [answer.text for answer in together] == [case["greedy_text"] for case in cases]
        beams = model.generate(prompts, images=pictures, num_beams=3, **options)
        for index, answer in enumerate(beams):
            alone = model.generate(prompts[index], images=pictures[index] or None, num_beams=3, **options)
            assert answer.ids.tolist() == alone.ids.tolist()


def looking(name: str) -> tuple[Path, list[int], list[attend.Features], dict[str, np.ndarray]]:
    folder = FEATURES / name
    expected = read_safetensors(folder / "expected.safetensors")
    arrays = [array for key, array in sorted(expected.items()) if key.startswith("pixel_values")]
    arrays = list(arrays[0]) if len(arrays) == 1 else arrays
    return folder, expected["input_ids"][0].tolist(), [attend.Features(array) for array in arrays], expected


@pytest.mark.parametrize("name", ["idefics", "mllama"])
def test_every_token_sees_its_pictures(name: str) -> None:
    """All logits of a prompt, whatever parts it is read in, and again behind a cut."""
    folder, prompt, pictures, expected = looking(name)
    logits = expected["logits"][0]
    with attend.Model(folder) as model, model.session() as session:
        for length in range(1, len(prompt)):
            session.encode([prompt], images=pictures)
            session.truncate(0, length)
            close(session.decode([prompt[length:]])[0], logits[length:])
        session.encode([prompt], images=pictures)
        session.select([0, 0])
        first, second = session.decode_step([3, 3])
        np.testing.assert_array_equal(first, second)
        with pytest.raises(attend.UnsupportedError, match="has read pictures"):
            session.save()
        with pytest.raises(attend.InvalidArgumentError, match="places for [0-9] pictures, and 1 are given"):
            session.encode([prompt], images=pictures[:1])
        with pytest.raises(attend.InvalidArgumentError, match="texts have places for 0"):
            session.encode([[1, 5, 6]], images=pictures)
        with pytest.raises(attend.InvalidArgumentError, match="no picture is given"):
            session.encode([prompt])


@pytest.mark.parametrize("name", ["idefics", "mllama"])
def test_a_text_without_pictures_is_read(name: str) -> None:
    """The same beside texts with pictures as alone; layers that look at pictures find none."""
    folder, prompt, pictures, _ = looking(name)
    with attend.Model(folder) as model, model.session() as session:
        session.encode([[1, 9, 4], prompt, [8, 7]], images=pictures)
        together = session.logits().copy()
        session.encode([[1, 9, 4]])
        np.testing.assert_array_equal(session.logits()[0], together[0])
        session.encode([[8, 7]])
        np.testing.assert_array_equal(session.logits()[0], together[2])


@pytest.mark.parametrize("name", ["idefics", "mllama"])
def test_a_caller_says_what_tokens_see(name: str) -> None:
    """The mask that a text stands for gives what the text gives; one that is none is refused."""
    folder, prompt, pictures, _ = looking(name)
    seen, ended = np.zeros((len(prompt), 3), bool), False
    for place, token in enumerate(prompt):
        count = prompt[: place + 1].count(100)
        if count and name == "idefics":
            ended = token != 100 and (ended or prompt[place - 1] == 2)
            seen[place, count - 1] = not ended
        elif count:
            seen[place, (0 if count == 1 else 1) : count] = True
    with attend.Model(folder) as model, model.session() as session:
        session.encode([prompt], images=pictures)
        logits = session.logits().copy()
        session.encode([prompt], images=attend.SeenPictures(pictures, [seen]))
        np.testing.assert_array_equal(session.logits(), logits)
        seen[:, :] = False
        seen[1, 2] = True
        session.encode([[3] * len(prompt)], images=attend.SeenPictures(pictures, [seen]))
        for mask, words in [
            (seen[1:], r"expected \[[0-9]+, pictures\]"), (np.ones((len(prompt), 4)), "4 pictures, and 3 are given"),
            (np.tile([1, 0, 1], (len(prompt), 1)), "are no neighbours"),
            (np.ones((len(prompt), 2)), "holds 3 pictures, and its texts have places for 2"),
        ]:  # fmt: skip
            with pytest.raises(attend.InvalidArgumentError, match=words):
                session.encode([prompt], images=attend.SeenPictures(pictures, [mask]))
    with attend.Model(FEATURES / "llava") as model, model.session() as session:
        with pytest.raises(attend.UnsupportedError, match="no layer of a llava model looks at pictures"):
            session.encode([[1, 5, 6]], images=attend.SeenPictures(pictures[:1], [np.ones((3, 1))]))


@pytest.mark.skipif(not (SHARED.parent / "conformance" / "idefics").is_dir(), reason="needs ../shared/conformance")
def test_idefics_by_its_mask() -> None:
    folder = SHARED.parent / "conformance" / "idefics"
    expected = read_safetensors(folder / "expected.safetensors")
    pictures = [attend.Features(array) for array in expected["pixel_values"][0]]
    prompt, mask = expected["input_ids"][0].tolist(), expected["image_attention_mask"]
    with attend.Model(folder) as model, model.session() as session:
        for length in range(1, len(prompt)):
            session.encode([prompt], images=attend.SeenPictures(pictures, mask))
            close(session.logits()[0], expected["logits"][0, -1])
            session.truncate(0, length)
            close(session.decode([prompt[length:]])[0], expected["logits"][0, length:])


def test_attention_maps_of_layers_that_look_at_pictures() -> None:
    folder, prompt, pictures, _ = looking("idefics")
    with attend.Model(folder) as model, model.session() as session:
        session.record_attentions()
        session.encode([prompt], images=pictures)
        own = session.attentions("cross", 0)[0]
        assert own.shape == (4, len(prompt), 15)
        # Nothing before the first picture, the first picture's five states then.
        assert not own[:, 0].any()
        np.testing.assert_allclose(own[:, 3, :5].sum(axis=1), 1, atol=1e-5)
        assert not own[:, 3, 5:].any()
        with pytest.raises(attend.InvalidStateError):
            session.attentions("decoder", 0)
        assert session.attentions("decoder", 1)[0].shape == (4, len(prompt), len(prompt))


def test_tiles_of_a_picture_are_its_pixels(tmp_path: Path) -> None:
    """What the processor of Llama 3.2 cuts is read as the canvas is."""
    shutil.copytree(FEATURES / "mllama", tmp_path, dirs_exist_ok=True)
    options = {"image_processor_type": "MllamaImageProcessor", "size": {"height": 16, "width": 16},
               "max_image_tiles": 4, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(options))
    pixels = np.random.default_rng(1).integers(0, 256, (32, 16, 3), np.uint8)
    canvas = (pixels.transpose(2, 0, 1) / np.float32(127.5) - 1).astype(np.float32)
    with attend.Model(tmp_path) as model, model.session() as session:
        session.encode(attend.Picture(pixels))
        cut = session.hidden_states()[0].copy()
        session.encode(attend.Features(canvas))
        close(session.hidden_states()[0], cut)
        for shape in [(3, 48, 32), (3, 20, 16), (4, 16, 16)]:
            with pytest.raises(attend.InvalidArgumentError, match="made of tiles of 16 x 16"):
                session.encode(attend.Features(np.zeros(shape, np.float32)))


def test_a_picture_becomes_as_many_states_as_its_shape_gives() -> None:
    """One place for each picture is as good as one for each state."""
    folder = FEATURES / "llava_next"
    expected = read_safetensors(folder / "expected.safetensors")
    pictures = [attend.Picture(expected[f"picture.{index}"]) for index in range(2)]
    prompt = expected["input_ids"][0].tolist()
    short = [token for place, token in enumerate(prompt) if token != 98 or prompt[place - 1] != 98]
    with attend.Model(folder) as model:
        whole = model.generate(prompt, images=pictures, max_new_tokens=8, min_new_tokens=8)
        assert whole.ids.tolist() == expected["greedy_ids.0"].tolist()
        assert model.generate(short, images=pictures, max_new_tokens=8, min_new_tokens=8).ids.tolist() == (
            whole.ids.tolist()
        )


def test_pictures_of_idefics2_have_their_own_sizes(tmp_path: Path) -> None:
    """Side by side in one frame as alone, and as the arrays that they become."""
    shutil.copytree(FEATURES / "idefics2", tmp_path, dirs_exist_ok=True)
    options = {"image_processor_type": "Idefics2ImageProcessor", "do_resize": False,
               "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(options))
    generator = np.random.default_rng(2)
    pixels = [generator.integers(0, 256, (*size, 3), np.uint8) for size in [(24, 56), (43, 40)]]
    arrays = [(one.transpose(2, 0, 1) / np.float32(127.5) - 1).astype(np.float32) for one in pixels]
    with attend.Model(tmp_path) as model, model.session() as session:
        session.encode([attend.Picture(one) for one in pixels])
        together = [states.copy() for states in session.hidden_states()]
        assert [len(states) for states in together] == [21, 25]
        for states, one, array in zip(together, pixels, arrays):
            session.encode(attend.Picture(one))
            np.testing.assert_array_equal(session.hidden_states()[0], states)
            session.encode(attend.Features(array))
            close(session.hidden_states()[0], states)


@pytest.mark.parametrize(("name", "video"), [("qwen3_vl", 97), ("qwen3_vl_moe", 97)])
def test_videos_are_refused_by_name(name: str, video: int) -> None:
    with attend.Model(FEATURES / name) as model, model.session() as session:
        with pytest.raises(attend.UnsupportedError, match=f"token 2 of the text, of the id {video}, stands for a vid"):
            session.encode([[1, 7, video, 5]])
        with pytest.raises(attend.UnsupportedError, match="videos are not implemented"):
            model.generate([1, 7, video, 5], max_new_tokens=2)
