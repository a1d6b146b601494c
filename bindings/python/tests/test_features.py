"""Models that read pictures or sounds, from the arrays that their first layer takes, against transformers, on every
kernel set of the machine.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import FIXTURES, available_kernels, read_safetensors

TOLERANCE = 1e-4
CASES = sorted(config.parent for config in (FIXTURES / "features").glob("*/config.json"))
#: What a case may call its arrays.
ARRAYS = ("pixel_values", "input_features", "input_values")


def close(found: Any, expected: np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0, atol=TOLERANCE)


@pytest.fixture(params=CASES, ids=lambda folder: folder.name)
def folder(request: Any) -> Path:
    return Path(request.param)


@pytest.fixture(params=available_kernels())
def kernels(request: Any) -> str:
    return str(request.param)


def inputs(expected: dict[str, np.ndarray]) -> list[Any]:
    for kind, make in (("pixel_values", attend.Features), ("picture", attend.Picture)):  # of several sizes
        if f"{kind}.0" in expected:
            names = (f"{kind}.{index}" for index in range(len(expected)))
            return [make(expected[name]) for name in names if name in expected]
    arrays = next(expected[name] for name in ARRAYS if name in expected)
    if "image_grid_thw" not in expected:
        return [attend.Features(array) for array in arrays]
    pictures, first = [], 0
    for frames, rows, columns in expected["image_grid_thw"].tolist():  # lists of patches
        pictures.append(attend.Features(arrays[first : first + frames * rows * columns].reshape(rows, columns, -1)))
        first += frames * rows * columns
    return pictures


def reads_both(expected: dict[str, np.ndarray]) -> bool:
    """Whether an encoder of texts reads pictures in them or beside them."""
    return "input_ids" in expected and "encoder_last_hidden_state" in expected


def encode(session: attend.Session, expected: dict[str, np.ndarray]) -> None:
    """The sources of a case."""
    if reads_both(expected):
        session.encode(expected["input_ids"], images=inputs(expected))
    else:
        session.encode(inputs(expected))


def test_there_are_cases() -> None:
    assert len(CASES) >= 6


def test_what_a_case_expects(folder: Path, kernels: str) -> None:
    expected = read_safetensors(folder / "expected.safetensors")
    with attend.Model(folder, kernels=kernels) as model, model.session() as session:
        encode(session, expected)
        for name in ("last_hidden_state", "encoder_last_hidden_state"):
            if name in expected:
                found = session.hidden_states()
                close(np.concatenate(found) if expected[name].ndim == 2 else found, expected[name])
        for name in ("pooler_output", "image_embeds"):
            if name in expected and model.kind == attend.Kind.ENCODER:
                close(session.pooled(), expected[name])
        if "text_embeds" in expected:
            session.encode(expected["input_ids"])
            close(session.pooled(), expected["text_embeds"])
        elif model.kind == attend.Kind.ENCODER_DECODER and "logits" in expected:
            written = expected.get("decoder_input_ids", expected.get("input_ids"))
            close(np.concatenate(session.decode(written)), np.concatenate(expected["logits"]))
        elif "logits" in expected and ("input_ids" not in expected or reads_both(expected)):
            close(np.reshape(session.logits(), expected["logits"].shape), expected["logits"])


def test_pictures_of_other_sizes(folder: Path, kernels: str) -> None:
    """Those whose places are interpolated, whose windows reach beyond them, or that turn by fractions."""
    expected = read_safetensors(folder / "expected.safetensors")
    sizes = [name.removeprefix("pixel_values") for name in expected if name.startswith("pixel_values.")]
    if not sizes or "pixel_values" not in expected:
        pytest.skip("the case has pictures of one size")
    with attend.Model(folder, kernels=kernels) as model, model.session() as session:
        pictures = [attend.Features(expected["pixel_values"][0])]
        pictures += [attend.Features(expected[f"pixel_values{size}"][0]) for size in sizes]
        session.encode(pictures)
        for states, size in zip(session.hidden_states()[1:], sizes):
            if f"last_hidden_state{size}" in expected:
                close(states, expected[f"last_hidden_state{size}"][0])
        for size, picture in zip(sizes, pictures[1:]):
            session.encode(picture)
            if f"logits{size}" in expected:
                close(np.ravel(session.logits()), np.ravel(expected[f"logits{size}"]))


def pictures_in_texts(folder: Path) -> tuple[list[int], list[attend.Features], dict[str, np.ndarray]]:
    """The prompt of a case in which pictures stand, and these; skips the test of any other case."""
    expected = read_safetensors(folder / "expected.safetensors")
    with attend.Model(folder) as model:
        if model.kind != attend.Kind.DECODER:
            pytest.skip("the case has no pictures in texts")
    return expected["input_ids"][0].tolist(), inputs(expected), expected


def test_pictures_in_texts(folder: Path, kernels: str) -> None:
    """The logits behind a prompt with pictures, those of its last tokens where the prompt is read from left to right,
    and what is written greedily."""
    prompt, pictures, expected = pictures_in_texts(folder)
    with attend.Model(folder, kernels=kernels) as model, model.session() as session:
        session.encode([prompt], images=pictures)
        close(session.logits()[0], expected["logits"][0, -1])
        if model.family != "paligemma":
            last = len(prompt) - 3
            session.encode([prompt[:last]], images=pictures)
            close(session.decode([prompt[last:]])[0], expected["logits"][0, last:])
        session.encode([prompt], images=pictures)
        logits = session.logits()
        written = expected.get("greedy_ids.0", np.array([], np.int32)).tolist()
        for token in written:
            row = logits[0].copy()
            if model.eos is not None and model.eos not in written:
                row[model.eos] = -np.inf  # the reference wrote as many tokens as it was asked for
            assert int(row.argmax()) == token
            logits = session.decode_step([token])


def test_texts_with_pictures_side_by_side(folder: Path, kernels: str) -> None:
    if kernels == "portable":
        pytest.skip("products of OpenBLAS depend on the rows beside them")
    prompt, pictures, _ = pictures_in_texts(folder)
    texts = [prompt, prompt[-3:], prompt[:-2]]
    with attend.Model(folder, kernels=kernels) as model, model.session() as session:
        session.encode(texts, images=[*pictures, *pictures])
        together = session.logits().copy()
        steps = [session.decode_step([5, 6, 7]).copy() for _ in range(2)]
        for index, text in enumerate(texts):
            session.encode([text], images=[] if index == 1 else pictures)
            np.testing.assert_array_equal(session.logits()[0], together[index])
            for step in steps:
                np.testing.assert_array_equal(session.decode_step([5 + index])[0], step[index])


def test_a_batch_gives_the_bits_of_each_alone(folder: Path, kernels: str) -> None:
    if kernels == "portable":
        pytest.skip("products of OpenBLAS depend on the rows beside them")
    pictures = inputs(read_safetensors(folder / "expected.safetensors"))
    with attend.Model(folder, kernels=kernels) as model, model.session() as session:
        session.encode(pictures)
        together = [states.copy() for states in session.hidden_states()]
        for picture in pictures:
            session.encode(picture)
            for states in session.hidden_states():  # of one picture several, if it is cut into tiles
                np.testing.assert_array_equal(states, together.pop(0))
    assert together == []


@pytest.mark.parametrize("name", ["wav2vec2-ctc", "wavlm", "sound-wav2vec2-stable", "sound-data2vec"])
def test_sounds_of_other_lengths_in_a_batch_change_nothing(name: str) -> None:
    expected = read_safetensors(FIXTURES / "features" / name / "expected.safetensors")
    first, second = expected["input_values"][:2]
    with attend.Model(FIXTURES / "features" / name) as model, model.session() as session:
        session.encode([attend.Features(sound) for sound in (second[:301], first, second)])
        logits, lengths = session.logits().copy(), [len(states) for states in session.hidden_states()]
        close(logits[lengths[0] :], np.concatenate(expected["logits"][:2]))
        session.encode(attend.Features(second[:301]))
        np.testing.assert_array_equal(session.logits(), logits[: lengths[0]])


@pytest.mark.parametrize("compute", ["bfloat16", "int8", "int4"])
def test_sounds_are_read_in_every_type(folder: Path, compute: str) -> None:
    expected = read_safetensors(folder / "expected.safetensors")
    name = next((name for name in ("last_hidden_state", "encoder_last_hidden_state") if name in expected), None)
    if name is None or "input_values" not in expected and "input_features" not in expected:
        pytest.skip("it reads no sounds, or says nothing of states")
    with attend.Model(folder, compute=compute) as model, model.session() as session:
        session.encode(inputs(expected))
        found = np.concatenate(session.hidden_states()).ravel()
    # Of 4 bits a tiny model keeps little: what is asked is that these are its states and no others.
    likeness = np.corrcoef(found, np.concatenate(expected[name]).ravel())[0, 1]
    assert likeness > {"bfloat16": 0.999, "int8": 0.99, "int4": 0.5}[compute]


def test_wrong_sounds_are_named() -> None:
    def refused(name: str, shape: tuple[int, ...], message: str) -> None:
        with attend.Model(FIXTURES / "features" / name) as model, model.session() as session:
            with pytest.raises(attend.InvalidArgumentError, match=message):
                session.encode(attend.Features(np.zeros(shape, np.float32)))

    refused("whisper", (16, 59), "input 0: a spectrogram has 59 frames; the model reads just 60")
    refused("whisper", (15, 60), r"shape 15 x 60; the model reads spectrograms of 16 bins, \[16, frames\]")
    refused("wav2vec2-ctc", (2, 1600), r"shape 2 x 1600; the model reads the samples of one channel, \[samples\]")
    refused("wav2vec2-ctc", (39,), "a sound of 39 samples is too short: the model makes one state of at least 40")
    refused("moonshine", (894,), "a sound of 894 samples is too short: the model makes one state of at least 895")
    refused("wav2vec2-bert", (25, 80), r"shape 25 x 80; the model reads spectrograms of 160 bins, \[frames, 160\]")
    refused("ast", (63, 32), "shape 63 x 32; the model reads just 64 frames of 32 bins")
    with attend.Model(FIXTURES / "features" / "wav2vec2-ctc") as model, model.session() as session:
        session.encode(attend.Features(np.zeros(40, np.float32)))
        assert session.logits().shape == (1, 32)
        with pytest.raises(attend.InvalidArgumentError, match="holds tokens, and this model reads sounds"):
            session.encode([[1, 2, 3]])


def test_what_is_written_of_pictures(folder: Path, kernels: str) -> None:
    """Greedy ids of each by itself, and the best three of four beams, which the reference searched together."""
    expected = read_safetensors(folder / "expected.safetensors")
    if "greedy_ids.0" not in expected:
        pytest.skip("the case writes nothing")
    with attend.Model(folder, kernels=kernels) as model:
        if model.kind == attend.Kind.DECODER:
            pytest.skip("the case writes of pictures in texts")
        if reads_both(expected):
            questions, pictures = expected["input_ids"].tolist(), [[picture] for picture in inputs(expected)]
            answers = model.generate(questions, images=pictures, max_new_tokens=12, num_beams=1)
        else:
            answers = model.generate(inputs(expected), max_new_tokens=12, num_beams=1)
        for index, answer in enumerate(answers):
            assert answer.ids.tolist() == expected[f"greedy_ids.{index}"].tolist()[1:]


def test_patches_of_a_picture_are_its_pixels(tmp_path: Path, kernels: str) -> None:
    """What the processor of Qwen2-VL cuts is read as the whole picture is."""
    shutil.copytree(FIXTURES / "features" / "qwen2_5_vl", tmp_path, dirs_exist_ok=True)
    options = {"image_processor_type": "Qwen2VLImageProcessor", "patch_size": 4, "merge_size": 2,
               "temporal_patch_size": 2, "min_pixels": 64, "max_pixels": 65536,
               "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(options))
    pixels = np.random.default_rng(1).integers(0, 256, (24, 40, 3), np.uint8)
    with attend.Model(tmp_path, kernels=kernels) as model, model.session() as session:
        session.encode(attend.Picture(pixels))
        cut = session.hidden_states()[0].copy()
        session.encode(attend.Features((pixels.transpose(2, 0, 1) / np.float32(127.5) - 1).astype(np.float32)))
        assert cut.shape == (60, 32)
        close(session.hidden_states()[0], cut)
        with pytest.raises(attend.InvalidArgumentError, match="is not made of squares of 2 x 2 patches of 4 x 4"):
            session.encode(picture(3, 24, 36))


def test_configurations_of_before_hold_all_keys_in_one(tmp_path: Path) -> None:
    """Qwen2-VL was published with the keys of its text beside those of the tower, and with other names of tensors."""
    folder = FIXTURES / "features" / "qwen2_vl"
    expected = read_safetensors(folder / "expected.safetensors")
    config = json.loads((folder / "config.json").read_text())
    text = config.pop("text_config")
    rotary = text.pop("rope_parameters")
    config.update({key: value for key, value in text.items() if key not in config})
    config.update(rope_theta=rotary["rope_theta"])
    config["rope_scaling"] = {"type": "mrope", "mrope_section": rotary["mrope_section"]}
    config["vision_config"].pop("rope_parameters")
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with attend.Model(tmp_path) as model, model.session() as session:
        session.encode([expected["input_ids"][0]], images=inputs(expected))
        close(session.logits(), expected["logits"][:, -1])


def test_tokens_that_see_each_other_are_read_in_one_call() -> None:
    folder = FIXTURES / "features" / "gemma3-vision"
    expected = read_safetensors(folder / "expected.safetensors")
    prompt, pictures = expected["input_ids"][0].tolist(), inputs(expected)
    with attend.Model(folder) as model, model.session() as session:
        session.encode([prompt], images=pictures)
        whole = session.logits().copy()
        session.truncate(0, 7)  # inside of the first picture
        with pytest.raises(attend.InvalidStateError, match="see each other: one call reads them"):
            session.decode([prompt[7:]])
        session.truncate(0, 4)
        np.testing.assert_array_equal(session.decode([prompt[4:]])[0][-1], whole[0])
        with pytest.raises(attend.InvalidArgumentError, match="holds 2 pictures, and its texts have places for 1"):
            session.encode([prompt[:10]], images=pictures)


@pytest.mark.parametrize("name", ["clip", "siglip", "siglip2"])
def test_pictures_and_texts_are_compared(name: str, kernels: str) -> None:
    folder = FIXTURES / "features" / name
    expected = read_safetensors(folder / "expected.safetensors")
    with attend.Model(folder, kernels=kernels) as model, model.session() as session:
        session.encode(expected["input_ids"])
        found = model.similarity(inputs(expected), session.pooled().copy())
        with pytest.raises(attend.InvalidArgumentError, match="texts: expected embeddings of"):
            model.similarity(inputs(expected), np.zeros((2, 5), np.float32))
    logits = expected["logits_per_image"]
    np.testing.assert_allclose(found.logits, logits, rtol=0, atol=1e-3 if name == "clip" else TOLERANCE)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    wanted = odds / odds.sum(axis=1, keepdims=True) if name == "clip" else 1 / (1 + np.exp(-logits))
    close(found.probabilities, wanted)
    with attend.Model(FIXTURES / "features" / "vit") as other:
        with pytest.raises(attend.UnsupportedError, match="compares no pictures with texts"):
            other.similarity(picture(3, 32, 32), np.zeros((1, other.embedding_size), np.float32))


def picture(*shape: int) -> attend.Features:
    return attend.Features(np.zeros(shape, np.float32))


def test_wrong_arrays_are_named() -> None:
    with attend.Model(FIXTURES / "features" / "vit") as model, model.session() as session:
        with pytest.raises(attend.InvalidArgumentError, match="input 1: a picture of 1 x 32 x 32 has 1 channels"):
            session.encode([picture(3, 32, 32), picture(1, 32, 32)])
        with pytest.raises(attend.InvalidArgumentError, match="has 0 x 4 patches"):
            session.encode(picture(3, 7, 32))
        with pytest.raises(attend.InvalidArgumentError, match="the batch holds tokens, and this model reads pictures"):
            session.encode([[1, 2, 3]])
        with pytest.raises(TypeError, match=r"inputs\[1\]: expected an Input"):
            session.encode([picture(3, 32, 32), [1, 2, 3]])  # type: ignore[list-item]
        with pytest.raises(attend.InvalidArgumentError, match="they belong to tokens"):
            session.encode(picture(3, 32, 32), lengths=[1])  # type: ignore[call-overload]
    with attend.Model(FIXTURES / "conformance" / "bert") as model, model.session() as session:
        with pytest.raises(attend.UnsupportedError, match="reads tokens and no arrays"):
            session.encode(picture(3, 32, 32))
    with attend.Model(FIXTURES / "features" / "trocr") as model:
        with pytest.raises(attend.InvalidArgumentError, match="the batch holds tokens, and this model reads pictures"):
            model.generate([[5, 6, 7]])
    with pytest.raises(TypeError, match="floating-point"):
        attend.Features(np.zeros((3, 32, 32), np.uint8))
    with pytest.raises(attend.InvalidArgumentError, match="1 to 3 dimensions"):
        attend.Features(np.zeros((1, 3, 32, 32), np.float32))
