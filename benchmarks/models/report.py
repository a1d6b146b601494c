"""What a run found, as Markdown tables and as a picture. Both are made from the JSON of the run alone:

python benchmarks/models/report.py build/benchmark-results/models.json      (prints the tables, rewrites the picture)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from contenders import NAMES, OURS

Run = dict[str, Any]

#: Above this the machine was not ours alone.
QUIET = 0.05


def machine() -> dict[str, Any]:
    """The CPU, as the system names it, and what of it matters here."""
    info: dict[str, str] = {}
    processors = 0
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        info.setdefault(key, value)
        processors += key == "processor"
    flags = set(info.get("flags", "").split())
    names = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    model = f"family {info.get('cpu family', '?')} model {info.get('model', '?')}"
    cpu = f"{info.get('model name', 'unknown')}, {model}"
    return {"cpu": cpu, "processors": processors, "flags": [name for name in names if name in flags]}


def rates(cell: dict[str, Any]) -> dict[str, float]:
    """What everyone does per second who took part and did not compute something else."""
    return {name: result["per_second"] for name, result in cell["contenders"].items() if result["agrees"] is not False}


def best_peer(cell: dict[str, Any]) -> str | None:
    """The fastest contender that is not ours."""
    peers = {name: rate for name, rate in rates(cell).items() if name != OURS}
    return max(peers, key=peers.__getitem__) if peers else None


def ratio(cell: dict[str, Any]) -> float | None:
    """Ours over the best peer."""
    peer, ours = best_peer(cell), rates(cell).get(OURS)
    return ours / rates(cell)[peer] if peer and ours else None


def number(rate: float | None) -> str:
    """A rate, to about three digits."""
    if rate is None:
        return ""
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _place(cell: dict[str, Any]) -> list[str]:
    return [f"{cell['work']}: {cell['unit']}", cell["compute"], str(cell["threads"])]


def _summary(run: Run) -> str:
    rows = []
    for cell in run["cells"]:
        peer, value, aim = best_peer(cell), ratio(cell), cell["aim"]
        ours = number(rates(cell).get(OURS)) or cell["absent"].get(OURS, "-").split(";")[0]
        shown = f"{value:.2f} x" if value else ""
        rows.append(
            _place(cell) + [ours, peer or "-", number(rates(cell).get(peer or "")), shown, f"{aim} x" if aim else ""]
        )
    return _table(["work", "type", "threads", f"{OURS}, per s", "best peer", "per s", "ratio", "aim"], rows)


def _details(run: Run) -> str:
    rows = []
    for cell in run["cells"]:
        for name, result in cell["contenders"].items():
            agreement = (
                result["agreement"]
                if result["agrees"] is not False
                else f"**computes something else**: {result['agreement']}"
            )
            rows.append(_place(cell) + [
                name, number(result["per_second"]), f"{result['seconds'] * 1e3:,.2f} ms",
                f"{result['spread']:.0%}", f"{result['peak_bytes'] / 1e6:,.0f} MB", agreement,
            ])  # fmt: skip
        rows += [_place(cell) + [name, "-", "", "", "", f"not run: {why}"] for name, why in cell["absent"].items()]
    measured = ["contender", "per s", "median", "spread", "peak memory", "agreement with PyTorch float32"]
    return _table(["work", "type", "threads", *measured], rows)


def _scaling(run: Run) -> str:
    """Two threads over one, for everyone."""
    by_place = {(cell["work"], cell["compute"], cell["threads"]): cell for cell in run["cells"]}
    rows = []
    for (work, compute, threads), cell in by_place.items():
        single = by_place.get((work, compute, 1))
        if threads == 1 or not single:
            continue
        names = [name for name in rates(cell) if name in rates(single)]
        shown = ", ".join(f"{name} {rates(cell)[name] / rates(single)[name]:.2f}" for name in names)
        rows.append([work, compute, f"{threads} over 1", shown])
    return _table(["work", "type", "threads", "times as fast"], rows) if rows else ""


def markdown(run: Run) -> str:
    """The run as a page."""
    where = run["machine"]
    parts = [
        f"{where['cpu']}, {where['processors']} processors, {' '.join(where['flags'])}; {run['started']}; "
        f"{run['rounds']} rounds of at least {run['seconds']} s, contenders in turn; medians."
    ]
    if run["clock"] == "process_time":
        parts.append("**Processor time**, not the wall's: a guide from a machine that is shared.")
    elif run["busy_share"] > QUIET:
        parts.append(f"**Not to be quoted**: others used up to {run['busy_share']:.0%} of the machine during the run.")
    parts += [_summary(run), _scaling(run), _details(run)]
    parts.append("\n".join(f"- {name}: {version}" for name, version in run["versions"].items()))
    return "\n\n".join(part for part in parts if part) + "\n"


#: The picture, in pixels.
_WIDTH, _LABEL, _BAR, _STEP, _GAP, _TOP = 860, 250, 400, 20, 14, 58
_COLOURS = dict(
    zip(
        NAMES,
        ("#d9480f", "#3b6ea5", "#7ea6d0", "#4f8a5b", "#8f6bb0", "#8a8a8a", "#b0883b", "#2f9e9e", "#a5506e"),
    )
)


def _text(x: float, y: float, words: str, **attributes: object) -> str:
    extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:.0f}" y="{y:.0f}"{extra}>{escape(words)}</text>'


def picture(run: Run) -> str:
    """Bars, a group for each piece of work at its most threads: the rate of each contender relative to the group's
    fastest.
    """
    threads: dict[tuple[str, str], int] = {}
    for cell in run["cells"]:
        place = (cell["work"], cell["compute"])
        threads[place] = max(cell["threads"], threads.get(place, 0))
    cells = [cell for cell in run["cells"] if cell["threads"] == threads[cell["work"], cell["compute"]] and rates(cell)]
    y, body = float(_TOP), []
    for cell in cells:
        shown = rates(cell)
        fastest = max(shown.values())
        plural = "s" if cell["threads"] > 1 else ""
        body.append(_text(16, y + 14, cell["work"], font_weight="bold"))
        body.append(_text(16, y + 31, f"{cell['compute']}, {cell['threads']} thread{plural}", fill="#555"))
        for name, rate in shown.items():
            width = max(1.0, _BAR * rate / fastest)
            weight = "bold" if name == OURS else "normal"
            body.append(
                f'<rect x="{_LABEL}" y="{y:.0f}" width="{width:.1f}" height="{_STEP - 4}" rx="2" '
                f'fill="{_COLOURS[name]}"/>'
            )
            body.append(_text(_LABEL + width + 6, y + 13, f"{number(rate)}  {name}", font_weight=weight))
            y += _STEP
        y += _GAP + max(0, 2 - len(shown)) * _STEP
    title = "Tokens, pictures or seconds of sound per second, more is better; medians of one run, in turns"
    head = [_text(16, 26, title, font_size="15", font_weight="bold"), _text(16, 44, run["machine"]["cpu"], fill="#555")]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y:.0f}" viewBox="0 0 {_WIDTH} {y:.0f}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#222">',
        f'<rect width="{_WIDTH}" height="{y:.0f}" rx="8" fill="#fff"/>', *head, *body, "</svg>",
    ]) + "\n"  # fmt: skip


def main() -> None:
    path = Path(sys.argv[1])
    run = json.loads(path.read_text())
    print(markdown(run))
    path.with_suffix(".svg").write_text(picture(run))


if __name__ == "__main__":
    main()
