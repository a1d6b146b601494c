"""From the files of pictures to answers, against transformers: classes, texts, conversations."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import FIXTURES, REPOSITORY, read_safetensors

SHARED = REPOSITORY.parent / "shared" / "seeing-hearing"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/seeing-hearing")
PICTURES = FIXTURES / "pictures"


def picture(name: str) -> Path:
    return SHARED / "image" / "pixels" / f"{name}.png"


def folder(name: str) -> tuple[Path, list[dict[str, Any]], dict[str, np.ndarray]]:
    path = SHARED / "multimodal" / name
    return path, json.loads((path / "cases.json").read_text())["cases"], read_safetensors(path / "expected.safetensors")


def sources(path: Path) -> list[Any]:
    """A path, its text, the bytes of the file."""
    return [path, str(path), path.read_bytes()]


@needs_shared
def test_classes_of_pictures() -> None:
    path, cases, expected = folder("vit-classify")
    with attend.Model(path) as model, model.session() as session:
        for case in cases:
            for source in sources(picture(case["picture"])):
                session.encode(attend.Picture(source))
                logits = session.logits()[0]
                np.testing.assert_allclose(logits, expected[f"{case['picture']}/logits"], rtol=0, atol=1e-4)
            scores = np.exp(logits) / np.exp(logits).sum()
            found = [(model.id2label[index], float(scores[index])) for index in np.argsort(-scores)[:3]]
            assert [label for label, _ in found] == [label for label, _ in case["top3"]]
            assert [score for _, score in found] == pytest.approx([score for _, score in case["top3"]], abs=1e-4)


@needs_shared
def test_texts_of_pictures() -> None:
    path, cases, expected = folder("trocr")
    with attend.Model(path) as model:
        pictures = [attend.Picture(picture(case["picture"])) for case in cases]
        for case, answer in zip(cases, model.generate(pictures)):
            assert [2, *answer.ids] == expected[f"{case['picture']}/default_ids"].tolist()
            assert answer.text == case["default_text"]
        plain = model.generate(pictures, num_beams=1, no_repeat_ngram_size=0, max_length=20)
        assert [answer.text for answer in plain] == [case["greedy_text"] for case in cases]
        assert [answer.ids.tolist() for answer in plain] == [
            model.generate(one, num_beams=1, no_repeat_ngram_size=0, max_length=20).ids.tolist() for one in pictures
        ]


@needs_shared
def test_pictures_among_texts() -> None:
    path, cases, expected = folder("llava")
    asked = [case for case in cases if "text" in case]
    options = {"max_new_tokens": 16, "do_sample": False}
    with attend.Model(path) as model:
        for index, case in enumerate(asked):
            pictures = [picture(name) for name in case["pictures"]] or None
            answer = model.generate(case["text"], images=pictures, **options)
            assert answer.ids.tolist() == expected[f"{index}/greedy_ids"].tolist()
            assert answer.text == case["greedy_text"]
        together = model.generate(
            [case["text"] for case in asked],
            images=[[picture(name) for name in case["pictures"]] for case in asked],
            **options,
        )
        assert [answer.text for answer in together] == [case["greedy_text"] for case in asked]


@needs_shared
def test_conversations_with_pictures() -> None:
    path, _, _ = folder("llava")
    wide = picture("wide")
    question = {"type": "text", "text": "what is this?"}
    data = "data:image/png;base64," + base64.b64encode(wide.read_bytes()).decode()
    forms: list[Any] = [
        {"type": "image", "image": wide},
        {"type": "image", "image": attend.Picture(wide)},
        {"type": "image", "url": f"file://{wide}"},
        {"type": "image_url", "image_url": {"url": data}},
    ]
    with attend.Model(path) as model:

        def ask(part: Any) -> list[int]:
            return model.chat([{"role": "user", "content": [part, question]}], max_new_tokens=8).ids.tolist()

        answers = [ask(form) for form in forms]
        assert all(answer == answers[0] for answer in answers)
        ids = model.tokenizer.encode("USER: <image>\nwhat is this? ASSISTANT:", special_tokens=False)
        expected = model.generate(ids, images=[wide], max_new_tokens=8)
        assert answers[0] == expected.ids.tolist()
        with pytest.raises(attend.InvalidArgumentError, match="nothing is downloaded"):
            ask({"type": "image", "url": "https://example.org/a.png"})
        with pytest.raises(attend.InvalidArgumentError, match="has no picture"):
            ask({"type": "image"})
        for prompt, images, words in [
            ("no place", [wide], "holds 1 pictures, .* its texts have places for 0:"),
            ("<image> <image>", [wide], "holds 1 pictures, .* its texts have places for 2:"),
            ("<image>", None, "1 places for pictures .* and no picture is given"),
        ]:
            with pytest.raises(attend.InvalidArgumentError, match=words):
                model.generate(prompt, images=images)


def a_model_that_sees(tmp_path: Path) -> Path:
    """A tiny ViT with the usual preparation of pictures."""
    for file in (FIXTURES / "features" / "vit").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    return tmp_path


def test_pixels_of_the_caller(tmp_path: Path) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (40, 50, 3), np.uint8)
    with attend.Model(a_model_that_sees(tmp_path)) as model, model.session() as session:

        def seen(given: Any, **options: Any) -> Any:
            session.encode(attend.Picture(given, **options))
            return session.hidden_states()[0].copy()

        expected = seen(pixels)
        for other, options in [
            (pixels.transpose(2, 0, 1), {"channels_first": True}),
            (np.ascontiguousarray(pixels.transpose(2, 0, 1)), {"channels_first": True}),
            (np.repeat(pixels, 2, axis=1)[:, ::2], {}),
            (pixels[::-1][::-1], {}),
            (pixels.astype(np.float64) / 255, {}),
            (np.dstack([pixels, np.full((40, 50), 255, np.uint8)]), {}),
        ]:
            np.testing.assert_array_equal(seen(other, **options), expected)
        gray = pixels[:, :, 0]
        np.testing.assert_array_equal(seen(gray), seen(np.dstack([gray] * 3)))
        with pytest.raises(TypeError, match="uint8 or floating-point"):
            attend.Picture(pixels.astype(np.int64))
        with pytest.raises(attend.InvalidArgumentError, match="2 or 3 dimensions"):
            attend.Picture(np.zeros((1, 2, 3, 4), np.uint8))
        with pytest.raises(attend.InvalidArgumentError, match="5 channels"):
            session.encode(attend.Picture(np.zeros((4, 4, 5), np.uint8)))
        with pytest.raises(attend.InvalidArgumentError, match="holds 2.0"):
            session.encode(attend.Picture(np.full((4, 4, 3), 2.0)))


@pytest.mark.parametrize("size, differs", [((7, 10), True), ((8, 10), False)])
def test_a_draft_is_another_picture_of_the_same_size(tmp_path: Path, size: tuple[int, int], differs: bool) -> None:
    """Only of a JPEG of which a picture half as large or smaller is made."""
    shutil.copytree(FIXTURES / "features" / "florence2", tmp_path, dirs_exist_ok=True)
    front = {"image_processor_type": "CLIPImageProcessor", "do_center_crop": False}
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({**front, "size": {"height": size[0], "width": size[1]}})
    )
    jpeg = FIXTURES / "pictures" / "files" / "sampling-2.jpg"  # 21 x 14
    with attend.Model(tmp_path) as model, model.session() as session:

        def seen(given: Any, draft: bool) -> np.ndarray:
            session.encode([attend.Picture(given, draft=draft)])
            return np.array(session.hidden_states()[0])

        whole, draft = seen(jpeg, False), seen(jpeg.read_bytes(), True)
        assert whole.shape == draft.shape and np.array_equal(whole, draft) is not differs
        np.testing.assert_array_equal(draft, seen(jpeg, True))
        png = FIXTURES / "pictures" / "wide.png"
        np.testing.assert_array_equal(seen(png, True), seen(png, False))
    with pytest.raises(attend.InvalidArgumentError, match="draft"):
        attend.Picture(np.zeros((4, 4, 3), np.uint8), draft=True)


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    with attend.Model(a_model_that_sees(tmp_path)) as model, model.session() as session:
        with pytest.raises(attend.NotFoundError, match="nonesuch.png"):
            session.encode(attend.Picture(tmp_path / "nonesuch.png"))
        with pytest.raises(attend.InvalidFileError, match=r"batch.inputs\[1\]"):
            session.encode([attend.Picture(np.zeros((8, 8), np.uint8)), attend.Picture(b"no picture at all")])
        with pytest.raises(attend.InvalidArgumentError, match="size is 0"):
            session.encode(attend.Picture(b""))
    with attend.Model(FIXTURES / "features" / "vit") as model, model.session() as session:
        with pytest.raises(attend.NotFoundError, match="has no preprocessor_config.json"):
            session.encode(attend.Picture(np.zeros((8, 8), np.uint8)))
    with attend.Model(FIXTURES / "conformance" / "bert") as model, model.session() as session:
        with pytest.raises(attend.UnsupportedError, match="reads tokens and no pictures"):
            session.encode(attend.Picture(np.zeros((8, 8), np.uint8)))


@needs_shared
def test_pictures_compared_with_texts() -> None:
    path = SHARED / "multimodal" / "clip-zero-shot"
    case = json.loads((path / "cases.json").read_text())["cases"]
    expected = read_safetensors(path / "expected.safetensors")
    with attend.Model(path) as model:
        found = model.similarity([attend.Picture(picture(name)) for name in case["pictures"]], case["texts"])
    np.testing.assert_allclose(found.logits, expected["logits_per_image"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.probabilities, expected["probabilities"], rtol=0, atol=1e-4)
