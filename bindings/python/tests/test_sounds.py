"""From the files of sounds to what models make of them, against transformers."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import FIXTURES, REPOSITORY, read_safetensors

SHARED = REPOSITORY.parent / "shared" / "seeing-hearing"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/seeing-hearing")


@needs_shared
def test_logits_of_files() -> None:
    expected = read_safetensors(SHARED / "ctc" / "tensors.safetensors")
    names = [name.split("/")[1] for name in expected if name.startswith("wav/")]
    assert len(names) == 3
    with attend.Model(SHARED / "ctc" / "wav2vec2") as model, model.session() as session:
        for name in names:
            path = SHARED / "audio" / "files" / f"{name}.wav"
            for source in (path, str(path), path.read_bytes()):
                session.encode(attend.Sound(source))
                wanted = expected[f"wav/{name}/logits"]  # the first of a long one
                found = session.logits()[: len(wanted)]
                # Resamplers differ in the band below half the rate that they cut off: what is read stays the same.
                assert found.argmax(axis=1).tolist() == wanted.argmax(axis=1).tolist()
                if name.endswith("16k"):
                    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


def a_model_that_hears(tmp_path: Path) -> Path:
    """A tiny wav2vec2 with the usual preparation of sounds."""
    for file in (FIXTURES / "features" / "wav2vec2-ctc").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16000, "do_normalize": True}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    return tmp_path


def wav(samples: Any, rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(samples.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def test_samples_of_the_caller(tmp_path: Path) -> None:
    samples = np.random.default_rng(5).integers(-20000, 20000, (2000, 2), np.int16)
    with attend.Model(a_model_that_hears(tmp_path)) as model, model.session() as session:

        def heard(sound: attend.Sound) -> Any:
            session.encode(sound)
            return session.logits().copy()

        for rate in (16000, 22050):
            expected = heard(attend.Sound(wav(samples, rate)))
            np.testing.assert_array_equal(heard(attend.Sound(samples, sampling_rate=rate)), expected)
            floats = samples.astype(np.float32) / 32768
            np.testing.assert_array_equal(heard(attend.Sound(floats, sampling_rate=rate)), expected)
        mono = floats.mean(axis=1)
        close = heard(attend.Sound(mono, sampling_rate=22050))
        np.testing.assert_allclose(close, expected, rtol=0, atol=1e-4)
        np.testing.assert_array_equal(heard(attend.Sound(mono, sampling_rate=np.int64(22050))), close)


def test_what_is_no_sound_is_named(tmp_path: Path) -> None:
    silence = np.zeros(1000, np.float32)
    with pytest.raises(attend.InvalidArgumentError, match="sampling_rate: samples have none"):
        attend.Sound(silence)
    with pytest.raises(attend.InvalidArgumentError, match="sampling_rate: a file says its own"):
        attend.Sound("a.wav", sampling_rate=16000)
    with pytest.raises(TypeError, match="int16 or floating-point"):
        attend.Sound(np.zeros(10, np.int32), sampling_rate=16000)
    with attend.Model(a_model_that_hears(tmp_path)) as model, model.session() as session:
        for sound, error, words in [
            (attend.Sound(tmp_path / "nonesuch.wav"), attend.NotFoundError, "nonesuch.wav"),
            (attend.Sound(silence, sampling_rate=0), attend.InvalidArgumentError, "rate"),
            (attend.Sound(silence[:0], sampling_rate=16000), attend.InvalidArgumentError, "too short"),
            (attend.Sound(silence[:20], sampling_rate=16000), attend.InvalidArgumentError, "too short"),
            (attend.Sound(np.array([0, np.nan]), sampling_rate=16000), attend.InvalidArgumentError, "sample 1"),
            (attend.Sound(b""), attend.InvalidFileError, "empty"),
            (attend.Picture(np.zeros((8, 8), np.uint8)), attend.InvalidArgumentError, "is a picture"),
        ]:
            with pytest.raises(error, match=words):
                session.encode(sound)
    with attend.Model(FIXTURES / "features" / "wav2vec2-ctc") as model, model.session() as session:
        with pytest.raises(attend.NotFoundError, match="has no preprocessor_config.json"):
            session.encode(attend.Sound(silence, sampling_rate=16000))
