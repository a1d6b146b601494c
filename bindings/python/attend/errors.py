"""What can go wrong: one exception class for each ``attend_error_code``, each also the builtin that fits."""

from __future__ import annotations

import enum
from typing import Any


class ErrorCode(enum.IntEnum):
    """``attend_error_code``: why a call failed."""

    INVALID_ARGUMENT = 10
    OUT_OF_MEMORY = 20
    NOT_FOUND = 30
    IO = 40
    INVALID_FILE = 50
    UNSUPPORTED = 60
    INVALID_STATE = 70
    BUSY = 80
    CANCELLED = 90
    INTERNAL = 100


class AttendError(Exception):
    """Any failure of the library. ``code`` says which kind; ``str()`` names file, tensor or argument and the numbers.

    ``code`` is an :class:`ErrorCode`, or a plain int where a newer library reports a kind that this package does not
    know.
    """

    code: int = ErrorCode.INTERNAL
    #: Of a call that generates or scores for many inputs: the results that were finished before it failed, in the order
    #: of the inputs, with None for the others. None where nothing was begun. An exception that is none of the library's
    #: (KeyboardInterrupt, one of a callback) carries it too.
    finished: list[Any] | None = None

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidArgumentError(AttendError, ValueError):
    """An argument is out of range."""

    code = ErrorCode.INVALID_ARGUMENT


class OutOfMemoryError(AttendError, MemoryError):
    """An allocation failed; the message says how much was asked for."""

    code = ErrorCode.OUT_OF_MEMORY


class NotFoundError(AttendError, FileNotFoundError):
    """A file or folder does not exist."""

    code = ErrorCode.NOT_FOUND


class InputOutputError(AttendError, OSError):
    """A file exists and could not be opened, read or mapped."""

    code = ErrorCode.IO


class InvalidFileError(AttendError, ValueError):
    """A file is not what it should be: broken JSON, a missing or misshaped tensor."""

    code = ErrorCode.INVALID_FILE


class UnsupportedError(AttendError, NotImplementedError):
    """A valid request for something that this version does not implement."""

    code = ErrorCode.UNSUPPORTED


class InvalidStateError(AttendError, RuntimeError):
    """The call does not fit now: a step before encoding, a step past the last position, a closed session."""

    code = ErrorCode.INVALID_STATE


class BusyError(AttendError, RuntimeError):
    """The session is being used by another thread at this moment."""

    code = ErrorCode.BUSY


class CancelledError(AttendError):
    """A callback asked to stop."""

    code = ErrorCode.CANCELLED


class InternalError(AttendError, RuntimeError):
    """A defect of the library: please report the message."""

    code = ErrorCode.INTERNAL


class LibraryNotFoundError(AttendError, ImportError):
    """libattend.so was found nowhere, or only in versions that do not fit; the message lists every path tried."""

    code = ErrorCode.NOT_FOUND


_CLASSES: dict[int, type[AttendError]] = {
    int(kind.code): kind
    for kind in (
        InvalidArgumentError,
        OutOfMemoryError,
        NotFoundError,
        InputOutputError,
        InvalidFileError,
        UnsupportedError,
        InvalidStateError,
        BusyError,
        CancelledError,
        InternalError,
    )
}


def attach_finished(problem: BaseException, finished: list[Any]) -> None:
    """Hands over what was finished with the exception that ended the call, whatever kind it is."""
    try:
        problem.finished = finished  # type: ignore[attr-defined]
    except AttributeError:
        pass  # one with slots has no place for it


def error(code: int, message: str) -> AttendError:
    """The exception for a code of the library."""
    kind = _CLASSES.get(code)
    return kind(message) if kind else AttendError(message, code)
