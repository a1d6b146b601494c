"""Finds libattend.so, checks its version, and turns ``attend_error *`` into exceptions."""

from __future__ import annotations

import ctypes
import functools
import operator
import os
import sys
from pathlib import Path
from typing import Any, Iterator, NoReturn, TypeVar

from . import _declarations as c
from . import errors
from ._version import __version__, number

#: The file's name by ABI version, which an installed library has, and the plain one, which a build folder has.
NAMES = ("libattend.so.0", "libattend.so")


def candidates() -> Iterator[tuple[str, str]]:
    """Every place to look, best first, as (path, why). A path without a slash is the system loader's to find."""
    chosen = os.environ.get("ATTEND_LIBRARY")
    if chosen:
        yield chosen, "ATTEND_LIBRARY"
        return  # what a person chose is not silently replaced by something else
    package = Path(__file__).resolve().parent
    for name in NAMES:
        yield str(package / name), "inside the package"
    for folder in package.parents:
        # PREFIX/lib/python3.X/site-packages/attend: the library of the same prefix is in PREFIX/lib.
        if folder.name in ("lib", "lib64"):
            for name in NAMES:
                yield str(folder / name), "beside the installed package"
    for name in NAMES:
        yield str(Path(sys.prefix) / "lib" / name), "Python's prefix"
    for folder in package.parents:
        if (folder / "include" / "attend.h").is_file() and (folder / "Package.swift").is_file():
            for build in ("build/lib", ".build/release"):
                yield str(folder / build / "libattend.so"), "the build folder of a checkout"
    for name in NAMES:
        yield name, "the system loader"


def load() -> ctypes.CDLL:
    """The library, with prototypes set. Raises LibraryNotFoundError that names each path and what was wrong with it."""
    tried = []
    for path, why in candidates():
        if "/" in path and not os.path.exists(path):
            tried.append(f"  {path} ({why}): no such file")
            continue
        try:
            library = ctypes.CDLL(path)
            library.attend_version_number.restype = ctypes.c_int32
            check_version(int(library.attend_version_number()))
            for name, (result, arguments) in c.PROTOTYPES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
            return library
        except (OSError, AttributeError, errors.LibraryNotFoundError) as problem:
            tried.append(f"  {path} ({why}): {problem}")
    raise errors.LibraryNotFoundError(
        "libattend.so was not found. Build it (see README.md) or name it in the environment variable ATTEND_LIBRARY. "
        "Tried:\n" + "\n".join(tried)
    )


def check_version(running: int) -> None:
    """A library serves every program made for an earlier version of the same major number, and no other."""
    wanted = number(__version__)
    if running // 10000 != wanted // 10000 or running < wanted:
        text = f"{running // 10000}.{running // 100 % 100}.{running % 100}"
        raise errors.LibraryNotFoundError(
            f"it is version {text}, this package needs {__version__} or a later {wanted // 10000}.x"
        )


library = load()


def check(error: int | None) -> None:
    """Raises what an ``attend_error *`` says, and frees it; ``None`` (NULL) is success."""
    if error is None:
        return
    try:
        code = int(library.attend_error_get_code(error))
        message = (library.attend_error_message(error) or b"").decode("utf-8", "replace")
    finally:
        library.attend_error_free(error)
    raise errors.error(code, message)


def sized(function: Any, *arguments: Any) -> tuple[int | None, int]:
    """Calls a getter whose last argument is ``size_t *``: its result and that size."""
    size = ctypes.c_size_t()
    return function(*arguments, ctypes.byref(size)), size.value


def text(function: Any, *arguments: Any) -> str | None:
    """A copy of the UTF-8 that such a getter lends; ``None`` for NULL."""
    address, length = sized(function, *arguments)
    return None if address is None else ctypes.string_at(address, length).decode("utf-8", "replace")


def size(function: Any, *arguments: Any) -> int:
    """The number that a call gives through its last argument; raises if the call fails."""
    error, value = sized(function, *arguments)
    check(error)
    return value


class Owned:
    """A handle of the library, freed when the last Python object that refers to it is gone.

    Closing a Model, Session or Tokenizer drops its reference. Whoever still needs the memory (an array that is a view
    of it, a call under way in another thread) holds one of its own, so nothing is freed under anybody's feet.
    """

    __slots__ = ("_as_parameter_", "_parent", "_release")

    # Python raises a signal that waits at the beginning of a function, and drops what a destructor raises: a Ctrl-C
    # that meets one would be lost, and the handle with it. So no line of Python runs here: the destructor is looked up
    # by C code, which finds a call of the library that is ready to be made.
    __del__ = property(operator.attrgetter("_release"))

    def __init__(self, address: int, free: Any, parent: object = None) -> None:
        """``free`` takes the address back, or is None for what the library lends.

        ``parent`` is kept alive as long as this.
        """
        # What ctypes passes: the caller's argument keeps the handle alive through the call.
        self._as_parameter_ = address
        self._parent = parent
        self._release = bool if free is None else functools.partial(free, address)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a handle of libattend cannot be copied or pickled: it stands for memory of this process")


def create(function: Any, *arguments: Any, free: Any, parent: object = None) -> Owned:
    """The handle that a call gives through its last argument; raises if the call fails."""
    handle = c.Handle()
    check(function(*arguments, ctypes.byref(handle)))
    assert handle.value is not None
    return Owned(handle.value, free, parent)


_Closing = TypeVar("_Closing", bound="Closable")


class Closable:
    """An object with a handle that can be let go before the object is: by ``close``, or at the end of a ``with``."""

    #: The handle, until it is closed.
    _native: Owned | None
    #: What errors call the object.
    _noun: str

    def _open(self) -> Owned:
        """The handle. A caller holds it through its call, since another thread may close the object meanwhile."""
        native = self._native
        if native is None:
            raise errors.InvalidStateError(f"the {self._noun} is closed")
        return native

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._native is None

    def close(self) -> None:
        """Lets the handle go; closing twice is allowed, using the object after is an InvalidStateError."""
        self._native = None

    def __enter__(self: _Closing) -> _Closing:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
