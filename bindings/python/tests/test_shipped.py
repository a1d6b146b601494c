"""The models of the repository beside the default one do what their READMEs say."""

from __future__ import annotations

import json
import sys

import attend
import pytest
from conftest import REPOSITORY

MODELS = REPOSITORY / "models"
COMPUTE = ("float32", "bfloat16", "int8", "int4")


@pytest.mark.parametrize("compute", COMPUTE)
def test_the_picture_is_described(compute: str) -> None:
    with attend.Model(MODELS / "shapes-en", compute=compute) as model:
        assert model.describe(MODELS / "shapes-en" / "scene.png") == (
            "a large yellow star at the top and a small red ring on the left "
            "and a large green triangle at the bottom right on blue"
        )


@pytest.mark.parametrize("compute", COMPUTE)
def test_the_recording_is_written_down(compute: str) -> None:
    with attend.Model(MODELS / "numbers-en", compute=compute) as model:
        said = model.transcribe(MODELS / "numbers-en" / "date.wav")
        assert said.text == "friday twenty seven november two thousand and twenty six"
        assert 0 <= said.segments[0].start < said.segments[-1].end <= 4


def test_scenes_drawn_anew_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(MODELS / "shapes-en"))
    import scenes

    generator = torch.Generator().manual_seed(5)
    drawn = scenes.random_scenes(100, generator)
    captions = scenes.texts(scenes.captions(drawn))
    assert [scenes.texts(scenes.captions(scenes.scene_of(text)))[0] for text in captions] == captions
    pictures = [picture.permute(1, 2, 0).numpy() for picture in scenes.draw(drawn, 96, generator)]
    with attend.Model(MODELS / "shapes-en") as model:
        found = model.describe(pictures)
    assert sum(a == b for a, b in zip(found, captions)) >= 97
    sys.modules.pop("scenes")


def test_the_recurrent_network_spells_its_cases() -> None:
    cases = json.loads((MODELS / "g2p-recurrent" / "cases.json").read_text())
    assert len(cases) == 34
    words = [case["word"] for case in cases]
    with attend.Model(MODELS / "g2p-recurrent") as model:
        assert model.tokenizer is not None
        assert [model.tokenizer.encode(word).tolist() for word in words] == [case["input_ids"] for case in cases]
        greedy = model.generate(words, max_new_tokens=40)
        beams = model.generate(words, num_beams=4, max_new_tokens=40)
    for case, first, best in zip(cases, greedy, beams):
        assert [1, *first.ids.tolist()] == case["greedy_ids"], case["word"]
        assert first.text == case["phonemes"], case["word"]
        assert best.ids.tolist()[-len(case["beam4_ids"]) :] == case["beam4_ids"], case["word"]
        assert best.score == pytest.approx(case["beam4_score"], abs=1e-4), case["word"]
