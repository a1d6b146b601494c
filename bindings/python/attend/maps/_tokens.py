"""The rows and columns of attention maps: tokens with their text, and the words that they are pieces of."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from .._encodings import Encoding
    from ..model import Model
    from ..tokenizer import Tokenizer

#: The end of a word in vocabularies such as CLIP's, where their decoder leaves it in the text.
_WORD_END = "</w>"


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens along one axis of a map."""

    #: The text of each, without spaces around it; a token without text of its own, such as the first bytes of a
    #: character, is spelled as the vocabulary spells it.
    texts: tuple[str, ...]
    #: ``[tokens]`` True for those that are no text: [CLS], </s>, ...
    special: npt.NDArray[np.bool_]
    #: ``[tokens]`` the word, from 0 on, that each is a piece of; the pieces of a word stand side by side
    words: npt.NDArray[np.int32]
    #: The text of each word
    word_texts: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        count = len(self.texts)
        if self.special.shape != (count,) or self.words.shape != (count,):
            raise InvalidArgumentError(
                f"tokens: {count} texts, but special is {self.special.shape} and words is {self.words.shape}"
            )
        steps = np.diff(self.words, prepend=-1 if count else 0)
        if count and (steps[0] != 1 or steps.min() < 0 or steps.max() > 1):
            raise InvalidArgumentError("words: expected numbers from 0 on, each equal to the last or one more")
        if not self.word_texts:
            merged: list[str] = []
            for text, step in zip(self.texts, steps):
                if step:
                    merged.append(text)
                else:
                    merged[-1] += text
            object.__setattr__(self, "word_texts", tuple(merged))

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def word_special(self) -> npt.NDArray[np.bool_]:
        """``[words]`` True for those that are special tokens."""
        found = np.zeros(len(self.word_texts), np.bool_)
        found[self.words] = self.special
        return found

    def merged(self) -> Tokens:
        """The words as tokens."""
        return Tokens(self.word_texts, self.word_special, np.arange(len(self.word_texts), dtype=np.int32))

    def chosen(self, kept: npt.NDArray[np.bool_]) -> Tokens:
        """Some of the tokens, those where ``kept`` is True."""
        words = np.unique(self.words[kept], return_inverse=True)[1].astype(np.int32)
        return Tokens(tuple(text for text, stays in zip(self.texts, kept) if stays), self.special[kept], words)

    @staticmethod
    def of(texts: Iterable[str]) -> Tokens:
        """Texts of the caller's own: none of them is special, each is a word."""
        own = tuple(texts)
        return Tokens(own, np.zeros(len(own), np.bool_), np.arange(len(own), dtype=np.int32))

    @staticmethod
    def numbered(count: int) -> Tokens:
        """Places that have no text, such as the patches of a picture: 0, 1, 2, ..."""
        return Tokens.of(str(place) for place in range(count))

    @staticmethod
    def read(model: Model, ids: Sequence[int] | npt.NDArray[np.int32], encoding: Encoding | None = None) -> Tokens:
        """Ids as a model reads or writes them; without a tokenizer each shows as its number.

        ``encoding``: what the ids were made by, which knows where the text had spaces.
        """
        try:
            tokenizer = model.tokenizer
        except NotFoundError:
            ends = {model.bos, model.pad, *model.eos_ids}
            special = np.array([int(id) in ends for id in ids], np.bool_)
            return Tokens(tuple(str(int(id)) for id in ids), special, np.arange(len(ids), dtype=np.int32))
        with tokenizer:
            return _read(tokenizer, [int(id) for id in ids], encoding)


def _read(tokenizer: Tokenizer, ids: list[int], encoding: Encoding | None) -> Tokens:
    """Ids as the text that a stream makes of them, cut where each became certain."""
    stream = tokenizer.stream(skip_special_tokens=False)
    pieces = [stream.add(id) for id in ids]
    if pieces:
        pieces[-1] += stream.finish()
    if encoding is not None:
        pieces = _spaced(pieces, encoding.offsets.tolist())
    known: dict[int, bool] = {}
    for id in ids:
        if id not in known:
            known[id] = _is_special(tokenizer, id)
    special = [known[id] for id in ids]
    starts = _starts(pieces, special)
    words = np.cumsum(starts, dtype=np.int32) - np.int32(1)
    texts = tuple(_shown(piece) or tokenizer.token(id) or str(id) for piece, id in zip(pieces, ids))
    merged = [""] * (int(words[-1]) + 1 if ids else 0)
    for index, (word, piece) in enumerate(zip(words, pieces)):
        merged[word] += texts[index] if special[index] else piece.replace(_WORD_END, "")
    first = np.flatnonzero(starts)
    named = tuple(_shown(word) or texts[first[index]] for index, word in enumerate(merged))
    return Tokens(texts, np.array(special, np.bool_), words, named)


def _spaced(pieces: Sequence[str], offsets: Sequence[Sequence[int]]) -> list[str]:
    """Pieces with spaces before them where the text had some, not where a decoder puts them.

    A token that has its space in itself is longer in the text than without.
    """
    found, end, is_apart = [], 0, False
    for piece, (start, limit) in zip(pieces, offsets):
        bare = piece.lstrip()
        is_apart |= start > end or (piece != bare and limit - start > len(bare))
        found.append(" " + bare if is_apart and bare else bare)
        is_apart, end = is_apart and not bare, limit  # what has no text leaves its space to the next
    return found


def _is_special(tokenizer: Tokenizer, id: int) -> bool:
    """Whether a token is left out of texts; the unknown token stands for text, whatever its vocabulary says."""
    if id == tokenizer.unk_id:
        return False
    return not tokenizer.decode([id]) and bool(tokenizer.decode([id], skip_special_tokens=False))


def _shown(piece: str) -> str:
    return piece.replace(_WORD_END, "").strip()


def _starts(pieces: Sequence[str], special: Sequence[bool]) -> list[bool]:
    """Which tokens begin a word. Bytes that are no character yet belong to the word of the character."""
    starts = [False] * len(pieces)
    before, first, follows_special = "", 0, True  # first: of the tokens since the last piece with a text
    for index, piece in enumerate(pieces):
        if special[index]:
            starts[first] = starts[index] = True
        elif not piece and index + 1 < len(pieces):
            continue
        else:
            starts[first] = follows_special or _is_boundary(before, piece)
        before, first, follows_special = piece, index + 1, special[index]
    return starts


def _is_boundary(before: str, piece: str) -> bool:
    """Whether a word ends between two pieces: at a space, and on both sides of what is no letter or number."""
    if not before or not piece or before.endswith(_WORD_END):
        return True
    return not (_joins(before[-1]) and _joins(piece[0]))


def _joins(character: str) -> bool:
    """Whether a character is joined to its neighbours: a letter, mark or number of a script that separates words."""
    return unicodedata.category(character)[0] in "LMN" and unicodedata.east_asian_width(character) != "W"
