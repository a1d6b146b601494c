"""Tasks that read texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import classification
from ..errors import InvalidArgumentError
from ._base import Pipeline

#: An option that a caller leaves out, which is not the same as None.
_UNSET: Any = object()


class TextClassification(Pipeline):
    """Labels with scores of texts, or of pairs of texts, ``{"text": ..., "text_pair": ...}``."""

    task = "text-classification"
    noun = "a text or a dict with text and text_pair"
    known = {"top_k": _UNSET, "function_to_apply": None, "truncation": None, "max_length": None}

    def is_one(self, inputs: Any) -> bool:
        return isinstance(inputs, (str, bytes, Mapping))

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        texts, pairs = _pairs(inputs)
        is_plain = options["top_k"] is _UNSET
        function = options["function_to_apply"]
        found = self.model.classify(
            texts,
            pairs,
            top_k=1 if is_plain else options["top_k"],
            function=None if function is None else str(getattr(function, "value", function)).lower(),
            max_length=self.limit(options),
        )
        results = [labelled(classes) for classes in found]
        return [result[0] for result in results] if is_plain else results

    def single(self, result: Any, options: Mapping[str, Any]) -> Any:
        return result

    def __call__(self, inputs: Any, *arguments: Any, **options: Any) -> Any:
        result = super().__call__(inputs, *arguments, **options)
        # As transformers has it: one text gives a list of one result.
        is_plain = "top_k" not in options and "top_k" not in self._options
        return [result] if isinstance(inputs, (str, bytes)) and is_plain else result


def _pairs(inputs: list[Any]) -> tuple[list[Any], list[Any] | None]:
    texts: list[Any] = []
    pairs: list[Any] = []
    for index, given in enumerate(inputs):
        if not isinstance(given, Mapping):
            texts.append(given)
            continue
        if set(given) - {"text", "text_pair"} or "text" not in given:
            names = ", ".join(map(str, given))
            raise InvalidArgumentError(f"inputs[{index}]: expected text and text_pair, found {names}")
        texts.append(given["text"])
        if given.get("text_pair"):  # an empty one is none, as in transformers
            pairs.append(given["text_pair"])
    if pairs and len(pairs) != len(texts):
        raise InvalidArgumentError(f"inputs: {len(pairs)} of {len(texts)} have a text_pair; all have one, or none")
    return texts, pairs or None


def labelled(classes: tuple[classification.Class, ...]) -> list[dict[str, Any]]:
    """Classes as pipelines tell them."""
    return [{"label": each.label, "score": each.score} for each in classes]


class TokenClassification(Pipeline):
    """Entities in texts."""

    task = "token-classification"
    known = {
        "aggregation_strategy": "none",
        "ignore_labels": None,
        "stride": None,
        "truncation": None,
        "max_length": None,
    }

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        strategy, ignored = options["aggregation_strategy"], options["ignore_labels"]
        stride, length = options["stride"], options["max_length"]
        found = self.model.find_entities(
            inputs,
            aggregation=str(getattr(strategy, "value", strategy)).lower(),
            ignored_labels=("O",) if ignored is None else ignored,
            stride=stride,
            max_length=self.limit(options) if stride is None else length,
        )
        return [[_entity(entity) for entity in entities] for entities in found]


def _entity(entity: Any) -> dict[str, Any]:
    word, start, end = entity.word, entity.start, entity.end
    if entity.token is None:
        return {"entity_group": entity.label, "score": entity.score, "word": word, "start": start, "end": end}
    score, index = entity.score, entity.token
    return {"entity": entity.label, "score": score, "index": index, "word": word, "start": start, "end": end}


class QuestionAnswering(Pipeline):
    """Answers that texts hold: ``answer(question=..., context=...)``, or a dict of both, or lists."""

    task = "question-answering"
    noun = "a dict with question and context"
    known = {
        "top_k": 1,
        "doc_stride": None,
        "max_answer_len": 15,
        "max_seq_len": None,
        "handle_impossible_answer": False,
        "align_to_words": True,
    }

    def __call__(self, inputs: Any = None, *arguments: Any, **options: Any) -> Any:
        if inputs is None or isinstance(inputs, (str, bytes)):
            question = inputs if inputs is not None else options.pop("question", None)
            context = arguments[0] if arguments else options.pop("context", None)
            if len(arguments) > 1:
                raise TypeError(f"{self.task}: {1 + len(arguments)} arguments; options are given by name")
            if question is None or context is None:
                raise InvalidArgumentError("question-answering: give question and context, or dicts of both")
            inputs = _questions(question, context)
            arguments = ()
        return super().__call__(inputs, *arguments, **options)

    def is_one(self, inputs: Any) -> bool:
        return isinstance(inputs, Mapping)

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        for index, given in enumerate(inputs):
            for name in ("question", "context"):
                if not isinstance(given, Mapping) or given.get(name) is None:
                    raise InvalidArgumentError(f"inputs[{index}]: expected a dict with question and context")
                if not given[name]:
                    raise InvalidArgumentError(f"inputs[{index}]: {name} is empty")
        found = self.model.answer(
            [given["question"] for given in inputs],
            [given["context"] for given in inputs],
            top_k=options["top_k"],
            max_answer_length=options["max_answer_len"],
            max_length=options["max_seq_len"],
            stride=options["doc_stride"],
            allow_no_answer=options["handle_impossible_answer"],
            within_words=not options["align_to_words"],
        )
        results = [
            [{"score": each.score, "start": each.start, "end": each.end, "answer": each.text} for each in spans]
            for spans in found
        ]
        return [spans[0] if len(spans) == 1 else spans for spans in results]


def _questions(question: Any, context: Any) -> Any:
    """One question with its text, or lists of them; a text may be that of all questions."""
    if isinstance(question, (str, bytes)):
        return {"question": question, "context": context}
    contexts = [context] * len(question) if isinstance(context, (str, bytes)) else context
    if len(contexts) != len(question):
        raise InvalidArgumentError(f"context: {len(contexts)} texts for {len(question)} questions")
    return [{"question": one, "context": other} for one, other in zip(question, contexts)]


class FillMask(Pipeline):
    """Tokens for masked places."""

    task = "fill-mask"
    known = {"top_k": 5, "targets": None, "tokenizer_kwargs": None, "truncation": None, "max_length": None}

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        options = {**options, **(options["tokenizer_kwargs"] or {})}
        found = self.model.fill(
            inputs, top_k=options["top_k"], targets=options["targets"], max_length=self.limit(options)
        )
        return [_fillings(places) for places in found]

    def __call__(self, inputs: Any, *arguments: Any, **options: Any) -> Any:
        results = super().__call__(inputs, *arguments, **options)
        # As transformers has it: a list of one text gives what the text gives.
        return results[0] if isinstance(inputs, list) and len(inputs) == 1 else results


def _fillings(places: list[Any]) -> Any:
    rows = [
        [{"score": each.score, "token": each.token, "token_str": each.word, "sequence": each.text} for each in place]
        for place in places
    ]
    return rows[0] if len(rows) == 1 else rows


class ZeroShotClassification(Pipeline):
    """How well labels fit texts, by a model of entailment."""

    task = "zero-shot-classification"
    places = ("candidate_labels",)
    known = {
        "candidate_labels": None,
        "hypothesis_template": None,
        "multi_label": False,
        "truncation": None,
        "max_length": None,
    }

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        labels = options["candidate_labels"]
        if isinstance(labels, str):
            labels = [label.strip() for label in labels.split(",") if label.strip()]
        if not labels:
            raise InvalidArgumentError("candidate_labels: there are none to choose from")
        found = self.model.classify_zero_shot(
            inputs,
            labels,
            hypothesis_template=options["hypothesis_template"],
            multi_label=options["multi_label"],
            max_length=self.limit(options),
        )
        return [
            {"sequence": text, "labels": [each.label for each in own], "scores": [each.score for each in own]}
            for text, own in zip(inputs, found)
        ]


class FeatureExtraction(Pipeline):
    """The hidden states of texts: nested lists, ``[1, tokens, width]``; with ``return_tensors`` arrays."""

    task = "feature-extraction"
    known = {"return_tensors": False, "tokenize_kwargs": None, "truncation": None, "max_length": None}

    #: Texts whose states are kept at once.
    _at_once = 64

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        options = {**options, **(options["tokenize_kwargs"] or {})}
        limit = self.limit(options)
        results: list[Any] = []
        with self.model.tokenizer as tokenizer, self.model.session() as session:
            for first in range(0, len(inputs), self._at_once):
                some = inputs[first : first + self._at_once]
                encodings = tokenizer.encode_batch(some, max_length=limit)
                session.encode(encodings if self.model.token_type_count else [each.ids for each in encodings])
                results += [np.array(states)[None] for states in session.hidden_states()]
        return results if options["return_tensors"] else [states.tolist() for states in results]
