"""Tasks that see and hear."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidArgumentError
from ..inputs import Input, Picture, Sound
from ._base import Pipeline
from ._texts import labelled


def _function(given: Any) -> str | None:
    return None if given is None else str(getattr(given, "value", given)).lower()


class ImageClassification(Pipeline):
    """Labels with scores of pictures: paths, bytes, images of PIL, arrays, ``attend.Picture``."""

    task = "image-classification"
    noun = "a picture"
    known = {"top_k": 5, "function_to_apply": None}

    def is_one(self, inputs: Any) -> bool:
        return is_picture(inputs)

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        function = _function(options["function_to_apply"])
        found = self.model.classify([picture(each) for each in inputs], top_k=options["top_k"], function=function)
        return [labelled(classes) for classes in found]


class ZeroShotImageClassification(Pipeline):
    """How well labels fit pictures, by a model with a tower for each."""

    task = "zero-shot-image-classification"
    noun = "a picture"
    places = ("candidate_labels",)
    known = {"candidate_labels": None, "hypothesis_template": "This is a photo of {}."}

    def is_one(self, inputs: Any) -> bool:
        return is_picture(inputs)

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        labels = list(options["candidate_labels"] or [])
        if not labels:
            raise InvalidArgumentError("candidate_labels: there are none to choose from")
        texts = [options["hypothesis_template"].format(label) for label in labels]
        found = self.model.similarity([picture(each) for each in inputs], texts).probabilities
        return [
            [
                {"score": score, "label": label}
                for score, label in sorted(zip(row.tolist(), labels), key=lambda each: -each[0])
            ]
            for row in found
        ]


class ImageToText(Pipeline):
    """What is seen in pictures, in words."""

    task = "image-to-text"
    noun = "a picture"
    generates = True
    known = {"prompt": None, "generate_kwargs": None}

    def is_one(self, inputs: Any) -> bool:
        return is_picture(inputs)

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        given = {name: value for name, value in options.items() if name not in self.known}
        given.update(options["generate_kwargs"] or {})
        texts = self.model.describe([picture(each) for each in inputs], options["prompt"], **given)
        return [[{"generated_text": text}] for text in texts]


class _Hearing(Pipeline):
    """What hears: paths, bytes, samples at the model's rate, dicts of samples with ``sampling_rate``, ``Sound``."""

    noun = "a sound"

    def is_one(self, inputs: Any) -> bool:
        return isinstance(inputs, (str, bytes, os.PathLike, Mapping, Input)) or hasattr(inputs, "__array__")

    def sound(self, given: Any) -> Any:
        """A sound of an input."""
        if isinstance(given, Input):
            return given
        if isinstance(given, Mapping):
            samples = given.get("raw", given.get("array"))
            if samples is None or given.get("sampling_rate") is None:
                raise InvalidArgumentError("inputs: a dict of a sound has raw or array, and sampling_rate")
            return Sound(samples, sampling_rate=given["sampling_rate"])
        return Sound(given, sampling_rate=self.rate()) if hasattr(given, "__array__") else Sound(given)

    def rate(self) -> int:
        """Samples of the model in a second."""
        try:
            with open(os.path.join(self.model.path, "preprocessor_config.json"), encoding="utf-8") as file:
                return int(json.load(file).get("sampling_rate", 16000))
        except (OSError, ValueError, AttributeError):
            return 16000


class AudioClassification(_Hearing):
    """Labels with scores of sounds."""

    task = "audio-classification"
    known = {"top_k": None, "function_to_apply": None}

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        function = _function(options["function_to_apply"])
        found = self.model.classify([self.sound(each) for each in inputs], top_k=options["top_k"], function=function)
        return [labelled(classes) for classes in found]


class SpeechRecognition(_Hearing):
    """What is said in recordings: ``text``, and with ``return_timestamps`` ``chunks`` with their times."""

    task = "automatic-speech-recognition"
    generates = True
    known = {"return_timestamps": None, "generate_kwargs": None, "return_language": False}

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        given = {name: value for name, value in options.items() if name not in self.known}
        given.update(options["generate_kwargs"] or {})
        times = options["return_timestamps"]
        if times is not None:
            given["return_timestamps"] = times
        found = self.model.transcribe([self.sound(each) for each in inputs], **given)
        return [_said(each, times, options["return_language"]) for each in found]


def _said(found: Any, times: Any, tells_language: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"text": found.text}
    if times:
        if times == "char":
            parts = [(each.word, each.start, each.end) for each in found.characters]
        elif times == "word":
            parts = [(each.word, each.start, each.end) for each in found.words]
        else:
            parts = [(each.text, each.start, each.end) for each in found.segments]
        result["chunks"] = [{"text": text, "timestamp": (start, end)} for text, start, end in parts]
    if tells_language:
        result["language"] = found.language
    return result


def is_picture(inputs: Any) -> bool:
    """Whether this is one picture, not a list of some."""
    if isinstance(inputs, (str, bytes, os.PathLike, Input)):
        return True
    return hasattr(inputs, "__array__") or hasattr(inputs, "__array_interface__")


def picture(given: Any) -> Input:
    """A picture of an input."""
    if isinstance(given, str) and given.startswith(("http://", "https://")):
        raise InvalidArgumentError(f"inputs: {given}: nothing is downloaded; give the picture's path or bytes")
    return given if isinstance(given, Input) else Picture(given)
