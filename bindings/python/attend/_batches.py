"""Batches for sessions, of what a caller has: lists, arrays, tensors, encodings, results of transformers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence  # those of `typing` are slow to ask what an object is
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import numpy as np
import numpy.typing as npt

from . import _declarations as c
from ._arrays import Float32Array, Ids, Int32Array, SizeArray, SupportsArray, address, ids, int32, integers, sizes
from ._encodings import Encoding
from .errors import InvalidArgumentError

if TYPE_CHECKING:
    from .inputs import Input

#: A batch: several sequences, the rows of an integer matrix, encodings, or what a tokenizer of transformers returns.
Sequences = Union[Iterable[Union[Ids, Encoding, Mapping[str, Any]]], SupportsArray, Mapping[str, Any], Encoding]

#: What a tokenizer of transformers may add to its result without changing what is to be computed.
_NEUTRAL = {"special_tokens_mask", "offset_mapping", "length", "overflow_to_sample_mapping", "overflowing_tokens",
            "num_truncated_tokens"}  # fmt: skip
_READ = {"input_ids", "token_type_ids", "attention_mask"}


class Padding(NamedTuple):
    """The ids that rows are filled up with, and those that may also stand at the edge of a text."""

    pads: frozenset[int] = frozenset()
    #: Ids that may begin a text: bos, cls, unk, and those that may end one.
    first: frozenset[int] = frozenset()
    #: Ids that may end a text: eos, sep, unk.
    last: frozenset[int] = frozenset()

    @classmethod
    def of(cls, pads: set[int | None], first: set[int | None], last: set[int | None]) -> Padding:
        """Of ids, among which None stands for one that there is not."""
        return cls(*(frozenset(id for id in ids if id is not None) for ids in (pads, first, last)))

    def check(self, tokens: Int32Array, starts: bool) -> None:
        """Raises InvalidArgumentError if rows of ``[sequences, tokens]`` begin or end as if they had been filled up.

        ``starts``: a row may begin with one padding id, which is the decoder's start token in many families.
        """
        rows, columns = tokens.shape
        if rows == 0 or columns < 2:  # nothing is filled up to one token
            return
        for side, edge, other in (("ends", -1, self.last), ("begins", 0, self.first)):
            for pad in self.pads.intersection(tokens[:, edge].tolist()):
                real = (tokens if edge == 0 else tokens[:, ::-1]) != pad
                counts = np.where(real.any(axis=1), real.argmax(axis=1), columns)
                row = int(counts.argmax())
                allowed = 1 if pad in other or (starts and edge == 0) else 0
                if counts[row] > allowed:
                    raise InvalidArgumentError(
                        f"tokens: row {row} {side} with {counts[row]} of the padding id {pad}, which would be read as "
                        "text: give attention_mask=, or a list of sequences without padding. Where the ids are meant, "
                        "say so by lengths=, or by an attention_mask= of ones"
                    )


class Rules(NamedTuple):
    """What the batches of a model are held to."""

    padding: Padding = Padding()
    #: Whether the model tells token types apart. If not, those that a tokenizer made are left out, as transformers
    #: does; those that a caller gives go to the library, which refuses them.
    takes_types: bool = True
    #: The width of the hidden states that may come in the place of tokens.
    hidden_size: int = 0


NO_RULES = Rules()


class RaggedBatch:
    """An ``attend_batch`` together with the arrays that it points into.

    ``tokens`` is one of the forms of ``Sequences``, or flat ids where ``lengths`` is given; ``token_types`` and
    ``attention_mask`` come in the same form, or inside of what a tokenizer made. Rows of one length, which is what
    padding makes, are searched for padding unless lengths or a mask say how long each text is.
    """

    def __init__(
        self,
        tokens: Any,
        lengths: Any = None,
        token_types: Any = None,
        attention_mask: Any = None,
        rules: Rules = NO_RULES,
        starts: bool = False,
    ) -> None:
        types: Int32Array | None = None
        padding = rules.padding
        if lengths is not None:
            if attention_mask is not None:
                raise InvalidArgumentError("attention_mask: lengths= says already which tokens count")
            self.tokens, self.lengths = _flat(tokens, lengths)
            if token_types is not None:
                types = ids(token_types, "token_types")
                _require(types.size == self.tokens.size, "token_types")
        else:
            if (
                type(tokens) is not list
                and not hasattr(tokens, "__array__")
                and not isinstance(tokens, (str, bytes, Mapping, Encoding))
            ):
                tokens = list(tokens)
            made = _made_by_a_tokenizer(tokens)
            if made is not None:
                tokens, token_types, attention_mask = made.merged(token_types, attention_mask)
                padding = padding if made.may_be_padded else Padding()
            self.tokens, self.lengths = _ragged(tokens, "tokens")
            if token_types is not None:
                types, types_lengths = _ragged(token_types, "token_types")
                _require(np.array_equal(types_lengths, self.lengths), "token_types")
                if made is not None and made.types is not None and not rules.takes_types:
                    types = None
            if attention_mask is not None:
                kept, mask_lengths = _ragged(attention_mask, "attention_mask", mask=True)
                _require(np.array_equal(mask_lengths, self.lengths), "attention_mask")
                self.lengths = _lengths_of_texts(kept, self.lengths)
                self.tokens = np.ascontiguousarray(self.tokens[kept != 0])
                types = None if types is None else np.ascontiguousarray(types[kept != 0])
            elif padding.pads and self.lengths.size and len(set(self.lengths.tolist())) == 1:
                padding.check(self.tokens.reshape(self.lengths.size, -1), starts)
        self.token_types = types
        self.struct = c.Batch(
            tokens=address(self.tokens),
            lengths=address(self.lengths),
            count=self.lengths.size,
            token_types=None if types is None else address(types),
        )

    def see(self, images: Sequence[Input]) -> None:
        """Adds the pictures that placeholders among the tokens stand for."""
        self._seen = (c.Input * len(images))(*(image._struct for image in images)), images
        self.struct.inputs, self.struct.input_count = self._seen[0], len(images)

    def look(self, mask: Any) -> None:
        """Says which pictures each token sees, from ``[tokens, pictures]`` for each text."""
        spans = [_spans(np.asarray(one), int(length)) for one, length in zip(mask, self.lengths, strict=False)]
        _require(len(mask) == self.lengths.size and len(spans) == self.lengths.size, "mask of pictures")
        self._looks = np.ascontiguousarray(np.concatenate(spans), np.int32)
        self.struct.seen_pictures = address(self._looks)


def split(array: Float32Array, lengths: SizeArray) -> list[Float32Array]:
    """``[sum of lengths, width]`` as one view for each sequence."""
    result, start = [], 0
    for length in lengths.tolist():
        result.append(array[start : start + length])
        start += length
    return result


def _spans(mask: Any, length: int) -> Any:
    """The first picture that each token sees and the end of those that it sees, which are neighbours."""
    if mask.ndim != 2 or mask.shape[0] != length:
        raise InvalidArgumentError(f"mask of pictures: expected [{length}, pictures], found {list(mask.shape)}")
    seen = mask != 0
    counts = seen.sum(axis=1)
    first = np.where(counts > 0, seen.argmax(axis=1), 0)
    limit = first + counts
    if not all(row[start:end].all() for row, start, end in zip(seen, first, limit)):
        raise InvalidArgumentError("mask of pictures: a token sees pictures that are no neighbours")
    return np.stack([first, limit], axis=1)


def _require(agrees: bool, what: str) -> None:
    if not agrees:
        raise InvalidArgumentError(f"{what}: their lengths are not those of the tokens")


def _flat(tokens: Any, lengths: Any) -> tuple[Int32Array, SizeArray]:
    """Ids end to end, of which ``lengths`` says where each sequence ends."""
    flat, counts = ids(tokens), sizes(lengths, "lengths")
    # One by one first: their sum could wrap around and look right.
    longest = int(counts.max()) if counts.size else 0
    if longest > flat.size or int(counts.sum()) != flat.size:
        raise InvalidArgumentError(f"lengths: they do not add up to the number of tokens, {flat.size}")
    return flat, counts


def _ragged(sequences: Any, what: str, mask: bool = False) -> tuple[Int32Array, SizeArray]:
    """Sequences end to end: numbers ``[sum of lengths]``, lengths ``[count]``. An int32 matrix is used as it lies."""
    if isinstance(sequences, (str, bytes)):
        raise TypeError(f"{what}: expected sequences of ids, found a text; a tokenizer makes ids of it")
    if hasattr(sequences, "__array__"):
        matrix = _numbers(sequences, what, mask)
        if matrix.ndim != 2:
            raise InvalidArgumentError(
                f"{what}: expected a list of sequences or a matrix, found {matrix.ndim} dimension(s); "
                "give lengths= for a flat batch"
            )
        return int32(matrix.reshape(-1), what), np.full(len(matrix), matrix.shape[1], np.uintp)
    if not mask and (plain := _plain(sequences)) is not None:
        return plain
    parts = []
    for index, sequence in enumerate(sequences):
        if isinstance(sequence, (int, float, np.number)):
            raise TypeError(
                f"{what}: expected a list of sequences, found a list of numbers; put it in a list, or give lengths= "
                "for a flat batch"
            )
        part = _numbers(sequence, f"{what}[{index}]", mask)
        if part.ndim != 1:
            raise InvalidArgumentError(f"{what}[{index}]: expected one dimension, found {part.ndim}")
        parts.append(int32(part, f"{what}[{index}]"))
    lengths = np.array([part.size for part in parts], np.uintp)
    if not parts:
        return np.zeros(0, np.int32), lengths
    return (parts[0] if len(parts) == 1 else np.concatenate(parts)), lengths


def _plain(sequences: Any) -> tuple[Int32Array, SizeArray] | None:
    """Lists of ids that all fit, which are the usual case, converted at once; None: of anything else."""
    if type(sequences) is not list or not all(type(sequence) is list for sequence in sequences):
        return None
    flat = list(chain.from_iterable(sequences))
    if set(map(type, flat)) != {int} or min(flat) < -(2**31) or max(flat) >= 2**31:
        return None
    return np.array(flat, np.int32), np.array([len(sequence) for sequence in sequences], np.uintp)


def _numbers(values: Any, what: str, mask: bool) -> npt.NDArray[np.integer[Any]]:
    """``values`` as an integer array; those of a ``mask`` may be booleans, and are 0 or 1."""
    if not mask:
        return integers(values, what)
    array = np.asarray(values)
    if array.dtype.kind == "b":
        return array.astype(np.int32)
    array = integers(values, what)
    if ((array != 0) & (array != 1)).any():
        raise InvalidArgumentError(
            f"{what}: expected zeros and ones, found numbers from {array.min()} to {array.max()}"
        )
    return array


def _lengths_of_texts(mask: Int32Array, lengths: SizeArray) -> SizeArray:
    """How many ones each sequence has in its mask. Raises InvalidArgumentError where zeros stand between them."""
    result, start = np.zeros_like(lengths), 0
    for index, length in enumerate(lengths.tolist()):
        kept = np.flatnonzero(mask[start : start + length])
        if kept.size and int(kept[-1]) - int(kept[0]) + 1 != kept.size:
            hole = int(np.flatnonzero(np.diff(kept) > 1)[0])
            raise InvalidArgumentError(
                f"attention_mask[{index}]: position {int(kept[hole]) + 1} is masked between others that are not; only "
                "padding on the left and on the right can be left out"
            )
        result[index] = kept.size
        start += length
    return result


class _Made(NamedTuple):
    """What a tokenizer made: ids with all that it says about them."""

    ids: Any
    types: Any
    mask: Any
    #: Whether rows may have been filled up, of which no mask tells.
    may_be_padded: bool

    def merged(self, types: Any, mask: Any) -> tuple[Any, Any, Any]:
        """Ids, types and mask, where the caller may give either beside what a tokenizer made without it."""
        for what, own, given in (("token_types", self.types, types), ("attention_mask", self.mask, mask)):
            if own is not None and given is not None:
                raise InvalidArgumentError(f"{what}: tokens brings its own already")
        return self.ids, types if self.types is None else self.types, mask if self.mask is None else self.mask


def _made_by_a_tokenizer(tokens: Any) -> _Made | None:
    """The parts of encodings and of what tokenizers of transformers return; None where ``tokens`` is nothing of the
    kind.
    """
    one = _parts(tokens)
    if one is not None:
        return one if _holds_sequences(one.ids) else _joined([one])
    if not isinstance(tokens, list):
        return None
    parts = [_parts(item) for item in tokens]
    if not any(parts):
        return None
    return _joined([_Made(item, None, None, False) if part is None else part for part, item in zip(parts, tokens)])


def _joined(parts: list[_Made]) -> _Made:
    """One batch of what was made text by text: types and masks of all where some have them."""

    def filled(name: str, fill: int) -> Any:
        values = [getattr(part, name) for part in parts]
        if all(value is None for value in values):
            return None
        return [np.full(len(part.ids), fill) if value is None else value for part, value in zip(parts, values)]

    return _Made(
        [part.ids for part in parts], filled("types", 0), filled("mask", 1), any(p.may_be_padded for p in parts)
    )


def _parts(item: Any) -> _Made | None:
    """An encoding of this package or of the tokenizers package, or a mapping with input_ids."""
    if type(item) in (np.ndarray, list):
        return None
    if isinstance(item, Encoding):
        return _Made(item.ids, item.token_types, None, False)
    if isinstance(item, Mapping):
        if "input_ids" not in item:
            raise InvalidArgumentError(f"tokens: there is no input_ids among {', '.join(map(str, item))}")
        unknown = [str(key) for key in item if key not in _READ | _NEUTRAL]
        if unknown:
            raise InvalidArgumentError(
                f"tokens: {', '.join(unknown)} is not understood; {', '.join(sorted(_READ))} are"
            )
        mask = item.get("attention_mask")
        return _Made(item["input_ids"], item.get("token_type_ids"), mask, mask is None)
    if hasattr(item, "type_ids") and hasattr(item, "ids"):
        return _Made(item.ids, item.type_ids, getattr(item, "attention_mask", None), False)
    return None


def _holds_sequences(values: Any) -> bool:
    """Whether the ids of a mapping are those of several texts, not of one."""
    if hasattr(values, "ndim"):
        return int(values.ndim) != 1
    return not (isinstance(values, (list, tuple)) and values and isinstance(values[0], (int, np.integer)))
