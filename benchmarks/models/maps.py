#!/usr/bin/env python3
"""What attention maps cost: recording them in a pass, and a page of many of them.

    python benchmarks/models/maps.py [--compute float32 int8] [--threads 1 2] [--tokens 128] [--only recording page]

Recording: a pass of BERT-base (random weights, of make_model.py) with and without it, in turns. The page: 30 layers of
32 heads on 512 tokens, of attention that is made up: "near" is as in trained models, heads that look near and at the
first token; "wide" spreads over all earlier tokens; "even" looks at all tokens almost alike, the worst case. It is
opened in Chromium where selenium, chromium and chromedriver are installed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import attend
import numpy as np
from attend import maps, view
from make_model import MODELS, make

LAYERS, HEADS, TOKENS = 30, 32, 512


def seconds(session: attend.Session, ids: list[list[int]]) -> float:
    start = time.perf_counter()
    session.encode(ids)
    return time.perf_counter() - start


def recording(options: argparse.Namespace) -> None:
    """The time of a pass with the maps of all layers over that without."""
    folder = make("bert-base", options.models)
    ids = [[place * 37 % 30_000 + 100 for place in range(options.tokens)]]
    print("| bert 1 x", options.tokens, "| threads | maps off | maps on | ratio |\n|---|---|---|---|---|")
    for compute in options.compute:
        for threads in options.threads:
            model = attend.Model(folder, compute=compute, threads=threads)
            off, on = model.session(), model.session()
            on.record_attentions()
            for session in (off, on, off, on):
                session.encode(ids)
            times: list[list[float]] = [[], []]
            for _ in range(options.rounds):
                for session, own in zip((off, on), times):
                    own.append(seconds(session, ids))
            without, with_maps = (1e3 * statistics.median(own) for own in times)
            ratio = statistics.median(recorded / bare for bare, recorded in zip(*times))
            print(f"| {compute} | {threads} | {without:.1f} ms | {with_maps:.1f} ms | {ratio:.3f} |", flush=True)


def made_up(kind: str) -> maps.Attention:
    """Maps of a decoder, or of an encoder that looks at all tokens almost alike."""
    generator = np.random.default_rng(0)
    apart = np.abs(np.arange(TOKENS)[:, None] - np.arange(TOKENS)).astype(np.float32)
    layers = []
    for _ in range(LAYERS):
        scores = generator.standard_normal((HEADS, TOKENS, TOKENS), np.float32)
        scores *= {"near": 2.5, "wide": 1.5, "even": 0.3}[kind]
        if kind == "near":
            scores -= apart * generator.uniform(0, 0.2, (HEADS, 1, 1)).astype(np.float32)
            scores[:, :, 0] += 3
        if kind != "even":
            scores[:, ~np.tri(TOKENS, dtype=bool)] = -np.inf
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=2, keepdims=True)
        layers.append(scores)
    tokens = maps.Tokens.of(f"w{place}" for place in range(TOKENS))
    return maps.Attention("decoder", tuple(layers), tokens, tokens)


def page() -> None:
    """The bytes of a page, what it leaves out, and how soon all that is in sight is drawn."""
    print("| maps | page | left out | the share | made in | opened in |\n|---|---|---|---|---|---|")
    for kind in ("near", "wide", "even"):
        own = made_up(kind)
        start = time.perf_counter()
        shown = view.View(own)
        made = time.perf_counter() - start
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "page.html")
            shown.save(path)
            size, opened = path.stat().st_size, opening(path)
        print(
            f"| {kind} | {size / 1e6:.1f} MB | below {100 * shown.least:.2f} % | {100 * shown.left_out:.1f} % | "
            f"{made:.0f} s | {opened} |",
            flush=True,
        )


def opening(path: Path) -> str:
    """The time from asking for a page to its first picture, the median of five."""
    try:
        from selenium import webdriver
    except ImportError:
        return "no selenium"
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        return "no chromium"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1000"):
        options.add_argument(argument)
    times = []
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        for _ in range(5):
            browser.get("about:blank")
            browser.get(path.as_uri())
            while (drawn := browser.execute_script("return Number(document.documentElement.dataset.drawn || 0)")) == 0:
                time.sleep(0.02)
            times.append(drawn / 1e3)
    finally:
        browser.quit()
    return f"{statistics.median(times):.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compute", nargs="+", default=["float32", "int8"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", nargs="+", choices=["recording", "page"], default=["recording", "page"])
    parser.add_argument("--models", type=Path, default=MODELS)
    options = parser.parse_args()
    if "recording" in options.only:
        recording(options)
    if "page" in options.only:
        page()


if __name__ == "__main__":
    main()
