"""Attention maps in a browser: one HTML file that needs nothing else.

    from attend import maps, view

    page = view.View(maps.record(model, "attention"))
    page.save("attention.html")  # or the last line of a notebook's cell: page

All layers and heads at once, one head with lines between tokens, one head as a map; with mouse, keyboard and touch.
"""

from ._page import View

__all__ = ["View"]
