"""A loaded checkpoint."""

from __future__ import annotations

import functools
import operator
from typing import Any, Iterable, Mapping, SupportsIndex

from ._arrays import Float32Array, Path, number
from ._batches import Padding
from ._caches import KeyValueType
from ._described import Described, TensorInfo
from ._generating import Generating
from ._placement import MappedWeights, Placement, Placing, mapped_weights
from ._places import MEMORY, MemoryFiles, found, load
from ._progress import Progress
from ._resting import Resting
from ._similarity import Comparing
from .errors import AttendError
from .session import Session
from .stages import Stage
from .tokenizer import Tokenizer

#: Bytes of a session up to which it waits for the next call.
_RESTING_BYTES = 64 << 20


class Model(Described, Comparing, Generating):
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
