"""The attention maps of a session's last call."""

from __future__ import annotations

import ctypes

from . import _declarations as c
from ._arrays import Float32Array, tensor_view
from ._library import check, library
from .errors import InvalidArgumentError


def attention_maps(session: object, kind: str, layer: int, count: int) -> list[Float32Array]:
    """``Session.attentions``, of a session with ``count`` live sequences."""
    if kind not in c.ATTENTION:
        raise InvalidArgumentError(f"kind: {kind!r} is not one of {', '.join(c.ATTENTION)}")
    maps: list[Float32Array] = []
    while len(maps) < max(count, 1) or kind == "vision":
        tensor = c.Tensor()
        found = library.attend_session_attentions(session, c.ATTENTION[kind], layer, len(maps), ctypes.byref(tensor))
        try:
            check(found)
        except InvalidArgumentError:
            if maps:
                break  # there are no more pictures
            raise
        maps.append(tensor_view(tensor, session))
    return maps
