"""Functions that a model may call: what is told of them, and the calls that an answer holds."""

from __future__ import annotations

import enum
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import InvalidArgumentError

#: A tool as chat templates take it, or a function that describes itself.
Tool = typing.Union[Mapping[str, Any], Callable[..., Any]]
#: "none", "auto", "required", the name of a function, the function, or OpenAI's object that names one.
ToolChoice = typing.Union[str, Mapping[str, Any], Callable[..., Any]]


@dataclass(frozen=True)
class ToolCall:
    """A function that the model wants called."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Message:
    """An answer taken apart."""

    content: str | None  #: the text around the calls
    tool_calls: tuple[ToolCall, ...]
    problems: tuple[str, ...]  #: a sentence for each part that looks like a call and cannot be read

    @classmethod
    def parse(cls, text: str) -> Message:
        """What ``attend_generation_message`` gives."""
        data = json.loads(text)
        functions = [call["function"] for call in data.get("tool_calls", ())]
        calls = tuple(ToolCall(function["name"], function["arguments"]) for function in functions)
        return cls(data["content"], calls, tuple(data.get("problems", ())))

    def to_dict(self) -> dict[str, Any]:
        """The message as chat templates take it, to be put behind the others."""
        data: dict[str, Any] = {"role": "assistant", "content": self.content}
        if self.tool_calls:
            data["tool_calls"] = [
                {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.tool_calls
            ]
        return data


def schemas(tools: Sequence[Tool]) -> list[Any]:
    """Tools as JSON has them: functions are described by ``json_schema``."""
    return [json_schema(tool) if callable(tool) else tool for tool in tools]


def choice(value: ToolChoice | None) -> Any:
    """The option ``tool_choice``: a function stands for its name."""
    return value.__name__ if callable(value) else value


def json_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """The description of a function for a chat template, from its type hints and its docstring in Google's style.

    It is that of transformers' ``get_json_schema``: ``{"type": "function", "function": {"name", "description",
    "parameters"}}``. Raises InvalidArgumentError where the docstring does not describe the function or one of its
    arguments, or a type hint has no schema.
    """
    name = getattr(function, "__name__", type(function).__name__)
    description, arguments, returns = _docstring(function, name)
    try:
        hints = typing.get_type_hints(function)
    except Exception as problem:
        raise InvalidArgumentError(f"tools: the type hints of {name} cannot be read: {problem}") from None
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in _parameters(function):
        if parameter.name not in hints:
            raise InvalidArgumentError(f"tools: argument {parameter.name} of {name} has no type hint")
        if parameter.name not in arguments:
            raise InvalidArgumentError(f"tools: the docstring of {name} does not describe {parameter.name}")
        text = arguments[parameter.name]
        properties[parameter.name] = schema = _schema(hints[parameter.name], f"{parameter.name} of {name}")
        choices = re.search(r"\(choices:\s*(.*?)\)\s*$", text, re.IGNORECASE)
        if choices:
            schema["enum"] = json.loads(choices[1])
            text = text[: choices.start()].strip()
        schema["description"] = text
        if parameter.default is inspect.Parameter.empty:
            required.append(parameter.name)
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = required
    described: dict[str, Any] = {"name": name, "description": description, "parameters": parameters}
    if "return" in hints:
        try:
            described["return"] = _schema(hints["return"], f"the result of {name}")
        except InvalidArgumentError:
            pass  # the model never writes it
        else:
            if returns is not None:
                described["return"]["description"] = returns
    return {"type": "function", "function": described}


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """All but a receiver without a type hint."""
    parameters = list(inspect.signature(function).parameters.values())
    if parameters and parameters[0].name in ("self", "cls") and parameters[0].annotation is inspect.Parameter.empty:
        return parameters[1:]
    return parameters


_SECTION = re.compile(r"^[ \t]*(Args|Returns|Raises|Yields|Examples?|Notes?):[ \t]*$", re.MULTILINE)
_ARGUMENT = re.compile(r"^([ \t]*)(\w+)(?:[ \t]*\([^()\n]*\))?:[ \t]*(.*)$")


def _docstring(function: Callable[..., Any], name: str) -> tuple[str, dict[str, str], str | None]:
    """The description, those of the arguments, and that of the result."""
    text = inspect.getdoc(function)
    if not text:
        raise InvalidArgumentError(f"tools: {name} has no docstring to describe it")
    marks = list(_SECTION.finditer(text))
    description = text[: marks[0].start() if marks else len(text)].strip()
    sections = {
        mark[1]: text[mark.end() : following.start() if following else len(text)]
        for mark, following in zip(marks, [*marks[1:], None])
    }
    returns = sections.get("Returns")
    return description, _arguments(sections.get("Args", "")), None if returns is None else returns.strip()


def _arguments(section: str) -> dict[str, str]:
    """The descriptions under "Args:"; lines that are indented more than a name go on with its description."""
    found: dict[str, str] = {}
    name, indentation = "", 0
    for line in section.splitlines():
        if not line.strip():
            continue
        match = _ARGUMENT.match(line)
        if match and (not name or len(match[1]) <= indentation):
            name, indentation = match[2], len(match[1])
            found[name] = match[3].strip()
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


_TYPES = {
    int: "integer",
    float: "number",
    str: "string",
    bool: "boolean",
    type(None): "null",
    list: "array",
    tuple: "array",
    dict: "object",
}
_SCALARS = (int, float, str, bool, type(None))
_UNIONS: tuple[Any, ...] = (typing.Union, types.UnionType) if sys.version_info >= (3, 10) else (typing.Union,)


def _schema(hint: Any, place: str) -> dict[str, Any]:
    """The JSON schema of a type hint; ``place`` is for messages."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return {}
    if origin is None and isinstance(hint, type):
        if issubclass(hint, enum.Enum):
            return _enumeration([member.value for member in hint], place)
        if hint in _TYPES:
            return {"type": _TYPES[hint]}
    if origin in _UNIONS:
        return _union(arguments, place)
    if origin is typing.Literal:
        return _enumeration(list(arguments), place)
    if origin in (list, tuple, dict) and not arguments:
        return {"type": _TYPES[origin]}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], place)}
    if origin is tuple and len(arguments) > 1 and ... not in arguments:
        return {"type": "array", "prefixItems": [_schema(each, place) for each in arguments]}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1], place)}
    raise InvalidArgumentError(
        f"tools: the type hint {hint!r} of {place} has no JSON schema: give the schema of the tool itself"
    )


def _union(hints: tuple[Any, ...], place: str) -> dict[str, Any]:
    parts = [_schema(hint, place) for hint in hints if hint is not type(None)]
    if len(parts) == 1:
        result = parts[0]
    elif all(part.keys() == {"type"} and isinstance(part["type"], str) for part in parts):
        names = sorted({part["type"] for part in parts})
        result = {"type": names[0] if len(names) == 1 else names}
    else:
        result = {"anyOf": parts}
    if type(None) in hints:
        result["nullable"] = True
    return result


def _enumeration(values: list[Any], place: str) -> dict[str, Any]:
    if not values or any(type(value) not in _SCALARS for value in values):
        raise InvalidArgumentError(f"tools: the values {values!r} of {place} are not all numbers, texts, bools or None")
    names = list(dict.fromkeys(_TYPES[type(value)] for value in values))
    return {"type": names[0] if len(names) == 1 else names, "enum": values}


__all__ = ["Message", "Tool", "ToolCall", "ToolChoice", "json_schema"]
