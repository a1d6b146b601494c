"""Text to token ids and back."""

from __future__ import annotations

import ctypes
import operator
from typing import Any, Iterable, Mapping, NoReturn, Sequence, SupportsIndex

from . import _declarations as c
from ._arrays import Ids, Int32Array, Path, Texts, ids, path_bytes, utf8
from ._encodings import Chat, Encoding, Side, Truncation, optional, tokenize_options
from ._library import Closable, Owned, check, create, library, sized, text
from ._places import MEMORY, MemoryFiles, found
from ._progress import interruptible
from .errors import InvalidArgumentError


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


class Tokenizer(Closable):
    """A tokenizer. Any number of threads may use it at once.

    ``Tokenizer(path)`` loads one from a checkpoint folder (tokenizer.json, SentencePiece models, vocab.json with
    merges.txt, vocab.txt, tiktoken files), from such a file, or from what ``Model(path)`` takes; ``Model.tokenizer`` is
    the one of a model. A copy shares its memory; a pickle carries the absolute path, and loads it again where it is
    unpickled.

    Errors: NotFoundError, InputOutputError, InvalidFileError, UnsupportedError (names the component that is not
    implemented).

    >>> with attend.Tokenizer("models/g2p-en") as tokenizer:
    ...     tokenizer.decode(tokenizer.encode("hello"))
    'h e l l o'
    """

    _noun = "tokenizer"

    def __init__(self, path: Path) -> None:
        self._path = found(path)
        self._native = create(
            library.attend_tokenizer_create, path_bytes(self._path), free=library.attend_tokenizer_free
        )

    @classmethod
    def from_files(cls, files: Mapping[str, Any]) -> Tokenizer:
        """A tokenizer of files in memory: names as they would have them in a folder, with their bytes."""
        tokenizer, table = cls.__new__(cls), MemoryFiles(files)
        tokenizer._path = MEMORY
        tokenizer._native = create(
            library.attend_tokenizer_create_from_files,
            table.address,
            table.count,
            free=library.attend_tokenizer_free,
        )
        return tokenizer

    @classmethod
    def _borrowed(cls, model: Owned, path: str) -> Tokenizer:
        """The tokenizer of a model, which it keeps alive; ``path`` is the model's folder."""
        tokenizer = cls.__new__(cls)
        tokenizer._path = path
        tokenizer._native = create(library.attend_model_tokenizer, model, free=None, parent=model)
        return tokenizer

    def encode(
        self,
        text: str | bytes,
        *,
        pair: str | bytes | None = None,
        special_tokens: bool = True,
        max_length: int | None = None,
        truncation: Truncation = "longest_first",
        stride: int = 0,
        truncation_side: Side | None = None,
        target: bool = False,
    ) -> Int32Array:
        """The ids of ``text``, ``[tokens]``, or with ``pair`` of both texts as the tokenizer's template joins them.

        ``special_tokens=False`` leaves out what the template adds. ``max_length`` is the most tokens, the template's
        included: where there are more, ``truncation`` says which text loses some ("none": it is an error), and
        ``truncation_side`` at which end (None: as the tokenizer's files say). What is cut off, in windows that share
        ``stride`` tokens, is in ``tokenize(...).overflow``. ``target``: the text is one that an encoder-decoder writes,
        which some tokenizers (Marian) split in another way than what it reads; ``text_target`` of transformers.

        The array is a read-only view of memory that it keeps alive. Bytes count as UTF-8, and what in them is not UTF-8
        as U+FFFD.
        """
        options = tokenize_options(special_tokens, max_length, truncation, stride, truncation_side, target)
        return self._tokenize(text, pair, options).ids

    def tokenize(
        self,
        text: str | bytes,
        *,
        pair: str | bytes | None = None,
        special_tokens: bool = True,
        max_length: int | None = None,
        truncation: Truncation = "longest_first",
        stride: int = 0,
        truncation_side: Side | None = None,
        target: bool = False,
    ) -> Encoding:
        """What ``encode`` does, with where each token stands in its text, token types, and the windows cut off."""
        options = tokenize_options(special_tokens, max_length, truncation, stride, truncation_side, target)
        return self._tokenize(text, pair, options)

    def _tokenize(self, text: str | bytes, pair: str | bytes | None, options: c.TokenizeOptions) -> Encoding:
        native, first = self._open(), utf8(text, "text")
        texts: list[Any] = [first, len(first)]
        if pair is not None:
            second = utf8(pair, "pair")
            texts += [second, len(second)]
        function = library.attend_tokenizer_encode if pair is None else library.attend_tokenizer_encode_pair
        arguments = (native, *texts, ctypes.byref(options))

        def encode() -> Owned:
            return create(function, *arguments, free=library.attend_encoding_free)

        return Encoding(interruptible(sum(texts[1::2]), encode, options))

    def encode_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        pairs: Iterable[str | bytes] | None = None,
        special_tokens: bool = True,
        max_length: int | None = None,
        truncation: Truncation = "longest_first",
        stride: int = 0,
        truncation_side: Side | None = None,
        target: bool = False,
        threads: int = 0,
    ) -> list[Encoding]:
        """What ``tokenize`` makes of each of ``texts``, with the second text of ``pairs``, on ``threads`` threads.

        0 threads: one for each processor. ``Session.encode`` takes the result as it is. An error names the first text
        that failed.
        """
        native = self._open()
        options = tokenize_options(special_tokens, max_length, truncation, stride, truncation_side, target, threads)
        first, second = Texts(texts), None if pairs is None else Texts(pairs, "pairs")
        count = len(first.texts)
        if second is not None and len(second.texts) != count:
            raise InvalidArgumentError(f"pairs: there are {len(second.texts)} for {count} texts")

        def encode() -> list[Owned]:
            handles = (c.Handle * count)()
            error = library.attend_tokenizer_encode_batch(
                native,
                first.texts,
                first.lengths.ctypes.data,
                None if second is None else second.texts,
                None if second is None else second.lengths.ctypes.data,
                count,
                ctypes.byref(options),
                handles,
            )
            check(error)
            return [Owned(address, library.attend_encoding_free) for address in handles if address is not None]

        bytes_ = int(first.lengths.sum()) + (0 if second is None else int(second.lengths.sum()))
        return [Encoding(native) for native in interruptible(bytes_, encode, options)]

    def decode(self, ids_: Ids, *, skip_special_tokens: bool = True) -> str:
        """The text of a sequence of ids. Raises InvalidArgumentError for an id that the tokenizer does not know."""
        native = self._open()
        array = ids(ids_, "ids")
        options = c.DetokenizeOptions(keep_special_tokens=not skip_special_tokens)

        def decode() -> Owned:
            arguments = (native, array.ctypes.data, array.size, ctypes.byref(options))
            return create(library.attend_tokenizer_decode, *arguments, free=library.attend_text_free)

        result = interruptible(array.nbytes, decode)
        return text(library.attend_text_bytes, result) or ""

    def stream(self, *, skip_special_tokens: bool = True) -> TextStream:
        """Text from ids one at a time; see TextStream."""
        return TextStream(self._open(), skip_special_tokens)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = False,
        template: str | None = None,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Any] | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """A conversation as the text that the model was trained on, by the chat template in the tokenizer's folder.

        ``messages`` have "role" and "content"; ``template`` names one of several templates; ``tools``, ``documents``
        and the members of ``variables`` are what the template sees too. ``encode_chat`` gives the ids: the template
        writes the special tokens, and ``encode`` would add them once more. Errors: NotFoundError without a template,
        InvalidArgumentError where it refuses the conversation, UnsupportedError for Jinja that is not implemented.
        """
        native, chat = self._open(), Chat(messages, add_generation_prompt, template, tools, documents, variables)
        result = chat.call(library.attend_tokenizer_chat, native, free=library.attend_text_free)
        return text(library.attend_text_bytes, result) or ""

    def encode_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = False,
        template: str | None = None,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Any] | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> Int32Array:
        """The ids of what ``chat`` writes, ``[tokens]``: with the special tokens of the template and no other."""
        native, chat = self._open(), Chat(messages, add_generation_prompt, template, tools, documents, variables)
        return Encoding(chat.call(library.attend_tokenizer_encode_chat, native, free=library.attend_encoding_free)).ids

    def vocabulary(self) -> dict[str, int]:
        """The id of each token, as the files spell it; bytes that are not UTF-8 are spelled ``\\xff``."""
        native, tokens = self._open(), {}
        for id in range(len(self)):
            address, length = sized(library.attend_tokenizer_token, native, id)
            if address is not None:
                tokens[ctypes.string_at(address, length).decode("utf-8", "backslashreplace")] = id
        return tokens

    def _info(self) -> c.TokenizerInfo:
        info = c.TokenizerInfo()
        check(library.attend_tokenizer_get_info(self._open(), ctypes.byref(info)))
        return info

    @property
    def model_max_length(self) -> int | None:
        """The most tokens that the model was made for, or ``None`` where no limit is stated."""
        return optional(self._info().model_max_length, ctypes.c_size_t(-1).value)

    @property
    def truncation_side(self) -> Side:
        """The end at which texts lose tokens unless ``truncation_side=`` says it."""
        return "left" if self._info().truncation_side == c.SIDE["left"] else "right"

    @property
    def bos_id(self) -> int | None:
        """The id of the token that begins a text, or ``None``; so are the others."""
        return optional(self._info().begin_token)

    @property
    def eos_id(self) -> int | None:
        """The id of the token that ends a text."""
        return optional(self._info().end_token)

    @property
    def unk_id(self) -> int | None:
        """The id of the unknown token."""
        return optional(self._info().unknown_token)

    @property
    def sep_id(self) -> int | None:
        """The id of the token between texts."""
        return optional(self._info().separator_token)

    @property
    def pad_id(self) -> int | None:
        """The id of the padding token."""
        return optional(self._info().pad_token)

    @property
    def cls_id(self) -> int | None:
        """The id of the token whose state stands for the text."""
        return optional(self._info().class_token)

    @property
    def mask_id(self) -> int | None:
        """The id of the token that a masked language model fills in."""
        return optional(self._info().mask_token)

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

    def __repr__(self) -> str:
        return f"<attend.Tokenizer {self._path!r}, {'closed' if self.closed else f'{len(self)} tokens'}>"

    def __copy__(self) -> Tokenizer:
        self._open()
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __deepcopy__(self, _: Any) -> Tokenizer:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        self._open()
        if self._path == MEMORY:
            raise TypeError("a tokenizer of files in memory cannot be pickled: make it again where it is needed")
        return type(self), (self._path,)
