"""Inputs that are no tokens: what models that see or hear read."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Any, Sequence, SupportsIndex, Union

import numpy as np

from . import _declarations as c
from ._arrays import SizeArray, SupportsArray, address, number, path_bytes
from ._batches import RaggedBatch, Rules
from .errors import InvalidArgumentError
from .stages import StateBatch, States

if TYPE_CHECKING:
    import numpy.typing as npt


class Input:
    """What a model reads in place of tokens: a ``Picture``, a ``Sound`` or ``Features``.

    Immutable: any thread may use it.
    """

    _struct: c.Input
    _kept: Any  # what the struct points into

    def _is_file(self, source: Any) -> bool:
        """Points to the bytes or the path of a file, if the source is that."""
        if isinstance(source, (bytes, bytearray, memoryview)):
            self._kept = bytes(source)
            self._struct = c.Input(kind=c.INPUTS["bytes"], data=_bytes_address(self._kept), size=len(self._kept))
        elif isinstance(source, (str, os.PathLike)):
            self._kept = path_bytes(source) + b"\0"
            self._struct = c.Input(kind=c.INPUTS["file"], data=_bytes_address(self._kept))
        else:
            return False
        return True


class Features(Input):
    """Numbers as the first layer of a model reads them, after all preprocessing.

    ``array``: the pixel values of a picture, ``[channels, height, width]``; a spectrogram, ``[bins, frames]``; the
    samples of a sound, ``[samples]``. A numpy array or a tensor of PyTorch on the CPU, floating-point; contiguous
    float32 is read where it lies. TypeError for other numbers, InvalidArgumentError for other shapes.
    """

    def __init__(self, array: SupportsArray | Sequence[Any]) -> None:
        found = np.asarray(array)
        if found.dtype.kind != "f":
            raise TypeError(f"features: expected floating-point numbers, found {found.dtype}")
        if not 1 <= found.ndim <= 3:
            raise InvalidArgumentError(f"features: expected 1 to 3 dimensions, found {found.ndim}")
        self.array: npt.NDArray[np.float32] = np.ascontiguousarray(found, np.float32)
        self._struct = c.Input(
            kind=c.INPUTS["features"],
            data=address(self.array),
            type=c.TYPE_FLOAT32,
            rank=self.array.ndim,
            shape=(*self.array.shape, *[0] * (3 - self.array.ndim)),
        )


class Picture(Input):
    """A picture, which the library decodes and prepares as preprocessor_config.json in the model's folder says.

    ``source`` is one of

    - the path of a file, a string or anything like a path: PNG, JPEG, WebP, BMP, GIF (its first picture);
    - the bytes of such a file;
    - an image of PIL;
    - an array or a tensor of pixels, ``[height, width]`` (gray) or ``[height, width, channels]``, with
      ``channels_first`` ``[channels, height, width]``; uint8, or floating-point from 0 to 1; 1 (gray), 2 (gray and
      alpha), 3 (RGB) or 4 (RGBA) channels. Read where it lies, whatever its strides.

    Files are turned as their EXIF orientation says; transparency is composed over white. A file is read when the
    picture is used: that call then raises NotFoundError, InvalidFileError (no picture, or a damaged one) or
    UnsupportedError (the system lacks the library for its format; the message names the package).

    ``draft``, as in Pillow: a JPEG of which the model's processor makes a picture half as large or smaller is decoded
    at a smaller scale. That is much faster, and not quite the pixels that the whole picture gives.
    """

    def __init__(self, source: Any, *, channels_first: bool = False, draft: bool = False) -> None:
        if self._is_file(source):
            self._struct.draft = bool(draft)
        elif draft:
            raise InvalidArgumentError("draft: pixels are decoded already; it is for files")
        else:
            self._kept = _pixels(source, channels_first)
            self._struct = c.Input(
                kind=c.INPUTS["pixels"],
                data=address(self._kept),
                type=c.TYPE_UINT8 if self._kept.dtype == np.uint8 else c.TYPE_FLOAT32,
                rank=3,
                shape=self._kept.shape,
                strides=self._kept.strides,
            )

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of pixels; None of a file, which is read when the picture is used."""
        if self._struct.kind != c.INPUTS["pixels"]:
            return None
        height, width = self._struct.shape[:2]
        return width, height


class Sound(Input):
    """A sound, which the library decodes and prepares as preprocessor_config.json in the model's folder says.

    ``source`` is one of

    - the path of a file, a string or anything like a path: WAV, and what libsndfile reads (FLAC, MP3, Ogg, ...);
    - the bytes of such a file;
    - an array or a tensor of samples, ``[frames]`` or ``[frames, channels]``, int16, or floating-point from -1 to 1,
      of which ``sampling_rate`` make a second.

    Channels become their mean; the rate becomes that of the model. A file is read when the sound is used: that call
    then raises NotFoundError, InvalidFileError (no sound, or a damaged one) or UnsupportedError (libsndfile is wanted
    and not installed).
    """

    def __init__(self, source: Any, *, sampling_rate: SupportsIndex | None = None) -> None:
        if self._is_file(source):
            if sampling_rate is not None:
                raise InvalidArgumentError("sampling_rate: a file says its own")
            return
        if sampling_rate is None:
            raise InvalidArgumentError("sampling_rate: samples have none of their own; give it")
        array = np.asarray(source)
        if array.dtype != np.int16 and array.dtype.kind != "f":
            raise TypeError(f"sound: expected int16 or floating-point samples, found {array.dtype}")
        if array.ndim not in (1, 2):
            raise InvalidArgumentError(f"sound: expected 1 or 2 dimensions, found {array.ndim}")
        self._kept = np.ascontiguousarray(array, np.int16 if array.dtype == np.int16 else np.float32)
        self._struct = c.Input(
            kind=c.INPUTS["samples"],
            data=address(self._kept),
            type=c.TYPE_INT16 if self._kept.dtype == np.int16 else c.TYPE_FLOAT32,
            rank=self._kept.ndim,
            shape=(*self._kept.shape, *[0] * (3 - self._kept.ndim)),
            sample_rate=number(sampling_rate, "sampling_rate", bits=32),
        )


def recording(source: Any, rate: SupportsIndex | None) -> Sound:
    """A sound whose samples, where it is no file, which says its own, have this rate."""
    if isinstance(source, (bytes, bytearray, memoryview, str, os.PathLike)):
        return Sound(source)
    if rate is None:
        raise InvalidArgumentError("rate: samples have none of their own; give it")
    return Sound(source, sampling_rate=rate)


def _bytes_address(data: bytes) -> int | None:
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value


def _pixels(source: Any, channels_first: bool) -> Any:
    """An array ``[height, width, channels]``, uint8 or float32."""
    if hasattr(source, "convert") and hasattr(source, "mode"):  # an image of PIL
        if source.mode not in ("L", "LA", "RGB", "RGBA"):
            source = source.convert("RGBA" if "transparency" in source.info else "RGB")
        channels_first = False
    array = np.asarray(source)
    if array.dtype != np.uint8:
        if array.dtype.kind != "f":
            raise TypeError(f"picture: expected uint8 or floating-point pixels, found {array.dtype}")
        array = array.astype(np.float32, copy=False)
    if array.ndim == 2:
        return array[:, :, np.newaxis]
    if array.ndim != 3:
        raise InvalidArgumentError(f"picture: expected 2 or 3 dimensions, found {array.ndim}")
    return array.transpose(1, 2, 0) if channels_first else array


#: One or several inputs.
Inputs = Union[Input, Sequence[Input]]


def are_inputs(given: Any) -> bool:
    """Whether an argument holds inputs, rather than tokens or texts."""
    return isinstance(given, Input) or isinstance(given, (list, tuple)) and bool(given) and isinstance(given[0], Input)


def pictures(given: Any) -> list[Input]:
    """Inputs of what is one already, or of what a ``Picture`` is made of; one or several."""
    several = given if isinstance(given, (list, tuple)) else [given]
    return [one if isinstance(one, Input) else Picture(one) for one in several]


class InputBatch:
    """An ``attend_batch`` of inputs together with what it points into."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = [inputs] if isinstance(inputs, Input) else list(inputs)
        for index, given in enumerate(self._inputs):
            if not isinstance(given, Input):
                raise TypeError(
                    f"inputs[{index}]: expected an Input like those before it, found {type(given).__name__}"
                )
        self._structs = (c.Input * len(self._inputs))(*(given._struct for given in self._inputs))
        self.struct = c.Batch(count=len(self._inputs), inputs=self._structs)
        #: Of the sequences; how many hidden states an input becomes is for the model to say.
        self.lengths: SizeArray | None = None


class SeenPictures:
    """Pictures of texts, for ``Session.encode(images=...)``, and which of them each token sees.

    For models whose layers look at pictures (Idefics, Llama 3.2 Vision), in place of what the placeholders say.
    ``mask``: for each text ``[tokens, pictures]``, 1 or True where a token sees a picture; those that a token sees are
    neighbours. A text has as many pictures as its tokens see.
    """

    def __init__(self, pictures: Sequence[Any], mask: Sequence[Any]) -> None:
        self.pictures = pictures
        self.mask = mask


def batch_of(
    rules: Rules,
    tokens: Any,
    lengths: Any = None,
    types: Any = None,
    mask: Any = None,
    images: Any = None,
    starts: bool = False,
) -> RaggedBatch | InputBatch | StateBatch:
    """The batch that the arguments of ``Session.encode`` or, with ``starts``, ``decode`` describe."""
    if isinstance(tokens, States):
        if images or any(given is not None for given in (lengths, types, mask)):
            raise InvalidArgumentError("lengths, token_types, attention_mask, images: they belong to tokens")
        return tokens.batch(rules.hidden_size)
    if starts or not are_inputs(tokens):
        batch = RaggedBatch(tokens, lengths, types, mask, rules, starts)
        if isinstance(images, SeenPictures):
            batch.look(images.mask)
            images = images.pictures
        if images is not None and (seen := pictures(images)):
            batch.see(seen)
        return batch
    if images or any(given is not None for given in (lengths, types, mask)):
        raise InvalidArgumentError("lengths, token_types, attention_mask, images: they belong to tokens")
    return InputBatch(tokens)
