"""Parakeet TDT and RNN-T, against what transformers writes."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import FIXTURES, read_safetensors

RATE = 16000


@pytest.mark.parametrize("kind", ["tdt", "rnnt"])
def test_transducers_write_the_text_of_transformers(kind: str) -> None:
    folder = FIXTURES / "features" / f"parakeet-{kind}"
    expected = read_safetensors(folder / "expected.safetensors")
    blank, pad = (json.loads((folder / "config.json").read_text())[f"{name}_token_id"] for name in ("blank", "pad"))
    sound = attend.Sound(expected["sound"], sampling_rate=RATE)
    tokens = [token for token in expected["sequence"].tolist() if token not in (blank, pad)]
    whole = {"pause_s": 600, "segment_length_s": 600}
    with attend.Model(folder) as model:
        found = model.transcribe(sound, return_timestamps="char", **whole)
        assert found.text == json.loads((folder / "text.json").read_text())["text"].strip()
        assert [token for segment in found for token in segment.tokens.tolist()] == tokens
        times = [(each.start, each.end) for each in found.characters]
        np.testing.assert_allclose(times, expected["token_times"], rtol=0, atol=1e-6)
        assert "".join(each.word for each in found.characters).strip() == found.text
        assert found.words[0].start == times[0][0] and found.words[-1].end == times[-1][1]
        cut = model.transcribe(sound, pause_s=0.05, segment_length_s=0.7)
        space = 5  # which alone is no segment
        words = [token for segment in cut for token in segment.tokens.tolist() if token != space]
        assert len(cut) > 2 and words == [token for token in tokens if token != space]
        assert cut.text.replace(" ", "") == found.text.replace(" ", "")
        part = attend.Sound(expected["sound"][:RATE], sampling_rate=RATE)
        both = model.transcribe([sound, part], **whole)
        assert [each.text for each in both] == [found.text, model.transcribe(part, **whole).text]
        with pytest.raises(attend.InvalidArgumentError, match="beam_width is no option .* by a transducer"):
            model.transcribe(sound, beam_width=2)
        with pytest.raises(attend.UnsupportedError, match="without a head"), model.session() as session:
            session.encode(sound)
            session.logits()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"durations": [0]}, "one above 0"),
        ({"durations": [1, 1, 2, 3, 4]}, "different numbers of frames"),
        ({"durations": [0, 1]}, "joint.head.weight has the shape"),
        ({"blank_token_id": 13}, "blank_token_id is 13, and the vocabulary has 13 ids"),
        ({"architectures": ["ParakeetForCTC"]}, "the head of ParakeetForCTC"),
        ({"max_symbols_per_step": 0}, "max_symbols_per_step"),
    ],
)
def test_transducers_that_are_none_are_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    folder = FIXTURES / "features" / "parakeet-tdt"
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(attend.AttendError, match=words):
        attend.Model(tmp_path)


def test_transducers_need_their_pieces(tmp_path: Path) -> None:
    folder = FIXTURES / "features" / "parakeet-tdt"
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer.json").unlink()
    with attend.Model(tmp_path) as model, pytest.raises(attend.NotFoundError, match="tokenizer.json"):
        model.transcribe(attend.Sound(np.zeros(RATE, np.float32), sampling_rate=RATE))
    shutil.copy(folder / "tokenizer.json", tmp_path)
    (tmp_path / "generation_config.json").write_text('{"decoder_start_token_id": 13}')
    with attend.Model(tmp_path) as model, pytest.raises(attend.InvalidFileError, match="decoder_start_token_id is 13"):
        model.transcribe(attend.Sound(np.zeros(RATE, np.float32), sampling_rate=RATE))


def test_transducers_hear_streams_as_recordings() -> None:
    folder = FIXTURES / "features" / "parakeet-tdt"
    sound = np.tile(read_safetensors(folder / "expected.safetensors")["sound"], 4)
    options = {"chunk_length_s": 4, "stride_length_s": 0.8, "return_timestamps": "word"}
    with attend.Model(folder) as model:
        whole = model.transcribe(attend.Sound(sound, sampling_rate=RATE), **options)
        assert len(whole) > 1 and all(one.end <= two.start for one, two in itertools.pairwise(whole))
        with model.listen(RATE, **options) as stream:
            heard = [segment for piece in np.array_split(sound, 31) for segment in stream.feed(piece)]
            heard += stream.finish()
        assert [(each.start, each.end, each.text) for each in heard] == [
            (each.start, each.end, each.text) for each in whole
        ]
