"""Pictures of attention maps, with matplotlib: ``pip install libattend[plot]``.

    from attend import maps, plot

    found = maps.record(model, "attention")
    plot.heatmap(found.cross, layer=3)  # the mean of its heads
    plot.heads(found.cross, layer=3)  # each of them
    plot.alignment(found.cross, layer=3)  # arrows between the words
    plot.heatmap(maps.rollout(found))

Every function but ``heads``, which makes a figure of many, draws on ``ax=`` or on the axes of a new figure of pyplot,
and gives them back. What is drawn is what ``attend.maps`` computes: draw ``attention.words()`` for words in place of
tokens, and ``attention.without_special()`` to leave special tokens out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

import numpy as np

from ._arrays import Float32Array, Float64Array
from .errors import InvalidArgumentError
from .maps import Attention, Maps, Step, Tokens, best_path
from .maps._attention import single

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["alignment", "distance", "entropy", "heads", "heatmap"]

#: What a picture is made of: the maps of one kind, or of a model that has but one.
Drawable = Union[Attention, Maps]

_COLORS = "Blues"
#: Inches of a token along an axis, and the most of a picture.
_TOKEN, _LARGEST = 0.28, 14.0
#: Tokens of an axis that are all named.
_NAMED = 80


def heatmap(
    attention: Drawable,
    *,
    layer: int | None = None,
    head: int | None = None,
    ax: Axes | None = None,
    cmap: str = _COLORS,
    numbers: bool = False,
) -> Axes:
    """A map with its tokens on both axes: of a head, or the mean of all heads, or of all layers too.

    Rows look, columns are looked at. ``numbers`` writes the weights into their places.
    """
    own = single(attention)
    weights = own.map(layer, head)
    ax = ax or _axes(
        2.2 + _TOKEN * (len(own.keys) if len(own.keys) <= _NAMED else 24),
        1.6 + _TOKEN * (len(own.queries) if len(own.queries) <= _NAMED else 24),
    )
    image = ax.imshow(weights, cmap=cmap, vmin=0, vmax=max(float(weights.max()), 1e-6), aspect="auto")
    ax.figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02)
    _name(ax.xaxis, own.keys, rotation=90)
    _name(ax.yaxis, own.queries)
    ax.set_title(_title(own, layer, head), fontsize="medium")
    if numbers:
        half = float(weights.max()) / 2
        for (row, column), weight in np.ndenumerate(weights):
            color = "white" if weight > half else "black"
            ax.text(column, row, f"{weight:.2f}", ha="center", va="center", fontsize=7, color=color)
    return ax


def heads(attention: Drawable, *, layer: int | None = None, cmap: str = _COLORS) -> Figure:
    """A small map of every head: a row for each layer, or of one layer alone. Colours go from 0 to 1 in all."""
    own = single(attention)
    layers = list(range(len(own.layers))) if layer is None else [range(len(own.layers))[layer]]
    figure: Figure = _pyplot().figure(
        figsize=(_inches(0.6 + 1.1 * own.heads), _inches(0.6 + 1.1 * len(layers))), layout="constrained"
    )
    grid = figure.subplots(len(layers), own.heads, squeeze=False)
    for row, index in enumerate(layers):
        for column in range(own.heads):
            ax = grid[row][column]
            ax.set_xticks([])
            ax.set_yticks([])
            if column >= own.layers[index].shape[0]:
                ax.set_axis_off()
                continue
            ax.imshow(own.layers[index][column], cmap=cmap, vmin=0, vmax=1, aspect="auto")
            if column == 0:
                ax.set_ylabel(f"layer {index}", fontsize="small")
            if row == 0:
                ax.set_title(f"head {column}", fontsize="small")
    return figure


def entropy(attention: Drawable, *, ax: Axes | None = None, cmap: str = "viridis") -> Axes:
    """How far each head spreads, layers by heads: ``Attention.entropy``."""
    return _statistic(single(attention).entropy(), "entropy of heads, nats", ax, cmap)


def distance(attention: Drawable, *, ax: Axes | None = None, cmap: str = "viridis") -> Axes:
    """How far each head looks, layers by heads: ``Attention.distance``. Not of ``cross``."""
    return _statistic(single(attention).distance(), "distance of heads, tokens", ax, cmap)


def alignment(
    attention: Drawable,
    *,
    layer: int | None = None,
    head: int | None = None,
    style: str = "both",
    monotonic: bool = True,
    special: bool = False,
    words: bool = False,
    ax: Axes | None = None,
    color: str = "#1d5fbf",
) -> Axes:
    """Which keys the queries are aligned with: the source in a row above, what was written of it in a row below.

    ``style``: ``"soft"`` draws a line for each weight, as strong as it is; ``"arrows"`` the best path alone, an arrow
    from a key to each query; ``"both"``. The path is that of ``maps.best_path``, where keys never go back, unless
    ``monotonic`` is False. Special tokens are left out unless ``special`` is True, and rows sum to 1 without them.
    """
    if style not in ("soft", "arrows", "both"):
        raise InvalidArgumentError(f"style: {style!r} is not one of soft, arrows, both")
    own = single(attention)
    if words:
        own = own.words()
    if not special:
        own = own.without_special(renormalize=True)
    weights = own.map(layer, head)
    wide = max(sum(max(2, len(text)) + 1.5 for text in side.texts) for side in (own.keys, own.queries))
    ax = ax or _axes(0.6 + 0.13 * wide, 2.6)
    places = [_spread(side, wide) for side in (own.keys, own.queries)]
    ax.set_xlim(0, wide)
    ax.set_ylim(-0.25, 1.25)
    ax.set_axis_off()
    for side, where, height in ((own.keys, places[0], 1.1), (own.queries, places[1], -0.1)):
        for text, place in zip(side.texts, where):
            ax.text(place, height, text, ha="center", va="center")
    _connect(ax, weights, places, style, best_path(weights, monotonic), color)
    return ax


def _connect(
    ax: Axes, weights: Float32Array, places: list[Float64Array], style: str, path: list[Step], color: str
) -> None:
    """The lines and arrows between keys, above, and queries, below."""
    keys, queries = places
    if style != "arrows":
        for (row, column), weight in np.ndenumerate(weights):
            if weight >= 0.01:
                ends = [keys[column], queries[row]], [0.98, 0.02]
                ax.plot(*ends, color=color, alpha=min(1.0, float(weight)), linewidth=3 * float(weight) + 0.4, zorder=1)
    if style != "soft":
        shown = {"arrowstyle": "-|>", "color": color if style == "arrows" else "black", "linewidth": 1.1}
        for step in path:
            ax.annotate("", (queries[step.query], 0.0), (keys[step.key], 1.0), arrowprops=shown, zorder=2)


def _statistic(values: Float64Array, title: str, ax: Axes | None, cmap: str) -> Axes:
    layers, count = values.shape
    ax = ax or _axes(2.0 + 0.35 * count, 1.2 + 0.3 * layers)
    image = ax.imshow(values, cmap=cmap, aspect="auto")
    ax.figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02)
    ax.set_xlabel("head")
    ax.set_ylabel("layer")
    for axis, size in ((ax.xaxis, count), (ax.yaxis, layers)):
        axis.set_ticks(range(0, size, 1 + size // 16))
    ax.set_title(title, fontsize="medium")
    return ax


def _title(own: Attention, layer: int | None, head: int | None) -> str:
    where = "mean of layers" if layer is None else f"layer {range(len(own.layers))[layer]}"
    if own.heads == 1:
        return f"{own.kind}, {where}"
    return f"{own.kind}, {where}, {'mean of heads' if head is None else f'head {range(own.heads)[head]}'}"


def _name(axis: Any, tokens: Tokens, rotation: int = 0) -> None:
    """The texts of tokens along an axis; of many, some."""
    ticks = range(0, len(tokens), 1 + len(tokens) // _NAMED)
    axis.set_ticks(ticks, [_literal(tokens.texts[tick]) for tick in ticks], rotation=rotation)


def _literal(text: str) -> str:
    """A text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


def _spread(tokens: Tokens, wide: float) -> Float64Array:
    """Places of texts side by side, the spaces between them as large as the width allows."""
    widths = np.array([max(2.0, len(text)) for text in tokens.texts])
    gap = (wide - widths.sum()) / len(widths)
    found: Float64Array = np.cumsum(widths + gap) - (widths + gap) / 2
    return found


def _inches(length: float) -> float:
    return min(length, _LARGEST)


def _axes(width: float, height: float) -> Axes:
    figure = _pyplot().figure(figsize=(_inches(width), _inches(height)), layout="constrained")
    axes: Axes = figure.subplots()
    return axes


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as pyplot
    except ImportError as problem:
        raise ImportError("attend.plot draws with matplotlib: pip install 'libattend[plot]'") from problem
    return pyplot
