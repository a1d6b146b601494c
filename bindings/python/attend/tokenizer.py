"""Text to token ids and back."""

from __future__ import annotations

import ctypes
import json
import operator
import os
from types import TracebackType
from typing import Any, Mapping, NamedTuple, NoReturn, Sequence, SupportsIndex

import numpy as np
import numpy.typing as npt

from . import _declarations as c
from ._arrays import Ids, Int32Array, Path, ids, path_bytes, view
from ._library import Owned, check, create, library, sized, text
from .errors import InvalidStateError


class Encoding(NamedTuple):
    """What tokenizing a text gives. All arrays are read-only views of memory that they keep alive."""

    #: ``[tokens]`` int32
    ids: Int32Array
    #: ``[tokens, 2]`` start and end of each token in the text, in characters; 0, 0 for what a template added.
    offsets: Int32Array
    #: ``[tokens, 2]`` the same in bytes of UTF-8
    byte_offsets: Int32Array
    #: ``[tokens]`` True where a template added the token
    special: npt.NDArray[np.bool_]
    #: ``[tokens]`` int32, what ``Session.encode`` takes as token types
    token_types: Int32Array


class TextStream:
    """Text from ids one at a time, whole characters alone. One thread at a time.

    >>> stream = tokenizer.stream()
    >>> for token in tokens:
    ...     print(stream.add(token), end="", flush=True)
    >>> print(stream.finish())
    """

    def __init__(self, tokenizer: Owned, skip_special_tokens: bool) -> None:
        self._pieces: list[bytes] = []
        pieces = self._pieces  # not self: the callback must not keep the stream alive

        def take(data: int, length: int, _: int | None) -> bool:
            pieces.append(ctypes.string_at(data, length))
            return True

        self._callback = c.TextCallback(take)
        options = c.DetokenizeOptions(keep_special_tokens=not skip_special_tokens)
        self._native = create(
            library.attend_detokenizer_create,
            tokenizer,
            ctypes.byref(options),
            self._callback,
            None,
            free=library.attend_detokenizer_free,
            parent=(tokenizer, self._callback),
        )

    def _taken(self) -> str:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data.decode("utf-8", "replace")

    def add(self, id: SupportsIndex) -> str:
        """Takes one more id; the text that is now certain, often none. InvalidArgumentError for an unknown id."""
        check(library.attend_detokenizer_add(self._native, int(ids([id], "id")[0])))
        return self._taken()

    def finish(self) -> str:
        """The text that was held back. The stream then begins anew."""
        check(library.attend_detokenizer_finish(self._native))
        return self._taken()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a text stream cannot be copied or pickled: make another with Tokenizer.stream()")


class Tokenizer:
    """A tokenizer. Any number of threads may use it at once.

    ``Tokenizer(path)`` loads one from a checkpoint folder (tokenizer.json, SentencePiece models, vocab.json with
    merges.txt, vocab.txt, tiktoken files), or from such a file; ``Model.tokenizer`` is the one of a model. A copy
    shares its memory; a pickle carries the absolute path, and loads it again where it is unpickled.

    Errors: NotFoundError, InputOutputError, InvalidFileError, UnsupportedError (names the component that is not
    implemented).

    >>> with attend.Tokenizer("models/g2p-en") as tokenizer:
    ...     tokenizer.decode(tokenizer.encode("hello"))
    'hello'
    """

    def __init__(self, path: Path) -> None:
        self._path = os.path.abspath(os.fsdecode(path))
        self._native: Owned | None = create(
            library.attend_tokenizer_create, path_bytes(path), free=library.attend_tokenizer_free
        )

    @classmethod
    def _borrowed(cls, model: Owned, path: str) -> Tokenizer:
        """The tokenizer of a model, which it keeps alive; ``path`` is the model's folder."""
        tokenizer = cls.__new__(cls)
        tokenizer._path = path
        tokenizer._native = create(library.attend_model_tokenizer, model, free=None, parent=model)
        return tokenizer

    def _open(self) -> Owned:
        native = self._native
        if native is None:
            raise InvalidStateError("the tokenizer is closed")
        return native

    def encode(self, text: str | bytes, special_tokens: bool = True) -> Int32Array:
        """The ids of ``text``, ``[tokens]``. ``special_tokens=False`` leaves out what the checkpoint's template adds.

        The array is a read-only view of memory that it keeps alive. Bytes count as UTF-8, and what in them is not UTF-8
        as U+FFFD.
        """
        return self.tokenize(text, special_tokens).ids

    def tokenize(self, text: str | bytes, special_tokens: bool = True) -> Encoding:
        """The ids of ``text`` and where each token stands in it."""
        native = self._open()
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
        options = c.TokenizeOptions(no_special_tokens=not special_tokens)
        encoding = create(
            library.attend_tokenizer_encode,
            native,
            data,
            len(data),
            ctypes.byref(options),
            free=library.attend_encoding_free,
        )
        address, count = sized(library.attend_encoding_ids, encoding)
        offsets = view(library.attend_encoding_offsets(encoding), (count, 4), np.int32, encoding)
        return Encoding(
            ids=view(address, (count,), np.int32, encoding),
            offsets=offsets[:, 2:],
            byte_offsets=offsets[:, :2],
            special=view(library.attend_encoding_special(encoding), (count,), np.bool_, encoding),
            token_types=view(library.attend_encoding_token_types(encoding), (count,), np.int32, encoding),
        )

    def decode(self, ids_: Ids, *, skip_special_tokens: bool = True) -> str:
        """The text of a sequence of ids. Raises InvalidArgumentError for an id that the tokenizer does not know."""
        native = self._open()
        array = ids(ids_, "ids")
        options = c.DetokenizeOptions(keep_special_tokens=not skip_special_tokens)
        result = create(
            library.attend_tokenizer_decode,
            native,
            array.ctypes.data,
            array.size,
            ctypes.byref(options),
            free=library.attend_text_free,
        )
        return text(library.attend_text_bytes, result) or ""

    def stream(self, *, skip_special_tokens: bool = True) -> TextStream:
        """Text from ids one at a time; see TextStream."""
        return TextStream(self._open(), skip_special_tokens)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        add_generation_prompt: bool = False,
        template: str | None = None,
        **variables: Any,
    ) -> str:
        """A conversation as the text that the model was trained on, by the chat template in the tokenizer's folder.

        ``messages`` have "role" and "content"; ``template`` names one of several templates; ``variables`` are what the
        template sees too (``tools=[...]``). Encode the result with ``special_tokens=False``, for the template writes
        them itself. Errors: NotFoundError without a template, InvalidArgumentError where it refuses the conversation,
        UnsupportedError for Jinja that is not implemented.
        """
        native = self._open()
        data = json.dumps(list(messages)).encode()
        options = c.ChatOptions(
            generation_prompt=add_generation_prompt,
            variables=json.dumps(variables).encode() if variables else None,
            template_name=None if template is None else template.encode(),
        )
        result = create(
            library.attend_tokenizer_chat, native, data, len(data), ctypes.byref(options), free=library.attend_text_free
        )
        return text(library.attend_text_bytes, result) or ""

    def token(self, id: SupportsIndex) -> str | None:
        """The token with an id, as the file spells it, or ``None`` if there is none."""
        id = operator.index(id)
        if not -(2**31) <= id < 2**31:
            return None
        return text(library.attend_tokenizer_token, self._open(), id)

    def id(self, token: str) -> int | None:
        """The id of a token spelled as in the file, or ``None``."""
        data = token.encode("utf-8", "surrogatepass")
        found = int(library.attend_tokenizer_id(self._open(), data, len(data)))
        return None if found < 0 else found

    def __len__(self) -> int:
        """One more than the largest id."""
        return int(library.attend_tokenizer_size(self._open()))

    def close(self) -> None:
        """Lets the tokenizer go; closing twice is allowed, using it after is an InvalidStateError."""
        self._native = None

    def __repr__(self) -> str:
        return f"<attend.Tokenizer {self._path!r}, {'closed' if self._native is None else f'{len(self)} tokens'}>"

    def __copy__(self) -> Tokenizer:
        self._open()
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __deepcopy__(self, _: Any) -> Tokenizer:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        self._open()
        return type(self), (self._path,)

    def __enter__(self) -> Tokenizer:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
