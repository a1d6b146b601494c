"""The page of attention maps: what is in the file, without a browser. What it does in one: test_view_browser.py."""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from pathlib import Path

import attend
import numpy as np
import pytest
from attend import maps, view
from attend.view._pack import EXACT


def about(page: view.View) -> dict:
    found = re.search(r'<script type="application/json" id="about">(.*?)</script>', page.html)
    assert found is not None
    return json.loads(found[1])


def unpacked(page: view.View, kind: str, layer: int, shape: tuple[int, ...]) -> np.ndarray:
    """The map of a layer, read as the format is described."""
    found = re.search(rf'id="maps-{kind}-{layer}">(.*?)</script>', page.html)
    assert found is not None
    data = np.frombuffer(zlib.decompress(base64.b64decode(found[1])), np.uint8)
    rows = shape[0] * shape[1]
    counts = data[:rows] + 256 * data[rows : 2 * rows].astype(int)
    kept = int(counts.sum())
    gaps = data[2 * rows :][:kept] + 256 * data[2 * rows + kept :][:kept].astype(int)
    values = data[2 * rows + 2 * kept :]
    weights = values.view("<f4") if page.exact else (values / 255.0) ** 2
    assert len(weights) == kept
    found_map = np.zeros((rows, shape[2]), np.float32)
    place = 0
    for row, count in enumerate(counts):
        keys = np.cumsum(gaps[place : place + count] + 1) - 1
        found_map[row, keys] = weights[place : place + count]
        place += count
    return found_map.reshape(shape)


def random_maps(layers: int, heads: int, tokens: int, sharpness: float) -> maps.Attention:
    generator = np.random.default_rng(0)
    weights = np.exp(sharpness * generator.standard_normal((layers, heads, tokens, tokens), np.float32))
    weights *= np.tri(tokens, dtype=np.float32)
    weights /= weights.sum(axis=-1, keepdims=True)
    names = [f"w{place}" for place in range(tokens)]
    return maps.Attention.of(weights, names, names, "decoder")


def test_few_numbers_are_kept_as_they_are(model: attend.Model) -> None:
    found = maps.record(model, "attention")
    page = view.View(found)
    assert page.exact and page.least == page.left_out == 0
    for own in found:
        for index, layer in enumerate(own.layers):
            assert np.array_equal(unpacked(page, own.kind, index, layer.shape), layer)
    kinds = about(page)["kinds"]
    assert [kind["kind"] for kind in kinds] == ["encoder", "decoder", "cross"]
    assert kinds[2]["keys"]["texts"] == [*"attention", "</s>"] and kinds[2]["keys"]["special"] == [0] * 9 + [1]
    assert kinds[2]["keys"]["words"] == [0] * 9 + [1] and kinds[2]["keys"]["wordTexts"] == ["attention", "</s>"]
    np.testing.assert_allclose(kinds[2]["entropy"], found.cross.entropy(), atol=5e-4)


def test_many_numbers_are_kept_in_8_bits() -> None:
    own = random_maps(3, 4, 200, 1.0)
    assert sum(layer.size for layer in own.layers) > EXACT
    page = view.View(own)
    assert not page.exact and page.least < 1e-5 and page.left_out < 1e-5
    for index, layer in enumerate(own.layers):
        kept = unpacked(page, "decoder", index, layer.shape)
        assert (np.abs(kept - layer) <= np.sqrt(layer) / 255 + 4e-6).all()


def test_what_does_not_fit_is_left_out_and_said() -> None:
    own = random_maps(3, 4, 200, 2.0)
    page = view.View(own, max_bytes=400_000)
    assert len(page.html.encode()) <= 400_000 and 0 < page.least < 0.1 and 0 < page.left_out < 0.9
    whole, kept = 0.0, 0.0
    for index, layer in enumerate(own.layers):
        found = unpacked(page, "decoder", index, layer.shape)
        assert ((found == 0) == (layer < page.least)).mean() > 0.9999  # but for rounding at the bound
        whole += float(layer.sum())
        kept += float(layer[found > 0].sum())
    assert 1 - kept / whole == pytest.approx(page.left_out, abs=1e-5)
    assert about(page)["least"] == page.least and about(page)["leftOut"] == page.left_out
    with pytest.raises(attend.InvalidArgumentError, match=r"max_bytes is 40000: the page takes \d+ without"):
        view.View(own, max_bytes=40_000)


def test_a_page_needs_nothing_else(model: attend.Model, tmp_path: Path) -> None:
    page = view.View(maps.record(model, "hello"), title="<Attention> {{program}} & more")
    page.save(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text == page.html and text.count("</script>") == 2 + 12
    assert not re.search(r"""(?:src|href)=["'](?!data:)|@import|url\(|fetch\(|XMLHttpRequest|import\(""", text)
    addresses = set(re.findall(r"https?://[^\s\"']+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of SVG, which nothing is fetched from
    assert "<h1>&lt;Attention&gt; {{program}} &amp; more</h1>" in text
    frame = page._repr_html_()
    found = re.search(r'srcdoc="(.*?)" sandbox="allow-scripts allow-downloads"', frame, flags=re.S)
    assert found is not None and html.unescape(found[1]) == page.html


def test_tokens_cannot_end_the_data_that_they_stand_in() -> None:
    names = ["</script><script>alert(1)</script>", "{{maps}}"]
    page = view.View(maps.Attention.of(np.eye(2), names, names))
    assert about(page)["kinds"][0]["keys"]["texts"] == names and page.html.count("</script>") == 3
