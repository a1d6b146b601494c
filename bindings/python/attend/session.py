"""The mutable half: live sequences and their caches."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Iterable, Literal, NoReturn, SupportsIndex, overload

import numpy as np

from . import _declarations as c
from ._answers import Answers
from ._arrays import Float32Array, Ids, Texts, ids, number, sizes, tensor_view, text_argument
from ._batches import RaggedBatch, Sequences, split
from ._caches import Caches, KeyValueType, key_value_type_number
from ._library import check, create, library, size
from ._maps import attention_maps
from ._progress import Progress, Watch
from ._resting import Resumable
from .errors import AttendError, InvalidArgumentError, InvalidStateError
from .inputs import InputBatch, Inputs, batch_of
from .stages import Stage, StateBatch, States, callback

if TYPE_CHECKING:
    from .model import Model


class Session(Resumable, Caches, Answers):
    """Sequences that are being read and written, their caches, scratch memory. ``Model.session()`` makes one.

    Threads: one at a time. A call while another thread is in one raises BusyError. Sessions of one model run side by
    side.

    Arrays: ``decode_step``, ``decode``, ``logits``, ``pooled``, ``embed``, ``hidden_states`` and ``attentions`` return
    views of the session's own memory, without a copy. Logits, pooled vectors and embeddings may be written to, to mask
    tokens in place; hidden states and attention maps are read-only. A view is valid until the next call on its session;
    take ``array.copy()`` to keep the numbers. A view keeps the session's memory alive: closing the session, or losing
    it, leaves the views as they are, and the memory is given back when the last of them is gone.

    Long calls: Ctrl-C stops a call of the main thread within a tenth of a second with KeyboardInterrupt, as does
    whatever else a signal's handler raises. After that no sequence is live where the call was ``encode`` or ``embed``;
    a decode call leaves the session as it was.
    """

    _noun = "session"

    def __init__(
        self,
        model: Model,
        *,
        threads: SupportsIndex = 0,
        beyond_positions: bool = False,
        prefix_cache_bytes: SupportsIndex = 0,
        key_value_type: KeyValueType | None = None,
        progress: Progress | None = None,
        pin_threads: bool = False,
        stage: Stage | None = None,
    ) -> None:
        """The options are those of ``Model.session``."""
        self._belong(model, Watch(progress))
        earlier = callback(stage, self._watch, model.hidden_size)
        options = c.SessionOptions(
            threads=number(threads, "threads", bits=32),
            beyond_positions=bool(beyond_positions),
            progress=self._watch.callback,
            prefix_cache_bytes=number(prefix_cache_bytes, "prefix_cache_bytes"),
            key_value_type=key_value_type_number(key_value_type),
            pin_threads=bool(pin_threads),
            stage=earlier,
        )
        self._native = create(
            library.attend_session_create,
            model._open(),
            ctypes.byref(options),
            free=library.attend_session_free,
            parent=(self._watch, earlier),
        )

    def _answering(self) -> Session:
        return self

    def _forget(self) -> None:
        self._lengths = None

    @overload
    def encode(
        self, tokens: Sequences, *, token_types: Any = None, attention_mask: Any = None, images: Any = None
    ) -> None: ...
    @overload
    def encode(self, tokens: Ids, *, lengths: Ids, token_types: Ids | None = None, images: Any = None) -> None: ...
    @overload
    def encode(self, tokens: Inputs | States) -> None: ...
    def encode(
        self,
        tokens: Any,
        *,
        lengths: Any = None,
        token_types: Any = None,
        attention_mask: Any = None,
        images: Any = None,
    ) -> None:
        """Reads a batch, texts (encoder), sources (encoder-decoder) or prompts (decoder), and drops what was held.

        ``tokens`` is one of

        - a list of sequences of any lengths, each a list, an integer array, a tensor of PyTorch on the CPU, or an
          ``Encoding``, whose token types are used;
        - an integer matrix, ``[sequences, tokens]``: a list of equally long lists, an array, a tensor;
        - what a tokenizer of transformers returns for one text or several (``input_ids``, ``attention_mask``,
          ``token_type_ids``), or a list of such;
        - with ``lengths``, all ids end to end, ``[sum of lengths]``; contiguous int32 is then read where it lies;
        - of a model that sees or hears, an ``Input`` or a list of them, each one sequence.

        Padding is never read as text: ``attention_mask``, in the form of the tokens, is 1 or True for tokens and 0 or
        False for padding on the left or right, which is left out, so that positions count from the first token. Without
        a mask or ``lengths``, sequences of one length that begin or end with the padding id of model or tokenizer are
        an error, since that is what a padded batch looks like; one such id is allowed where it also begins or ends
        texts (bos, eos). Lists of different lengths are taken as they are. ``token_types`` are segments, in the form of
        the tokens.

        ``images``, of a decoder that sees: the pictures that the placeholders among the tokens stand for, in order,
        each an ``Input`` or what a ``Picture`` is made of; each has as many placeholders as it becomes states.

        Errors: InvalidArgumentError (an empty batch or sequence, an id outside the vocabulary or a token type that the
        model does not have, more tokens than the model has positions, padding without a mask, a mask with holes),
        TypeError (ids that are no integers, booleans among them), BusyError, InvalidStateError (after a fork): these
        leave the session as it was. After OutOfMemoryError, CancelledError and KeyboardInterrupt no sequence is live.
        """
        self._read(library.attend_encode, batch_of(self._rules, tokens, lengths, token_types, attention_mask, images))

    @overload
    def add(
        self, tokens: Sequences, *, token_types: Any = None, attention_mask: Any = None, images: Any = None
    ) -> None: ...
    @overload
    def add(self, tokens: Ids, *, lengths: Ids, token_types: Ids | None = None, images: Any = None) -> None: ...
    @overload
    def add(self, tokens: Inputs | States) -> None: ...
    def add(
        self,
        tokens: Any,
        *,
        lengths: Any = None,
        token_types: Any = None,
        attention_mask: Any = None,
        images: Any = None,
    ) -> None:
        """Reads a batch as ``encode`` does and keeps the live sequences: those of the batch come after them.

        What is asked of the last ``encode`` (logits, pooled vectors, hidden states, attention maps) is then about the
        added sequences alone. Errors as of ``encode``; each of them leaves the live sequences as they were.
        """
        batch = batch_of(self._rules, tokens, lengths, token_types, attention_mask, images)
        self._read(library.attend_session_add, batch)

    def _read(self, function: Any, batch: RaggedBatch | InputBatch | StateBatch) -> None:
        native = self._open()
        self._watch.call(function, native, ctypes.byref(batch.struct))
        self._lengths = batch.lengths
        if batch.lengths is None:
            states = c.Tensor()
            check(library.attend_session_hidden_states(native, ctypes.byref(states)))
            found: list[int] = []  # one of each tile, where pictures come in tiles
            while sum(found) < states.shape[0]:
                found.append(size(library.attend_session_encoded_length, native, len(found)))
            self._lengths = np.array(found, np.uintp)

    def decode_step(self, tokens: Ids) -> Float32Array:
        """Gives live sequence i the token ``tokens[i]``; the logits of what may follow, ``[count, vocabulary]``.

        The first token of an encoder-decoder is ``Model.decoder_start``; a decoder goes on after its prompts, of which
        ``logits`` tells what may follow. An encoder has no steps: UnsupportedError. The logits are unnormalised, and a
        view: valid until the next call.

        Errors, each of which leaves the session as it was: InvalidStateError (nothing was encoded, no sequence is live,
        a sequence has used its last position), InvalidArgumentError, TypeError, BusyError, OutOfMemoryError.
        """
        native, array, logits = self._open(), ids(tokens), c.Tensor()
        self._watch.call(library.attend_decode_step, native, array.ctypes.data, array.size, ctypes.byref(logits))
        self._lengths = np.ones(array.size, np.uintp)
        return tensor_view(logits, native, writeable=True)

    @overload
    def decode(
        self, tokens: Sequences, *, attention_mask: Any = None, logits: Literal["all"] = "all"
    ) -> list[Float32Array]: ...
    @overload
    def decode(self, tokens: Ids, *, lengths: Ids, logits: Literal["all"] = "all") -> list[Float32Array]: ...
    @overload
    def decode(
        self, tokens: Any, *, lengths: Any = None, attention_mask: Any = None, logits: Literal["last"]
    ) -> Float32Array: ...
    @overload
    def decode(
        self, tokens: Any, *, lengths: Any = None, attention_mask: Any = None, logits: Literal["none"]
    ) -> None: ...
    def decode(
        self, tokens: Any, *, lengths: Any = None, attention_mask: Any = None, logits: str = "all"
    ) -> list[Float32Array] | Float32Array | None:
        """Gives live sequence i the tokens ``tokens[i]`` at once: for scoring, forced prefixes, speculation.

        The same numbers, to the bit, as one step after another. ``logits``:

        - ``"all"``: those of every token, one array for each sequence, ``[its tokens, vocabulary]``, views of one
          memory;
        - ``"last"``: those of the last token of each sequence, ``[sequences, vocabulary]``, a view; NaN for one that
          waits;
        - ``"none"``: the tokens are read and None is returned.

        A sequence without tokens waits, unless all do. ``tokens``, ``lengths``, ``attention_mask`` and errors as in
        ``encode`` and ``decode_step``; a row may begin with a padding id, which is the start token of many families.
        """
        native, found = self._open(), c.Tensor()
        if logits not in c.LOGITS:
            raise InvalidArgumentError(f"logits: {logits!r} is not one of {', '.join(c.LOGITS)}")
        batch = batch_of(self._rules, tokens, lengths, None, attention_mask, starts=True)
        assert batch.lengths is not None  # they are tokens or states
        batch.struct.logits = c.LOGITS[logits]
        self._watch.call(library.attend_decode, native, ctypes.byref(batch.struct), ctypes.byref(found))
        self._lengths = batch.lengths
        if logits == "none":
            return None
        array = tensor_view(found, native, writeable=True)
        return array if logits == "last" else split(array, batch.lengths)

    def truncate(self, index: SupportsIndex, length: SupportsIndex) -> None:
        """Forgets what live sequence ``index`` has read beyond its first ``length`` tokens.

        What follows has the same bits as if it had never read them. Errors, each of which leaves the session as it was:
        InvalidArgumentError (no such sequence, one that has read fewer tokens), InvalidStateError (nothing was encoded,
        no sequence is live), BusyError.
        """
        native = self._open()
        check(library.attend_session_truncate(native, number(index, "index"), number(length, "length")))
        self._lengths = None

    def select(self, parents: Ids) -> None:
        """Makes live sequence ``parents[i]`` of before the new live sequence i.

        This one call drops finished sequences, repeats one for a beam, and reorders; next to nothing is copied.
        Errors: InvalidArgumentError (a parent that is not live), InvalidStateError (nothing was encoded), BusyError.
        """
        native, array = self._open(), sizes(parents, "parents")
        check(library.attend_session_select(native, array.ctypes.data, array.size))
        self._lengths = None

    def logits(self) -> Float32Array:
        """The logits of the checkpoint's head for the last ``encode``, computed now; a view valid until the next call.

        Of a decoder ``[sequences, vocab_size]``, what may follow each prompt; of a masked language model ``[tokens,
        vocab_size]``; of a classifier of tokens ``[tokens, labels]``, of sequences ``[sequences, labels]``; for
        question answering ``[tokens, 2]``. Tokens lie sequence after sequence. Raises UnsupportedError where the
        checkpoint has no head.
        """
        return self._computed(library.attend_session_logits)

    def pooled(self) -> Float32Array:
        """The vectors of the checkpoint's pooler for the last ``encode``, computed now: ``[sequences, hidden size]``.

        In a folder of sentence-transformers they are what its modules make, the embeddings: ``[sequences, width]``. A
        view that is valid until the next call. Raises UnsupportedError where the checkpoint has no pooler.
        """
        return self._computed(library.attend_session_pooled)

    def _computed(self, function: Any) -> Float32Array:
        """The tensor that a computing call gives through its last argument."""
        native, tensor = self._open(), c.Tensor()
        self._watch.call(function, native, ctypes.byref(tensor))
        return tensor_view(tensor, native, writeable=True)

    def embed(
        self,
        texts: Iterable[str | bytes],
        *,
        prompt: str | None = None,
        prompt_name: str | None = None,
        truncate_dim: SupportsIndex | None = None,
        progress: Progress | None = None,
    ) -> Float32Array:
        """A vector for each text, ``[texts, width]``, a view valid until the next call. No sequence is live afterwards.

        A folder of sentence-transformers (modules.json) gives the embeddings that it was made for; any other encoder or
        decoder what sentence-transformers makes of it: the mean of the hidden states, or the last token's for a causal
        language model. Texts are cut to the longest sequence that the folder names. ``prompt`` is put before each text,
        or the one that the folder calls ``prompt_name``; with neither it is the folder's default, which ``prompt=""``
        switches off. ``truncate_dim`` keeps the first numbers of each vector, in place of as many as the folder says.
        ``progress`` hears of this call in place of the session's. No texts give ``[0, width]``, without a
        call.

        Errors: InvalidArgumentError, TypeError (one text that is in no list), NotFoundError (no tokenizer) and others
        that ``Model.tokenizer`` raises, UnsupportedError (an encoder-decoder), BusyError, OutOfMemoryError,
        CancelledError.
        """
        native = self._open()
        batch = Texts(texts)
        kept = 0 if truncate_dim is None else number(truncate_dim, "truncate_dim")
        if truncate_dim is not None and kept == 0:
            raise InvalidArgumentError("truncate_dim is 0: an embedding has at least one number")
        if batch.lengths.size == 0 and self._embedding_size:
            return np.empty((0, min(kept or self._embedding_size, self._embedding_size)), np.float32)
        options = c.EmbedOptions(
            prompt=text_argument(prompt, "prompt"),
            prompt_name=text_argument(prompt_name, "prompt_name"),
            truncate_dim=kept,
        )
        embeddings = c.Tensor()
        self._watch.call(
            library.attend_embed,
            native,
            batch.texts,
            batch.lengths.ctypes.data,
            batch.lengths.size,
            ctypes.byref(options),
            ctypes.byref(embeddings),
            progress=progress,
        )
        self._lengths = None
        return tensor_view(embeddings, native, writeable=True)

    def hidden_states(self) -> list[Float32Array]:
        """The states that the last ``encode``, ``decode_step`` or ``decode`` computed, after the last layer and its
        norm.

        One array for each sequence, ``[its tokens of that call, hidden size]``, views that are valid until the next
        call. Raises InvalidStateError before the first such call and after ``select`` and ``truncate``.
        """
        array = self._states()
        if self._lengths is None or int(self._lengths.sum()) != array.shape[0]:
            raise InvalidStateError("the hidden states belong to a call of another thread")
        return split(array, self._lengths)

    def _states(self) -> Float32Array:
        """The hidden states of all sequences, end to end."""
        native, states = self._open(), c.Tensor()
        check(library.attend_session_hidden_states(native, ctypes.byref(states)))
        return tensor_view(states, native)

    def record_attentions(self, on: bool = True) -> None:
        """Switches on, or off again, that calls keep their attention maps. Off, as at the start, it costs nothing."""
        check(library.attend_session_record_attentions(self._open(), on))

    def attentions(self, kind: str, layer: SupportsIndex) -> list[Float32Array]:
        """The attention maps that the last ``encode``, ``decode_step`` or ``decode`` computed in a layer.

        ``record_attentions`` must have been called before it. ``kind``: ``"encoder"``, ``"decoder"``, ``"cross"``, a
        decoder's tokens at the source, or ``"vision"``, pictures' patches in a tower beside a stack of tokens. One
        array for each sequence or picture, ``[heads, queries, keys]``, views that are valid until the next call:
        queries are the tokens of that call, keys all that they may look at. ``encode`` of an encoder-decoder leaves
        maps of its encoder, its decode calls those of the decoder and across. Layers that attend within windows (Swin,
        Florence-2) give ``[windows, heads, queries, keys]``, those between channels ``[groups, channels, channels]``.

        Errors: InvalidStateError (maps were not recorded, or that call left none of this kind), InvalidArgumentError,
        BusyError.
        """
        return attention_maps(self._open(), kind, number(layer, "layer"), self.count)

    def cancel(self) -> None:
        """Ends the call that another thread computes in, or where there is none the next one, with CancelledError.

        Any thread may call it, and a progress callback. After an ``encode`` or ``embed`` that was cancelled no sequence
        is live; any other call leaves the live sequences as they were.
        """
        library.attend_session_cancel(self._open())

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

    def close(self) -> None:
        """Lets the session go; closing twice is allowed, using it after is an InvalidStateError.

        Views that are still alive, and a call under way in another thread, keep the memory until they end.
        """
        super().close()
        self._lengths = None

    def __repr__(self) -> str:
        if self.closed:
            return f"<attend.Session of {self._family}, closed>"
        try:
            return f"<attend.Session of {self._family}, {self.count} sequences live>"
        except AttendError as problem:  # while another thread computes
            return f"<attend.Session of {self._family}, {type(problem).__name__}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session cannot be copied or pickled: make another with Model.session()")
