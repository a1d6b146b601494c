"""The tasks that ``Model`` knows: translations, summaries, conversations."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._answers import Answers
from ._arrays import Int32Array
from ._languages import Languages
from ._messages import without_pictures
from .errors import UnsupportedError
from .generation import Generation
from .tools import Tool, ToolChoice

if TYPE_CHECKING:
    from .tokenizer import Tokenizer

_ENCODER_DECODER = 3


class Generating(Answers):
    """The tasks of a ``Model``: what it answers, in sessions of its own."""

    if TYPE_CHECKING:
        family: str
        kind: Any
        path: str
        _decoder_start: int | None
        config: dict[str, Any]

        @property
        def tokenizer(self) -> Tokenizer: ...

    def translate(
        self,
        texts: str | Iterable[str],
        *,
        src_lang: str | None = None,
        tgt_lang: str | None = None,
        **options: Any,
    ) -> Any:
        """The translation of a text, or the list of those of several, by an encoder-decoder.

        ``src_lang`` and ``tgt_lang`` are the languages, of models that know several, as their tokenizer names them:
        "fr_XX" (mBART), "fra_Latn" (NLLB), "fr" (M2M100, Marian, and T5, whose config.json has a prefix for each
        pair). A language that the model does not know is an InvalidArgumentError that lists some that it does. Options
        and errors as of ``Session.generate``.
        """
        self._require_sources("translation")
        tasks = self.config.get("task_specific_params") or {}
        if src_lang is tgt_lang is None:
            return self._write(texts, dict(tasks.get("translation") or {}), options)
        with self.tokenizer as tokenizer:
            languages = Languages(tokenizer, tasks, _tokenizer_class(self.path))
            params = languages.task(src_lang, tgt_lang)
            if params is not None:
                return self._write(texts, params, options)
            params = dict(tasks.get("translation") or {})
            token, leads = (None, False) if tgt_lang is None else languages.target(tgt_lang)
            if token is not None and not leads and token != self._decoder_start:
                params["forced_bos_token_id"] = token

            def source(text: str) -> Int32Array:
                ids = tokenizer.encode(text)
                if src_lang is not None:
                    ids = languages.source(ids, src_lang)
                return ids if token is None or not leads else np.insert(ids, 0, token)

            return self._write(texts, params, options, source)

    def summarize(self, texts: str | Iterable[str], **options: Any) -> Any:
        """The summary of a text, or the list of those of several, by an encoder-decoder.

        What config.json says for the task (``task_specific_params["summarization"]``: a prefix, lengths, beams) holds
        where the options leave it open. Options and errors as of ``Session.generate``.
        """
        self._require_sources("summarization")
        tasks = self.config.get("task_specific_params") or {}
        return self._write(texts, dict(tasks.get("summarization") or {}), options)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Tool] | None = None,
        tool_choice: ToolChoice | None = None,
        **options: Any,
    ) -> Generation:
        """The answer to a conversation, by the chat template in the tokenizer's folder; else as ``generate``.

        ``tools`` are what the model may call: their schemas as OpenAI has them, or functions of Python, which their
        type hints and docstrings describe (``json_schema``). ``tool_choice`` makes the answer keep to it: "auto" (what
        begins as a call is a valid one), "required", "none", or the one function to call. The calls are in
        ``tool_calls`` of the answer, the text around them in ``message.content``; ``message.to_dict()`` goes behind the
        other messages.

        A part of a message's content may be a picture, for models that see: ``{"type": "image", "image": picture}``, a
        ``Picture`` or what it is made of; ``{"type": "image_url", "image_url": {"url": "data:..."}}`` too. Nothing is
        downloaded.
        """
        messages, pictures = without_pictures(messages)
        with self.tokenizer as tokenizer:
            prompt = tokenizer.encode_chat(messages, add_generation_prompt=True, tools=tools)
        images = pictures or None
        answer: Generation = self.generate(prompt, tools=tools, tool_choice=tool_choice, images=images, **options)
        return answer

    def _require_sources(self, task: str) -> None:
        if self.kind != _ENCODER_DECODER:
            raise UnsupportedError(f"{self.family}: {task} needs an encoder-decoder; generate() goes on from prompts")

    def _write(
        self, texts: Any, params: dict[str, Any], options: dict[str, Any], source: Callable[[str], Any] | None = None
    ) -> Any:
        """Texts that are made of texts: strings, or a list of them. ``params`` hold where the options are silent."""
        prefix = params.pop("prefix", "")
        one = isinstance(texts, str)
        inputs = [prefix + text for text in ([texts] if one else texts)]
        found = self.generate(inputs if source is None else [source(text) for text in inputs], **{**params, **options})
        return found[0].text if one else [answer.text for answer in found]


def _tokenizer_class(folder: str) -> str:
    """What tokenizer_config.json calls the class of transformers; "" where it does not."""
    folder = os.path.dirname(folder) if os.path.isfile(folder) else folder
    try:
        with open(os.path.join(folder, "tokenizer_config.json"), encoding="utf-8") as file:
            return str(json.load(file).get("tokenizer_class", ""))
    except (OSError, ValueError, AttributeError):
        return ""
