"""Sessions that a model keeps between its calls of ``generate``: their memory need not be asked for again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ._arrays import SizeArray
from ._batches import Rules
from ._library import Owned
from ._progress import Watch

if TYPE_CHECKING:
    from .model import Model
    from .session import Session


class Resting(NamedTuple):
    """A session without sequences that waits for the next call of its model."""

    native: Owned
    watch: Watch


_Session = TypeVar("_Session", bound="Resumable")


class Resumable:
    """What a session is made of, new or after a rest."""

    _native: Owned | None

    def _belong(self, model: Model, watch: Watch) -> None:
        """Sets all but the handle."""
        self._family = model.family
        self._model = model
        self._lengths: SizeArray | None = None  # of the last call's sequences: how hidden_states is cut
        self._embedding_size = model.embedding_size
        self._rules = Rules(model._padding, model.token_type_count > 0, model.hidden_size)
        self._watch = watch

    @classmethod
    def _woken(cls: type[_Session], model: Model, resting: Resting) -> _Session:
        """A session of what ``_resting`` left."""
        session = cls.__new__(cls)
        session._belong(model, resting.watch)
        session._native = resting.native
        return session

    def _resting(self) -> Resting | None:
        """Its handle and what hears its calls. A model may keep these, for they do not keep it alive."""
        return None if self._native is None else Resting(self._native, self._watch)

    def _done(self, session: Session) -> None:
        """Nothing: the session is the caller's."""
