"""The ways in which encoder-decoders are told what to translate from and to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np

from ._arrays import Int32Array
from .errors import InvalidArgumentError

if TYPE_CHECKING:
    from .tokenizer import Tokenizer

#: Tokens of languages: "en_XX" (mBART), "eng_Latn" (NLLB), "__en__" (M2M100); and of targets: ">>de<<" (Marian).
_LANGUAGE = re.compile(r"[a-z]{2,3}_[A-Z][A-Za-z]{1,3}|__[a-z]{2,3}__")
_TARGET = re.compile(r">>[^<>]+<<")
_TASK = re.compile(r"translation_(.+)_to_(.+)")
#: How many names an error lists.
_LISTED = 20


class Languages:
    """Languages of one model: prefixes of texts (T5) or tokens (mBART, M2M100, NLLB, Marian)."""

    def __init__(self, tokenizer: Tokenizer, tasks: Mapping[str, Any], tokenizer_class: str) -> None:
        self._tokenizer, self._class = tokenizer, tokenizer_class
        pairs = ((_TASK.fullmatch(task), params) for task, params in tasks.items())
        self._tasks = {(match[1], match[2]): dict(params or {}) for match, params in pairs if match}

    def task(self, source: str | None, target: str | None) -> dict[str, Any] | None:
        """What ``task_specific_params`` says of a pair; None where it knows no pairs, or none is asked for."""
        if not self._tasks or source is target is None:
            return None
        found = [pair for pair in self._tasks if source in (None, pair[0]) and target in (None, pair[1])]
        if len(found) != 1:
            pairs = ", ".join(f"{one} to {other}" for one, other in list(self._tasks)[:_LISTED])
            asked = f"src_lang {source!r} and tgt_lang {target!r}"
            raise InvalidArgumentError(f"{asked} name {len(found) or 'none'} of what the model translates: {pairs}")
        return self._tasks[found[0]]

    def target(self, name: str) -> tuple[int, bool]:
        """The token of a target language, and whether it stands in front of the source, not of the output."""
        for spelling in (f">>{name}<<", name):
            if _TARGET.fullmatch(spelling) and (token := self._tokenizer.id(spelling)) is not None:
                return token, True
        return self._token(name, "tgt_lang"), False

    def source(self, ids: Int32Array, name: str) -> Int32Array:
        """A source as the tokenizer writes it, with the token of another source language."""
        token = self._token(name, "src_lang")
        for place in (0, len(ids) - 1):
            spelling = self._tokenizer.token(int(ids[place])) if len(ids) else None
            if spelling is not None and _LANGUAGE.fullmatch(spelling):
                changed = ids.copy()
                changed[place] = token
                return changed
        # The tokenizer's template has no place for it: mBART's stands at the end, those of the others at the beginning.
        if self._class in ("MBartTokenizer", "MBartTokenizerFast"):
            return np.append(ids, np.int32(token))
        return np.insert(ids, 0, token)

    def _token(self, name: str, option: str) -> int:
        for spelling in (name, f"__{name}__"):
            token = self._tokenizer.id(spelling)
            if token is not None:
                return token
        pattern = _LANGUAGE if option == "src_lang" else re.compile(f"{_LANGUAGE.pattern}|{_TARGET.pattern}")
        known = [token for token in self._tokenizer.vocabulary() if pattern.fullmatch(token)]
        names = ", ".join(known[:_LISTED]) + (", ..." if len(known) > _LISTED else "")
        raise InvalidArgumentError(
            f"{option}: the tokenizer has no token for the language {name!r}; "
            + (f"there are {names}" if known else "it has none of any language")
        )
