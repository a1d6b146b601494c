"""The library as a whole: version, kernels, log."""

from __future__ import annotations

import atexit
import enum
import logging
import threading
from typing import Any, Callable, Union

from . import _declarations as c
from ._library import library


class LogLevel(enum.IntEnum):
    """``attend_log_level``; the numbers are those of the logging module too."""

    DEBUG = 10
    INFO = 20
    WARNING = 30


#: Who may hear the log: a function of level and line, or a logger of the logging module.
LogReceiver = Union[Callable[[int, str], object], logging.Logger]

_no_receiver = c.LogCallback()
_receiver: Any = _no_receiver  # ctypes keeps no reference to a callback that is in use, so this module does
_receiver_lock = threading.Lock()


def version() -> str:
    """The version of the library that is running, ``"0.2.0"``."""
    return str(library.attend_version_string().decode())


def kernels_name() -> str:
    """The kernels that models use by default on this CPU: ``"amx"``, ``"avx512"``, ``"avx2"``
    or ``"portable"``.

    The environment variable ATTEND_KERNELS overrides the choice; it is read once.
    """
    return str(library.attend_kernels_name().decode("utf-8", "replace"))


def set_log(receiver: LogReceiver | None) -> None:
    """Sends log lines to ``receiver(level, line)``, or to a ``logging.Logger``; ``None`` switches them off.

    There is one receiver for the process and it may be called on any thread. It must not call ``set_log``. An exception
    that it raises goes to ``sys.unraisablehook``. Returns when the receiver before it is not being called any more.
    Raises TypeError for what cannot be called; the receiver before it then stays.
    """
    global _receiver
    if receiver is not None and not callable(receiver) and not isinstance(receiver, logging.Logger):
        raise TypeError(f"receiver: expected a function, a logger or None, found {type(receiver).__name__}")
    if receiver is None:
        callback = _no_receiver
    else:

        def deliver(level: int, message: bytes, _: int | None) -> None:
            known = LogLevel(level) if level in LogLevel._value2member_map_ else level
            text = message.decode("utf-8", "replace")
            if isinstance(receiver, logging.Logger):
                receiver.log(known, "%s", text)
            else:
                receiver(known, text)

        callback = c.LogCallback(deliver)
    with _receiver_lock:
        library.attend_log_set(callback, None)
        _receiver = callback


# A line that comes while the interpreter shuts down must not reach Python code.
atexit.register(set_log, None)
