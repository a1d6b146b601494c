"""Tasks by the names, arguments and results of transformers' pipelines: ``attend.pipeline(task, model)``."""

from __future__ import annotations

import re
from typing import Any

from .._arrays import Path
from ..errors import InvalidArgumentError
from ..model import Model
from ._base import Pipeline
from ._generation import Rewriting, Summarization, TextGeneration, Translation
from ._media import (
    AudioClassification,
    ImageClassification,
    ImageToText,
    SpeechRecognition,
    ZeroShotImageClassification,
)
from ._texts import (
    FeatureExtraction,
    FillMask,
    QuestionAnswering,
    TextClassification,
    TokenClassification,
    ZeroShotClassification,
)

#: What each task is answered by.
TASKS: dict[str, type[Pipeline]] = {
    "audio-classification": AudioClassification,
    "automatic-speech-recognition": SpeechRecognition,
    "feature-extraction": FeatureExtraction,
    "fill-mask": FillMask,
    "image-classification": ImageClassification,
    "image-to-text": ImageToText,
    "question-answering": QuestionAnswering,
    "summarization": Summarization,
    "text-classification": TextClassification,
    "text-generation": TextGeneration,
    "text2text-generation": Rewriting,
    "token-classification": TokenClassification,
    "translation": Translation,
    "zero-shot-classification": ZeroShotClassification,
    "zero-shot-image-classification": ZeroShotImageClassification,
}

#: Other names of tasks.
ALIASES = {"sentiment-analysis": "text-classification", "ner": "token-classification"}

_PAIR = re.compile(r"translation_(.+)_to_(.+)")


def pipeline(task: str, model: Model | Path, *, compute: str = "float32", threads: int = 0, **options: Any) -> Any:
    """A callable that answers one task: ``attend.pipeline("ner", folder)("Ada lived in London")``.

    ``task``: a name that transformers has for it, "translation_en_to_fr" among them. ``model``: a folder, which is
    loaded as ``compute`` and ``threads`` say (and closed with the pipeline), or a ``Model``. ``options`` are those of
    calls, and hold where a call leaves them open: those of transformers' pipeline by name; docs/tasks.md has them all.

    It is called with one input, which gives one result; with a list, which gives a list; or with any other iterable, a
    generator for example, which gives an iterator that reads ahead by ``batch_size`` inputs (64). A text that is too
    long is an error unless ``truncation=True`` cuts it, to ``max_length`` tokens or as many as the model reads.

    Errors: InvalidArgumentError (a task or an option that there is none of), UnsupportedError (the checkpoint has no
    head for the task), and those of ``Model``.
    """
    name, options = spelled(task, options)
    return TASKS[name](model, {"compute": compute, "threads": threads}, options)


def spelled(task: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name that a task has here, and the options with those that its name holds."""
    pair = _PAIR.fullmatch(task)
    if pair is not None:
        options = {"src_lang": pair[1], "tgt_lang": pair[2], **options}
    name = "translation" if pair is not None else ALIASES.get(task, task)
    if name not in TASKS:
        raise InvalidArgumentError(f"task: there is no {task!r}; there are {', '.join([*TASKS, *ALIASES])}")
    return name, options


__all__ = ["ALIASES", "TASKS", "Pipeline", "pipeline"]
