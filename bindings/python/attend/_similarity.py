"""Pictures and texts, compared: what models with a tower for each are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, NamedTuple

import numpy as np

from ._arrays import Float32Array, SupportsArray, address
from ._library import check, library
from .errors import InvalidArgumentError, UnsupportedError
from .inputs import Inputs, are_inputs

if TYPE_CHECKING:
    from .session import Session


class Similarity(NamedTuple):
    """How well pictures and texts match, ``[pictures, texts]`` each."""

    #: Scaled cosines of the embeddings: ``logits_per_image`` of transformers.
    logits: Float32Array
    #: Where texts compete for a picture, as in CLIP, rows that sum to 1; where each pair is judged by itself, as in
    #: SigLIP, a number between 0 and 1 for each.
    probabilities: Float32Array


class Comparing:
    """What of ``Model`` compares pictures with texts."""

    embedding_size: int
    family: str
    session: Any
    _open: Any

    def similarity(self, pictures: Inputs | SupportsArray, texts: Iterable[str | bytes] | SupportsArray) -> Similarity:
        """How well each of ``pictures`` matches each of ``texts``, of CLIP, SigLIP and their like.

        ``model.similarity(pictures, ["a cat", "a dog"]).probabilities.argmax(axis=1)`` tells what is seen (zero-shot
        classification). Either may also be an array of embeddings, ``[count, embedding_size]``, that were computed
        before: by ``Session.pooled`` of pictures, by ``embed`` of texts.

        Errors: those of ``Session.encode`` and ``embed``; InvalidArgumentError for arrays of another width;
        UnsupportedError for a model that compares no pictures with texts.
        """
        session: Session
        with self.session() as session:
            seen = self._pictures(session, pictures) if are_inputs(pictures) else self._rows(pictures, "pictures")
            read = self._rows(texts if hasattr(texts, "__array__") else session.embed(texts), "texts")
            logits = np.empty((len(seen), len(read)), np.float32)
            probabilities = np.empty_like(logits)
            arrays = (seen, read, logits, probabilities)
            a, b, c, d = (address(array) for array in arrays)
            check(library.attend_similarity(self._open(), a, len(seen), b, len(read), c, d))
        return Similarity(logits, probabilities)

    def _pictures(self, session: Session, pictures: Any) -> Float32Array:
        session.encode(pictures)
        try:
            return session.pooled().copy()
        except UnsupportedError as problem:
            raise UnsupportedError(
                f"this checkpoint is of a {self.family} model, which compares no pictures with texts"
            ) from problem

    def _rows(self, embeddings: Any, what: str) -> Float32Array:
        array = np.ascontiguousarray(embeddings, np.float32)
        if array.ndim != 2 or array.shape[1] != self.embedding_size:
            raise InvalidArgumentError(
                f"{what}: expected embeddings of [count, {self.embedding_size}], found {list(array.shape)}"
            )
        return array
