"""The tasks that ``Model`` knows: translations, summaries, conversations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from . import _task_declarations as t
from ._answers import Answers
from ._arrays import number, text_argument
from ._library import library
from ._messages import without_pictures
from .errors import InvalidArgumentError
from .generation import Generation
from .rewriting import rewrite
from .tools import Tool, ToolChoice

if TYPE_CHECKING:
    from .tokenizer import Tokenizer


class Generating(Answers):
    """The tasks of a ``Model``: what it answers, in sessions of its own."""

    if TYPE_CHECKING:

        @property
        def tokenizer(self) -> Tokenizer: ...

    def translate(
        self,
        texts: str | Iterable[str],
        *,
        src_lang: str | None = None,
        tgt_lang: str | None = None,
        max_length_of_source: SupportsIndex | None = None,
        **options: Any,
    ) -> Any:
        """The translation of a text, or the list of those of several, by an encoder-decoder.

        ``src_lang`` and ``tgt_lang`` are the languages, of models that know several, as their tokenizer names them:
        "fr_XX" (mBART), "fra_Latn" (NLLB), "fr" (M2M100, Marian, and T5, whose config.json has a prefix for each
        pair), or without country or script where no other begins so. A language that the model does not know is an
        InvalidArgumentError that lists the nearest that it does. ``max_length_of_source``: the most tokens of a text,
        to which longer ones are cut. Options and errors as of ``Session.generate``.
        """
        how = t.TranslateOptions(
            src_lang=text_argument(src_lang, "src_lang"),
            tgt_lang=text_argument(tgt_lang, "tgt_lang"),
            max_length=_size(max_length_of_source),
        )
        return self._texts(library.attend_translate, texts, how, options)

    def summarize(
        self,
        texts: str | Iterable[str],
        *,
        by_parts: bool = False,
        max_length_of_source: SupportsIndex | None = None,
        **options: Any,
    ) -> Any:
        """The summary of a text, or the list of those of several, by an encoder-decoder.

        What config.json says for the task (``task_specific_params["summarization"]``: a prefix, lengths, beams) holds
        where the options leave it open. ``by_parts``: texts that are too long are cut into parts, behind sentences, and
        the summaries of these are summarized; without it such a text is an error. ``max_length_of_source``: the most
        tokens of a text, or of a part. Options and errors as of ``Session.generate``.
        """
        how = t.SummarizeOptions(max_length=_size(max_length_of_source), by_parts=bool(by_parts))
        return self._texts(library.attend_summarize, texts, how, options)

    def rewrite(
        self,
        texts: str | Iterable[str],
        task: str | None = None,
        *,
        max_length_of_source: SupportsIndex | None = None,
        **options: Any,
    ) -> Any:
        """What an encoder-decoder makes of a text, or the list of what it makes of several.

        ``task``: a name in config.json's ``task_specific_params``, whose prefix stands before each text and whose
        parameters hold where the options leave them open. ``max_length_of_source``: the most tokens of a text, to which
        longer ones are cut. Options and errors as of ``Session.generate``.
        """
        how = t.RewriteOptions(task=text_argument(task, "task"), max_length=_size(max_length_of_source))
        return self._texts(library.attend_rewrite, texts, how, options)

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

    def _texts(self, function: Any, texts: Any, how: Any, options: Mapping[str, Any]) -> Any:
        """Texts that are made of texts: a string, or a list of them."""
        if (options.get("num_return_sequences") or 1) != 1:
            raise InvalidArgumentError("num_return_sequences: one text is given for each; generate gives several")
        one = isinstance(texts, (str, bytes))
        found = rewrite(self._answering(), function, [texts] if one else texts, how, options)
        return found[0].text if one else [answer.text for answer in found]


def _size(value: SupportsIndex | None) -> int:
    if value is None:
        return 0
    found = number(value, "max_length_of_source", bits=63)
    if found == 0:
        raise InvalidArgumentError("max_length_of_source: 0 is too few")
    return found
