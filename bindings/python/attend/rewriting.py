"""From texts to texts by encoder-decoders: how translations, summaries and other tasks are called."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import byref
from typing import TYPE_CHECKING, Any

from ._arrays import Texts
from ._progress import Bar
from .generation import Call, Generation

if TYPE_CHECKING:
    from .session import Session


def rewrite(
    session: Session,
    function: Any,
    texts: Any,
    how: Any,
    options: Mapping[str, Any],
) -> list[Generation]:
    """What ``function``, attend_translate or one of its relatives, makes of a list of texts.

    ``options`` are those of ``Session.generate``, callables among them.
    """
    given = Texts(texts)
    if not given.lengths.size:
        return []
    arguments = (session._open(), given.texts, given.lengths.ctypes.data, given.lengths.size, byref(how))
    known = dict(options)
    progress = known.pop("progress", None)
    callbacks = [known.pop(name, None) for name in ("on_token", "logits_processor", "assistant_model")]
    call = Call(known, *callbacks)
    with Bar(progress, given.lengths.size) as listener:
        found = call.run(session, function, arguments, listener)
    session._lengths = None
    return found
