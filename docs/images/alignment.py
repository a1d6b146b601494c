#!/usr/bin/env python3
"""Draws alignment.svg, the picture of the README: which letters the default model looks at for each phoneme.

    python docs/images/alignment.py [FILE]

Needs matplotlib and the library.
"""

from __future__ import annotations

import sys
from pathlib import Path

import attend
import matplotlib

matplotlib.use("svg")
from attend import maps, plot  # noqa: E402
from matplotlib import pyplot  # noqa: E402

FOLDER = Path(__file__).resolve().parent
#: Words with a layer and head that aligns them well.
SHOWN = (("attention", 3, 2), ("phoenix", 3, None))


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER / "alignment.svg"
    # Texts stay texts, and the same words give the same bytes.
    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "attend", "font.size": 13})
    figure = pyplot.figure(figsize=(8.6, 1.9), layout="constrained")
    figure.get_layout_engine().set(wspace=0.1)
    axes = figure.subplots(1, len(SHOWN), width_ratios=[len(word) for word, _, _ in SHOWN])
    with attend.Model(FOLDER.parents[1] / "models" / "g2p-en") as model:
        for ax, (word, layer, head) in zip(axes, SHOWN):
            plot.alignment(maps.record(model, word).cross, layer=layer, head=head, ax=ax)
    figure.savefig(path, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
