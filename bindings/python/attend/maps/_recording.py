"""Running a model while its maps are kept."""

from __future__ import annotations

from typing import Any, Literal, Sequence

import numpy as np

from .._arrays import Float32Array, Int32Array
from .._described import Kind
from .._encodings import Encoding
from ..errors import InvalidArgumentError, InvalidStateError, UnsupportedError
from ..generation import Hypothesis
from ..inputs import Input, pictures
from ..model import Model
from ..session import Session
from ._attention import Attention, Maps
from ._tokens import Tokens


def record(model: Model, source: Any, *, images: Any = None, target: Any = None, **options: Any) -> Maps:
    """The maps of one sequence in all layers.

    ``source``: a text, an ``Encoding``, ids, or what a model that sees or hears takes; of a pair of texts the encoding
    that ``tokenizer.tokenize(text, pair=...)`` makes. ``target``: what an encoder-decoder writes, or how a decoder goes
    on, as a text or ids; without it an encoder-decoder generates it, by the ``options`` of ``Model.generate``, as a
    decoder does where options are given; else only the prompt is read.

    ``images``: the pictures that a text has places for, as ``Model.generate`` takes them; a place may be one token.
    Then ``pictures`` of the result are the maps of the tower that sees them, if it does not look within windows.

    The rows of ``cross`` are the tokens written: that of a token is what its choice was made of. The rows of
    ``decoder`` are the tokens read. The result keeps heads x queries x keys float32 numbers of each layer.
    """
    if options and target is not None:
        raise InvalidArgumentError(f"{next(iter(options))}: nothing is generated where target= is given")
    if options and model.kind is Kind.ENCODER:
        raise InvalidArgumentError(f"{next(iter(options))}: an encoder generates nothing")
    given = _Given(model, source, images)
    if model.kind is Kind.ENCODER_DECODER:
        return _across(model, given, target, options)
    if model.kind is Kind.ENCODER and target is not None:
        raise InvalidArgumentError("target: an encoder writes nothing")
    if options or given.images:  # what generates writes out the places of pictures
        best = given.generated(model.session(), options or {"max_new_tokens": 1})
        given.become(np.concatenate([best.prompt_ids, best.ids]) if options else best.prompt_ids)
    if target is not None:
        given.go_on(_ids(model, target, target=True))
    session = model.session()
    session.record_attentions()
    session.encode(given.batch, images=given.images)
    kind: Literal["encoder", "decoder"] = "encoder" if model.kind is Kind.ENCODER else "decoder"
    layers = _layers(session, kind, model.encoder_layers if kind == "encoder" else model.decoder_layers)
    tokens = given.tokens(layers[0].shape[1])
    return Maps(model.family, [Attention(kind, layers, tokens, tokens)], _pictures(session) if given.images else ())


class Steps:
    """The maps of a decoder while it generates, of a loop of your own.

    >>> steps = maps.Steps(session)  # its calls record from here on
    >>> session.encode([prompt])
    >>> steps.take()
    >>> while token != model.eos:
    ...     token = int(session.decode_step([token])[0].argmax())
    ...     steps.take()
    >>> found = steps.maps(read=ids)  # all tokens that were read

    Of an encoder-decoder the maps of the decoder and across are taken, and those of ``encode`` where it is taken too.
    Each call that reads tokens of live sequence ``sequence`` is taken once; sequences must not be reordered between.
    """

    def __init__(self, session: Session, sequence: int = 0) -> None:
        self._session, self._sequence = session, sequence
        self._model = session._model
        self._rows: dict[str, list[list[Float32Array]]] = {}  # of each kind, call, layer
        session.record_attentions()

    def take(self) -> None:
        """Copies the maps of the last call. InvalidStateError where it left none."""
        if self._sequence >= self._session.count:
            raise InvalidStateError(f"sequence {self._sequence} is not live: there are {self._session.count}")
        taken = 0
        for kind, count in (
            ("encoder", self._model.encoder_layers),
            ("decoder", self._model.decoder_layers),
            ("cross", self._model.decoder_layers if self._model.kind is Kind.ENCODER_DECODER else 0),
        ):
            if not count:
                continue
            try:
                found = [self._session.attentions(kind, layer)[self._sequence].copy() for layer in range(count)]
            except InvalidStateError:
                continue
            self._rows.setdefault(kind, []).append(found)
            taken += 1
        if not taken:
            raise InvalidStateError("the last call on this session left no attention maps")

    def maps(self, read: Any = None, source: Any = None, written: Any = None) -> Maps:
        """All that was taken, as one call would have left it.

        ``read``: the ids of all tokens that the sequence has read, prompt included; ``source``: those of the source;
        ``written``: what the rows of ``cross`` are called, the token that was chosen after each. Without ids rows and
        columns are numbered.
        """
        found = []
        for kind, calls in self._rows.items():
            layers = tuple(_joined([call[layer] for call in calls]) for layer in range(len(calls[0])))
            queries, keys = {"encoder": (source, source), "decoder": (read, read), "cross": (written, source)}[kind]
            named = self._named(queries, layers[0].shape[1]), self._named(keys, layers[0].shape[2])
            found.append(Attention(kind, layers, *named))
        if not found:
            raise InvalidStateError("no maps were taken")
        return Maps(self._model.family, found)

    def _named(self, ids: Any, count: int) -> Tokens:
        if ids is None:
            return Tokens.numbered(count)
        own = _ids(self._model, ids)
        if len(own) < count:
            raise InvalidArgumentError(f"{len(own)} ids for maps of {count} tokens")
        return Tokens.read(self._model, own[-count:])


class _Given:
    """One sequence as a session takes it, with the ids that its maps are named by."""

    def __init__(self, model: Model, source: Any, images: Any) -> None:
        self._model = model
        #: Of one text, as ``encode`` and ``generate`` take them
        self.images: Any = None if images is None else pictures(images)
        self.ids: Int32Array | None = None
        self._encoding: Encoding | None = None
        if isinstance(source, (str, bytes)):
            with model.tokenizer as tokenizer:
                source = tokenizer.tokenize(source)
        if isinstance(source, Input):
            self.batch: Any = [source]
        elif isinstance(source, Encoding):
            self.ids, self.batch, self._encoding = source.ids, [source], source
        else:
            self.ids = _ids(model, source)
            self.batch = [self.ids]

    def go_on(self, ids: Int32Array) -> None:
        """The sequence with more tokens behind it."""
        if self.ids is None:
            raise InvalidArgumentError("source: only tokens can be gone on from")
        self.become(np.concatenate([self.ids, ids]))

    def become(self, ids: Int32Array) -> None:
        """Another sequence."""
        self.ids = ids
        self.batch, self._encoding = [ids], None

    def generated(self, session: Session, options: dict[str, Any]) -> Hypothesis:
        """What is written for it."""
        lists = None if self.images is None else [self.images]
        best: Hypothesis = session.generate(self.batch, images=lists, **options)[0][0]
        return best

    def tokens(self, count: int) -> Tokens:
        """The names of so many places; of a picture or sound, whose places are no tokens, their numbers."""
        if self.ids is None or len(self.ids) != count:
            return Tokens.numbered(count)
        return Tokens.read(self._model, self.ids, self._encoding)


def _across(model: Model, given: _Given, target: Any, options: dict[str, Any]) -> Maps:
    session = model.session()
    if target is None:
        best = given.generated(session, options)
        read, written = (
            np.concatenate([best.prompt_ids, best.ids[:-1]]),
            np.concatenate([best.prompt_ids[1:], best.ids]),
        )
    else:
        written = _ids(model, target, target=True)
        read = np.concatenate([[model.decoder_start], written[:-1]]).astype(np.int32)
    if not len(written):
        raise InvalidArgumentError("target: there are no tokens")
    session.record_attentions()
    session.encode(given.batch, images=given.images)
    seen = _pictures(session) if given.images else ()
    encoder = tuple(layer.copy() for layer in _layers(session, "encoder", model.encoder_layers))
    session.decode([read], logits="none")
    own, across = (_layers(session, kind, model.decoder_layers) for kind in ("decoder", "cross"))
    source, reader, writer = given.tokens(across[0].shape[2]), Tokens.read(model, read), Tokens.read(model, written)
    of_source = source if encoder[0].shape[1] == len(source) else Tokens.numbered(encoder[0].shape[1])
    return Maps(
        model.family,
        [
            Attention("encoder", encoder, of_source, of_source),
            Attention("decoder", own, reader, reader),
            Attention("cross", across, writer, source),
        ],
        seen,
    )


def _pictures(session: Session) -> tuple[Attention, ...]:
    """The maps that the last call left of each picture, copied; none of a tower that looks within windows."""
    layers: list[list[Float32Array]] = []
    try:
        while True:
            layers.append([own.copy() for own in session.attentions("vision", len(layers))])
    except InvalidArgumentError:  # there are no more layers
        pass
    if not layers or any(own.ndim != 3 for own in layers[0]):
        return ()
    places = [Tokens.numbered(own.shape[1]) for own in layers[0]]
    return tuple(
        Attention("vision", tuple(layer[index] for layer in layers), own, own) for index, own in enumerate(places)
    )


def _ids(model: Model, source: Any, target: bool = False) -> Int32Array:
    if isinstance(source, (str, bytes)):
        with model.tokenizer as tokenizer:
            special = model.kind is Kind.ENCODER_DECODER
            return tokenizer.encode(source, target=target and special, special_tokens=special)
    if isinstance(source, Encoding):
        return source.ids
    array = np.asarray(source)
    if array.ndim != 1 or array.dtype.kind not in "iu" or not array.size:
        raise InvalidArgumentError(f"expected a text or ids of one sequence, found {array.dtype} {list(array.shape)}")
    found: Int32Array = array.astype(np.int32)
    return found


def _layers(session: Session, kind: str, count: int) -> tuple[Float32Array, ...]:
    """The maps of the last call, views of the session's memory, which they keep alive."""
    layers = tuple(session.attentions(kind, layer)[0] for layer in range(count))
    if any(layer.ndim != 3 for layer in layers):
        raise UnsupportedError("the model looks within windows, whose maps are not one: Session.attentions gives them")
    return layers


def _joined(rows: Sequence[Float32Array]) -> Float32Array:
    """Rows of one call after another, ``[heads, its queries, keys so far]``, as one map."""
    keys = max(own.shape[2] for own in rows)
    found = np.zeros((rows[0].shape[0], sum(own.shape[1] for own in rows), keys), np.float32)
    first = 0
    for own in rows:
        found[:, first : first + own.shape[1], : own.shape[2]] = own
        first += own.shape[1]
    return found
