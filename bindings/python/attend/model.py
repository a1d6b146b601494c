"""A loaded checkpoint."""

from __future__ import annotations

import ctypes
import enum
import functools
import json
import operator
from typing import Any, Iterable, Mapping, NamedTuple, SupportsIndex

import numpy as np

from . import _declarations as c
from ._arrays import Float32Array, Path, number, view
from ._batches import Padding
from ._caches import KeyValueType
from ._generating import Generating
from ._library import Closable, Owned, check, library, sized, text
from ._placement import MappedWeights, Placement, Placing, mapped_weights
from ._places import MEMORY, MemoryFiles, found, load
from ._progress import Progress
from ._resting import Resting
from ._similarity import Comparing
from .errors import AttendError, UnsupportedError
from .session import Session
from .stages import Stage
from .tokenizer import Tokenizer

#: Bytes of a session up to which it waits for the next call.
_RESTING_BYTES = 64 << 20
#: What the header says where a model sets no limit: SIZE_MAX.
_NO_LIMIT = ctypes.c_size_t(-1).value


class Kind(enum.IntEnum):
    """``attend_model_kind``: how a model is built."""

    ENCODER = 1
    DECODER = 2
    ENCODER_DECODER = 3


class TensorInfo(NamedTuple):
    """A tensor of the checkpoint, as the file stores it."""

    name: str
    dtype: str  #: "float32", "float16", "bfloat16", ...
    shape: tuple[int, ...]


class Model(Closable, Comparing, Generating):
    """A checkpoint folder in the layout of Hugging Face: weights, configuration, tokenizer. Immutable.

    ``path``: a folder with config.json and model.safetensors or pytorch_model.bin (or shards of either with their
    index.json), and where present generation_config.json and the tokenizer's files; docs/formats.md has other formats.
    Or one of its files of weights; ``~`` is the home folder. Or what a model is called on the Hub, ``"org/name"`` or
    ``"org/name@revision"``, which is looked for in the local cache of huggingface_hub, without a network.
    ``from_files`` loads files in memory. ``threads``: how many a call may use; 0: one for each core available to the
    process, of those that are fast where there are two kinds; ``pin_threads``: each stays on a processor, but for the
    caller's. ``kernels``: ``"amx"``, ``"avx512"``, ``"avx2"``, ``"portable"``, or None: ``attend.kernels_name()``.
    ``progress``: called with a fraction that rises from 0 to 1; returning False stops the loading with CancelledError,
    and an exception that it raises comes out of here. Ctrl-C stops the loading too.

    ``layers``: those of a decoder that are loaded, ``(first, end)``, a stage of a pipeline for models that are too
    large for one machine: without layer 0 it reads ``States`` in the place of tokens, and without the last one its
    ``Session.hidden_states`` are what the next stage reads. docs/cluster.md; ``attend.ray.Pipeline`` does it all.

    ``copy_weights``: read weights into memory where they would be mapped, so that a file that is shortened or written
    over while the model lives can neither end the process nor change results.

    ``weights``: ``"resident"``, in memory; ``"mapped"``, in a file in ``weights_directory`` (None: where temporary
    files are) of which at most ``memory_budget`` bytes are in memory (0: nine tenths of what is available now);
    ``"auto"``, mapped where they would take more. Results are the same; ``mapped_weights()`` tells how long products
    waited.

    ``compute``: the type that weights are kept in and matrix products are computed in, whatever the type of the stored
    weights:

    - ``"float32"``, the default;
    - ``"bfloat16"``: weights and inputs rounded to bfloat16, sums in float32; half the memory;
    - ``"int8"``: weights in 8 bits with a scale for each output, inputs in 8 bits with a scale for each token; a
      quarter;
    - ``"int4"``: weights in 4 bits with a scale for each 32 inputs of an output, inputs as for int8; a sixth.

    Any number of threads may use a model and its tokenizer at once; each makes its own session. A session keeps what it
    needs of its model, so the order of closing does not matter. A model does not survive ``os.fork()``; the child makes
    its own.

    ``copy.copy`` and ``copy.deepcopy`` share the weights. A pickle carries the absolute path and the options, all but
    ``progress``, and loads the folder again where it is unpickled, in a worker of multiprocessing for example.

    Errors: NotFoundError, InputOutputError, InvalidFileError (names the file, the tensor and the numbers),
    UnsupportedError (an unknown model_type, with the list of known ones; a configuration key whose meaning is not
    implemented; kernels that this CPU cannot run), InvalidArgumentError, OutOfMemoryError, CancelledError.

    Numbers, read once when the model is made (they stay readable after ``close``); a token that the model does not have
    is None:
    """

    _noun = "model"

    #: The folder, absolute.
    path: str
    kind: Kind
    #: config.json's model_type: "marian".
    family: str
    #: What the matrix products are computed in.
    compute: str
    #: The kernels that the model runs on.
    kernels: str
    #: How many threads a call may use.
    threads: int
    #: config.json as it stands in the folder.
    config: dict[str, Any]
    #: generation_config.json as it stands in the folder, or None where there is none.
    generation_config: dict[str, Any] | None
    #: Ids run from 0 to this less 1; the width of the logits.
    vocab_size: int
    #: The width of the hidden states, the decoder's where there are two.
    hidden_size: int
    #: Ids of sources, or of an encoder's texts, and the width of its states; 0 where there is no encoder.
    encoder_vocab_size: int
    encoder_hidden_size: int
    #: Ids of targets, or of a decoder's texts, and the width of its states; 0 where there is no decoder.
    decoder_vocab_size: int
    decoder_hidden_size: int
    encoder_layers: int
    decoder_layers: int
    #: The number of its first decoder layer in the checkpoint, and how many there are, where ``layers`` names some.
    first_layer: int
    whole_layers: int
    #: Token types ("segments") that a batch may name, from 0 to this less 1; 0: the model takes none.
    token_type_count: int
    #: The width of the vectors that ``embed`` gives; 0: the model makes none.
    embedding_size: int
    #: The longest source that config.json states, in tokens; None: it states none.
    encoder_positions: int | None
    #: The longest target that config.json states, in tokens; None: it states none.
    decoder_positions: int | None
    #: Elements of all weights, each counted once.
    parameters: int
    #: Memory that the weights take as the kernels read them.
    weight_bytes: int
    bos: int | None
    #: The first end-of-sequence token; ``eos_ids`` are all of them.
    eos: int | None
    eos_ids: tuple[int, ...]
    pad: int | None
    unk: int | None
    #: The token that must follow the start token.
    forced_bos: int | None
    #: The token that must stand at the maximal length.
    forced_eos: int | None

    def __init__(
        self,
        path: Path,
        *,
        compute: str = "float32",
        threads: SupportsIndex = 0,
        kernels: str | None = None,
        progress: Progress | None = None,
        copy_weights: bool = False,
        pin_threads: bool = False,
        weights: Placement = "resident",
        memory_budget: SupportsIndex = 0,
        weights_directory: Path | None = None,
        layers: tuple[SupportsIndex, SupportsIndex] | None = None,
    ) -> None:
        self.path = found(path)
        placement = Placing(weights, memory_budget, weights_directory)
        self._start(self.path, progress, compute, threads, kernels, copy_weights, pin_threads, placement, layers)

    @classmethod
    def from_files(
        cls,
        files: Mapping[str, Any],
        *,
        compute: str = "float32",
        threads: SupportsIndex = 0,
        kernels: str | None = None,
        progress: Progress | None = None,
        copy_weights: bool = True,
        pin_threads: bool = False,
    ) -> Model:
        """A model of files in memory: names as they would have them in a folder, with their bytes.

        Nothing touches the disk. ``copy_weights=False`` reads the bytes where they are; they must then not change, and
        live until the model, its sessions and its tokenizer are gone. Such a model has no pickle.
        """
        model = cls.__new__(cls)
        model.path = MEMORY
        model._start(MemoryFiles(files), progress, compute, threads, kernels, copy_weights, pin_threads, Placing())
        return model

    def _start(
        self,
        place: str | MemoryFiles,
        progress: Progress | None,
        compute: str,
        threads: SupportsIndex,
        kernels: str | None,
        copy_weights: bool,
        pin_threads: bool,
        placement: Placing,
        layers: tuple[SupportsIndex, SupportsIndex] | None = None,
    ) -> None:
        """Loads what is at ``place``."""
        self._options: dict[str, Any] = {
            "compute": compute,
            "threads": number(threads, "threads", bits=32),
            "kernels": kernels,
            "copy_weights": bool(copy_weights),
            "pin_threads": bool(pin_threads),
            **placement.options,
            **({} if layers is None else {"layers": _range(layers)}),
        }
        self._tensors: tuple[TensorInfo, ...] | None = None
        self._rests: list[Resting] = []
        self._known_padding: Padding | None = None
        self._native = load(place, progress, **self._options)
        self._describe(self._native)

    def _describe(self, native: Owned) -> None:
        """Reads what the attributes say."""
        info = c.ModelInfo()
        check(library.attend_model_get_info(native, ctypes.byref(info)))
        self.kind = Kind(info.kind)
        self.family = library.attend_model_family(native).decode("utf-8", "replace")
        self.compute = {number: name for name, number in c.COMPUTE.items()}[info.compute]
        self.kernels = library.attend_model_kernels(native).decode("utf-8", "replace")
        self.threads = info.threads
        self.config = json.loads(text(library.attend_model_config, native) or "{}")
        generation = text(library.attend_model_generation_config, native)
        self.generation_config = None if generation is None else json.loads(generation)
        self.vocab_size = info.vocabulary_size
        self.hidden_size = info.hidden_size
        self.encoder_vocab_size = info.encoder_vocabulary_size
        self.encoder_hidden_size = info.encoder_hidden_size
        self.decoder_vocab_size = info.decoder_vocabulary_size
        self.decoder_hidden_size = info.decoder_hidden_size
        self._label_count = info.label_count
        self.token_type_count = info.token_type_count
        self.embedding_size = info.embedding_size
        self.encoder_layers = info.encoder_layers
        self.decoder_layers = info.decoder_layers
        self.first_layer = info.first_layer
        self.whole_layers = info.whole_layers
        self.encoder_positions = None if info.encoder_positions == _NO_LIMIT else info.encoder_positions
        self.decoder_positions = None if info.decoder_positions == _NO_LIMIT else info.decoder_positions
        self.parameters = info.parameters
        self.weight_bytes = info.weight_bytes
        self._decoder_start = _token(info.decoder_start_token)
        self.bos = _token(info.begin_token)
        self.eos = _token(info.end_token)
        ends, count = sized(library.attend_model_end_tokens, native)
        self.eos_ids = tuple(view(ends, (count,), np.int32, native).tolist())
        self.pad = _token(info.pad_token)
        self.unk = _token(info.unknown_token)
        self.forced_bos = _token(info.forced_begin_token)
        self.forced_eos = _token(info.forced_end_token)

    def session(
        self,
        *,
        threads: SupportsIndex = 0,
        beyond_positions: bool = False,
        prefix_cache_bytes: SupportsIndex = 0,
        key_value_type: KeyValueType | None = None,
        progress: Progress | None = None,
        pin_threads: bool = False,
        stage: Stage | None = None,
    ) -> Session:
        """A new session.

        ``threads``: how many a call of it may use, at most the model's; 0: as many as the model. ``pin_threads``: as of
        the model.

        ``beyond_positions``: allow sequences longer than ``encoder_positions`` and ``decoder_positions`` where
        positions are computed (rotary, ALiBi, relative) and not looked up in a table; without it such a call is an
        error.

        ``prefix_cache_bytes``: the most bytes that beginnings of prompts may take, which ``keep_prefix`` keeps for
        ``add_prompt``; 0: none are kept.

        ``key_value_type``: in which keys and values are kept; by default float32 where the model computes in float32,
        otherwise bfloat16. What 8 and 4 bits cost is measured in docs/kernels.md.

        ``progress`` is called with the fraction of a long call that is done, by the thread that made the call, at most
        every 20 ms; returning False stops the call with CancelledError, and an exception that it raises comes out of
        the call. It must not use the session, but may call its ``cancel``.

        ``stage``, of a model without its first layers: computes what the stages before it make of tokens, a
        ``StageStep``, so that ``generate`` and all else takes this stage for the whole model. It returns float32
        ``[tokens, hidden size]``; what it raises comes out of the call.
        """
        return Session(
            self,
            threads=threads,
            beyond_positions=beyond_positions,
            prefix_cache_bytes=prefix_cache_bytes,
            key_value_type=key_value_type,
            progress=progress,
            pin_threads=pin_threads,
            stage=stage,
        )

    def mapped_weights(self) -> MappedWeights | None:
        """What became of weights that lie in a file up to now; None where all are in memory."""
        return mapped_weights(self._open())

    def _answering(self) -> Session:
        try:
            resting = self._rests.pop()
        except IndexError:
            return self.session()
        return Session._woken(self, resting)

    def _done(self, session: Session) -> None:
        """Keeps a session for the next call, for its memory need not be asked for again."""
        resting = session._resting()
        if resting is not None and not self._rests and session.memory <= _RESTING_BYTES:
            self._rests.append(resting)
        if self.closed:
            self._rests.clear()

    def embed(
        self,
        texts: Iterable[str | bytes],
        *,
        prompt: str | None = None,
        prompt_name: str | None = None,
        truncate_dim: SupportsIndex | None = None,
        progress: Progress | None = None,
    ) -> Float32Array:
        """A vector for each text, ``[texts, width]``, an array of the caller's; else as ``Session.embed``."""
        session = self.session()
        return session.embed(
            texts, prompt=prompt, prompt_name=prompt_name, truncate_dim=truncate_dim, progress=progress
        ).copy()

    @property
    def decoder_start(self) -> int:
        """The first token to give to the decoder. Raises UnsupportedError for a model that has none."""
        if self._decoder_start is None:
            raise UnsupportedError(f"{self.family}: the model has no decoder_start_token_id")
        return self._decoder_start

    def label(self, index: SupportsIndex) -> str | None:
        """The name of class ``index`` of a classifier, or ``None`` where it has none."""
        place = operator.index(index)
        return text(library.attend_model_label, self._open(), place) if 0 <= place < 2**63 else None

    @property
    def id2label(self) -> dict[int, str]:
        """The names of a classifier's classes: config.json's ``id2label``, or where it has none LABEL_0 and so on."""
        labels: dict[int, str] = {}
        index = 0
        while len(labels) < self._label_count:
            name = self.label(index)
            if name is not None:
                labels[index] = name
            index += 1
        return labels

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer in the model's folder. Raises NotFoundError where there is none, or what loading it raised."""
        return Tokenizer._borrowed(self._open(), self.path)

    @property
    def _padding(self) -> Padding:
        """The ids of padding, of the model and of its tokenizer, and what else begins and ends texts."""
        if self._known_padding is None:
            pads, first, last = {self.pad}, {self.bos, self.unk, *self.eos_ids}, {self.unk, *self.eos_ids}
            try:
                with self.tokenizer as tokenizer:
                    pads.add(tokenizer.pad_id)
                    last |= {tokenizer.eos_id, tokenizer.sep_id, tokenizer.unk_id}
                    first |= {tokenizer.bos_id, tokenizer.cls_id, *last}
            except AttendError:
                pass  # a model without a usable tokenizer is one all the same
            self._known_padding = Padding.of(pads, first, last)
        return self._known_padding

    @property
    def tensors(self) -> tuple[TensorInfo, ...]:
        """The tensors of the checkpoint, as its files store them, in the order of their names."""
        if self._tensors is None:
            native = self._open()
            self._tensors = tuple(_tensor(native, index) for index in range(library.attend_model_tensor_count(native)))
        return self._tensors

    def close(self) -> None:
        """Lets the model go; closing twice is allowed, using it after is an InvalidStateError. Its sessions go on."""
        super().close()
        self._rests.clear()

    def __repr__(self) -> str:
        return (
            f"<attend.Model {self.family} {self.path!r}, {self.parameters} parameters, {self.compute} on {self.kernels}"
            f", {self.threads} threads{', closed' if self.closed else ''}>"
        )

    def __copy__(self) -> Model:
        self._open()
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._rests = []
        return other

    def __deepcopy__(self, _: Any) -> Model:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        self._open()
        if self.path == MEMORY:
            raise TypeError("a model of files in memory cannot be pickled: make it again where it is needed")
        return functools.partial(type(self), **self._options), (self.path,)


def _range(layers: tuple[SupportsIndex, SupportsIndex]) -> tuple[int, int]:
    first, end = layers
    return operator.index(first), operator.index(end)


def _token(value: int) -> int | None:
    return None if value < 0 else value


def _tensor(model: Owned, index: int) -> TensorInfo:
    info = c.TensorInfo()
    check(library.attend_model_tensor(model, index, ctypes.byref(info)))
    return TensorInfo(info.name.decode("utf-8", "replace"), c.TYPE_NAMES[info.type], tuple(info.shape[: info.rank]))
