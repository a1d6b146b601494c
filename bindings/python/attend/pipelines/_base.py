"""What all pipelines share: the model, options, one input or many."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from ..errors import InvalidArgumentError
from ..model import Model

_Self = TypeVar("_Self", bound="Pipeline")

#: Inputs of an iterable that are read ahead.
_AHEAD = 64


class Pipeline:
    """A task of one model; see ``attend.pipeline``. Any number of threads may call it at once."""

    #: The name of the task.
    task = ""
    #: Options of a call and their defaults; None besides: any others are options of generation.
    known: Mapping[str, Any] = {}
    #: Whether options that are not ``known`` are those of generation.
    generates = False

    def __init__(self, model: Any, loading: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self._owns = not isinstance(model, Model)
        self._options = self._checked(options)
        self.model: Model = Model(model, **loading) if self._owns else model

    def __call__(self, inputs: Any, *arguments: Any, **options: Any) -> Any:
        given = {**self.known, **self._options, **self._checked(self._named(arguments, options))}
        ahead = given.pop("batch_size", None) or _AHEAD
        if self.is_one(inputs):
            return self.single(self.run([inputs], given)[0], given)
        if isinstance(inputs, (list, tuple)):
            return self.run(list(inputs), given) if inputs else []
        if not isinstance(inputs, Iterable):
            raise TypeError(f"inputs: expected {self.noun} or an iterable of such, found {type(inputs).__name__}")
        return self._stream(iter(inputs), given, ahead)

    #: What an input is, for messages.
    noun = "a text"

    def is_one(self, inputs: Any) -> bool:
        """Whether this is one input."""
        return isinstance(inputs, (str, bytes))

    def run(self, inputs: list[Any], options: dict[str, Any]) -> list[Any]:
        """The result of each input."""
        raise NotImplementedError

    def single(self, result: Any, options: Mapping[str, Any]) -> Any:
        """The result of a call with one input."""
        return result

    #: The names of arguments that may be given by their places.
    places: tuple[str, ...] = ()

    def _named(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
        if len(arguments) > len(self.places):
            raise TypeError(f"{self.task}: {1 + len(arguments)} arguments; options are given by name")
        named = dict(zip(self.places, arguments))
        for name in named:
            if name in options:
                raise TypeError(f"{self.task}: {name} is given twice")
        return {**named, **options}

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        for name in options:
            if name not in self.known and name != "batch_size" and not self.generates:
                known = ", ".join([*self.known, "batch_size"])
                raise InvalidArgumentError(f"{self.task}: {name} is no option of this task; there are {known}")
        return dict(options)

    def _stream(self, inputs: Iterator[Any], options: dict[str, Any], ahead: int) -> Iterator[Any]:
        while some := list(itertools.islice(inputs, ahead)):
            yield from self.run(some, options)

    def limit(self, options: Mapping[str, Any]) -> int | None:
        """The tokens to which texts are cut; None: they are not."""
        truncation, length = options.get("truncation"), options.get("max_length")
        if truncation in (None, False, "do_not_truncate"):
            if length is not None:
                raise InvalidArgumentError("max_length: texts are cut to it with truncation=True, which is not given")
            return None
        if truncation not in (True, "longest_first", "only_first"):
            raise InvalidArgumentError(f"truncation: {truncation!r} is none of True, False, longest_first, only_first")
        return self.longest() if length is None else length

    def longest(self) -> int:
        """The most tokens that the model reads and its tokenizer was made for."""
        positions = self.model.encoder_positions if self.model.encoder_layers else self.model.decoder_positions
        with self.model.tokenizer as tokenizer:
            limits = [limit for limit in (positions, tokenizer.model_max_length) if limit is not None]
        if not limits:
            raise InvalidArgumentError("truncation: neither model nor tokenizer states a length; give max_length")
        return min(limits)

    def close(self) -> None:
        """Closes the model, where the pipeline has loaded it."""
        if self._owns:
            self.model.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<attend.pipeline {self.task!r} of {self.model!r}>"
