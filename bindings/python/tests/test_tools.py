"""Functions that a model may call: answers that are held to calls, read back, in every search; schemas of functions."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Optional, Union

import attend
import pytest
from conftest import lettered

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Oslo", "Rome"]}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
NOW = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
TOOLS = [WEATHER, NOW]
#: The id of "~", which a special token takes the place of.
MARK = 97
MESSAGES = [{"role": "user", "content": "Hi!"}]
#: A template that offers tools and teaches a format by its marks.
TEMPLATE = (
    "{%% for t in tools or [] %%}[{{ t.function.name }}]{%% endfor %%}"
    "{%% for m in messages %%}{{ m.content }};{%% endfor %%}{# %s #}"
)
SEARCHES: dict[str, dict[str, Any]] = {
    "greedy": {},
    "sampling": {"do_sample": True, "seed": 3, "temperature": 2.0, "num_return_sequences": 3},
    "beams": {"num_beams": 3, "num_return_sequences": 2},
    "drawn beams": {"num_beams": 3, "do_sample": True, "seed": 4, "temperature": 2.0},
}


def spacious(folder: Path) -> Path:
    """A model of letters with positions for whole calls."""
    lettered(folder, "llama")
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "max_position_embeddings": 2048}))
    return folder


def talker(folder: Path, mark: str, special: str | None = None) -> attend.Model:
    """A model of letters whose chat template writes calls behind a mark; ``special`` is a token of its own."""
    spacious(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE % mark}))
    if special is not None:
        path = folder / "tokenizer.json"
        data = json.loads(path.read_text())
        old = next(token for token, id in data["model"]["vocab"].items() if id == MARK)
        del data["model"]["vocab"][old]
        data["model"]["vocab"][special] = MARK
        data["added_tokens"].append({"id": MARK, "content": special, "special": True})
        path.write_text(json.dumps(data))
    return attend.Model(folder)


@pytest.fixture(scope="module")
def hermes(tmp_path_factory: Any) -> Iterator[attend.Model]:
    with talker(tmp_path_factory.mktemp("tools") / "model", "<tool_call>") as model:
        yield model


def check(call: attend.ToolCall) -> None:
    if call.name == "now":
        assert call.arguments == {}
    else:
        assert call.name == "weather" and set(call.arguments) == {"city", "days"}
        assert call.arguments["city"] in ("Oslo", "Rome") and call.arguments["days"] in range(1, 10)


@pytest.mark.parametrize("search", SEARCHES)
def test_a_call_is_required(hermes: attend.Model, search: str) -> None:
    options = {"max_new_tokens": 400, "parallel_tool_calls": False, **SEARCHES[search]}
    answer = hermes.chat(MESSAGES, tools=TOOLS, tool_choice="required", **options)
    assert "[weather][now]Hi!;" == hermes.tokenizer.decode(answer[0].prompt_ids)
    for each in answer:
        assert each.text is not None and each.text.startswith("<tool_call>\n{") and each.text.endswith("\n</tool_call>")
        assert len(each.tool_calls) == 1 and each.message is not None and not each.message.problems
        assert not each.message.content
        check(each.tool_calls[0])
    assert answer.tool_calls == answer[0].tool_calls
    assert hermes.chat(MESSAGES, tools=TOOLS, tool_choice="required", **options).message == answer.message


def test_the_function_is_named(hermes: attend.Model) -> None:
    def now() -> str:
        """The time."""
        return ""

    for choice in ("now", now, {"type": "function", "function": {"name": "now"}}):
        answer = hermes.chat(MESSAGES, tools=[WEATHER, now], tool_choice=choice, parallel_tool_calls=False)
        assert answer.tool_calls == (attend.ToolCall("now", {}),)


def test_several_calls(hermes: attend.Model) -> None:
    counts = set()
    for seed in range(12):
        options: dict[str, Any] = {"do_sample": True, "seed": seed, "temperature": 3.0, "max_new_tokens": 400}
        answer = hermes.chat(MESSAGES, tools=[NOW], tool_choice="required", **options)
        if answer.finish_reason == "end":
            assert answer.message is not None and not answer.message.problems
            counts.add(len(answer.tool_calls))
            for call in answer.tool_calls:
                check(call)
    assert counts and max(counts) > 1


def test_a_call_or_text(hermes: attend.Model) -> None:
    ids_of_mark = hermes.tokenizer.encode("<tool_call>", special_tokens=False)
    options: dict[str, Any] = {"tools": TOOLS, "do_sample": True, "seed": 1, "parallel_tool_calls": False}
    free = hermes.chat(MESSAGES, tool_choice="auto", max_new_tokens=20, **options)
    assert free.message is not None and free.tool_calls == () and free.message.content == free.text
    none = hermes.chat(MESSAGES, tool_choice="none", max_new_tokens=20, **options)
    assert none.tool_calls == ()

    def writes_the_mark(scores: Any, ids: Any) -> None:
        written = len(ids) - len(free[0].prompt_ids)
        if written < len(ids_of_mark):
            scores[ids_of_mark[written]] += 100.0

    for choice in ("auto", "none"):
        found = hermes.chat(
            MESSAGES, tool_choice=choice, max_new_tokens=400, logits_processor=writes_the_mark, **options
        )
        assert found.message is not None and not found.message.problems
        assert bool(found.tool_calls) == (choice == "auto")
        for call in found.tool_calls:
            check(call)


def test_marks_may_be_special_tokens(tmp_path: Path) -> None:
    options: dict[str, Any] = {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False}
    with talker(tmp_path / "model", "[TOOL_CALLS]", "[TOOL_CALLS]") as model:
        answer = model.chat(MESSAGES, max_new_tokens=400, **options)

        def likes_the_mark(scores: Any, ids: Any) -> None:
            scores[MARK] += 100.0

        marked = model.chat(MESSAGES, max_new_tokens=400, logits_processor=likes_the_mark, **options)
        assert marked.ids[0] == MARK and marked.text is not None and marked.text.startswith('[{"name"')
        for found in (answer, marked):
            assert found.message is not None and not found.message.problems and found.tool_calls
            for call in found.tool_calls:
                check(call)


@pytest.fixture(scope="module")
def untaught(tmp_path_factory: Any) -> Iterator[attend.Model]:
    with attend.Model(spacious(tmp_path_factory.mktemp("tools") / "untaught")) as model:
        yield model


@pytest.mark.parametrize("format", ["hermes", "llama3", "mistral", "mistral_named", "function_tag", "granite", "json"])
def test_formats(untaught: attend.Model, format: str) -> None:
    answer = untaught.generate(
        "a", tools=TOOLS, tool_choice="weather", tool_format=format, max_new_tokens=400, parallel_tool_calls=False
    )
    assert answer.message is not None and not answer.message.problems, answer.text
    assert len(answer.tool_calls) == 1 and answer.tool_calls[0].name == "weather"
    check(answer.tool_calls[0])


def test_a_message_goes_behind_the_others(hermes: attend.Model) -> None:
    answer = hermes.chat(MESSAGES, tools=TOOLS, tool_choice="weather", parallel_tool_calls=False, max_new_tokens=400)
    assert answer.message is not None
    message = answer.message.to_dict()
    (call,) = message["tool_calls"]
    assert message["role"] == "assistant" and message["content"] is None and call["type"] == "function"
    assert call["function"] == {"name": "weather", "arguments": answer.tool_calls[0].arguments}
    assert "None" not in hermes.tokenizer.chat([*MESSAGES, message, {"role": "tool", "content": "rain"}], tools=TOOLS)


def test_without_tools_nothing_is_read(hermes: attend.Model) -> None:
    answer = hermes.chat(MESSAGES, max_new_tokens=5)
    assert answer.message is None and answer.tool_calls == ()


@pytest.mark.parametrize(
    "options, part",
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": "then"}, 'tool_choice: there is no tool "then"; there is weather, now'),
        ({"tools": TOOLS, "tool_choice": 3}, "tool_choice is 3"),
        ({"tools": TOOLS, "tool_choice": "auto", "tool_format": "nonesuch"}, 'tool_format is "nonesuch"; known are'),
        ({"tools": [], "tool_choice": "required"}, "tools is empty"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "a tool without a name"),
        ({"tools": [NOW, NOW]}, 'two tools of the name "now"'),
        ({"tools": TOOLS, "tool_choice": "auto", "regex": "a"}, "tool_choice and regex"),
        ({"tools": TOOLS, "tool_choice": "auto", "tool_format": "json", "parallel_tool_calls": True}, "several calls"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_bad_options(hermes: attend.Model, options: dict[str, Any], part: str) -> None:
    with pytest.raises(attend.InvalidArgumentError, match=part.replace("(", r"\(")):
        hermes.chat(MESSAGES, **options)


def test_a_format_that_is_not_known(untaught: attend.Model) -> None:
    with pytest.raises(attend.UnsupportedError, match="tool_format .* hermes, llama3, mistral"):
        untaught.chat(MESSAGES, tools=TOOLS, tool_choice="auto")
    assert untaught.chat(MESSAGES, tools=TOOLS, max_new_tokens=5).tool_calls == ()  # nothing is asked of the text


# Functions


class Unit(enum.Enum):
    CELSIUS = "C"
    FAHRENHEIT = "F"


def forecast(
    city: str,
    days: int,
    unit: Unit,
    share: float = 0.5,
    names: Optional[list[str]] = None,  # noqa: UP045
    mood: Literal["calm", "wild"] = "calm",
    place: Union[int, str] = 0,  # noqa: UP007
    extra: dict[str, float] = {},  # noqa: B006
    pair: tuple[int, str] = (0, ""),
    both: Optional[Union[list[int], str]] = None,  # noqa: UP007, UP045
    drink: str = "tea",
    anything: Any = None,
    sure: bool = True,
) -> list[str]:
    """
    Tells the weather
    of days to come.

    Args:
        city: The city,
            by its name
        days (int): How many
        unit: Of the temperature
        share: A share
        names: Names
        mood: The mood
        place: A place
        extra: More
        pair: Two
        both: One or the other
        drink: What to drink (choices: ["tea", "coffee"])
        anything: Whatever
        sure: Sure?

    Returns:
        A line for each day
    """
    return []


def test_functions_describe_themselves() -> None:
    schema = attend.json_schema(forecast)["function"]
    assert schema["name"] == "forecast" and schema["description"] == "Tells the weather\nof days to come."
    properties = schema["parameters"]["properties"]
    assert properties["city"] == {"type": "string", "description": "The city, by its name"}
    assert properties["unit"] == {"type": "string", "enum": ["C", "F"], "description": "Of the temperature"}
    assert properties["drink"]["enum"] == ["tea", "coffee"]
    assert schema["parameters"]["required"] == ["city", "days", "unit"]


def test_descriptions_are_those_of_transformers() -> None:
    utils = pytest.importorskip("transformers.utils.chat_template_utils")
    assert attend.json_schema(forecast) == utils.get_json_schema(forecast)


def test_functions_that_do_not_describe_themselves() -> None:
    def bare(x: int) -> None: ...

    def untold(x: int) -> None:
        """A function."""

    def untyped(x) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """A function.

        Args:
            x: A number
        """

    def strange(x: Path) -> None:
        """A function.

        Args:
            x: A path
        """

    for function, part in ((bare, "docstring"), (untold, "x"), (untyped, "x"), (strange, "x of strange")):
        with pytest.raises(attend.InvalidArgumentError, match=f"{function.__name__}.*|.*{part}"):
            attend.json_schema(function)
