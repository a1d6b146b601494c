"""What texts are asked: entities, answers, masked words, labels of the caller's; docs/tasks.md."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

from . import _declarations as c
from . import _task_declarations as t
from . import classification
from ._arrays import Texts, number, text_argument
from ._library import Owned, check, library
from ._progress import Bar, Progress
from .classification import Class
from .errors import InvalidArgumentError

if TYPE_CHECKING:
    from .session import Session


class Entity(NamedTuple):
    """A token, or a stretch of neighbouring ones, with a class."""

    label: str  #: as config.json's id2label names it; aggregated, what stands behind its first hyphen
    score: float  #: aggregated, the mean of the scores of tokens or words
    word: str  #: the tokens, as the tokenizer's decoder puts them together
    start: int  #: in characters of the text
    end: int
    token: int | None  #: the place of the token in its sequence; None: aggregated


class AnswerSpan(NamedTuple):
    """A stretch of a text that answers a question."""

    text: str  #: empty: the text holds no answer
    score: float  #: the probability of its start times that of its end
    start: int  #: in characters of the text
    end: int


class Filling(NamedTuple):
    """A token for a masked place."""

    word: str
    score: float  #: its share of the vocabulary
    token: int
    text: str  #: the whole text with the token in its place


def find_entities(
    session: Session,
    inputs: Any,
    aggregation: str,
    ignored: Sequence[str],
    max_length: SupportsIndex | None,
    stride: SupportsIndex | None,
    progress: Progress | bool | None,
) -> Any:
    """``Session.find_entities``"""
    if aggregation not in t.AGGREGATIONS:
        raise InvalidArgumentError(f"aggregation: {aggregation!r} is none of {', '.join(t.AGGREGATIONS)}")
    names = _names(ignored, "ignored_labels")
    options = t.EntityOptions(
        aggregation=t.AGGREGATIONS[aggregation],
        ignored_labels=names,
        ignored_label_count=len(names) - 1,
        max_length=_size(max_length, "max_length"),
        windows=stride is not None,
        stride=0 if stride is None else number(stride, "stride", bits=63),
    )
    one, texts = _given(inputs)
    if texts is None:
        return []
    arguments = (texts.texts, texts.lengths.ctypes.data, texts.lengths.size)
    native = _call(
        session, library.attend_find_entities, arguments, options, library.attend_entities_free, progress, texts
    )

    def entity(text: int, index: int) -> Entity:
        found = t.Entity()
        check(library.attend_entities_get(native, text, index, ctypes.byref(found)))
        place = found.offsets
        return Entity(
            _text(found.label, found.label_length),
            found.score,
            _text(found.word, found.word_length),
            place.scalar_start,
            place.scalar_end,
            None if found.token < 0 else found.token,
        )

    counts = [library.attend_entities_entity_count(native, text) for text in range(texts.lengths.size)]
    results = [[entity(text, index) for index in range(count)] for text, count in enumerate(counts)]
    return results[0] if one else results


def answer(
    session: Session,
    questions: Any,
    contexts: Any,
    top_k: SupportsIndex,
    max_answer_length: SupportsIndex,
    max_length: SupportsIndex | None,
    stride: SupportsIndex | None,
    allow_no_answer: bool,
    within_words: bool,
    progress: Progress | bool | None,
) -> Any:
    """``Session.answer``"""
    options = t.AnswerOptions(
        top_k=_size(top_k, "top_k"),
        max_answer_length=_size(max_answer_length, "max_answer_length"),
        max_length=_size(max_length, "max_length"),
        stride=_size(stride, "stride"),
        allow_no_answer=bool(allow_no_answer),
        within_words=bool(within_words),
    )
    one = isinstance(questions, (str, bytes)) and isinstance(contexts, (str, bytes))
    asked, about = _pairs(questions, contexts)
    if not asked:
        return []
    texts, others = Texts(asked, "questions"), Texts(about, "contexts")
    arguments = (texts.texts, texts.lengths.ctypes.data, others.texts, others.lengths.ctypes.data, texts.lengths.size)
    native = _call(session, library.attend_answer, arguments, options, library.attend_answers_free, progress, texts)

    def span(question: int, rank: int) -> AnswerSpan:
        found = t.AnswerSpan()
        check(library.attend_answers_get(native, question, rank, ctypes.byref(found)))
        place = found.offsets
        return AnswerSpan(_text(found.text, found.text_length), found.score, place.scalar_start, place.scalar_end)

    counts = [library.attend_answers_span_count(native, question) for question in range(texts.lengths.size)]
    results = [[span(question, rank) for rank in range(count)] for question, count in enumerate(counts)]
    return results[0] if one else results


def fill(
    session: Session,
    inputs: Any,
    top_k: SupportsIndex,
    targets: Sequence[str] | str | None,
    max_length: SupportsIndex | None,
    progress: Progress | bool | None,
) -> Any:
    """``Session.fill``"""
    names = None if targets is None else _names([targets] if isinstance(targets, str) else targets, "targets")
    options = t.FillOptions(
        top_k=_size(top_k, "top_k"),
        targets=names,
        target_count=0 if names is None else len(names) - 1,
        max_length=_size(max_length, "max_length"),
    )
    one, texts = _given(inputs)
    if texts is None:
        return []
    arguments = (texts.texts, texts.lengths.ctypes.data, texts.lengths.size)
    native = _call(session, library.attend_fill, arguments, options, library.attend_fillings_free, progress, texts)

    def filling(text: int, mask: int, rank: int) -> Filling:
        found = t.Filling()
        check(library.attend_fillings_get(native, text, mask, rank, ctypes.byref(found)))
        return Filling(
            _text(found.word, found.word_length), found.score, found.token, _text(found.text, found.text_length)
        )

    results = []
    for text in range(texts.lengths.size):
        counts = [
            library.attend_fillings_filling_count(native, text, mask)
            for mask in range(library.attend_fillings_mask_count(native, text))
        ]
        results.append([[filling(text, mask, rank) for rank in range(count)] for mask, count in enumerate(counts)])
    return results[0] if one else results


def classify_zero_shot(
    session: Session,
    inputs: Any,
    labels: Sequence[str],
    hypothesis_template: str | None,
    multi_label: bool,
    max_length: SupportsIndex | None,
    progress: Progress | bool | None,
) -> Any:
    """``Session.classify_zero_shot``"""
    names = Texts(labels, "labels")
    if not names.lengths.size:
        raise InvalidArgumentError("labels: there are none to choose from")
    options = t.ZeroShotOptions(
        hypothesis_template=text_argument(hypothesis_template, "hypothesis_template"),
        multi_label=bool(multi_label),
        max_length=_size(max_length, "max_length"),
    )
    one, texts = _given(inputs)
    if texts is None:
        return []
    arguments = (
        *(texts.texts, texts.lengths.ctypes.data, texts.lengths.size),
        *(names.texts, names.lengths.ctypes.data, names.lengths.size),
    )
    handle = _run(session, library.attend_classify_zero_shot, arguments, options, progress, texts)
    results: list[tuple[Class, ...]] = classification.told(handle)
    return results[0] if one else results


def _call(
    session: Session,
    function: Any,
    arguments: tuple[Any, ...],
    options: Any,
    free: Any,
    progress: Progress | bool | None,
    texts: Texts,
) -> Owned:
    """Makes a call; the object that it gives."""
    return Owned(_run(session, function, arguments, options, progress, texts), free)


def _run(
    session: Session,
    function: Any,
    arguments: tuple[Any, ...],
    options: Any,
    progress: Progress | bool | None,
    texts: Texts,
) -> int:
    handle = c.Handle()
    end = (ctypes.byref(options), ctypes.byref(handle))
    try:
        with Bar(progress, texts.lengths.size) as listener:
            session._watch.call(function, session._open(), *arguments, *end, progress=listener)
    finally:
        session._lengths = None
    assert handle.value is not None
    return handle.value


def _given(inputs: Any) -> tuple[bool, Texts | None]:
    """Whether this is one text, and the texts; None: there are none."""
    one = isinstance(inputs, (str, bytes))
    texts = [inputs] if one else list(inputs)
    return one, Texts(texts) if texts else None


def _pairs(questions: Any, contexts: Any) -> tuple[list[Any], list[Any]]:
    """As many questions as texts: one of either stands for as many as there are of the other."""
    asked = [questions] if isinstance(questions, (str, bytes)) else list(questions)
    about = [contexts] if isinstance(contexts, (str, bytes)) else list(contexts)
    if isinstance(questions, (str, bytes)):
        asked *= len(about)
    if isinstance(contexts, (str, bytes)):
        about *= len(asked)
    if len(asked) != len(about):
        raise InvalidArgumentError(f"contexts: {len(about)} texts for {len(asked)} questions")
    return asked, about


def _names(texts: Sequence[str], what: str) -> Any:
    """Texts that end with NUL, and a NULL behind them, so that none is an array too."""
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"{what}: expected a list of texts, found one text; put it in a list")
    spelled = [text_argument(text, f"{what}[{index}]") for index, text in enumerate(texts)]
    return (ctypes.c_char_p * (len(spelled) + 1))(*spelled, None)


def _size(value: SupportsIndex | None, name: str) -> int:
    """A size that the library takes 0 for as none; a caller's 0 is too few."""
    if value is None:
        return 0
    found = number(value, name, bits=63)
    if found == 0:
        raise InvalidArgumentError(f"{name}: 0 is too few")
    return found


def _text(address: int | None, length: int) -> str:
    return ctypes.string_at(address, length).decode("utf-8", "replace") if address else ""


__all__ = ["AnswerSpan", "Entity", "Filling"]
