"""What tokenizing gives, and how to ask for it."""

from __future__ import annotations

import ctypes
import json
import operator
from typing import Any, Literal, Mapping, Sequence, SupportsIndex

import numpy as np
import numpy.typing as npt

from . import _declarations as c
from ._arrays import Int32Array, text_argument, view
from ._library import Owned, create, library, sized
from ._progress import interruptible
from .errors import InvalidArgumentError, OutOfMemoryError
from .tools import schemas

#: Which text loses tokens where there are too many.
Truncation = Literal["longest_first", "only_first", "only_second", "none"]
#: The end at which a text loses tokens.
Side = Literal["right", "left"]


class Encoding:
    """What tokenizing a text, or two, gives. All arrays are read-only views of memory that they keep alive."""

    __slots__ = ("_native", "_overflow", "byte_offsets", "ids", "offsets", "sequence_ids", "special", "token_types")

    #: ``[tokens]`` int32
    ids: Int32Array
    #: ``[tokens, 2]`` start and end of each token in its text, in characters; 0, 0 for what a template added.
    offsets: Int32Array
    #: ``[tokens, 2]`` the same in bytes of UTF-8
    byte_offsets: Int32Array
    #: ``[tokens]`` True where a template added the token
    special: npt.NDArray[np.bool_]
    #: ``[tokens]`` int32, what ``Session.encode`` takes as token types
    token_types: Int32Array
    #: ``[tokens]`` int32, 0 for the first text, 1 for the second, -1 for what a template added
    sequence_ids: Int32Array

    def __init__(self, native: Owned) -> None:
        address, count = sized(library.attend_encoding_ids, native)
        offsets = view(library.attend_encoding_offsets(native), (count, 4), np.int32, native)
        self._native = native
        self._overflow: list[Encoding] | None = None
        self.ids = view(address, (count,), np.int32, native)
        self.offsets = offsets[:, 2:]
        self.byte_offsets = offsets[:, :2]
        self.special = view(library.attend_encoding_special(native), (count,), np.bool_, native)
        self.token_types = view(library.attend_encoding_token_types(native), (count,), np.int32, native)
        self.sequence_ids = view(library.attend_encoding_sequence_ids(native), (count,), np.int32, native)

    @property
    def attention_mask(self) -> Int32Array:
        """``[tokens]`` int32 ones: there is no padding."""
        return np.ones(len(self), np.int32)

    @property
    def overflow(self) -> list[Encoding]:
        """The windows that truncation cut off, in the order of Hugging Face's tokenizers; made when asked for."""
        if self._overflow is None:
            windows = []
            for index in range(library.attend_encoding_overflow_count(self._native)):
                address = library.attend_encoding_overflow(self._native, index)
                if address is None:
                    raise OutOfMemoryError(f"there is no memory for window {index} of an encoding")
                windows.append(Encoding(Owned(address, None, parent=self._native)))
            self._overflow = windows
        return self._overflow

    def __len__(self) -> int:
        """How many tokens there are."""
        return int(self.ids.size)

    def __copy__(self) -> Encoding:
        return self  # nothing of it changes

    def __deepcopy__(self, _: Any) -> Encoding:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        arrays = (self.ids, self.offsets, self.byte_offsets, self.special, self.token_types, self.sequence_ids)
        return _unpickled, (*arrays, self.overflow)

    def __repr__(self) -> str:
        return f"<attend.Encoding of {len(self)} tokens>"


def _unpickled(
    ids: Int32Array,
    offsets: Int32Array,
    byte_offsets: Int32Array,
    special: npt.NDArray[np.bool_],
    token_types: Int32Array,
    sequence_ids: Int32Array,
    overflow: list[Encoding],
) -> Encoding:
    """An encoding in memory of its own."""
    encoding = Encoding.__new__(Encoding)
    encoding.ids, encoding.offsets, encoding.byte_offsets = ids, offsets, byte_offsets
    encoding.special, encoding.token_types, encoding.sequence_ids = special, token_types, sequence_ids
    encoding._overflow = overflow
    return encoding


def tokenize_options(
    special_tokens: bool,
    max_length: int | None,
    truncation: str,
    stride: int,
    truncation_side: str | None,
    target: bool,
    threads: int = 0,
) -> c.TokenizeOptions:
    """The keyword arguments of the tokenizing functions as the library takes them."""
    if truncation not in c.TRUNCATION:
        raise InvalidArgumentError(f"truncation: {truncation!r} is none of {', '.join(c.TRUNCATION)}")
    if truncation_side is not None and truncation_side not in c.SIDE:
        raise InvalidArgumentError(f"truncation_side: {truncation_side!r} is neither right nor left")
    return c.TokenizeOptions(
        no_special_tokens=not special_tokens,
        max_length=0 if max_length is None else _count(max_length, "max_length", 1, 2**62),
        truncation=c.TRUNCATION[truncation],
        truncation_side=0 if truncation_side is None else c.SIDE[truncation_side],
        stride=_count(stride, "stride", 0, 2**62),
        threads=_count(threads, "threads", 0, 2**31),
        are_targets=bool(target),
    )


def _count(value: SupportsIndex, name: str, least: int, most: int) -> int:
    """A number of something; those that no text reaches are ``most``."""
    number = operator.index(value)
    if number < least:
        raise InvalidArgumentError(f"{name}: {number} is less than {least}")
    return min(number, most)


class Chat:
    """A conversation as the library takes it."""

    def __init__(
        self,
        messages: Any,
        add_generation_prompt: bool,
        template: str | None,
        tools: Sequence[Any] | None,
        documents: Sequence[Any] | None,
        variables: Mapping[str, Any] | None,
    ) -> None:
        data = json.dumps(_messages(messages)).encode()
        names = dict(variables or {})
        for name, value in (("tools", tools), ("documents", documents)):
            if value is None:
                continue
            if name in names:
                raise InvalidArgumentError(f"variables: {name} is given by {name}= as well")
            names[name] = schemas(value) if name == "tools" else list(value)
        self.options = c.ChatOptions(
            generation_prompt=bool(add_generation_prompt),
            variables=json.dumps(names).encode() if names else None,
            template_name=text_argument(template, "template"),
        )
        self._data = data

    def call(self, function: Any, tokenizer: Owned, *, free: Any) -> Owned:
        """What a function of the library makes of the conversation."""

        def write() -> Owned:
            return create(function, tokenizer, self._data, len(self._data), ctypes.byref(self.options), free=free)

        return interruptible(len(self._data), write)


def _messages(messages: Any) -> list[Any]:
    """The messages of a chat, or a TypeError that says what to give instead."""
    if isinstance(messages, (str, bytes)):
        raise TypeError('messages: expected a list of messages, found a text; give [{"role": "user", "content": text}]')
    if isinstance(messages, Mapping):
        raise TypeError("messages: expected a list of messages, found one message; put it in a list")
    return list(messages)


def optional(value: int, none: int = -1) -> int | None:
    """A number of the library, ``None`` where it says that there is none."""
    return None if value == none else int(value)
