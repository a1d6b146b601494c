#!/usr/bin/env python3
"""Writes Sources/AttendCheckpoints/GGUF/BlockGrids.swift: the points that the IQ formats of GGUF choose from.

The grids were found by optimisation, so there is no formula for them. They are read from the `gguf` package, whose
quants.py states them: python3 scripts/make-block-grids.py, with `gguf` installed. A point is a number, one digit for
each coordinate, the first the lowest, of 2 or 3 bits: the place of the value among those that a coordinate may have. A
point is written as three characters, 6 bits each from "0" on, the highest first.
"""

import pathlib

import gguf.quants
import numpy

GRIDS = [
    ("iq2xxs", "IQ2_XXS"),
    ("iq2xs", "IQ2_XS"),
    ("iq2s", "IQ2_S"),
    ("iq3xxs", "IQ3_XXS"),
    ("iq3s", "IQ3_S"),
    ("iq1s", "IQ1_S"),
]
WIDTH = 108


def codes(name):
    kind = getattr(gguf.quants, name)
    kind.init_grid()
    points = kind.grid.reshape(kind.grid_shape)
    values = numpy.array(kind.grid_map, dtype=numpy.float32)
    digits = numpy.searchsorted(values, points).astype(numpy.int64)
    assert (values[digits] == points).all()
    bits = 3 if len(values) > 4 else 2
    return points.shape, (digits << (bits * numpy.arange(points.shape[1]))).sum(axis=1)


def main():
    lines = [
        "// Facts of the formats of GGUF, from the gguf package. Written by scripts/make-block-grids.py: do not edit.",
        "",
        "/// The points of the IQ formats: see the script for how they are spelled.",
        "enum BlockGrids {",
    ]
    for key, name in GRIDS:
        shape, points = codes(name)
        text = "".join(chr(48 + (point >> shift & 63)) for point in points for shift in (12, 6, 0))
        lines.append(f"  /// {name}: {shape[0]} points of {shape[1]} coordinates.")
        lines.append(f'  static let {key}: StaticString = #"""')
        rows = [text[start : start + WIDTH] for start in range(0, len(text), WIDTH)]
        lines += [f"    {row}\\#" for row in rows[:-1]] + [f"    {rows[-1]}", '    """#']
    lines.append("}")
    path = pathlib.Path(__file__).parent.parent / "Sources/AttendCheckpoints/GGUF/BlockGrids.swift"
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
