"""Some of a model's layers: hidden states in the place of tokens."""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _declarations as c
from ._arrays import Float32Array, Int32Array, address
from .errors import InvalidArgumentError

if TYPE_CHECKING:
    from ._progress import Watch
    from .session import Session

#: What stands in ``StageStep.parents`` for a sequence that is new.
_NEW = ctypes.c_size_t(-1).value


class States:
    """Hidden states in the place of tokens, for ``Session.encode``, ``add`` and ``decode`` of a later stage.

    ``rows``: what the stage before made of the tokens of each sequence (``Session.hidden_states``), ``[its tokens,
    hidden size]``, a float32 array for each sequence; in ``decode`` one without rows waits. Or, with ``lengths``, all
    of them end to end. They are read where they lie if they lie in one piece.
    """

    def __init__(self, rows: Any, lengths: Any = None) -> None:
        if lengths is None:
            parts = [_states(part, f"states[{index}]") for index, part in enumerate(rows)]
            self.rows = (
                parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)
            )
            self.lengths = np.array([len(part) for part in parts], np.uintp)
        else:
            self.rows = _states(rows, "states")
            self.lengths = np.ascontiguousarray(lengths, np.uintp)
            if int(self.lengths.sum()) != len(self.rows):
                raise InvalidArgumentError(f"lengths: they do not add up to the number of states, {len(self.rows)}")

    def batch(self, hidden_size: int) -> StateBatch:
        """The batch that a model of this width is given."""
        if self.rows.shape[1] != hidden_size and self.rows.size:
            raise InvalidArgumentError(f"states: they have {self.rows.shape[1]} numbers, and the model {hidden_size}")
        return StateBatch(self)


class StateBatch:
    """An ``attend_batch`` of states together with the arrays that it points into."""

    def __init__(self, states: States) -> None:
        self._states = states
        self.lengths = states.lengths
        self.struct = c.Batch(lengths=address(states.lengths), count=states.lengths.size, states=address(states.rows))


class StageStep(NamedTuple):
    """What the stages before a session's are to compute, of each of its live sequences."""

    #: The number, in the call before, of the sequence that each is or was copied from; -1: it is new. What no entry
    #: names has been dropped.
    parents: npt.NDArray[np.int64]
    #: How many tokens have been read. What was read beyond, in a call that failed behind it, is to be forgotten.
    positions: npt.NDArray[np.int64]
    #: How many tokens are given, perhaps none.
    lengths: npt.NDArray[np.int64]
    #: They, end to end.
    tokens: Int32Array

    def run(self, session: Session, states: Any = None) -> Float32Array:
        """Computes the step in a session of an earlier stage, and gives its hidden states, ``[tokens, hidden size]``.

        ``states`` are what the stage before that one made; the first reads the tokens. The array is valid until the
        next call on ``session``. A session serves one later session, and all that it does is told by these steps.
        """
        self._follow(session)
        if states is None:
            session.decode(self.tokens, lengths=self.lengths, logits="none")
        else:
            session.decode(States(states, self.lengths), logits="none")
        return session._states()

    def _follow(self, session: Session) -> None:
        """Makes the live sequences of a session those that the step begins with."""
        before = session.count
        new = np.flatnonzero(self.parents < 0)
        for _ in new:
            session.add_prompt([0])
        origins = self.parents.copy()
        origins[new] = np.arange(before, before + len(new))
        if len(origins) != before + len(new) or (origins != np.arange(len(origins))).any():
            session.select(origins)
        if len(new) == len(origins):
            return
        for sequence, (read, wanted) in enumerate(zip(session.lengths, self.positions.tolist())):
            if read > wanted:
                session.truncate(sequence, wanted)


#: Computes what the stages before a session's make of tokens: ``[tokens, hidden size]``, float32.
Stage = Callable[[StageStep], Float32Array]


def callback(stage: Stage | None, watch: Watch, hidden_size: int) -> Any:
    """``stage`` as the library calls it; what it raises comes out of the call of the session."""
    if stage is None:
        return c.StageCallback()
    if not callable(stage):
        raise TypeError(f"stage: expected something to call, found {type(stage).__name__}")
    compute = stage

    def call(pointer: Any, _: Any) -> bool:
        try:
            step = pointer.contents
            parents, positions, lengths = (
                _numbers(of, step.count) for of in (step.parents, step.positions, step.lengths)
            )
            count = int(lengths.sum())
            tokens = np.ctypeslib.as_array(step.tokens, (count,)).copy()
            target = np.ctypeslib.as_array(step.states, (count, hidden_size))
            found = _states(compute(StageStep(parents, positions, lengths, tokens)), "what stage returned")
            if found.shape != target.shape:
                raise InvalidArgumentError(f"what stage returned is {list(found.shape)}, not {list(target.shape)}")
            target[:] = found
            return True
        except BaseException as problem:
            watch._raised[threading.get_ident()] = problem
            return False

    return c.StageCallback(call)


def _numbers(pointer: Any, count: int) -> npt.NDArray[np.int64]:
    """``size_t`` numbers of the library's, copied; SIZE_MAX becomes -1."""
    return np.ctypeslib.as_array(pointer, (count,)).astype(np.int64)


def _states(rows: Any, what: str) -> Float32Array:
    array = np.asarray(rows)
    if array.ndim != 2 or array.dtype != np.float32:
        raise InvalidArgumentError(f"{what}: expected float32 [tokens, hidden size], found {array.dtype} {array.shape}")
    return np.ascontiguousarray(array)
