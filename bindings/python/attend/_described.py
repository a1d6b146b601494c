"""What a model tells of itself."""

from __future__ import annotations

import ctypes
import enum
import json
import operator
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from . import _declarations as c
from ._arrays import view
from ._library import Closable, Owned, check, library, sized, text
from .errors import UnsupportedError

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


class Described(Closable):
    """The numbers and names of a model."""

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

    _tensors: tuple[TensorInfo, ...] | None

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
    def tensors(self) -> tuple[TensorInfo, ...]:
        """The tensors of the checkpoint, as its files store them, in the order of their names."""
        if self._tensors is None:
            native = self._open()
            self._tensors = tuple(_tensor(native, index) for index in range(library.attend_model_tensor_count(native)))
        return self._tensors


def _token(value: int) -> int | None:
    return None if value < 0 else value


def _tensor(model: Owned, index: int) -> TensorInfo:
    info = c.TensorInfo()
    check(library.attend_model_tensor(model, index, ctypes.byref(info)))
    return TensorInfo(info.name.decode("utf-8", "replace"), c.TYPE_NAMES[info.type], tuple(info.shape[: info.rank]))
