"""The pictures of a conversation."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Mapping, Sequence

from .errors import InvalidArgumentError
from .inputs import Input, Picture


def without_pictures(messages: Sequence[Any]) -> tuple[list[Any], list[Input]]:
    """The messages as a template sees them, and the pictures in the order of their places."""
    pictures: list[Input] = []
    return [_message(message, pictures) for message in messages], pictures


def _message(message: Any, pictures: list[Input]) -> Any:
    if not isinstance(message, Mapping) or not isinstance(message.get("content"), (list, tuple)):
        return message
    return {**message, "content": [_part(part, pictures) for part in message["content"]]}


def _part(part: Any, pictures: list[Input]) -> Any:
    if not isinstance(part, Mapping) or part.get("type") not in ("image", "image_url"):
        return part
    given = next((part[key] for key in ("image", "path", "url", "image_url") if part.get(key) is not None), None)
    if isinstance(given, Mapping):
        given = given.get("url")
    if given is None:
        raise InvalidArgumentError('messages: a part of type "image" has no picture: give it as "image"')
    pictures.append(given if isinstance(given, Input) else Picture(_source(given)))
    return {"type": "image"}


def _source(given: Any) -> Any:
    """What ``Picture`` takes, of a picture as messages hold it."""
    if not isinstance(given, str):
        return given
    if given.startswith("data:"):
        head, _, body = given.partition(",")
        try:
            return base64.b64decode(body, validate=True) if head.endswith(";base64") else None
        except binascii.Error as problem:
            raise InvalidArgumentError(f"messages: a picture's data: URL is not base64: {problem}") from None
    if given.startswith(("http://", "https://")):
        raise InvalidArgumentError(f"messages: {given}: nothing is downloaded; give the picture's path or bytes")
    return given.removeprefix("file://")
