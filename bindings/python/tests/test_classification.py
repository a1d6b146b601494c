"""Classes of texts, pictures and sounds against the logits of the same inputs, and against pipelines of transformers in
what they make of them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import FIXTURES, REPOSITORY, read_safetensors

VIT = FIXTURES / "features" / "vit-image-classification"
SOUNDS = FIXTURES / "features" / "sound-wav2vec2-classes"
CLASSIFIER = FIXTURES / "heads" / "deberta-v2-sequence-classification"


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits.astype(np.float64) - logits.max())
    return weights / weights.sum()


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def configured(folder: Path, tmp_path: Path, **keys: Any) -> Path:
    copy = Path(shutil.copytree(folder, tmp_path / "model"))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **keys}))
    return copy


def arrays(folder: Path) -> list[attend.Features]:
    expected = read_safetensors(folder / "expected.safetensors")
    name = "pixel_values" if "pixel_values" in expected else "input_values"
    return [attend.Features(array) for array in expected[name]]


def check(found: Any, logits: np.ndarray, scores: np.ndarray) -> None:
    order = sorted(range(len(scores)), key=lambda number: (-scores[number], number))
    assert [each.number for each in found] == order
    np.testing.assert_allclose([each.score for each in found], scores[order], rtol=0, atol=1e-6)
    assert [each.logit for each in found] == logits[order].tolist()


@pytest.mark.parametrize("folder", [VIT, SOUNDS], ids=lambda folder: folder.name)
def test_scores_are_a_softmax_of_the_logits(folder: Path) -> None:
    with attend.Model(folder) as model, model.session() as session:
        inputs = arrays(folder)
        session.encode(inputs)
        logits = np.array(session.logits())
        found = model.classify(inputs)
        for own, row in zip(found, logits):
            check(own, row, softmax(row))
            assert [each.label for each in own] == [model.id2label[each.number] for each in own]
        assert session.classify(inputs[0]) == found[0]
        assert model.classify(inputs[0], top_k=2) == found[0][:2]
        assert model.classify(inputs[0], top_k=1000) == found[0]
        for function, of in (("sigmoid", sigmoid), ("none", lambda row: row.astype(np.float64))):
            check(model.classify(inputs[0], function=function), logits[0], of(logits[0]))


def test_the_configuration_says_what_scores_are(tmp_path: Path) -> None:
    expected = read_safetensors(VIT / "expected.safetensors")["logits"][0]
    for kind, of in (
        ("multi_label_classification", sigmoid),
        ("regression", lambda row: row.astype(np.float64)),
        ("single_label_classification", softmax),
    ):
        labels = {str(number): "cat" if number == 3 else f"LABEL_{number}" for number in range(7)}
        folder = configured(VIT, tmp_path / kind, problem_type=kind, id2label=labels)
        with attend.Model(folder) as model:
            found = model.classify(arrays(VIT)[0])
            np.testing.assert_allclose(
                [each.score for each in sorted(found, key=lambda each: each.number)], of(expected), rtol=0, atol=1e-4
            )
            assert {each.number: each.label for each in found}[3] == "cat"
            assert {each.number: each.label for each in found}[0] == "LABEL_0"


def test_pictures_are_read_as_they_are(tmp_path: Path) -> None:
    folder = configured(VIT, tmp_path)
    front = {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(front))
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    with attend.Model(folder) as model:
        one = model.classify(attend.Picture(pixels))
        many = model.classify([attend.Picture(pixels)] * 70)
        assert all(each == one for each in many) and len(many) == 70


def test_what_is_not_classified(tmp_path: Path) -> None:
    with attend.Model(VIT) as model:
        assert model.classify([]) == []
        with pytest.raises(attend.InvalidArgumentError, match="function"):
            model.classify(arrays(VIT), function="max")
        with pytest.raises(attend.InvalidArgumentError, match="top_k"):
            model.classify(arrays(VIT), top_k=0)
        with pytest.raises(attend.InvalidArgumentError, match="pairs"):
            model.classify(arrays(VIT), pairs=["a", "b"])
    with attend.Model(FIXTURES / "features" / "vit") as model:
        with pytest.raises(attend.UnsupportedError, match="without a head that classifies"):
            model.classify(arrays(VIT))
    with attend.Model(FIXTURES / "features" / "wav2vec2-ctc") as model:
        with pytest.raises(attend.UnsupportedError, match="without a head that classifies"):
            model.classify(arrays(SOUNDS))


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "film", "the", "was"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: Any) -> Any:
    """A DeBERTa that classifies, with random weights and a tokenizer of nine words."""
    folder = Path(shutil.copytree(CLASSIFIER, tmp_path_factory.mktemp("texts") / "model"))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    with attend.Model(folder) as model:
        yield model


def tokenizer() -> dict[str, Any]:
    special = [{"id": place, "content": word, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False} for place, word in enumerate(WORDS[:4])]  # fmt: skip
    cls, sep = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}
    other = {"SpecialToken": {"id": "[SEP]", "type_id": 1}}
    first, second = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    return {
        "version": "1.0",
        "added_tokens": special,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [cls, first, sep],
            "pair": [cls, first, sep, second, other],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]},
            },
        },
        "model": {
            "type": "WordLevel",
            "vocab": {word: place for place, word in enumerate(WORDS)},
            "unk_token": "[UNK]",
        },
    }


def test_texts_and_pairs(texts: attend.Model) -> None:
    sentences = ["the film was good", "bad film", "good"] * 30
    others = ["the film", "was bad", "the"] * 30
    with texts.session() as session, texts.tokenizer as own:
        session.encode([own.encode(sentence) for sentence in sentences[:3]])
        rows = np.array(session.logits())
        for found, row in zip(session.classify(sentences), rows):
            check(found, row, softmax(row) if len(row) > 1 else sigmoid(row))
        assert texts.classify(sentences[0]) == texts.classify(sentences)[0]
        pairs = texts.classify(sentences, others)
        assert len(pairs) == 90 and pairs[0] == texts.classify(sentences[0], others[0]) == pairs[3]
        assert pairs[0] != texts.classify(sentences[0])
        session.encode(own.encode_batch(sentences[:1], pairs=others[:1]))
        assert [each.logit for each in sorted(pairs[0], key=lambda each: each.number)] == session.logits()[0].tolist()
        session.encode([[2, 7, 6, 3]])
        cut = texts.classify("the film was good", max_length=4)
        assert [each.logit for each in sorted(cut, key=lambda each: each.number)] == session.logits()[0].tolist()
    with pytest.raises(attend.AttendError):
        texts.classify("film " * 10000)
    with pytest.raises(attend.InvalidArgumentError, match="pairs"):
        texts.classify(["good", "bad"], ["film"])


MULTIMODAL = REPOSITORY.parent / "shared" / "seeing-hearing" / "multimodal" / "vit-classify"


@pytest.mark.skipif(not MULTIMODAL.is_dir(), reason=f"no goldens at {MULTIMODAL}")
def test_pictures_to_classes_of_transformers() -> None:
    pictures = MULTIMODAL.parent.parent / "image" / "pixels"
    with attend.Model(MULTIMODAL) as model:
        for case in json.loads((MULTIMODAL / "cases.json").read_text())["cases"]:
            best = case["top3"]
            found = model.classify(attend.Picture(pictures / f"{case['picture']}.png"), top_k=len(best))
            assert [each.label for each in found] == [label for label, _ in best]
            np.testing.assert_allclose([each.score for each in found], [score for _, score in best], rtol=0, atol=1e-4)
