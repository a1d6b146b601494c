"""From texts, pictures and sounds to labels: what ``Model.classify`` gives, and how it calls."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

from . import _class_declarations as s
from . import _declarations as c
from ._arrays import Texts, number
from ._library import Owned, check, library
from ._progress import Bar, Progress
from .errors import InvalidArgumentError
from .inputs import Input, InputBatch

if TYPE_CHECKING:
    from .session import Session


class Class(NamedTuple):
    """A class of an input."""

    label: str  #: as config.json's id2label names it, else "LABEL_0" and so on
    score: float
    number: int  #: the place of its logit
    logit: float


def classify(
    session: Session,
    inputs: Any,
    pairs: Any,
    top_k: SupportsIndex | None,
    function: str | None,
    max_length: SupportsIndex | None,
    progress: Progress | bool | None,
) -> Any:
    """``Session.classify``"""
    if function not in s.FUNCTIONS:
        raise InvalidArgumentError(f"function: {function!r} is none of softmax, sigmoid, none, cross-encoder")
    one = isinstance(inputs, (str, bytes, Input))
    given: list[Any] = [inputs] if one else list(inputs)
    others = None if pairs is None else [pairs] if one else list(pairs)
    if not given:
        return []
    struct = s.ClassifyOptions(
        top_k=0 if top_k is None else _positive(top_k, "top_k"),
        function=s.FUNCTIONS[function],
        max_length=0 if max_length is None else _positive(max_length, "max_length"),
    )
    with Bar(progress, len(given)) as listener:
        found = _run(session, given, others, struct, listener)
    return found[0] if one else found


def _positive(value: SupportsIndex, name: str) -> int:
    found = number(value, name, bits=63)
    if found == 0:
        raise InvalidArgumentError(f"{name}: 0 is too few")
    return found


def _run(
    session: Session, inputs: list[Any], pairs: list[Any] | None, options: s.ClassifyOptions, progress: Progress | None
) -> list[tuple[Class, ...]]:
    handle = c.Handle()
    end = (ctypes.byref(options), ctypes.byref(handle))
    try:
        if isinstance(inputs[0], Input):
            if pairs is not None:
                raise InvalidArgumentError("pairs: they belong to texts")
            batch = InputBatch(inputs)
            arguments: tuple[Any, ...] = (session._open(), batch.struct.inputs, batch.struct.count)
            session._watch.call(library.attend_classify, *arguments, *end, progress=progress)
        else:
            texts, others = Texts(inputs), None if pairs is None else Texts(pairs)
            if others is not None and others.lengths.size != texts.lengths.size:
                raise InvalidArgumentError(f"pairs: {others.lengths.size} texts for {texts.lengths.size}")
            columns = [texts.texts, texts.lengths.ctypes.data]
            columns += [None, None] if others is None else [others.texts, others.lengths.ctypes.data]
            arguments = (session._open(), *columns, texts.lengths.size)
            session._watch.call(library.attend_classify_texts, *arguments, *end, progress=progress)
    finally:
        session._lengths = None
    assert handle.value is not None
    return told(handle.value)


def told(address: int) -> list[tuple[Class, ...]]:
    """The classes of all inputs of an ``attend_classification``, which it takes."""
    native = Owned(address, library.attend_classification_free)
    return [_classes(native, index) for index in range(library.attend_classification_count(native))]


def _classes(native: Owned, index: int) -> tuple[Class, ...]:
    found = []
    for rank in range(library.attend_classification_class_count(native, index)):
        entry = s.Class()
        check(library.attend_classification_get(native, index, rank, ctypes.byref(entry)))
        label = ctypes.string_at(entry.label, entry.label_length).decode("utf-8", "replace")
        found.append(Class(label, entry.score, entry.number, entry.logit))
    return tuple(found)


__all__ = ["Class"]
