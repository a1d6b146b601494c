"""Options of generation as the library takes them: by name, in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import InvalidArgumentError
from .tools import choice, schemas

#: What a conversation may have none of.
_TOOLS = ("tools", "tool_choice")


def spelled(options: Mapping[str, Any]) -> bytes | None:
    """Options as an object of JSON, and of no options None.

    None is null, which takes back what the checkpoint says. Functions are their schemas or names, and mappings of
    tokens to biases lists of pairs.
    """
    given = {name: value for name, value in options.items() if value is not None or name not in _TOOLS}
    if not given:
        return None
    for name in ("sequence_bias", "logit_bias"):
        if isinstance(given.get(name), Mapping):
            given[name] = [
                [list(tokens) if isinstance(tokens, tuple) else tokens, bias] for tokens, bias in given[name].items()
            ]
    if "tools" in given:
        given["tools"] = schemas(given["tools"])
    if "tool_choice" in given:
        given["tool_choice"] = choice(given["tool_choice"])
    try:
        return json.dumps(given, default=_plain).encode()
    except TypeError as problem:
        raise InvalidArgumentError(f"an option is no number, text, list or mapping: {problem}") from None


def _plain(value: Any) -> Any:
    """Arrays and numbers of numpy and the like as lists and numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(type(value).__name__)
