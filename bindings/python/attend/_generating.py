"""What ``Model`` offers over sessions of its own: answers, translations, summaries, conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, Sequence

from ._progress import Progress
from .errors import InvalidArgumentError, UnsupportedError
from .generation import Generation, LogitsProcessor, OnToken

if TYPE_CHECKING:
    from .session import Session
    from .tokenizer import Tokenizer

_ENCODER_DECODER = 3


class Generating:
    """The part of ``Model`` that generates."""

    if TYPE_CHECKING:
        family: str
        kind: Any
        config: dict[str, Any]

        @property
        def tokenizer(self) -> Tokenizer: ...

        def session(self) -> Session: ...

    def generate(
        self,
        inputs: Any,
        *,
        on_token: OnToken | None = None,
        logits_processor: LogitsProcessor | None = None,
        progress: Progress | bool | None = None,
        **options: Any,
    ) -> Any:
        """Answers to prompts or sources, texts or ids; in a session of its own, else as ``Session.generate``."""
        return self.session().generate(
            inputs, on_token=on_token, logits_processor=logits_processor, progress=progress, **options
        )

    def stream(self, prompt: Any, **options: Any) -> Iterator[str]:
        """The text of one answer as it is written, in a session of its own; else as ``Session.stream``."""
        return self.session().stream(prompt, **options)

    def score(self, inputs: Any, targets: Any = None, **options: Any) -> Any:
        """How probable texts are, by themselves or as targets of inputs; in a session of its own, else as
        ``Session.score``.
        """
        return self.session().score(inputs, targets, **options)

    def multiple_choice(self, inputs: Any, choices: Any, **options: Any) -> Any:
        """Which of several texts follows most probably; in a session of its own, else as
        ``Session.multiple_choice``.
        """
        return self.session().multiple_choice(inputs, choices, **options)

    def translate(self, texts: str | Iterable[str], *, target_language: str | None = None, **options: Any) -> Any:
        """The translation of a text, or the list of those of several, by an encoder-decoder.

        ``target_language``: the language token that the output begins with, as the tokenizer spells it ("fr_XX",
        "__fr__", "fra_Latn"), of models that know several. Options and errors as of ``Session.generate``.
        """
        return self._write(texts, "translation", target_language, options)

    def summarize(self, texts: str | Iterable[str], **options: Any) -> Any:
        """The summary of a text, or the list of those of several, by an encoder-decoder.

        What config.json says for the task (``task_specific_params["summarization"]``: a prefix, lengths, beams) holds
        where the options leave it open. Options and errors as of ``Session.generate``.
        """
        return self._write(texts, "summarization", None, options)

    def chat(
        self, messages: Sequence[Mapping[str, Any]], *, tools: Sequence[Any] | None = None, **options: Any
    ) -> Generation:
        """The answer to a conversation, by the chat template in the tokenizer's folder; else as ``generate``."""
        with self.tokenizer as tokenizer:
            prompt = tokenizer.encode_chat(messages, add_generation_prompt=True, tools=tools)
        answer: Generation = self.generate(prompt, **options)
        return answer

    def _write(self, texts: Any, task: str, language: str | None, options: dict[str, Any]) -> Any:
        """Texts that are made of texts: strings, or a list of them."""
        if self.kind != _ENCODER_DECODER:
            raise UnsupportedError(f"{self.family}: {task} needs an encoder-decoder; generate() goes on from prompts")
        params = dict((self.config.get("task_specific_params") or {}).get(task) or {})
        prefix = params.pop("prefix", "")
        if language is not None:
            with self.tokenizer as tokenizer:
                token = tokenizer.id(language)
            if token is None:
                raise InvalidArgumentError(f"target_language: the tokenizer has no token {language!r}")
            params["forced_bos_token_id"] = token
        one = isinstance(texts, str)
        found = self.generate([prefix + text for text in ([texts] if one else texts)], **{**params, **options})
        return found[0].text if one else [answer.text for answer in found]
