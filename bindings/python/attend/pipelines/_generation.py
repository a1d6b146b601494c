"""Tasks that write texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._described import Kind
from ..errors import InvalidArgumentError, UnsupportedError
from ._base import Pipeline


def _options(options: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The options of generation among those of a call."""
    given = {name: value for name, value in options.items() if name not in known}
    given.update(options.get("generate_kwargs") or {})
    if options.get("stop_sequence") is not None:
        stop = options["stop_sequence"]
        given["stop_strings"] = [stop] if isinstance(stop, str) else list(stop)
    return given


class TextGeneration(Pipeline):
    """What goes on behind prompts, and answers to conversations.

    What is not given is as the checkpoint says: without ``do_sample`` nothing is drawn.
    """

    task = "text-generation"
    noun = "a text or a conversation"
    generates = True
    known = {
        "return_full_text": True,
        "return_tensors": False,
        "stop_sequence": None,
        "generate_kwargs": None,
        "prefix": "",
        "truncation": None,
        "tools": None,
    }

    def is_one(self, inputs: Any) -> bool:
        return isinstance(inputs, (str, bytes)) or _is_chat(inputs)

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        if self.model.kind != Kind.DECODER:
            raise UnsupportedError(f"text-generation: {self.model.path} is no decoder; text2text-generation takes it")
        given = _options(options, self.known)
        limit = self.limit({"truncation": options["truncation"]})
        with self.model.tokenizer as tokenizer:
            prompts = [self._prompt(tokenizer, each, options, limit) for each in inputs]
        found = self.model.generate(prompts, **given)
        return [[self._record(own, each, options) for each in answer] for own, answer in zip(inputs, found)]

    def _prompt(self, tokenizer: Any, given: Any, options: Mapping[str, Any], limit: int | None) -> Any:
        if _is_chat(given):
            if given[-1].get("role") == "assistant":
                raise InvalidArgumentError("inputs: a conversation ends with what is to be answered, not an answer")
            return tokenizer.encode_chat(list(given), add_generation_prompt=True, tools=options["tools"])
        return tokenizer.encode(options["prefix"] + given, max_length=limit)

    def _record(self, prompt: Any, answer: Any, options: Mapping[str, Any]) -> dict[str, Any]:
        if options["return_tensors"]:
            return {"generated_token_ids": [*answer.prompt_ids.tolist(), *answer.ids.tolist()]}
        text = answer.text
        if options["return_full_text"]:
            if _is_chat(prompt):
                return {"generated_text": [*prompt, {"role": "assistant", "content": text}]}
            return {"generated_text": prompt + text}
        return {"generated_text": text}


def _is_chat(inputs: Any) -> bool:
    return isinstance(inputs, (list, tuple)) and len(inputs) > 0 and all(isinstance(one, Mapping) for one in inputs)


class Rewriting(Pipeline):
    """What an encoder-decoder makes of texts, behind the prefix that its config.json has for the task."""

    task = "text2text-generation"
    generates = True
    known: Mapping[str, Any] = {
        "truncation": None,
        "max_length_of_source": None,
        "return_tensors": False,
        "stop_sequence": None,
        "generate_kwargs": None,
    }
    #: The key of a result.
    key = "generated_text"
    #: Beams where neither call nor checkpoint says.
    _beams = 4

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        given = _options(options, self.known)
        tasks = self.model.config.get("task_specific_params") or {}
        stated = [self.model.generation_config or self.model.config, tasks.get(self.task) or {}, given]
        if not any("num_beams" in each for each in stated):
            given["num_beams"] = self._beams
        if options["return_tensors"]:
            raise InvalidArgumentError("return_tensors: ids are told by Model.generate, not by this pipeline")
        texts = self.texts(inputs, options, given)
        return [[{self.key: text}] for text in texts]

    def __call__(self, inputs: Any, *arguments: Any, **options: Any) -> Any:
        results = super().__call__(inputs, *arguments, **options)
        # As transformers has it: a list of texts gives a list of results, without a list around each.
        return [result[0] for result in results] if isinstance(inputs, (list, tuple)) else results

    def limit(self, options: Mapping[str, Any]) -> int | None:
        return super().limit({**options, "max_length": options["max_length_of_source"]})

    def texts(self, inputs: list[Any], options: Mapping[str, Any], given: dict[str, Any]) -> Any:
        """The texts that are made of others; ``given`` are the options of generation."""
        tasks = self.model.config.get("task_specific_params") or {}
        task = self.task if self.task in tasks else None
        return self.model.rewrite(inputs, task, max_length_of_source=self.limit(options), **given)


class Translation(Rewriting):
    """Translations, between languages that are named as the tokenizer names them."""

    task = "translation"
    key = "translation_text"
    known = {**Rewriting.known, "src_lang": None, "tgt_lang": None}

    def texts(self, inputs: list[Any], options: Mapping[str, Any], given: dict[str, Any]) -> Any:
        languages = {"src_lang": options["src_lang"], "tgt_lang": options["tgt_lang"]}
        return self.model.translate(inputs, **languages, max_length_of_source=self.limit(options), **given)


class Summarization(Rewriting):
    """Summaries; with ``by_parts`` of texts of any length."""

    task = "summarization"
    key = "summary_text"
    known = {**Rewriting.known, "by_parts": False}

    def texts(self, inputs: list[Any], options: Mapping[str, Any], given: dict[str, Any]) -> Any:
        by_parts = bool(options["by_parts"])
        limit = options["max_length_of_source"] if by_parts else self.limit(options)
        return self.model.summarize(inputs, by_parts=by_parts, max_length_of_source=limit, **given)
