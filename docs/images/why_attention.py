#!/usr/bin/env python3
"""Draws why-attention.svg from what benchmarks/recurrent measured.

    python docs/images/why_attention.py [FILE]

Needs matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER.parents[1] / "benchmarks" / "recurrent" / "results"
COLOURS = {"Transformer": "#0072b2", "LSTM with attention": "#d55e00", "LSTM without": "#009e73"}


def results(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text())


def training(axes: Any) -> None:
    for name, epochs in results("training").items():
        axes.plot([one["seconds"] for one in epochs], [100 * one["WER"] for one in epochs], color=COLOURS[name])
    axes.set(title="Words wrong while training, %", xlabel="seconds on a GPU", ylim=(25, 75))


def times(axes: Any, column: str, scale: float, title: str, threads: int) -> None:
    for name, colour in COLOURS.items():
        rows = [row for row in results("lengths")["rows"] if row["model"] == name and row["threads"] == threads]
        axes.loglog([row["length"] for row in rows], [scale * row[column] for row in rows], color=colour)
    axes.set(title=title, xlabel="tokens")


def copying(axes: Any) -> None:
    found = results("copying")
    for name, colour in COLOURS.items():
        whole = found[name]["whole"]
        axes.plot([int(length) for length in whole], [100 * share for share in whole.values()], color=colour)
    axes.axvline(found["Transformer"]["longest"], color="gray", linestyle=":")
    axes.set(title="Texts copied whole, %", xlabel="letters (in training up to the dotted line)")


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER / "why-attention.svg"
    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "attend", "font.size": 9})
    figure, places = pyplot.subplots(2, 2, figsize=(8.6, 5.6), layout="constrained")
    training(places[0, 0])
    copying(places[0, 1])
    times(places[1, 0], "read", 1e3, "Time to read, ms, two threads", 2)
    times(places[1, 1], "last step", 1e6, "Time to write the next token, µs, one thread", 1)
    for axes in places.flat:
        axes.spines[["top", "right"]].set_visible(False)
    lines = [pyplot.Line2D([], [], color=colour, label=name) for name, colour in COLOURS.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
