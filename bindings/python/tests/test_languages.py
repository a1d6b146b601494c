"""Translation between languages that a model knows by tokens (mBART, M2M100, NLLB, Marian) or by prefixes (T5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attend
import pytest
from conftest import lettered
from test_generation import bits

#: Ids that letters of the tokenizers below give up for languages.
FIRST = 90


def speaker(folder: Path, family: str, languages: list[str], template: list[str] | None = None, name: str = "") -> Path:
    """A model of letters that has tokens for languages; ``template`` is what stands around a text."""
    lettered(folder, family)
    path = folder / "tokenizer.json"
    data = json.loads(path.read_text())
    vocabulary = data["model"]["vocab"]
    for id, language in enumerate(languages, FIRST):
        del vocabulary[next(token for token, other in vocabulary.items() if other == id)]
        vocabulary[language] = id
        data["added_tokens"].append({"id": id, "content": language, "special": True})
    if template is not None:
        known = {token: {"id": token, "ids": [id], "tokens": [token]} for token, id in vocabulary.items()}
        pieces = [
            {"Sequence": {"id": "A", "type_id": 0}} if each == "$A" else {"SpecialToken": {"id": each, "type_id": 0}}
            for each in template
        ]
        data["post_processor"] = {
            "type": "TemplateProcessing",
            "single": pieces,
            "pair": [*pieces, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {each: known[each] for each in template if each != "$A"},
        }
    path.write_text(json.dumps(data))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "tokenizer_class": name}))
    return folder


def ids(model: attend.Model, text: str) -> list[int]:
    return [int(id) for id in model.tokenizer.encode(text, special_tokens=False)]


def same(model: attend.Model, text: Any, source: list[int], **options: Any) -> bool:
    return bool(text == model.generate(source, max_new_tokens=8, **options).text)


@pytest.mark.parametrize(
    "family, name, languages, asked",
    [
        ("m2m_100", "M2M100Tokenizer", ["__en__", "__fr__", "__de__"], ["en", "fr", "de"]),
        ("m2m_100", "NllbTokenizerFast", ["eng_Latn", "fra_Latn", "deu_Latn"], ["eng_Latn", "fra_Latn", "deu_Latn"]),
        ("mbart", "MBart50TokenizerFast", ["en_XX", "fr_XX", "de_DE"], ["en_XX", "fr_XX", "de_DE"]),
        ("mbart", "MBartTokenizerFast", ["en_XX", "fr_XX", "de_DE"], ["en_XX", "fr_XX", "de_DE"]),
    ],
)
@pytest.mark.parametrize("has_template", [True, False])
def test_tokens_of_languages(
    tmp_path: Path, family: str, name: str, languages: list[str], asked: list[str], has_template: bool
) -> None:
    isLast = name == "MBartTokenizerFast"
    end = "<2>"
    template = ["$A", end, languages[0]] if isLast else [languages[0], "$A", end]
    if not has_template:
        template = ["$A", end]
    with attend.Model(speaker(tmp_path / "model", family, languages, template, name)) as model:
        text, eos = ids(model, "hello"), model.tokenizer.id(end)
        assert eos is not None

        def source(language: int) -> list[int]:
            return [*text, eos, FIRST + language] if isLast else [FIRST + language, *text, eos]

        found = model.translate("hello", src_lang=asked[1], tgt_lang=asked[2], max_new_tokens=8)
        assert same(model, found, source(1), forced_bos_token_id=FIRST + 2)
        if has_template:
            found = model.translate("hello", tgt_lang=asked[1], max_new_tokens=8)
            assert same(model, found, source(0), forced_bos_token_id=FIRST + 1)
        both = model.translate(["hello", "ab"], src_lang=asked[0], tgt_lang=asked[1], max_new_tokens=8)
        assert len(both) == 2 and same(model, both[0], source(0), forced_bos_token_id=FIRST + 1)
        for option in ("src_lang", "tgt_lang"):
            with pytest.raises(attend.InvalidArgumentError, match=f"{option}: .*'xx'; there are {languages[0]}"):
                model.translate("hello", **{option: "xx"})


def test_targets_of_marian_stand_before_the_source(tmp_path: Path) -> None:
    with attend.Model(speaker(tmp_path / "model", "marian", [">>de<<", ">>fr<<"], ["$A", "<0>"])) as model:
        source = [FIRST + 1, *ids(model, "hello"), 0]
        for name in ("fr", ">>fr<<"):
            assert same(model, model.translate("hello", tgt_lang=name, max_new_tokens=8), source)
        with pytest.raises(attend.InvalidArgumentError, match="tgt_lang: .*'xx'; there are >>de<<, >>fr<<"):
            model.translate("hello", tgt_lang="xx")
        with pytest.raises(attend.InvalidArgumentError, match="src_lang: .* it has none of any language"):
            model.translate("hello", src_lang="en", tgt_lang="fr")


def test_prefixes_of_pairs(tmp_path: Path) -> None:
    folder = lettered(tmp_path / "t5", "t5")
    config = json.loads((folder / "config.json").read_text())
    config["task_specific_params"] = {
        "summarization": {"prefix": "sum: ", "max_new_tokens": 4},
        "translation_en_to_de": {"prefix": "to German: ", "max_new_tokens": 5, "num_beams": 2},
        "translation_en_to_fr": {"prefix": "to French: ", "max_new_tokens": 6},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with attend.Model(folder) as model:
        german = model.generate("to German: ab", max_new_tokens=5, num_beams=2).text
        french = model.generate("to French: ab", max_new_tokens=6).text
        assert model.translate("ab", src_lang="en", tgt_lang="de") == german
        assert model.translate("ab", tgt_lang="fr") == french
        assert model.translate(["ab"], tgt_lang="fr", max_new_tokens=6) == [french]
        assert model.translate("ab", max_new_tokens=5) == model.generate("ab", max_new_tokens=5).text
        assert model.summarize("ab") == model.generate("sum: ab", max_new_tokens=4).text
        for languages, count in (({"tgt_lang": "xx"}, "none"), ({"src_lang": "en"}, "2")):
            with pytest.raises(attend.InvalidArgumentError, match=f"name {count} of .*: en to de, en to fr"):
                model.translate("ab", **languages)


def test_models_without_languages(model: attend.Model) -> None:
    with pytest.raises(attend.InvalidArgumentError, match="tgt_lang: .*'fr'; it has none of any language"):
        model.translate("hello", tgt_lang="fr")
    assert model.translate("hello") == "HH EH1 L OW0"
    assert bits(model.generate("hello")) == bits(model.generate("hello"))
