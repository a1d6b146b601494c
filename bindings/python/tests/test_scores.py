"""How probable texts are: Model.score and Model.multiple_choice, by ids and by texts."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import DEFAULT_MODEL, FIXTURES, REPOSITORY

CASES: list[dict[str, Any]] = json.loads((FIXTURES / "score" / "cases.json").read_text())["cases"]
WINDOWS: list[dict[str, Any]] = json.loads((FIXTURES / "score" / "windows.json").read_text())
HELLO, SPOKEN = [13, 10, 17, 17, 20, 0], [65, 55, 74, 78, 0]


def folder(name: str) -> Path:
    if name == "g2p-en":
        return DEFAULT_MODEL
    found = FIXTURES / "conformance" / name
    return found if found.exists() else REPOSITORY.parent / "shared" / "models" / name


@pytest.fixture(scope="module")
def gpt2() -> Any:
    with attend.Model(FIXTURES / "conformance" / "gpt2") as model:
        yield model


def bits(score: attend.Score) -> Any:
    return score.ids.tolist(), score.log_probabilities.tobytes(), score.sum, score.is_greedy, score.alternatives


# The reference


@pytest.mark.parametrize("name", sorted({case["model"] for case in CASES}))
def test_log_probabilities_of_the_reference(name: str) -> None:
    if not folder(name).exists():
        pytest.skip(f"../shared/models/{name} is not there")
    cases = [case for case in CASES if case["model"] == name]
    # The file of g2p-en holds its weights in float16; its goldens are of weights that were not rounded.
    tolerance = 1e-3 if name == "g2p-en" else 1e-4
    with attend.Model(folder(name)) as model:
        if "source" in cases[0]:
            found = model.score([case["source"] for case in cases], [case["target"] for case in cases])
        else:
            found = model.score([case["ids"] for case in cases])
        for case, score in zip(cases, found):
            assert score.ids.tolist() == case["target"] if "target" in case else case["ids"][1:]
            np.testing.assert_allclose(score.log_probabilities, case["token_logprobs"], rtol=tolerance, atol=tolerance)
            assert math.isclose(score.sum, case["sum"], rel_tol=tolerance, abs_tol=tolerance)
            assert math.isclose(score.perplexity, case["perplexity"], rel_tol=tolerance)


@pytest.mark.parametrize("case", WINDOWS, ids=lambda case: f"{case['model']}-{case['window']}-{case['stride']}")
def test_perplexity_of_long_texts(case: dict[str, Any]) -> None:
    with attend.Model(folder(case["model"])) as model:
        score = model.score(case["ids"], window=case["window"], stride=case["stride"])
        np.testing.assert_allclose(score.log_probabilities, case["token_logprobs"], rtol=1e-4, atol=1e-4)
        assert math.isclose(score.perplexity, math.exp(-np.mean(case["token_logprobs"])), rel_tol=1e-4)


# What is given and what comes


def test_shapes_of_what_is_given(model: attend.Model) -> None:
    one = model.score(HELLO, SPOKEN)
    assert isinstance(one, attend.Score) and one.ids.tolist() == SPOKEN and one.is_greedy
    assert [bits(each) for each in model.score(HELLO, [SPOKEN, [5, 0]])] == [
        bits(one),
        bits(model.score(HELLO, [5, 0])),
    ]
    nested = model.score([HELLO, [8, 6, 25, 0]], [[SPOKEN, [5, 0]], SPOKEN])
    assert isinstance(nested[0], list) and len(nested[0]) == 2 and isinstance(nested[1], attend.Score)
    assert bits(nested[0][0]) == bits(one)
    for source in (np.array(HELLO), tuple(HELLO), model.tokenizer.tokenize("hello")):
        assert bits(model.score(source, np.array(SPOKEN))) == bits(one)
    assert model.score([], []) == [] and model.score(HELLO, []) == []


def test_alternatives(model: attend.Model) -> None:
    score = model.score(HELLO, SPOKEN, top_logprobs=3)
    assert [each[0].token for each in score.alternatives] == SPOKEN
    for place, others in zip(score.log_probabilities, score.alternatives):
        assert len(others) == 3 and others[0].log_probability == place > others[1].log_probability


def test_texts_of_an_encoder_decoder(model: attend.Model) -> None:
    ids = model.tokenizer.encode("abc").tolist()
    assert bits(model.score("hello", "abc")) == bits(model.score(HELLO, ids))
    assert [bits(each) for each in model.score(["hello", b"hello"], ["abc", "abc"])] == [
        bits(model.score(HELLO, ids))
    ] * 2


def test_texts_of_a_decoder(decoder: attend.Model) -> None:
    encode = decoder.tokenizer.encode
    whole = decoder.score("one text")
    assert whole.ids.tolist() == encode("one text").tolist()[1:]
    behind = decoder.score("one", " text")
    assert behind.ids.tolist() == encode("one text").tolist()[len(encode("one")) :]
    assert behind.log_probabilities.tolist() == whole.log_probabilities.tolist()[-len(behind.ids) :]
    assert bits(decoder.score("", "one text")) == bits(whole)
    texts = [" text", " more", " text"]
    several = decoder.score("one", texts)
    assert [bits(each) for each in several] == [bits(decoder.score("one", text)) for text in texts]


def test_scores_are_those_of_generation(decoder: attend.Model) -> None:
    found = decoder.generate([5, 9, 13], max_new_tokens=8, output_scores=True, eos_token_id=-1)
    score = decoder.score([5, 9, 13], found.ids)
    assert score.log_probabilities.tolist() == found[0].log_probabilities.tolist()


def test_many_together_are_as_alone(gpt2: attend.Model) -> None:
    draw = np.random.default_rng(5)
    texts = [draw.integers(3, 99, draw.integers(1, 60)).tolist() for _ in range(150)]
    together = gpt2.score(texts, top_logprobs=2)
    for text, score in list(zip(texts, together))[::10]:
        assert bits(gpt2.score(text, top_logprobs=2)) == bits(score)
    with gpt2.session(threads=1) as session:
        assert [bits(each) for each in session.score(texts, top_logprobs=2)] == [bits(each) for each in together]


# Choices


@pytest.mark.parametrize("normalization", ["sum", "mean"])
def test_the_most_probable_choice(model: attend.Model, normalization: Any) -> None:
    choices = [[5, 0], SPOKEN, [65, 55, 0]]
    found = model.multiple_choice(HELLO, choices, normalization=normalization)
    assert found.index == 1 and found.choice == SPOKEN and len(found.scores) == 3
    values = [score.sum / (len(score.ids) if normalization == "mean" else 1) for score in found.scores]
    expected = np.exp(np.array(values) - max(values))
    np.testing.assert_allclose(found.probabilities, expected / expected.sum(), rtol=1e-12)
    many = model.multiple_choice([HELLO, [8, 6, 25, 0]], choices, normalization=normalization)
    assert many[0].probabilities.tolist() == found.probabilities.tolist() and many[1].index in range(3)
    own = model.multiple_choice([HELLO, [8, 6, 25, 0]], [choices, choices[:2]], normalization=normalization)
    assert [len(each.scores) for each in own] == [3, 2] and own[0].choice == SPOKEN


def test_choices_by_texts(decoder: attend.Model) -> None:
    found = decoder.multiple_choice("one", [" a", " b", " c"])
    assert found.choice == [" a", " b", " c"][found.index] and abs(found.probabilities.sum() - 1) < 1e-12
    assert decoder.multiple_choice([], ["a"]) == []


# Refusals


@pytest.mark.parametrize(
    "inputs, targets, options, part",
    [
        ([[3, 4], [5, 99]], None, {}, "token 99 at position 1 of sequence 1"),
        ([[3, 4]], [[5, -1]], {}, "token -1"),
        ([[3] * 65], None, {}, "text 0 has 65 tokens, and 64 are read at once: set stride"),
        ([[3] * 60], [[4] * 5], {}, "text 0 and its context have 65 tokens"),
        ([3, 4], None, {"window": 65}, "window is 65"),
        ([3, 4], None, {"window": 0}, "window is 0"),
        ([3, 4], None, {"window": -1}, "window"),
        ([3, 4], None, {"window": 2**64}, "window"),
        ([3, 4], None, {"stride": 64}, "stride is 64"),
        ([3, 4], None, {"stride": 0}, "stride is 0"),
        ([3, 4], None, {"top_logprobs": 100}, "top_logprobs is 100"),
        ([[3, 4], []], None, {}, "sequence 1"),
        ([[3], [4]], [[5]], {}, "1 are given for 2"),
    ],
)
def test_what_cannot_be_scored_is_named(gpt2: attend.Model, inputs: Any, targets: Any, options: Any, part: str) -> None:
    with gpt2.session() as session:
        with pytest.raises(attend.InvalidArgumentError, match=part) as raised:
            session.score(inputs, targets, **options)
        assert raised.value.finished is None or not any(raised.value.finished)
        assert session.score([3, 4]).ids.tolist() == [4]


def test_what_models_do_not_tell(model: attend.Model, bare: Path) -> None:
    with pytest.raises(attend.InvalidArgumentError, match="no contexts"):
        model.score(HELLO)
    with pytest.raises(attend.InvalidArgumentError, match="encoder-decoder"):
        model.score(HELLO, SPOKEN, stride=4)
    with pytest.raises(TypeError, match="both"):
        model.score("hello", SPOKEN)
    with pytest.raises(attend.InvalidArgumentError, match="normalization"):
        model.multiple_choice(HELLO, [SPOKEN], normalization="max")  # type: ignore[arg-type]
    with pytest.raises(attend.InvalidArgumentError, match="list of choices"):
        model.multiple_choice([HELLO, HELLO], [[SPOKEN, SPOKEN], SPOKEN])
    with attend.Model(bare) as encoder, pytest.raises(attend.UnsupportedError, match="bert"):
        encoder.score([3, 4])
    with attend.Model(FIXTURES / "conformance" / "gpt2") as wordless, pytest.raises(attend.NotFoundError):
        wordless.score("hello")


# Long calls


def test_what_was_scored_before_a_cancel(gpt2: attend.Model) -> None:
    texts = [[3 + (i + j) % 90 for j in range(60)] for i in range(4000)]
    shares: list[float] = []

    def stop(share: float) -> bool:
        shares.append(share)
        return share < 0.2

    with gpt2.session(threads=1) as session:
        with pytest.raises(attend.CancelledError) as raised:
            session.score(texts, progress=stop)
        finished = raised.value.finished
        assert finished is not None and len(finished) == len(texts) and shares == sorted(shares)
        known = [place for place, score in enumerate(finished) if score is not None]
        assert known and len(known) < len(texts)
        assert bits(session.score(texts[known[-1]])) == bits(finished[known[-1]])


def test_an_exception_of_the_progress_comes_out(gpt2: attend.Model) -> None:
    def fail(_: float) -> bool:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough") as raised:
        gpt2.score([[3 + (i + j * j) % 90 for j in range(60)] for i in range(4000)], progress=fail)
    assert len(raised.value.finished) == 4000  # type: ignore[attr-defined]


def sentence_piece(pieces: list[str]) -> bytes:
    """A SentencePiece model of the kind "unigram", which prefers its first pieces."""

    def message(field: int, data: bytes) -> bytes:
        assert len(data) < 128
        return bytes([field << 3 | 2, len(data)]) + data

    data = b""
    for place, piece in enumerate(["<unk>", *pieces]):
        kind = 1 if place else 2
        data += message(
            1, message(1, piece.encode()) + bytes([2 << 3 | 5]) + struct.pack("<f", -place) + bytes([24, kind])
        )
    return data + message(2, bytes([3 << 3, 1])) + message(3, message(1, b"identity") + bytes([3 << 3, 1, 4 << 3, 1]))


def test_targets_of_marian_are_split_by_their_own_file(tmp_path: Path) -> None:
    """As ``text_target`` of transformers: target.spm splits targets, and vocab.json numbers the pieces of both."""
    for file in (FIXTURES / "conformance" / "marian").iterdir():
        if file.suffix in (".json", ".safetensors") and "expected" not in file.name:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    vocabulary = ["</s>", "<unk>", "\u2581ab", "b", "\u2581", "a", "<pad>"]
    (tmp_path / "vocab.json").write_text(json.dumps({piece: id for id, piece in enumerate(vocabulary)}))
    (tmp_path / "source.spm").write_bytes(sentence_piece(["\u2581ab", "b", "\u2581"]))
    with attend.Model(tmp_path) as model:
        with pytest.raises(attend.NotFoundError, match="target.spm"):
            model.score("ab", "ab")
    (tmp_path / "target.spm").write_bytes(sentence_piece(["\u2581", "a", "b"]))
    with attend.Model(tmp_path) as model, model.tokenizer as tokenizer:
        assert tokenizer.encode("ab").tolist() == [2, 0]
        assert tokenizer.encode("ab", target=True).tolist() == [4, 5, 3, 0]
        assert [each.ids.tolist() for each in tokenizer.encode_batch(["ab", "b"], target=True)] == [
            [4, 5, 3, 0],
            [4, 3, 0],
        ]
        found = model.score(["ab", "ab"], ["ab", "b"])
        expected = model.score([[2, 0], [2, 0]], [[4, 5, 3, 0], [4, 3, 0]])
        assert [bits(score) for score in found] == [bits(score) for score in expected]
