"""Tasks on texts against transformers' pipelines: stored results of 300 inputs (Tests/Fixtures/tasks), and where
transformers is installed what it gives now.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Iterator

import attend
import pytest
from conftest import FIXTURES

TASKS = FIXTURES / "tasks"
CASES = json.loads((TASKS / "expected.json").read_text())
#: Tasks whose texts transformers cuts without being asked.
CUT = ("token-classification", "zero-shot-classification")


@pytest.fixture(scope="module")
def models() -> Iterator[dict[str, attend.Model]]:
    made = {config.parent.name: attend.Model(config.parent) for config in TASKS.glob("*/config.json")}
    yield made
    for model in made.values():
        model.close()


def check(found: Any, wanted: Any, place: str = "") -> None:
    """Everything equal, and scores within 1e-4."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict) and set(found) == set(wanted), place
        for key, value in wanted.items():
            check(found[key], value, f"{place}.{key}")
    elif isinstance(wanted, list):
        assert isinstance(found, list) and len(found) == len(wanted), f"{place}: {found} for {wanted}"
        for index, value in enumerate(wanted):
            check(found[index], value, f"{place}[{index}]")
    elif isinstance(wanted, float):
        assert abs(found - wanted) <= 1e-4, f"{place}: {found} for {wanted}"
    else:
        assert found == wanted, f"{place}: {found!r} for {wanted!r}"


def asked(case: dict[str, Any]) -> dict[str, Any]:
    options = dict(case["options"])
    if case["task"] in CUT and "stride" not in options:
        options["truncation"] = True
    return options


def test_there_are_300_inputs() -> None:
    assert len(CASES) == 300 and {case["folder"] for case in CASES} == {
        path.parent.name for path in TASKS.glob("*/config.json")
    }


@pytest.mark.parametrize("task", sorted({case["task"] for case in CASES}))
def test_results_are_those_of_the_pipelines(task: str, models: dict[str, attend.Model]) -> None:
    for number, case in enumerate(CASES):
        if case["task"] == task:
            pipeline = attend.pipeline(task, models[case["folder"]])
            check(pipeline(case["input"], **asked(case)), case["result"], f"case {number}")


@pytest.mark.parametrize("task", sorted({case["task"] for case in CASES} - {"question-answering"}))
def test_results_are_those_of_transformers_here(task: str, models: dict[str, attend.Model]) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torch")
    cases = [case for case in CASES if case["task"] == task][::7]
    for case in cases:
        folder = str(TASKS / case["folder"])
        reference = transformers.pipeline(task, folder, tokenizer=folder, device=-1)
        given, options = case["input"], asked(case)
        if isinstance(given, str):
            given = given.replace("the", "a").upper() if task != "fill-mask" else f"so {given}"
        wanted = reference(given, **case["options"])
        check(
            attend.pipeline(task, models[case["folder"]])(given, **options),
            json.loads(json.dumps(wanted, default=float)),
        )


def test_many_texts_give_what_each_gives(models: dict[str, attend.Model]) -> None:
    texts = [case["input"] for case in CASES if case["folder"] == "tokens"]
    label = attend.pipeline("ner", models["tokens"], aggregation_strategy="first", truncation=True)
    alone = [label(text) for text in texts]
    assert label(texts) == alone
    assert list(label(iter(texts), batch_size=7)) == alone
    assert label([]) == [] and label(texts[:1]) == alone[:1]
    questions = [case["input"] for case in CASES if case["folder"] == "answers"]
    answer = attend.pipeline("question-answering", models["answers"], max_seq_len=48)
    assert answer(questions) == [answer(one) for one in questions]
    one = questions[0]
    assert answer(one["question"], one["context"]) == answer(question=one["question"], context=one["context"])
    assert answer(question=[one["question"]] * 2, context=one["context"]) == [answer(one)] * 2


def test_shapes_of_text_classification(models: dict[str, attend.Model]) -> None:
    classify = attend.pipeline("sentiment-analysis", models["topics"])
    text = "the weather in london"
    (best,) = classify(text)
    assert classify([text, text]) == [best, best] and classify({"text": text}) == best
    assert classify(text, top_k=1) == [best] and len(classify(text, top_k=None)) == 4
    assert classify([text], top_k=2) == [classify(text, top_k=2)]
    entail = attend.pipeline("text-classification", models["entailment"])
    pairs = [{"text": text, "text_pair": "rain"}, {"text": text, "text_pair": "engines"}]
    assert entail(pairs) == [entail(pair) for pair in pairs] and entail(pairs[0]) != entail(text)


def test_cross_encoders_have_their_activation(models: dict[str, attend.Model], tmp_path: Path) -> None:
    (found,) = models["rank"].classify("rain", "weather", function="cross-encoder")
    assert found.score == pytest.approx(found.logit)
    folder = shutil.copytree(TASKS / "rank", tmp_path / "rank")
    config = json.loads((folder / "config.json").read_text())
    for key, name in (
        ("sbert_ce_default_activation_function", "Sigmoid"),
        (None, None),
        ("sentence_transformers", "Tanh"),
    ):
        changed = {k: v for k, v in config.items() if k != "sentence_transformers"}
        if key == "sentence_transformers":
            changed[key] = {"activation_fn": f"torch.nn.modules.activation.{name}"}
        elif key:
            changed[key] = f"torch.nn.modules.activation.{name}"
        (folder / "config.json").write_text(json.dumps(changed))
        with attend.Model(folder) as model:
            if name == "Tanh":
                with pytest.raises(attend.UnsupportedError, match="Tanh"):
                    model.classify("rain", "weather", function="cross-encoder")
            else:
                (own,) = model.classify("rain", "weather", function="cross-encoder")
                assert own.score == pytest.approx(1 / (1 + 2.718281828459045**-own.logit))


def test_features_are_the_hidden_states(models: dict[str, attend.Model]) -> None:
    texts = ["the weather", "engines in london and paris"]
    extract = attend.pipeline("feature-extraction", models["masked"])
    lists, arrays = extract(texts), extract(texts, return_tensors=True)
    with models["masked"].session() as session, models["masked"].tokenizer as tokenizer:
        session.encode(tokenizer.encode_batch(texts))
        for own, array, states in zip(lists, arrays, session.hidden_states()):
            assert array.shape == (1, *states.shape) and (array[0] == states).all() and own == array.tolist()
    assert extract(texts[0]) == lists[0]


def test_long_texts_are_errors_or_cut(models: dict[str, attend.Model]) -> None:
    long = "weather " * 400
    for task, folder, options in (
        ("ner", "tokens", {}),
        ("text-classification", "topics", {}),
        ("fill-mask", "masked", {}),
        ("zero-shot-classification", "entailment", {"candidate_labels": ["rain"]}),
        ("feature-extraction", "masked", {}),
    ):
        pipeline = attend.pipeline(task, models[folder], **options)
        text = f"[MASK] {long}" if task == "fill-mask" else long
        with pytest.raises(attend.InvalidArgumentError, match="256 positions"):
            pipeline(text)
        assert pipeline(text, truncation=True) and pipeline(text, truncation=True, max_length=20)
        with pytest.raises(attend.InvalidArgumentError, match="truncation=True"):
            pipeline(text, max_length=20)
        with pytest.raises(attend.InvalidArgumentError, match="truncation: 'left'"):
            pipeline(text, truncation="left")
    windows = attend.pipeline("ner", models["tokens"], aggregation_strategy="simple", stride=8)(long)
    assert windows[-1]["end"] > 3000


def test_bad_input_is_named(models: dict[str, attend.Model], tmp_path: Path) -> None:
    for call, message in (
        (lambda: models["masked"].find_entities("a"), r"BertForMaskedLM without a head for classes of tokens"),
        (lambda: models["masked"].answer("a", "b"), r"without a head for answers to questions"),
        (lambda: models["tokens"].fill("a"), r"BertForTokenClassification without a head for masked words"),
        (lambda: models["tokens"].classify_zero_shot("a", ["b"]), r"without a head that classifies"),
        (
            lambda: models["topics"].classify_zero_shot("a", ["b"]),
            r'no label is "entailment".*sport, art, science, war',
        ),
        (lambda: models["tokens"].translate("a"), r"no encoder-decoder"),
    ):
        with pytest.raises(attend.UnsupportedError, match=message):
            call()
    for bad, message in (
        (lambda: models["masked"].fill(["a [MASK]", "b"]), r"text 1 has no mask token, \[MASK\]"),
        (lambda: models["masked"].fill("[MASK]", targets=[""]), r'target ""'),
        (lambda: models["masked"].fill("[MASK]", top_k=0), r"top_k"),
        (lambda: models["entailment"].classify_zero_shot("a", []), r"labels: there are none"),
        (
            lambda: models["entailment"].classify_zero_shot("a", ["b"], hypothesis_template="x"),
            r"no \{\} for the label",
        ),
        (lambda: models["entailment"].classify_zero_shot("a", ["b"], hypothesis_template="{x}"), r"brace at byte 0"),
        (lambda: models["tokens"].find_entities("a", stride=2), r"without an aggregation"),
        (lambda: models["tokens"].find_entities("a", aggregation="mean"), r"aggregation: 'mean'"),
        (lambda: models["tokens"].find_entities("a", ignored_labels="O"), r"ignored_labels"),
        (lambda: models["answers"].answer(["a", "b"], ["c"]), r"1 texts for 2 questions"),
        (lambda: models["answers"].answer("weather " * 80, "c", max_length=64), r"question 0|text 0"),
        (lambda: models["answers"].answer("a", "b", max_length=20, stride=30), r"stride"),
        (lambda: attend.pipeline("nonesense", models["answers"]), r"there is no 'nonesense'.*question-answering"),
        (lambda: attend.pipeline("ner", models["tokens"], grouped=True), r"grouped is no option"),
        (lambda: attend.pipeline("question-answering", models["answers"])({"question": "a"}), r"question and context"),
        (lambda: attend.pipeline("question-answering", models["answers"])({"question": "a", "context": ""}), r"empty"),
    ):
        with pytest.raises((attend.InvalidArgumentError, TypeError), match=message):
            bad()
    folder = shutil.copytree(TASKS / "tokens", tmp_path / "tokens")
    config = json.loads((folder / "config.json").read_text())
    del config["id2label"]["3"]
    config["id2label"]["6"] = "MORE"
    (folder / "config.json").write_text(json.dumps(config))
    with attend.Model(folder) as model, pytest.raises(attend.InvalidFileError, match="id2label names no class 3"):
        model.find_entities("a")


def test_no_texts_give_nothing(models: dict[str, attend.Model]) -> None:
    assert models["tokens"].find_entities([]) == [] and models["masked"].fill([]) == []
    assert models["answers"].answer([], []) == [] and models["entailment"].classify_zero_shot([], ["a"]) == []
    assert models["tokens"].find_entities("") == []
    assert models["tokens"].find_entities("a", ignored_labels=[])[0].token == 1
