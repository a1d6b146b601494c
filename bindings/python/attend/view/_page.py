"""The page: the template with its styles and programs, and the maps."""

from __future__ import annotations

import html
import json
import os
from importlib import resources
from typing import Any, Union

import numpy as np

from .._arrays import Path
from ..errors import InvalidArgumentError
from ..maps import Attention, Maps, Tokens
from ._pack import Full, Packed, pack

#: What a page's program is made of, in order; all share one scope.
_SCRIPTS = ("codec", "axes", "colors", "grid", "lines", "heat", "numbers", "export", "search", "main")
#: Bytes of a page that are not known before its maps are packed: the element of each layer, digits.
_AROUND = 100


class View:
    """A page that shows the attention maps of a sequence. Notebooks show the object itself.

    ``maps``: of ``attend.maps.record``, or one ``Attention``, a rollout too. ``title``: what stands above them.
    ``max_bytes``: the longest page. Up to 300,000 numbers are kept as they are; more in 8 bits, and where they do not
    fit, the smallest weights are left out: the page says so, as do ``exact``, ``least`` and ``left_out``.

    The page loads nothing: it works from a file, without a network. It needs a browser of 2023 or later.
    """

    #: Whether the page has the numbers as they were given.
    exact: bool
    #: The smallest weight that was kept; 0: all were.
    least: float
    #: The share of all attention that was left out.
    left_out: float
    #: The page.
    html: str

    def __init__(self, maps: Union[Maps, Attention], *, title: str | None = None, max_bytes: int = 10_000_000) -> None:
        attentions = [maps] if isinstance(maps, Attention) else list(maps)
        model = "" if isinstance(maps, Attention) else maps.model
        heading = title if title is not None else f"Attention of {model}" if model else "Attention"
        about: dict[str, Any] = {"title": heading, "model": model, "kinds": [_kind(own) for own in attentions]}
        frame = len(_filled(about, "").encode()) + _AROUND * (1 + sum(len(own.layers) for own in attentions))
        try:
            packed = pack(attentions, max_bytes - frame)
        except Full:
            raise InvalidArgumentError(
                f"max_bytes is {max_bytes}: the page takes {frame} without any maps, what is left is too few"
            ) from None
        self.exact, self.least, self.left_out = packed.exact, packed.least, packed.left_out
        about.update(exact=packed.exact, least=packed.least, leftOut=packed.left_out)
        self.html = _filled(about, _elements(attentions, packed))

    def save(self, path: Path) -> None:
        """Writes the page to a file."""
        with open(os.fsdecode(path), "w", encoding="utf-8") as file:
            file.write(self.html)

    def _repr_html_(self) -> str:
        """The page in a frame of its own, which cannot touch the notebook."""
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" sandbox="allow-scripts allow-downloads" title="Attention maps" '
            'style="width: 100%; height: 42rem; border: 1px solid #8888; border-radius: 6px"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<attend.view.View of {len(self.html):,} characters{'' if self.exact else ', in 8 bits'}>"


def _kind(own: Attention) -> dict[str, Any]:
    return {
        "kind": own.kind,
        "heads": [layer.shape[0] for layer in own.layers],
        "entropy": [[None if np.isnan(each) else round(float(each), 3) for each in layer] for layer in own.entropy()],
        "queries": _axis(own.queries),
        "keys": _axis(own.keys),
    }


def _axis(tokens: Tokens) -> dict[str, Any]:
    return {
        "texts": tokens.texts,
        "special": [int(each) for each in tokens.special],
        "words": tokens.words.tolist(),
        "wordTexts": tokens.word_texts,
    }


def _elements(attentions: list[Attention], packed: Packed) -> str:
    return "\n".join(
        f'<script type="text/plain" id="maps-{own.kind}-{layer}">{block}</script>'
        for own, layers in zip(attentions, packed.blocks)
        for layer, block in enumerate(layers)
    )


def _filled(about: dict[str, Any], maps: str) -> str:
    files = resources.files(__package__)

    def text(name: str) -> str:
        return files.joinpath(name).read_text(encoding="utf-8")

    parts = {
        "title": html.escape(about["title"]),
        "style": text("style.css"),
        "about": json.dumps(about, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        "maps": maps,
        "program": "\n".join(text(f"{name}.js") for name in _SCRIPTS),
    }
    page = text("page.html")
    pieces = page.split("{{")  # never looked into once filled: a text may hold braces
    return pieces[0] + "".join(parts[name] + rest for name, rest in (piece.split("}}", 1) for piece in pieces[1:]))
