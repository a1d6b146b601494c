"""The places where models are: folders, files, the cache of huggingface_hub, memory."""

from __future__ import annotations

import collections.abc
import ctypes
import os
import re
from typing import Any, Mapping

import numpy as np

from . import _declarations as c
from ._arrays import Path, number, path_bytes, text_argument, utf8
from ._library import Owned, library
from ._placement import Placing
from ._progress import Progress, Watch
from .errors import InvalidArgumentError, NotFoundError

#: What messages call the folder of files in memory.
MEMORY = "(memory)"
#: What a repository of the Hub is called, with the revision that is meant behind an @.
_NAME = re.compile(r"(?:[\w.-]+/)?[\w.-]+(?:@[\w./-]+)?")


def found(path: Path) -> str:
    """The absolute path of what ``path`` names: a folder, a file, or a model in the cache of huggingface_hub."""
    path_bytes(path)
    given = os.fsdecode(path)
    spelled = os.path.expanduser(given)
    if os.path.exists(spelled) or not _NAME.fullmatch(given) or ".." in given:
        return _absolute(spelled)
    name, _, revision = given.partition("@")
    return _cached(name, revision or "main", _absolute(spelled))


def _absolute(path: str) -> str:
    """The path from the root on. A ".." stays, since behind a symbolic link it is the parent of what is linked to."""
    if not path:
        return path
    return os.path.join(os.getcwd(), path) if ".." in path.split(os.sep) else os.path.abspath(path)


def _caches() -> list[str]:
    """The folders that huggingface_hub keeps models in, by its environment variables; the first counts first."""
    variables = os.environ
    home = variables.get("HF_HOME") or os.path.join(
        variables.get("XDG_CACHE_HOME") or os.path.join("~", ".cache"), "huggingface"
    )
    stated = [variables.get("HF_HUB_CACHE"), variables.get("HUGGINGFACE_HUB_CACHE"), os.path.join(home, "hub")]
    folders = [os.path.abspath(os.path.expandvars(os.path.expanduser(folder))) for folder in stated if folder]
    return list(dict.fromkeys(folders))


def _cached(name: str, revision: str, tried: str) -> str:
    """The snapshot of a model that was downloaded once. No network is asked."""
    searched, known = [], []
    for cache in _caches():
        folder = os.path.join(cache, "models--" + name.replace("/", "--"))
        searched.append(folder)
        commit = revision
        reference = os.path.join(folder, "refs", *revision.split("/"))
        if os.path.isfile(reference):
            with open(reference, encoding="utf-8") as file:
                commit = file.read().strip()
        snapshot = os.path.join(folder, "snapshots", commit)
        if os.path.sep not in commit and os.path.isdir(snapshot):
            return snapshot
        if os.path.isdir(os.path.join(folder, "snapshots")):
            known += sorted(os.listdir(os.path.join(folder, "snapshots")))
    if known:
        raise NotFoundError(
            f"{name} is in the cache, and its revision {revision!r} is not; there are {', '.join(known)}"
        )
    raise NotFoundError(
        f"{tried} does not exist, and no model called {name!r} is in the cache of huggingface_hub (searched: "
        f"{', '.join(searched)}); download it first, for example with 'hf download {name}'"
    )


class MemoryFiles:
    """A table of files in memory, as the library takes it, and what keeps them where they are."""

    def __init__(self, files: Mapping[str, Any]) -> None:
        if not isinstance(files, collections.abc.Mapping):
            raise InvalidArgumentError(f"files is a {type(files).__name__}; a mapping of names to bytes is needed")
        self._kept: list[Any] = []
        self.count = len(files)
        self.table = (c.File * self.count)()
        for index, (name, data) in enumerate(files.items()):
            if not isinstance(name, str) or "\0" in name:
                raise InvalidArgumentError(f"files: {name!r} is no name of a file")
            spelled = utf8(name, "files")
            try:
                view = memoryview(data).cast("B")
            except TypeError:
                raise InvalidArgumentError(f"files[{name!r}] is no bytes in one piece") from None
            address = np.frombuffer(view, np.uint8).ctypes.data if len(view) else None
            self.table[index] = c.File(spelled, address, len(view))
            self._kept += [spelled, view]

    @property
    def address(self) -> Any:
        """The table as an argument of a call."""
        return ctypes.cast(self.table, ctypes.POINTER(c.File))


def load(
    place: str | MemoryFiles,
    progress: Progress | None,
    *,
    compute: str,
    threads: int,
    kernels: str | None,
    copy_weights: bool,
    pin_threads: bool,
    layers: tuple[int, int] | None = None,
    **placement: Any,
) -> Owned:
    """attend_model_create and its like, which hear signals and carry what ``progress`` raises past the C code."""
    if compute not in c.COMPUTE:
        raise InvalidArgumentError(f"compute: {compute!r} is not one of {', '.join(c.COMPUTE)}")
    watch = Watch(progress)
    options = c.ModelOptions(
        compute=c.COMPUTE[compute],
        threads=threads,
        kernels=text_argument(kernels, "kernels"),
        progress=watch.callback,
        copy_weights=copy_weights,
        pin_threads=pin_threads,
        **Placing(**placement).fields,
    )
    if layers is not None:
        options.first_layer, options.end_layer = (number(place, "layers") for place in layers)
        if options.end_layer == 0:
            raise InvalidArgumentError(f"layers: [{layers[0]}, {layers[1]}) holds no layer")
    handle = c.Handle()
    try:
        rest = (ctypes.byref(options), ctypes.byref(handle))
        if isinstance(place, MemoryFiles):
            watch.call(library.attend_model_create_from_files, place.address, place.count, *rest)
        else:
            watch.call(library.attend_model_create, path_bytes(place), *rest)
    except BaseException:
        if handle.value is not None:  # the last report raised, when nothing was left to stop
            library.attend_model_free(handle)
        raise
    assert handle.value is not None
    return Owned(handle.value, library.attend_model_free)
