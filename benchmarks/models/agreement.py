"""Whether a contender computed what the others did: its outputs against those of PyTorch in float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Outputs = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Agreement:
    """How close it came, in words, and whether that is close enough."""

    text: str
    good: bool


def correlation(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> float:
    """The smallest correlation between rows (the last axis) of two arrays of one shape."""
    rows = [array.reshape(-1, array.shape[-1]).astype(np.float64) for array in (left, right)]
    a, b = (array - array.mean(axis=1, keepdims=True) for array in rows)
    return float(((a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))).min())


def agree(outputs: Outputs, reference: Outputs, compute: str, least_share: float = 1.0) -> Agreement:
    """Compares what `Runner.check` gave.

    float32: ids are equal (or ``least_share`` of them: in a search whose scores are not compared, two hypotheses with
    the same sum but for rounding may change places), and logits, states and scores within 5e-3 of the largest
    (llama.cpp reads GELU from a table of float16; the others come to 1e-5). Other types: states and the logits of a
    prompt correlate at 0.97 or better, in int4 at 0.8: random weights have none of the redundancy that 4 bits live on
    (through 22 layers everybody's come to 0.85 to 0.87), and a wrong computation does not correlate at all; their
    greedy ids part ways with those of float32 at the first near tie, so the share that is equal is shown and nothing is
    demanded of it, beyond as many ids as were asked for.
    """
    for name, expected in reference.items():
        if outputs[name].shape != expected.shape:
            return Agreement(f"{name} have shape {outputs[name].shape}, not {expected.shape}", False)
        if not np.isfinite(outputs[name]).all():
            return Agreement(f"{name} are not finite", False)
    exact = compute == "float32"
    words, good = [], True
    if "ids" in reference:
        share = float((outputs["ids"] == reference["ids"]).mean())
        words.append(f"{share:.0%} of ids")
        good = share >= least_share or not exact
    for name in ("score", "states", "logits"):
        if name not in reference:
            continue
        if exact:
            difference = float(np.abs(outputs[name] - reference[name]).max() / np.abs(reference[name]).max())
            words.append(f"{name} ± {difference:.0e}")
            good = good and difference < 5e-3
        elif "ids" not in reference:
            close = correlation(outputs[name], reference[name])
            words.append(f"{name} correlate {close:.5f}")
            good = good and close > (0.8 if compute == "int4" else 0.97)
    return Agreement(", ".join(words), good)
