"""Pictures from texts: what ``Model.draw`` gives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import REPOSITORY, read_safetensors

FIXTURES = REPOSITORY / "Tests" / "Fixtures"
VQGAN = FIXTURES / "drawing" / "vqgan"


@pytest.fixture(scope="module")
def dalle() -> attend.Model:
    return attend.Model(FIXTURES / "drawing" / "dalle-mega-scan")


def test_a_picture_has_pixels_tokens_and_a_file(dalle: attend.Model, tmp_path: Path) -> None:
    drawing = dalle.draw("a red circle", seed=3, vqgan=VQGAN)
    assert len(drawing) == 1 and drawing.pixels.shape == (10, 10, 3) and drawing.pixels.dtype == np.uint8
    assert np.array_equal(np.asarray(drawing[0]), drawing.pixels)
    assert len(drawing[0].tokens) == 25 and np.isnan(drawing[0].score)
    drawing.save(tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    # What was written is what is read.
    data = (tmp_path / "x.png").read_bytes()
    again = dalle.draw("a red circle", seed=3, vqgan=VQGAN)
    again[0].save(str(tmp_path / "y.png"))
    assert (tmp_path / "y.png").read_bytes() == data
    assert "10 x 10" in repr(drawing)


def test_candidates_are_those_of_their_numbers(dalle: attend.Model) -> None:
    many = dalle.draw("a red circle", seed=1, candidates=4, vqgan=VQGAN)
    few = dalle.draw("a red circle", seed=1, candidates=2, vqgan=VQGAN)
    for one, other in zip(few, many):
        assert np.array_equal(one.tokens, other.tokens) and np.array_equal(one.pixels, other.pixels)
    assert len({tuple(picture.tokens) for picture in many}) == 4
    assert [tuple(picture.tokens) for picture in many[1:3]] == [tuple(many[1].tokens), tuple(many[2].tokens)]


def test_greedy_tokens_are_those_of_the_reference(dalle: attend.Model) -> None:
    expected = read_safetensors(FIXTURES / "drawing" / "dalle-mega-scan" / "expected.safetensors")
    texts = ["a red house near the sea", "two small birds on a green branch"]
    for text, plain, guided in zip(texts, expected["greedy_ids"], expected["greedy_ids_condition_scale_10"]):
        found = dalle.draw(text, greedy=True, vqgan=VQGAN)[0].tokens
        assert found[: len(guided)].tolist() == guided.tolist()
        found = dalle.draw(text, greedy=True, condition_scale=1, vqgan=VQGAN)[0].tokens
        assert found[: len(plain)].tolist() == plain.tolist()


def test_the_vqgan_is_found_beside_the_model(tmp_path: Path) -> None:
    for name in ("dalle-mega-scan", "vqgan"):
        shutil.copytree(FIXTURES / "drawing" / name, tmp_path / name)
    assert attend.Model(tmp_path / "dalle-mega-scan").draw("x").pixels.shape == (10, 10, 3)
    (tmp_path / "vqgan").rename(tmp_path / "dalle-mega-scan" / "vqgan")
    assert attend.Model(tmp_path / "dalle-mega-scan").draw("x").pixels.shape == (10, 10, 3)


def clip(folder: Path) -> attend.Model:
    """The tiny CLIP of the fixtures, with a tokenizer and a processor."""
    shutil.copytree(FIXTURES / "features" / "clip", folder)
    tokenizer: dict[str, Any] = json.loads((FIXTURES / "features" / "janus" / "tokenizer.json").read_text())
    end = "<image_placeholder>"  # id 98, which ends the texts of this model
    tokenizer["post_processor"]["single"].append({"SpecialToken": {"id": end, "type_id": 0}})
    tokenizer["post_processor"]["special_tokens"][end] = {"id": end, "ids": [98], "tokens": [end]}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    processor = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 32}, "crop_size": 32}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return attend.Model(folder)


def test_clip_ranks_the_candidates(dalle: attend.Model, tmp_path: Path) -> None:
    judge = clip(tmp_path / "clip")
    plain = dalle.draw("a red circle", seed=2, candidates=5, vqgan=VQGAN)
    ranked = dalle.draw("a red circle", seed=2, candidates=5, vqgan=VQGAN, clip=judge)
    scores = [picture.score for picture in ranked]
    assert scores == sorted(scores, reverse=True)
    logits = judge.similarity([attend.Picture(picture.pixels) for picture in plain], ["a red circle"]).logits[:, 0]
    order = sorted(range(5), key=lambda place: (-logits[place], place))
    for place, picture in zip(order, ranked):
        assert np.array_equal(plain[place].pixels, picture.pixels)
        assert picture.score == pytest.approx(float(logits[place]), abs=1e-6)


def test_a_janus_draws_with_its_own_vqgan() -> None:
    folder = FIXTURES / "features" / "janus"
    expected = read_safetensors(folder / "expected.safetensors")
    drawing = attend.Model(folder).draw("a red circle on the grass", greedy=True)
    assert drawing[0].tokens.tolist() == expected["drawn_ids"][0].tolist()
    levels = np.clip((expected["drawn_pixels"] * 0.5 + 0.5) * 255, 0, 255).astype(np.uint8)
    assert np.abs(drawing.pixels.astype(int) - levels.astype(int)).max() <= 1


def test_progress_is_heard_and_may_end_the_call(dalle: attend.Model) -> None:
    heard: list[float] = []
    with dalle.session() as session:
        session.draw("x", candidates=64, vqgan=VQGAN, progress=heard.append)
        assert heard == sorted(heard) and all(0 <= share <= 1 for share in heard)
        with pytest.raises(attend.CancelledError):
            session.draw("x", candidates=256, vqgan=VQGAN, progress=lambda _: False)
        assert len(session.draw("x", candidates=2, vqgan=VQGAN)) == 2


def test_what_cannot_be_drawn_is_named(dalle: attend.Model, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "drawing" / "dalle-mega-scan", tmp_path / "alone")
    with pytest.raises(attend.NotFoundError, match="VQGAN"):
        attend.Model(tmp_path / "alone").draw("x")
    with pytest.raises(attend.InvalidArgumentError, match="candidates"):
        dalle.draw("x", candidates=10**6, vqgan=VQGAN)
    with pytest.raises(TypeError, match="clip"):
        dalle.draw("x", vqgan=VQGAN, clip="ViT-B/32")  # type: ignore[arg-type]
    with pytest.raises(attend.UnsupportedError, match="compares no pictures"):
        dalle.draw("x", vqgan=VQGAN, clip=dalle)
    drawing = dalle.draw("x", vqgan=VQGAN)
    with pytest.raises(attend.NotFoundError, match="nowhere"):
        drawing.save("/nowhere/x.png")
