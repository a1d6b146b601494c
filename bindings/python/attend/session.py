"""The mutable half: live sequences and their caches."""

from __future__ import annotations

import ctypes
from types import TracebackType
from typing import TYPE_CHECKING, Any, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from . import _declarations as c
from ._arrays import (
    Float32Array,
    Ids,
    RaggedBatch,
    Sequences,
    SizeArray,
    Texts,
    ids,
    sizes,
    split,
    tensor_view,
    text_argument,
)
from ._library import Owned, check, create, library, size
from .errors import InvalidArgumentError, InvalidStateError

if TYPE_CHECKING:
    from .model import Model


class Session:
    """Sequences that are being read and written, their caches, scratch memory. ``Model.session()`` makes one.

    Threads: one at a time. A call while another thread is in one raises BusyError. Sessions of one model run side by side.

    Arrays: ``decode_step``, ``decode``, ``logits``, ``pooled``, ``embed``, ``hidden_states`` and ``attentions`` return views of the session's own memory, without a
    copy. Logits, pooled vectors and embeddings may be written to, to mask tokens in place; hidden states and attention maps are read-only. A view is valid until the next call on its session; take ``array.copy()`` to keep the numbers. A view keeps the
    session's memory alive: closing the session, or losing it, leaves the views as they are, and the memory is given back
    when the last of them is gone.
    """

    def __init__(self, model: Model, threads: int = 0) -> None:
        """``threads``: how many a call may use, at most the model's; 0: as many as the model."""
        if not 0 <= threads < 2**32:
            raise InvalidArgumentError(f"threads: {threads} is out of range")
        options = c.SessionOptions(threads=threads)
        self._native: Owned | None = create(
            library.attend_session_create, model._open(), ctypes.byref(options), free=library.attend_session_free
        )
        self._lengths: SizeArray | None = None  # of the last call's sequences: how hidden_states is cut

    def _open(self) -> Owned:
        native = self._native
        if native is None:
            raise InvalidStateError("the session is closed")
        return native

    def encode(self, tokens: Sequences | Ids, lengths: Any = None, token_types: Any = None) -> None:
        """Reads a batch: texts (encoder), sources (encoder-decoder) or prompts (decoder). Whatever the session held before is dropped.

        ``tokens`` is a list of sequences (lists or integer arrays, in any mix and of any lengths) or an integer matrix, one
        sequence a row. With ``lengths`` it is instead all ids end to end, ``[sum of lengths]``; contiguous int32 is then read
        where it lies. There is no padding: leave it out. ``token_types`` are segments, in the same form.

        Errors: InvalidArgumentError (an empty batch or sequence, an id outside the vocabulary or a token type that the model does not have, more
        tokens than the model has positions), BusyError, InvalidStateError (after a fork): these leave the session as it was. After OutOfMemoryError
        no sequence is live.
        """
        native = self._open()
        batch = RaggedBatch(tokens, lengths, token_types)
        check(library.attend_encode(native, ctypes.byref(batch.struct)))
        self._lengths = batch.lengths

    def decode_step(self, tokens: Ids) -> Float32Array:
        """Gives live sequence i the token ``tokens[i]``; returns the logits of what may follow, ``[count, vocabulary]``.

        The first token of an encoder-decoder is ``Model.decoder_start``; a decoder goes on after its prompts, of which ``logits`` tells
        what may follow. An encoder has no steps: UnsupportedError. The logits are unnormalised, and a view: valid until the next call.

        Errors, each of which leaves the session as it was: InvalidStateError (nothing was encoded, no sequence is live, a
        sequence has used its last position), InvalidArgumentError, BusyError, OutOfMemoryError.
        """
        native = self._open()
        array = ids(tokens)
        logits = c.Tensor()
        check(library.attend_decode_step(native, array.ctypes.data, array.size, ctypes.byref(logits)))
        self._lengths = np.ones(array.size, np.uintp)
        return tensor_view(logits, native, writeable=True)

    def decode(self, tokens: Sequences | Ids, lengths: Any = None) -> list[Float32Array]:
        """Gives live sequence i the tokens ``tokens[i]`` at once: for scoring, forced prefixes, speculation.

        The same numbers, to the bit, as one step after another. Returns one array for each sequence, ``[its tokens,
        vocabulary]``, views of one memory. ``tokens``, ``lengths`` and errors as in ``encode`` and ``decode_step``.
        """
        native = self._open()
        batch = RaggedBatch(tokens, lengths)
        logits = c.Tensor()
        check(library.attend_decode(native, ctypes.byref(batch.struct), ctypes.byref(logits)))
        self._lengths = batch.lengths
        return split(tensor_view(logits, native, writeable=True), batch.lengths)

    def select(self, parents: Sequence[int] | npt.NDArray[np.integer[Any]]) -> None:
        """Makes live sequence ``parents[i]`` of before the new live sequence i.

        This one call drops finished sequences, repeats one for a beam, and reorders; next to nothing is copied.
        Errors: InvalidArgumentError (a parent that is not live), InvalidStateError (nothing was encoded), BusyError.
        """
        native = self._open()
        array = sizes(parents, "parents")
        check(library.attend_session_select(native, array.ctypes.data, array.size))
        self._lengths = None

    def logits(self) -> Float32Array:
        """What the checkpoint's head makes of the last ``encode``, computed now; a view that is valid until the next call.

        Of a decoder ``[sequences, vocab_size]``, what may follow each prompt; of a masked language model ``[tokens, vocab_size]``;
        of a classifier of tokens ``[tokens, labels]``, of sequences ``[sequences, labels]``; for question answering
        ``[tokens, 2]``. Tokens lie sequence after sequence. Raises UnsupportedError where the checkpoint has no head.
        """
        native = self._open()
        logits = c.Tensor()
        check(library.attend_session_logits(native, ctypes.byref(logits)))
        return tensor_view(logits, native, writeable=True)

    def pooled(self) -> Float32Array:
        """What the checkpoint's pooler makes of the last ``encode``, computed now: ``[sequences, hidden size]``, a view valid until the next call.

        In a folder of sentence-transformers it is what its modules make of it, the embeddings: ``[sequences, width]``.
        Raises UnsupportedError where the checkpoint has no pooler.
        """
        native = self._open()
        pooled = c.Tensor()
        check(library.attend_session_pooled(native, ctypes.byref(pooled)))
        return tensor_view(pooled, native, writeable=True)

    def embed(
        self, texts: Iterable[str | bytes], prompt: str | None = None, prompt_name: str | None = None
    ) -> Float32Array:
        """A vector for each text, ``[texts, width]``, a view that is valid until the next call. No sequence is live afterwards.

        A folder of sentence-transformers (modules.json) gives the embeddings that it was made for; any other encoder or decoder what
        sentence-transformers makes of it: the mean of the hidden states, or the last token's for a causal language model. Texts are cut to the
        longest sequence that the folder names. ``prompt`` is put before each text, or the one that the folder calls ``prompt_name``;
        with neither it is the folder's default, which ``prompt=""`` switches off.

        Errors: InvalidArgumentError, NotFoundError (no tokenizer) and others that ``Model.tokenizer`` raises, UnsupportedError (an
        encoder-decoder), BusyError, OutOfMemoryError.
        """
        native = self._open()
        batch = Texts(texts)
        options = c.EmbedOptions(
            prompt=text_argument(prompt, "prompt"), prompt_name=text_argument(prompt_name, "prompt_name")
        )
        embeddings = c.Tensor()
        check(
            library.attend_embed(
                native,
                batch.texts,
                batch.lengths.ctypes.data,
                batch.lengths.size,
                ctypes.byref(options),
                ctypes.byref(embeddings),
            )
        )
        self._lengths = None
        return tensor_view(embeddings, native, writeable=True)

    def hidden_states(self) -> list[Float32Array]:
        """What the last ``encode``, ``decode_step`` or ``decode`` computed, after the last layer and its norm.

        One array for each sequence, ``[its tokens of that call, hidden size]``, views that are valid until the next call.
        Raises InvalidStateError before the first such call and after ``select``.
        """
        native = self._open()
        states = c.Tensor()
        check(library.attend_session_hidden_states(native, ctypes.byref(states)))
        array = tensor_view(states, native)
        if self._lengths is None or int(self._lengths.sum()) != array.shape[0]:
            raise InvalidStateError("the hidden states belong to a call of another thread")
        return split(array, self._lengths)

    def record_attentions(self, on: bool = True) -> None:
        """Switches on, or off again, that calls keep their attention maps. Off, as at the start, it costs nothing."""
        check(library.attend_session_record_attentions(self._open(), on))

    def attentions(self, kind: str, layer: int) -> list[Float32Array]:
        """The attention maps that the last ``encode``, ``decode_step`` or ``decode`` computed in a layer, after ``record_attentions``.

        ``kind``: ``"encoder"``, ``"decoder"`` or ``"cross"``, a decoder's tokens at the source. One array for each sequence, ``[heads, queries,
        keys]``, views that are valid until the next call: queries are the tokens of that call, keys all that they may look at. ``encode`` of an
        encoder-decoder leaves maps of its encoder, its decode calls those of the decoder and across.

        Errors: InvalidStateError (maps were not recorded, or that call left none of this kind), InvalidArgumentError, BusyError.
        """
        native = self._open()
        if kind not in c.ATTENTION:
            raise InvalidArgumentError(f"kind: {kind!r} is not one of {', '.join(c.ATTENTION)}")
        if layer < 0:
            raise InvalidArgumentError(f"layer: {layer} is negative")
        maps = []
        for sequence in range(max(self.count, 1)):
            tensor = c.Tensor()
            check(library.attend_session_attentions(native, c.ATTENTION[kind], layer, sequence, ctypes.byref(tensor)))
            maps.append(tensor_view(tensor, native))
        return maps

    @property
    def count(self) -> int:
        """How many sequences are live."""
        return size(library.attend_session_count, self._open())

    @property
    def lengths(self) -> list[int]:
        """How many tokens the decoder has read of each live sequence."""
        native = self._open()
        return [size(library.attend_session_length, native, index) for index in range(self.count)]

    @property
    def memory(self) -> int:
        """The bytes that the session holds at this moment: caches and scratch."""
        return size(library.attend_session_memory, self._open())

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._native is None

    def close(self) -> None:
        """Lets the session go; closing twice is allowed, using it after is an InvalidStateError.

        Views that are still alive, and a call under way in another thread, keep the memory until they end.
        """
        self._native = None
        self._lengths = None

    def __enter__(self) -> Session:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
