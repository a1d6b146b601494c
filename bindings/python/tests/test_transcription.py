"""Transcription by Whisper against transformers, where the goldens are at hand, and by a small model against rules that
are spelled out here.
"""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import FIXTURES, REPOSITORY, read_safetensors

GOLDENS = REPOSITORY.parent / "shared" / "seeing-hearing" / "whisper"
SMALL = FIXTURES / "features" / "whisper"
CASES: list[dict[str, Any]] = (
    json.loads((GOLDENS / "cases.json").read_text()) if (GOLDENS / "cases.json").is_file() else []
)
#: Of the golden model.
START, END, FIRST_TIMESTAMP = 50258, 50257, 50364
#: Options that say what transformers returns, not what it writes.
RETURNS = ("return_dict_in_generate", "output_scores", "return_segments", "num_return_sequences")


def names(wanted: str) -> list[str]:
    return [case["case"] for case in CASES if wanted in case]


def golden(name: str) -> dict[str, Any]:
    return next(case for case in CASES if case["case"] == name)


@pytest.fixture(scope="module")
def model() -> Any:
    if not CASES:
        pytest.skip(f"no goldens at {GOLDENS}")
    with attend.Model(GOLDENS / "model") as model:
        yield model


def sounds(case: dict[str, Any]) -> list[str]:
    """The recordings of a case, as often as sequences are returned of each."""
    times = case["options"].get("num_return_sequences", 1)
    return [str(GOLDENS / name) for name in case["audio"] for _ in range(times)]


def run(model: attend.Model, case: dict[str, Any], **more: Any) -> list[attend.Transcription]:
    options = {"task": None, "return_timestamps": False, **case["options"], **more}
    for name in RETURNS:
        options.pop(name, None)
    return model.transcribe(sounds(case), **options)


def written(tokens: list[int]) -> list[int]:
    """Tokens without the prompt, the end token and the padding."""
    if tokens and tokens[0] == START:
        tokens = tokens[4:]
    return tokens[: tokens.index(END)] if END in tokens else tokens


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def rounded(segment: attend.Segment) -> np.ndarray:
    """Times of tokens as transformers adds them up, in float32, which has 4e-6 s in a minute."""
    assert segment.token_timestamps is not None
    within = (segment.token_timestamps - segment.window_start).astype(np.float32)
    return within + np.float32(segment.window_start)


def test_there_are_all_cases(model: attend.Model) -> None:
    assert len(CASES) == 33 and len(names("sequences")) == 30


@pytest.mark.parametrize("name", names("sequences") or ["without goldens"])
def test_a_case_of_transformers(model: attend.Model, name: str) -> None:
    case = golden(name)
    found = run(model, case)
    assert len(found) == len(case["sequences"])
    for transcription, tokens in zip(found, case["sequences"]):
        own = [int(token) for segment in transcription for token in segment.tokens]
        assert own == written(tokens)
    for transcription, segments in zip(found, case.get("segments", [])):
        assert [segment.tokens.tolist() for segment in transcription] == [each["tokens"] for each in segments]
        starts = [(segment.start, segment.end) for segment in transcription]
        close(np.reshape(starts, (-1, 2)), np.reshape([(each["start"], each["end"]) for each in segments], (-1, 2)))
        for segment, each in zip(transcription, segments):
            if "token_timestamps" in each:
                close(rounded(segment), each["token_timestamps"])
    if "segments" not in case and "token_timestamps" in case:
        for transcription, times in zip(found, case["token_timestamps"]):
            own_times = np.concatenate([rounded(segment) for segment in transcription])
            close(own_times, times[: len(own_times)])


@pytest.mark.parametrize("name", names("windows") or ["without goldens"])
def test_what_is_known_of_windows(model: attend.Model, name: str) -> None:
    case = golden(name)
    thresholds = {"compression_ratio_threshold": 1e9, "logprob_threshold": -1e9, "no_speech_threshold": 1.0}
    silent = any(window["should_skip"] for window in case["windows"])
    if silent:
        pytest.skip("a window that is skipped leaves no segment to tell of it")
    case = {**case, "options": {**case["options"], **thresholds}}
    found: dict[tuple[int, float], attend.Segment] = {}
    for place, transcription in enumerate(run(model, case)):
        for segment in transcription:
            found.setdefault((place, segment.window_start), segment)
    windows = [found[key] for key in sorted(found)]
    # The goldens have the windows of several recordings in turn; of one, in order.
    wanted = case["windows"]
    assert len(windows) == len(wanted)

    def values(name: str, given: list[Any]) -> list[float]:
        return sorted(given) if len(case["audio"]) > 1 else given

    np.testing.assert_allclose(
        values("ratio", [each.compression_ratio for each in windows]),
        values("ratio", [each["compression_ratio"] for each in wanted]),
        rtol=1e-12,
    )
    for theirs, own in (("average_logprob", "avg_logprob"), ("no_speech_prob", "no_speech_prob")):
        if all(theirs in each for each in wanted):
            np.testing.assert_allclose(
                values(own, [getattr(each, own) for each in windows]),
                values(own, [each[theirs] for each in wanted]),
                rtol=0,
                atol=1e-3,
            )


def test_languages_are_detected(model: attend.Model) -> None:
    case = golden("detect_language")
    ids = {token: name[2:-2] for name, token in model.generation_config["lang_to_id"].items()}
    paths = [str(GOLDENS / name) for name in case["audio"]]
    assert model.detect_language(paths) == [ids[token] for token in case["ids"]]
    assert model.transcribe(paths[0], task=None).language == ids[case["ids"][0]]


def test_long_recordings_need_timestamps(model: attend.Model) -> None:
    assert "failed" in golden("long-no-timestamps-asked")
    with pytest.raises(attend.InvalidArgumentError, match="return_timestamps"):
        model.transcribe(GOLDENS / "long.wav", language="en", return_timestamps=False)


def stored_scores(place: int) -> np.ndarray:
    """Scores of a situation, which are bfloat16."""
    data = (GOLDENS / "tensors.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    start, end = json.loads(data[8 : 8 + length])[f"rules/{place}/scores_bf16"]["data_offsets"]
    high = np.frombuffer(data[8 + length + start : 8 + length + end], np.uint16)
    return (high.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def test_the_situations_of_the_timestamp_rules(model: attend.Model) -> None:
    """The rules as they are spelled out here, which the small model is held to below."""
    case = golden("timestamp rules")
    for place, row in enumerate(case["rows"]):
        scores = stored_scores(place)
        apply_rules(scores, np.array(row["after"]), END, FIRST_TIMESTAMP, 50)
        assert int(np.isfinite(scores[:END]).sum()) == row["allowed_text"]
        assert bool(np.isfinite(scores[END])) == row["eot_allowed"]
        allowed = np.flatnonzero(np.isfinite(scores[FIRST_TIMESTAMP:]))
        assert len(allowed) == row["allowed_timestamps"]
        assert int(scores.argmax()) == row["argmax"]


def test_the_same_in_any_form_and_batch(model: attend.Model) -> None:
    case = golden("timestamps")
    options = {"language": "en", "return_timestamps": True, "max_new_tokens": 32}
    path = GOLDENS / case["audio"][0]
    (alone,) = run(model, case)
    for form in (path, path.read_bytes()):
        found = model.transcribe(form, **options)
        assert [s.tokens.tolist() for s in found] == [s.tokens.tolist() for s in alone]
    both = model.transcribe([path, GOLDENS / "other.wav", path], **options)
    for found in (both[0], both[2]):
        assert [(s.tokens.tolist(), s.avg_logprob) for s in found] == [
            (s.tokens.tolist(), s.avg_logprob) for s in alone
        ]
    assert [s.tokens.tolist() for s in model.transcribe_stream(path, **options)] == [s.tokens.tolist() for s in alone]


# A small model that lies in the repository.


def apply_rules(scores: np.ndarray, tokens: np.ndarray, end: int, first: int, latest: int | None) -> None:
    """The rules of timestamps, for tokens behind the prompt."""
    scores[first - 1] = -np.inf
    if not len(tokens):
        scores[:first] = -np.inf
        if latest is not None:
            scores[first + latest + 1 :] = -np.inf
    elif tokens[-1] >= first:
        if len(tokens) < 2 or tokens[-2] >= first:
            scores[first:] = -np.inf
        else:
            scores[:end] = -np.inf
    stamps = tokens[tokens >= first]
    if len(stamps):
        follows_text = tokens[-1] >= first and not (len(tokens) < 2 or tokens[-2] >= first)
        scores[first : stamps[-1] + (0 if follows_text else 1)] = -np.inf
    behind = scores[first:][np.isfinite(scores[first:])]
    if len(behind) and np.logaddexp.reduce(behind.astype(np.float64)) > scores[:first].max():
        scores[:first] = -np.inf


#: Tokens of the small model, of 120, as Whisper orders them.
NAMED = {
    "eos_token_id": 60,
    "decoder_start_token_id": 61,
    "pad_token_id": 60,
    "lang_to_id": {"<|en|>": 62, "<|de|>": 63},
    "task_to_id": {"translate": 64, "transcribe": 65},
    "prev_sot_token_id": 66,
    "no_timestamps_token_id": 68,
    "max_initial_timestamp_index": 5,
    "alignment_heads": [[0, 1], [1, 2]],
    "is_multilingual": True,
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: Any) -> Any:
    folder = tmp_path_factory.mktemp("whisper")
    for name in ("config.json", "model.safetensors"):
        shutil.copy(SMALL / name, folder / name)
    (folder / "generation_config.json").write_text(json.dumps(NAMED))
    # Windows of 60 frames, as many as the model reads, of 3 s.
    front = {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 16, "hop_length": 800}
    front.update({"n_fft": 1600, "chunk_length": 3, "sampling_rate": 16000})
    (folder / "preprocessor_config.json").write_text(json.dumps(front))
    with attend.Model(folder) as model:
        yield model


def tone(seconds: float, seed: int = 1) -> attend.Sound:
    return attend.Sound(wave(seconds, seed), sampling_rate=16000)


def wave(seconds: float, seed: int = 1) -> np.ndarray:
    times = np.arange(int(seconds * 16000)) / 16000
    noise = np.random.default_rng(seed).normal(0, 0.05, len(times))
    return (0.4 * np.sin(2 * np.pi * (300 + 200 * seed) * times * (1 + times)) + noise).astype(np.float32)


def test_rules_hold_in_generation(small: attend.Model) -> None:
    features = read_safetensors(SMALL / "expected.safetensors")["input_features"]
    inputs = [attend.Features(array) for array in features]
    prompt, first, count = [61, 62, 65], 69, 20
    found = small.generate(
        inputs, decoder_input_ids=prompt, return_timestamps=True, max_new_tokens=count, output_scores=True
    )
    with small.session() as session:
        for place, given in enumerate(inputs):
            session.encode([given])
            tokens: list[int] = []
            following = prompt
            while len(tokens) < count and (not tokens or tokens[-1] != 60):
                logits = np.array(session.decode([following])[0][-1])
                apply_rules(logits, np.array(tokens), 60, first, 5)
                tokens.append(int(logits.argmax()))
                following = tokens[-1:]
            assert found[place].ids.tolist() == tokens
    beams = small.generate(inputs, decoder_input_ids=prompt, return_timestamps=True, max_new_tokens=count, num_beams=3)
    for answer in beams:
        assert answer.ids[0] >= first and 68 not in answer.ids.tolist()
        stamps = [token for token in answer.ids.tolist() if token >= first]
        assert stamps == sorted(stamps)


def test_a_small_model_transcribes(small: attend.Model) -> None:
    short, long = tone(2), tone(8, 2)
    options: dict[str, Any] = {"max_new_tokens": 20, "return_token_timestamps": True}
    found = small.transcribe(short, **options)
    assert found.language in ("en", "de") and found.text is None and len(found) > 0
    assert found.language == small.detect_language(short)
    for segment in found:
        assert 0 <= segment.start <= segment.end and len(segment.token_timestamps) == len(segment.tokens)
        assert np.all(np.diff(segment.token_timestamps) >= 0)
    whole = small.transcribe(long, **options)
    starts = [segment.window_start for segment in whole]
    assert starts == sorted(starts) and len(set(starts)) > 1
    again = small.transcribe([long, long], **options)
    assert [s.tokens.tolist() for s in again[0]] == [s.tokens.tolist() for s in again[1]]
    pieces = list(small.transcribe_stream(long, **options))
    assert [s.tokens.tolist() for s in pieces] == [s.tokens.tolist() for s in whole]
    drawn = [small.transcribe(long, temperature=[0.0, 0.8], logprob_threshold=0.0, seed=7, **options) for _ in range(2)]
    assert all(segment.temperature == 0.8 for segment in drawn[0])
    assert [s.tokens.tolist() for s in drawn[0]] == [s.tokens.tolist() for s in drawn[1]]


def spelling() -> dict[str, Any]:
    """A tokenizer of sixty tokens: letters, punctuation, letters behind a space, and four pairs."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pairs = [("t", "h"), ("h", "e"), ("i", "n"), ("e", "r")]
    merges = [("Ġ", letter) for letter in letters] + pairs
    tokens = [*letters, "Ġ", ",", ".", "!", *("".join(pair) for pair in merges)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": level,
        "decoder": level,
        "model": {
            "type": "BPE",
            "vocab": {token: place for place, token in enumerate(tokens)},
            "merges": [" ".join(pair) for pair in merges],
        },
    }


def test_words_and_prompts(small: attend.Model, tmp_path: Path) -> None:
    folder = shutil.copytree(small.path, tmp_path / "spelling")
    (folder / "tokenizer.json").write_text(json.dumps(spelling()))
    with attend.Model(folder) as model:
        sound = tone(8, 2)
        found = model.transcribe(sound, return_timestamps="word", max_new_tokens=20)
        plain = small.transcribe(sound, max_new_tokens=20)
        assert [s.tokens.tolist() for s in found] == [s.tokens.tolist() for s in plain]
        assert found.text == "".join(segment.text for segment in found) and len(found.words) > 1
        for segment in found:
            assert "".join(word.word for word in segment.words) == segment.text
            text = [place for place, token in enumerate(segment.tokens) if token < NAMED["eos_token_id"]]
            if text:
                assert segment.words[0].start == segment.token_timestamps[text[0]]
            for word in segment.words:
                assert word.start <= word.end and " " not in word.word[1:]
        with model.tokenizer as tokenizer:
            ids = [NAMED["prev_sot_token_id"], *tokenizer.encode(" in the")]
        options = {"max_new_tokens": 10, "language": "de"}
        told = [model.transcribe(sound, **options, **more) for more in ({"prompt": "in the"}, {"prompt_ids": ids})]
        assert [s.tokens.tolist() for s in told[0]] == [s.tokens.tolist() for s in told[1]]
        with pytest.raises(attend.InvalidArgumentError, match="prompt and prompt_ids"):
            model.transcribe(sound, prompt="in", prompt_ids=ids)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"language": "klingon"}, "language is klingon; this model knows de, en"),
        ({"task": "sing"}, 'task is "sing"'),
        ({"temperature": -1}, "temperature is -1"),
        ({"temperature": []}, "temperature"),
        ({"do_sample": True}, "do_sample"),
        ({"return_timestamps": "letter"}, "return_timestamps"),
        ({"prompt_condition_type": "all-segments"}, "condition_on_prev_tokens"),
        ({"prompt_ids": [500]}, "prompt_ids names token 500"),
        ({"num_return_sequences": 2}, "num_return_sequences"),
        ({"stop_strings": ["a"]}, "stop_strings"),
        ({"nonesuch": 1}, "nonesuch is no option"),
        ({"language": ["en", "de"]}, "2 entries for 1 recordings"),
    ],
)
def test_an_option_that_cannot_be_meant(small: attend.Model, options: dict[str, Any], message: str) -> None:
    with pytest.raises(attend.InvalidArgumentError, match=message):
        small.transcribe(tone(1), **options)


def test_sounds_that_are_none(small: attend.Model, tmp_path: Path) -> None:
    with pytest.raises(attend.NotFoundError):
        small.transcribe(tmp_path / "none.wav")
    with pytest.raises(attend.AttendError):
        small.transcribe(b"RIFF")
    with pytest.raises(attend.InvalidArgumentError, match="sample 3"):
        small.transcribe(np.array([0, 0, 0, np.nan], np.float32), rate=16000)
    with pytest.raises(attend.InvalidArgumentError, match="rate"):
        small.transcribe(wave(1), rate=0)
    with pytest.raises(TypeError):
        small.transcribe(np.array(["a"]), rate=16000)
    assert small.transcribe([]) == []


def test_a_call_may_be_ended(small: attend.Model) -> None:
    segments = small.transcribe_stream(tone(30, 3), max_new_tokens=20)
    next(segments)
    segments.close()
    with pytest.raises(attend.CancelledError) as raised:
        small.transcribe(tone(600, 3), max_new_tokens=20, progress=lambda fraction: fraction < 0.2)
    assert len(raised.value.finished) == 1


def test_a_model_that_is_no_whisper(tmp_path: Path) -> None:
    with attend.Model(REPOSITORY / "models" / "g2p-en") as other:
        with pytest.raises(attend.UnsupportedError, match="Whisper"):
            other.transcribe(tone(1))
