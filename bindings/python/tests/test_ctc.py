"""Transcription by models with CTC and by Moonshine: against rules that are spelled out here, and where the goldens are
at hand against transformers.
"""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from conftest import FIXTURES, REPOSITORY, read_safetensors

GOLDENS = REPOSITORY.parent / "shared" / "seeing-hearing" / "ctc"
#: Samples of a frame of the small model, and of a second.
STEP, RATE = 20, 16000
#: The random weights give two symbols often: these are a blank, and what ends words.
BLANK, DELIMITER = 18, 19
LETTERS = [*"ABCDEFGHIJKLMNOPQR", "<pad>", "|", *"STUVWXYZ'", "<s>", "</s>", "<unk>"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    folder = Path(shutil.copytree(FIXTURES / "features" / "wav2vec2-ctc", tmp_path_factory.mktemp("ctc") / "model"))
    front = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": True, "sampling_rate": RATE}
    (folder / "preprocessor_config.json").write_text(json.dumps(front))
    (folder / "vocab.json").write_text(json.dumps({letter: place for place, letter in enumerate(LETTERS)}))
    (folder / "tokenizer_config.json").write_text('{"word_delimiter_token": "|"}')
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    with attend.Model(folder) as model:
        yield model


def speech(seconds: float, seed: int = 1) -> attend.Sound:
    return attend.Sound(samples(seconds, seed), sampling_rate=RATE)


def samples(seconds: float, seed: int = 1) -> np.ndarray:
    """A voice that stops now and then."""
    times = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.01, len(times))
    voice = 0.4 * np.sin(2 * np.pi * (200 + 150 * seed) * times * (1 + times)) * (np.sin(9 * times + seed) > 0)
    return (voice + noise).astype(np.float32)


def frames(model: attend.Model, sound: np.ndarray, length: float, left: float, right: float) -> np.ndarray:
    """The logits of a recording in windows, put together as transformers' pipelines do."""
    count, before, behind = (int(round(seconds * RATE / STEP) * STEP) for seconds in (length, left, right))
    parts = []
    with model.session() as session:
        for start in range(0, len(sound), count - before - behind):
            window = sound[start : start + count].astype(np.float64)
            is_last = start + count >= len(sound)
            size, own = len(window), 0 if start == 0 else before
            normal = (window - window.mean()) / np.sqrt(window.var() + 1e-7)
            session.encode(attend.Features(normal.astype(np.float32)))
            rows = np.array(session.logits())
            total = round(size / STEP)
            first, rest = round(own / size * total), 0 if is_last else round(behind / size * total)
            parts.append(rows[first : total - rest])
            if is_last:
                break
    return np.concatenate(parts)


def spelled(logits: np.ndarray) -> tuple[str, list[tuple[str, float, float]]]:
    """The greedy text, and its characters with their seconds."""
    ids = [*logits.argmax(axis=1).tolist(), -1]
    characters, current, start = [], BLANK, 0
    for frame, token in enumerate(ids):
        if token == current:
            continue
        if current != BLANK:
            letter = " " if LETTERS[current] == "|" else LETTERS[current]
            characters.append((letter, start * STEP / RATE, frame * STEP / RATE))
        current, start = token, frame
    return "".join(letter for letter, _, _ in characters).strip(), characters


@pytest.mark.parametrize("windows", [(2.0, 1 / 3, 1 / 3), (0.5, 0.1, 0.05), (0.7, 0.0, 0.1)])
def test_windows_are_put_together_as_in_pipelines(model: attend.Model, windows: tuple[float, float, float]) -> None:
    sound = samples(1.7)
    text, characters = spelled(frames(model, sound, *windows))
    options = {"chunk_length_s": windows[0], "stride_length_s": list(windows[1:])}
    found = model.transcribe(sound, rate=RATE, return_timestamps="char", pause_s=600, segment_length_s=600, **options)
    assert found.text == text and len(text) > 20
    own = [(each.word, each.start, each.end) for each in found.characters]
    assert [each[0] for each in own] == [each[0] for each in characters]
    np.testing.assert_allclose([each[1:] for each in own], [each[1:] for each in characters], rtol=0, atol=1e-12)
    assert [word.word for word in found.words] == text.split()
    assert found.words[0].start == next(each[1] for each in characters if each[0] != " ")
    tokens = [LETTERS[token] for segment in found for token in segment.tokens]
    assert "".join(tokens).replace("|", " ").strip() == text


def test_a_sixth_of_a_window_belongs_to_either_neighbour(model: attend.Model) -> None:
    sound = speech(1.5)
    given = model.transcribe(sound, chunk_length_s=0.6, stride_length_s=0.1)
    assert model.transcribe(sound, chunk_length_s=0.6).text == given.text


def test_segments_end_behind_pauses(model: attend.Model) -> None:
    sound = speech(1.7)
    whole = model.transcribe(sound, return_timestamps="char", pause_s=600, segment_length_s=600)
    assert len(whole) == 1 and whole.segments[0].start == whole.words[0].start
    for options in ({"pause_s": 0.005}, {"pause_s": 600, "segment_length_s": 0.25}):
        found = model.transcribe(sound, return_timestamps="char", **options)
        assert len(found) > 1
        # What is said is the same; of several spaces at a cut one is left.
        assert found.text.replace(" ", "") == whole.text.replace(" ", "")
        assert all(a.end <= b.start for a, b in zip(found, list(found)[1:]))
        heard = [(each.word, each.start) for each in found.characters if each.word != " "]
        assert heard == [(each.word, each.start) for each in whole.characters if each.word != " "]
        for segment in found:
            assert segment.start == segment.words[0].start and segment.end == segment.words[-1].end
            assert segment.text in found.text and len(segment.token_timestamps) == len(segment.tokens)
    longest = max(segment.end - segment.start for segment in found)
    assert longest <= 0.25 + 1e-9


def test_a_search_with_words(model: attend.Model, tmp_path: Path) -> None:
    sound = speech(0.6, 2)
    greedy, one = model.transcribe(sound), model.transcribe(sound, beam_width=8)
    assert np.isnan(greedy.segments[0].avg_logprob) and one.segments[0].avg_logprob < 0
    wide = model.transcribe(sound, beam_width=64)
    assert wide.segments[0].avg_logprob >= one.segments[0].avg_logprob
    word = "".join(dict.fromkeys(letter for letter in greedy.text if letter.isalpha()))[:3]
    arpa = f"\\data\\\nngram 1=3\n\n\\1-grams:\n-1 <s>\n-1 </s>\n-0.1 {word}\n\n\\end\\\n"
    (tmp_path / "words.arpa").write_text(arpa)
    led = {"alpha": 5.0, "beta": 20.0, "unk_score_offset": -50.0, "beam_width": 64}
    with model.session() as session:
        found = [session.transcribe(sound, language_model=tmp_path / "words.arpa", **led).text for _ in range(2)]
    assert found[0] == found[1] != wide.text
    hot = model.transcribe(sound, hotwords=[word], hotword_weight=60.0, beam_width=64)
    assert hot.text != wide.text
    with pytest.raises(attend.NotFoundError, match="nothing.arpa"):
        model.transcribe(sound, language_model=tmp_path / "nothing.arpa")


def test_the_same_in_any_form_and_batch(model: attend.Model) -> None:
    options: dict[str, Any] = {"chunk_length_s": 0.5, "pause_s": 0.005}
    alone = [model.transcribe(speech(seconds, seed), **options) for seconds, seed in ((1.1, 1), (0.3, 2), (0.8, 3))]
    together = model.transcribe([speech(1.1, 1), speech(0.3, 2), speech(0.8, 3)], **options)
    assert [[each.text for each in found] for found in together] == [[each.text for each in found] for found in alone]
    assert [each.recording for each in together[2]] == [2] * len(together[2])
    heard = list(model.transcribe_stream(speech(1.1, 1), **options))
    assert [each.text for each in heard] == [each.text for each in alone[0]]


def test_options_that_there_are_none_of(model: attend.Model) -> None:
    sound = speech(0.1)
    for options, message in (
        ({"language": "en"}, "language is no option"),
        ({"task": "translate"}, "translate"),
        ({"return_timestamps": "line"}, "return_timestamps"),
        ({"chunk_length_s": 0}, "chunk_length_s"),
        ({"chunk_length_s": 1, "stride_length_s": 0.5}, "stride_length_s"),
        ({"stride_length_s": [1]}, "stride_length_s"),
        ({"beam_width": 0}, "beam_width"),
        ({"beam_width": 1 << 20}, "beam_width"),
        ({"pause_s": -1}, "pause_s"),
        ({"segment_length_s": 1e9}, "segment_length_s"),
        ({"hotwords": [""], "beam_width": 2}, "hot word"),
        ({"token_min_logp": 1.0}, "token_min_logp"),
    ):
        with pytest.raises(attend.InvalidArgumentError, match=message):
            model.transcribe(sound, **options)
    with pytest.raises(attend.UnsupportedError, match="language"):
        model.detect_language(sound)
    with pytest.raises(attend.InvalidArgumentError, match="too short"):
        model.transcribe(attend.Sound(np.zeros(9, np.float32), sampling_rate=RATE))
    with pytest.raises(attend.InvalidArgumentError, match="rate"):
        model.transcribe(samples(0.1))


def test_folders_without_symbols(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "model"))
    (other / "vocab.json").unlink()
    with attend.Model(other) as model, pytest.raises(attend.NotFoundError, match="vocab.json"):
        model.transcribe(speech(0.1))
    # Fewer symbols than the head has, and one beyond it that is never heard.
    few = {letter: place for place, letter in enumerate(LETTERS[:20])} | {"<unk>": 31, "<late>": 40}
    (other / "vocab.json").write_text(json.dumps(few))
    with attend.Model(other) as model:
        text = model.transcribe(speech(0.5)).text
        assert set(text.replace("<unk>", "")) <= set(" ABCDEFGHIJKLMNOPQR")
    (other / "tokenizer_config.json").write_text('{"word_delimiter_token": null, "pad_token": "<pad>"}')
    few.pop("|")
    (other / "vocab.json").write_text(json.dumps(few))
    with attend.Model(other) as model, pytest.raises(attend.UnsupportedError, match="delimiter"):
        model.transcribe(speech(0.1), hotwords=["AB"])


def test_formats(model: attend.Model, tmp_path: Path) -> None:
    found = model.transcribe(speech(1.0), return_timestamps="word", pause_s=0.005)
    assert len(found) > 1
    cues = found.srt().strip().split("\n\n")
    assert (
        len(cues) == len(found) and cues[0].splitlines()[0] == "1" and cues[0].splitlines()[2] == found.segments[0].text
    )
    assert found.vtt().startswith("WEBVTT\n\n") and found.vtt().count("-->") == len(found)
    assert found.vtt(words=True).count("-->") == len(found.words)
    written = json.loads(found.json())
    assert [each["text"] for each in written["segments"]] == [each.text for each in found]
    assert [each["start"] for each in written["segments"]] == [each.start for each in found]
    assert [word["word"] for each in written["segments"] for word in each["words"]] == [w.word for w in found.words]
    for ending, text in ((".srt", found.srt()), (".VTT", found.vtt()), (".json", found.json()), (".txt", found.text)):
        found.save(tmp_path / f"talk{ending}")
        assert (tmp_path / f"talk{ending}").read_text(encoding="utf-8") == text
    with pytest.raises(attend.InvalidArgumentError, match="talk.doc"):
        found.save(tmp_path / "talk.doc")


def test_a_transcription_is_copied_with_its_formats(model: attend.Model) -> None:
    found = model.transcribe(speech(0.5), return_timestamps="word")
    copy = pickle.loads(pickle.dumps(found))
    assert copy.srt() == found.srt() and copy.json() == found.json() and copy.text == found.text
    assert copy.vtt(words=True) == found.vtt(words=True) != found.vtt()


def test_cancelled_calls_keep_what_there_is(model: attend.Model) -> None:
    sound = speech(1.5)
    whole = model.transcribe(sound, chunk_length_s=0.5, pause_s=0.005)

    with model.session() as session:
        stream = session.transcribe_stream(sound, chunk_length_s=0.5, pause_s=0.005)
        first = next(stream)
        stream.close()
        assert first.text == whole.segments[0].text
        assert session.transcribe(sound, chunk_length_s=0.5, pause_s=0.005).text == whole.text
        session.cancel()
        with pytest.raises(attend.CancelledError) as caught:
            session.transcribe(sound, chunk_length_s=0.5, pause_s=0.005)
        assert len(caught.value.finished[0]) < len(whole)


@pytest.fixture(scope="module")
def moonshine(tmp_path_factory: Any) -> Any:
    folder = Path(shutil.copytree(FIXTURES / "features" / "moonshine", tmp_path_factory.mktemp("moonshine") / "model"))
    front = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": False, "sampling_rate": RATE}
    (folder / "preprocessor_config.json").write_text(json.dumps(front))
    words = {f"w{number}": number for number in range(99)}
    (folder / "tokenizer.json").write_text(
        json.dumps(
            {"version": "1.0", "added_tokens": [], "model": {"type": "WordLevel", "vocab": words, "unk_token": "w3"}}
        )
    )
    with attend.Model(folder) as model:
        yield model


def quietest(sound: np.ndarray, length: int) -> int:
    """Where a window of ``length`` samples ends: in the middle of the quietest tenth of a second of its second half."""
    block = RATE // 100
    energy = [float((sound[at : at + block].astype(np.float64) ** 2).sum()) for at in range(0, length, block)]
    energy = energy[: length // block]
    sums = {first: sum(energy[first : first + 10]) for first in range(len(energy) // 2, len(energy) - 9)}
    return (min(sums, key=lambda first: (sums[first], first)) + 5) * block


def test_moonshine_hears_windows_that_end_at_quiet_places(moonshine: attend.Model) -> None:
    sound, start = samples(2.6), 0
    options: dict[str, Any] = {"max_new_tokens": 6}
    found = moonshine.transcribe(sound, rate=RATE, chunk_length_s=1, **options)
    assert len(found) > 2
    for segment in found:
        rest = len(sound) - start
        limit = start + (rest if rest <= RATE else quietest(sound[start : start + RATE], RATE))
        assert (segment.start, segment.end) == (start / RATE, limit / RATE)
        part = attend.Sound(sound[start:limit], sampling_rate=RATE)
        answer = moonshine.generate(part, **options)
        ids = answer.ids.tolist()
        assert segment.tokens.tolist() == (ids[:-1] if ids[-1] == 2 else ids)
        start = limit
    assert start == len(sound) and found.text == " ".join(segment.text for segment in found)
    with moonshine.listen(RATE, chunk_length_s=1, **options) as stream:
        heard = list(stream.hear(np.array_split(sound, 31)))
    assert [(each.start, each.end, each.text) for each in heard] == [
        (each.start, each.end, each.text) for each in found
    ]


def test_moonshine_writes_no_more_than_is_said(moonshine: attend.Model) -> None:
    (segment,) = moonshine.transcribe(speech(1.0))
    assert len(segment.tokens) <= 7  # 6.5 of a second
    with pytest.raises(attend.InvalidArgumentError, match="return_timestamps"):
        moonshine.transcribe(speech(1.0), return_timestamps="word")
    with pytest.raises(attend.InvalidArgumentError, match="num_return_sequences"):
        moonshine.transcribe(speech(1.0), num_beams=2, num_return_sequences=2)
    with pytest.raises(attend.InvalidArgumentError, match="beam_width"):
        moonshine.transcribe(speech(1.0), beam_width=2)


def test_parakeet_hears_pieces_of_words() -> None:
    expected = read_safetensors(FIXTURES / "features" / "parakeet" / "expected.safetensors")
    sound = attend.Sound(expected["sound"], sampling_rate=RATE)
    pieces = [entry[0] for entry in json.loads((FIXTURES / "features" / "parakeet" / "tokenizer.json").read_text())[
        "model"]["vocab"]]  # fmt: skip
    with attend.Model(FIXTURES / "features" / "parakeet") as model:
        with model.session() as session:
            session.encode(attend.Features(expected["sound_features"]))
            wanted = np.array(session.logits())
            session.encode(sound)
            np.testing.assert_allclose(np.array(session.logits()), wanted, rtol=0, atol=1e-4)
        ids = expected["sound_ids"].tolist()
        assert wanted.argmax(axis=1).tolist() == ids
        heard = [token for at, token in enumerate(ids) if (at == 0 or token != ids[at - 1]) and token != len(pieces)]
        text = "".join(pieces[token] for token in heard).replace("\u2581", " ").strip()
        found = model.transcribe(sound, return_timestamps="char")
        assert found.text == text and len(found.words) > 2
        assert [segment.tokens.tolist() for segment in found] == [heard]
        assert [word.word for word in found.words] == text.split()
        written = json.loads(found.json())["segments"][0]
        assert [(each["char"], each["start"], each["end"]) for each in written["characters"]] == [
            (each.word, each.start, each.end) for each in found.characters
        ]
        assert "characters" not in json.loads(model.transcribe(sound, return_timestamps="word").json())["segments"][0]
        cut = model.transcribe(sound, return_timestamps="word", segment_length_s=0.8)
        assert len(cut) > 2 and cut.text.replace(" ", "") == text.replace(" ", "")
        with pytest.raises(attend.UnsupportedError, match="delimiter"):
            model.transcribe(sound, hotwords=["the"])


@pytest.mark.skipif(not GOLDENS.is_dir(), reason=f"no goldens at {GOLDENS}")
def test_wavs_to_texts_of_transformers() -> None:
    results = next(case for case in json.loads((GOLDENS / "cases.json").read_text()) if "results" in case)["results"]
    assert len(results) >= 3
    with attend.Model(GOLDENS / "wav2vec2") as model:
        for result in results:
            found = model.transcribe(GOLDENS / result["wav"], return_timestamps="char")
            assert found.text == result["text"]
            own = [(each.word, round(each.start * 50), round(each.end * 50)) for each in found.characters]
            expected = result["char_offsets"]
            assert own == [(each["char"], each["start_offset"], each["end_offset"]) for each in expected]
