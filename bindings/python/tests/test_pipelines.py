"""Pipelines that write, see and hear, against the calls that they stand for; translation, summaries, other tasks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Iterator

import attend
import numpy as np
import pytest
from conftest import FIXTURES, lettered
from test_classification import SOUNDS, VIT, arrays
from test_descriptions import picture, words
from test_languages import speaker


@pytest.fixture(scope="module")
def writer(tmp_path_factory: Any) -> Iterator[attend.Model]:
    """A T5 of letters with tasks."""
    folder = lettered(tmp_path_factory.mktemp("writer") / "t5", "t5")
    config = json.loads((folder / "config.json").read_text())
    config["task_specific_params"] = {
        "summarization": {"prefix": "sum: ", "max_new_tokens": 12},
        "question": {"prefix": "ask: ", "max_length": 9, "num_beams": 3},
        "translation_en_to_de": {"prefix": "to German: ", "max_new_tokens": 5},
        "translation_en_to_fr": {"prefix": "to French: ", "max_new_tokens": 6},
    }
    (folder / "config.json").write_text(json.dumps(config))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": 40}))
    with attend.Model(folder) as model:
        yield model


def test_tasks_of_the_checkpoint(writer: attend.Model) -> None:
    asked = writer.generate(["ask: ab", "ask: c"], max_length=9, num_beams=3)
    assert writer.rewrite(["ab", "c"], "question") == [answer.text for answer in asked]
    assert writer.rewrite("ab", "question", num_beams=1) == writer.generate("ask: ab", max_length=9, num_beams=1).text
    assert writer.rewrite("ab", max_new_tokens=4) == writer.generate("ab", max_new_tokens=4).text
    assert writer.rewrite([]) == []
    with pytest.raises(attend.InvalidArgumentError, match="no task 'poem'; there are summarization, question, trans"):
        writer.rewrite("ab", "poem")
    with pytest.raises(attend.InvalidArgumentError, match="max_length_of_source: 0"):
        writer.rewrite("ab", max_length_of_source=0)
    cut = writer.rewrite("abcdef", max_length_of_source=3, max_new_tokens=5)
    assert cut == writer.rewrite("abc", max_new_tokens=5) != writer.rewrite("abcdef", max_new_tokens=5)


def test_pipelines_that_write(writer: attend.Model) -> None:
    translate = attend.pipeline("translation_en_to_de", writer, num_beams=1)
    german = writer.translate(["ab", "c"], src_lang="en", tgt_lang="de", num_beams=1)
    assert translate(["ab", "c"]) == [{"translation_text": text} for text in german]
    assert translate("ab") == [{"translation_text": german[0]}]
    french = attend.pipeline("translation", writer, tgt_lang="fr")("ab", num_beams=4)
    assert french == [{"translation_text": writer.translate("ab", tgt_lang="fr", num_beams=4)}]
    assert attend.pipeline("translation", writer, tgt_lang="fr")("ab") == french  # 4 beams where nobody says
    summary = attend.pipeline("summarization", writer)("ab", num_beams=1)
    assert summary == [{"summary_text": writer.summarize("ab", num_beams=1)}]
    rewrite = attend.pipeline("text2text-generation", writer, num_beams=1, max_new_tokens=5)
    assert rewrite("ab") == [{"generated_text": writer.generate("ab", num_beams=1, max_new_tokens=5).text}]
    assert list(rewrite(iter(["ab", "c"]))) == [[result] for result in rewrite(["ab", "c"])]
    with pytest.raises(attend.InvalidArgumentError, match="num_beans"):
        rewrite("ab", num_beans=2)


LONG = "A first line. And then another one! What else? " * 6


def test_summaries_of_parts(writer: attend.Model) -> None:
    """Texts of more than 40 tokens are cut behind sentences; the summaries are summarized in their place."""
    with writer.tokenizer as tokenizer:

        def size(text: str) -> int:
            return len(tokenizer.encode(f"sum: {text}"))

        options = {"max_new_tokens": 2, "num_beams": 1}
        assert writer.summarize("ab", by_parts=True, **options) == writer.summarize("ab", **options)
        found = writer.summarize([LONG, "ab"], by_parts=True, **options)
        parts, rest = [], LONG
        while rest:
            ends = [place for place in range(1, len(rest) + 1) if size(rest[:place]) <= 40]
            if ends[-1] < len(rest):
                # A letter is a token. The space behind a sentence belongs to it where it fits.
                ends = [place for place in ends if " " in rest[place - 1 : place + 1]]
                ends = [place for place in ends if rest[:place].rstrip().endswith((".", "!", "?"))]
            parts.append(rest[: ends[-1]])
            rest = rest[ends[-1] :]
        assert len(parts) > 5
        joined = " ".join(writer.summarize(parts, **options))
        assert size(joined) <= 40, "the next round would cut again"
        assert found == [writer.summarize(joined, **options), writer.summarize("ab", **options)]
    pipeline = attend.pipeline("summarization", writer, by_parts=True)
    assert pipeline([LONG], **options) == [{"summary_text": found[0]}]
    with pytest.raises(attend.InvalidArgumentError, match="parts of 8 tokens"):
        writer.summarize(LONG, by_parts=True, max_length_of_source=8)
    with pytest.raises(attend.InvalidStateError, match="would never fit"):
        writer.summarize(LONG, by_parts=True, min_new_tokens=60, max_new_tokens=60, num_beams=1)


@pytest.mark.parametrize("short, long", [("fra", "fra_Latn"), ("fr", None), ("zho", None)])
def test_languages_without_their_script(tmp_path: Path, short: str, long: str | None) -> None:
    names = ["eng_Latn", "fra_Latn", "zho_Hans", "zho_Hant"]
    folder = speaker(tmp_path / "model", "m2m_100", names, [names[0], "$A", "<2>"], "NllbTokenizerFast")
    with attend.Model(folder) as model:
        if long is None:
            nearest = {"fr": "fra_Latn, ", "zho": "zho_Hans, zho_Hant, "}[short]
            with pytest.raises(attend.InvalidArgumentError, match=f"'{short}'; there are {nearest}"):
                model.translate("hello", tgt_lang=short)
        else:
            options = {"max_new_tokens": 8}
            assert model.translate("hello", tgt_lang=short, **options) == model.translate(
                "hello", tgt_lang=long, **options
            )


def test_text_generation(decoder: attend.Model) -> None:
    generate = attend.pipeline("text-generation", decoder, max_new_tokens=5)
    answers = decoder.generate(["ab", "hello"], max_new_tokens=5)
    assert generate(["ab", "hello"]) == [
        [{"generated_text": "ab" + answers[0].text}],
        [{"generated_text": "hello" + answers[1].text}],
    ]
    assert generate("ab", return_full_text=False) == [{"generated_text": answers[0].text}]
    several = generate("ab", num_return_sequences=2, num_beams=3)
    assert len(several) == 2 and several[0] != several[1]
    ids = generate("ab", return_tensors=True)[0]["generated_token_ids"]
    assert ids == [*answers[0][0].prompt_ids.tolist(), *answers[0].ids.tolist()]
    chat = [{"role": "user", "content": "hi"}]
    answer = {"role": "assistant", "content": decoder.chat(chat, max_new_tokens=5).text}
    assert generate(chat) == [{"generated_text": [*chat, answer]}]
    assert generate([chat, chat]) == [[{"generated_text": [*chat, answer]}]] * 2
    assert generate(chat, return_full_text=False) == [{"generated_text": answer["content"]}]
    stopped = generate("ab", stop_sequence=answers[0].text[0], return_full_text=False)
    assert stopped == [{"generated_text": answers[0].text[0]}]
    with pytest.raises(attend.InvalidArgumentError, match="conversation ends"):
        generate([*chat, answer])


def test_pictures_and_sounds(tmp_path: Path) -> None:
    with attend.Model(VIT) as model:
        classify = attend.pipeline("image-classification", model)
        inputs = arrays(VIT)
        found = model.classify(inputs, top_k=5)
        wanted = [[{"label": each.label, "score": each.score} for each in own] for own in found]
        assert classify(inputs) == wanted and classify(inputs[0]) == wanted[0]
        assert len(classify(inputs[0], top_k=2)) == 2 and classify(inputs[0], function_to_apply="sigmoid") != wanted[0]
        with pytest.raises(attend.InvalidArgumentError, match="nothing is downloaded"):
            classify("https://example.org/cat.png")
    with attend.Model(SOUNDS) as model:
        classify = attend.pipeline("audio-classification", model)
        found = model.classify(arrays(SOUNDS))
        assert classify(arrays(SOUNDS)) == [
            [{"label": each.label, "score": each.score} for each in own] for own in found
        ]
    with attend.Model(words(FIXTURES / "features" / "trocr", tmp_path)) as model:
        caption = attend.pipeline("image-to-text", model, num_beams=1)
        pictures = [picture("trocr", number) for number in range(2)]
        texts = model.describe(pictures, max_new_tokens=6, num_beams=1)
        assert caption(pictures, max_new_tokens=6) == [[{"generated_text": text}] for text in texts]
        assert caption(pictures[0], generate_kwargs={"max_new_tokens": 6}) == [{"generated_text": texts[0]}]


def test_speech(tmp_path: Path) -> None:
    from test_ctc import LETTERS, RATE, samples

    folder = Path(shutil.copytree(FIXTURES / "features" / "wav2vec2-ctc", tmp_path / "model"))
    front = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "do_normalize": True, "sampling_rate": RATE}
    (folder / "preprocessor_config.json").write_text(json.dumps(front))
    (folder / "vocab.json").write_text(json.dumps({letter: place for place, letter in enumerate(LETTERS)}))
    (folder / "tokenizer_config.json").write_text('{"word_delimiter_token": "|"}')
    with attend.Model(folder) as model:
        hear = attend.pipeline("automatic-speech-recognition", model)
        sound = samples(1.5).astype(np.float32)
        found = model.transcribe(sound, rate=RATE)
        assert hear(sound) == {"text": found.text} == hear({"raw": sound, "sampling_rate": RATE})
        assert hear([sound, sound]) == [{"text": found.text}] * 2
        timed = hear(sound, return_timestamps="word")
        words = model.transcribe(sound, rate=RATE, return_timestamps="word").words
        chunks = [{"text": each.word, "timestamp": (each.start, each.end)} for each in words]
        assert timed["chunks"] == chunks
        with pytest.raises(attend.InvalidArgumentError, match="sampling_rate"):
            hear({"raw": sound})


def test_pictures_to_labels_of_the_caller() -> None:
    with attend.Model(FIXTURES / "features" / "clip") as model:
        classify = attend.pipeline("zero-shot-image-classification", model)
        with pytest.raises(attend.InvalidArgumentError, match="candidate_labels"):
            classify(arrays(FIXTURES / "features" / "clip")[0])


def test_pipelines_own_what_they_load() -> None:
    with attend.pipeline("ner", FIXTURES / "tasks" / "tokens", threads=1) as label:
        assert label.model.threads == 1 and "token-classification" in repr(label)
        assert label("ada in london", batch_size=3) is not None
        with pytest.raises(TypeError, match="given by name"):
            label("ada", "simple")
        with pytest.raises(TypeError, match="expected a text"):
            label(3)
    assert label.model.closed
    with attend.Model(FIXTURES / "tasks" / "tokens") as model:
        attend.pipeline("ner", model).close()
        assert not model.closed


def test_options_that_would_be_lost_are_told() -> None:
    with attend.Model(FIXTURES.parents[1] / "models" / "g2p-en") as model:
        with pytest.raises(attend.InvalidArgumentError, match="num_return_sequences: one text"):
            attend.pipeline("text2text-generation", model)("hello", num_beams=4, num_return_sequences=3)
        with pytest.raises(attend.UnsupportedError, match="text-generation: .* is no decoder"):
            attend.pipeline("text-generation", model)("hello")
    with attend.pipeline("question-answering", FIXTURES / "tasks" / "answers") as answer:
        with pytest.raises(TypeError, match="3 arguments"):
            answer("who?", "ada slept", 5)
    with attend.pipeline("text-classification", FIXTURES / "tasks" / "topics") as classify:
        assert classify({"text": "slept", "text_pair": ""}) == classify({"text": "slept"})


def test_places_behind_half_a_surrogate_pair() -> None:
    with attend.Model(FIXTURES / "tasks" / "tokens") as model:
        found, plain = (model.find_entities(f"ada {mark} in london", ignored_labels=[]) for mark in ("\ud800", "x"))
        assert [each.end for each in found][-1] == [each.end for each in plain][-1] == 15
