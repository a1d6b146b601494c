"""Pictures of attention maps: what is drawn are the numbers, under the names of the tokens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Iterator

import attend
import numpy as np
import pytest
from attend import maps
from conftest import REPOSITORY

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
matplotlib.use("Agg")

from attend import plot  # noqa: E402
from matplotlib import pyplot  # noqa: E402


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def found(model: attend.Model) -> maps.Maps:
    return maps.record(model, "attention")


def names(ticks: list[matplotlib.text.Text]) -> list[str]:
    return [tick.get_text() for tick in ticks]


def test_a_heatmap_has_the_weights_and_the_tokens(found: maps.Maps) -> None:
    ax = plot.heatmap(found.cross, layer=3, head=1, numbers=True)
    assert np.array_equal(ax.images[0].get_array(), found.cross.layers[3][1])
    assert names(ax.get_xticklabels()) == [*"attention", "</s>"]
    assert names(ax.get_yticklabels()) == list(found.cross.queries.texts)
    assert names(ax.texts)[:2] == [f"{weight:.2f}" for weight in found.cross.layers[3][1][0, :2]]
    assert ax.get_title() == "cross, layer 3, head 1"
    given = pyplot.figure().subplots()
    assert plot.heatmap(found.cross, ax=given) is given
    mean = np.mean([layer.mean(axis=0) for layer in found.cross.layers], axis=0)
    np.testing.assert_allclose(given.images[0].get_array(), mean, rtol=0, atol=1e-6)
    assert plot.heatmap(maps.rollout(found), layer=-1).get_title() == "cross, layer 3"


def test_all_heads_stand_in_a_grid(found: maps.Maps) -> None:
    figure = plot.heads(found.encoder)
    assert len(figure.axes) == 16
    for index, ax in enumerate(figure.axes):
        assert np.array_equal(ax.images[0].get_array(), found.encoder.layers[index // 4][index % 4])
        assert ax.images[0].get_clim() == (0, 1)
    assert len(plot.heads(found.encoder, layer=2).axes) == 4


def test_statistics_are_those_of_the_heads(found: maps.Maps) -> None:
    for function in ("entropy", "distance"):
        ax = getattr(plot, function)(found.encoder)
        assert np.array_equal(ax.images[0].get_array(), getattr(found.encoder, function)())
    with pytest.raises(attend.InvalidArgumentError, match="cross-attention"):
        plot.distance(found.cross)


def test_an_alignment_has_lines_and_the_arrows_of_the_best_path(found: maps.Maps) -> None:
    weights = found.cross.without_special(renormalize=True).map(3)
    for style, lines, arrows in (("soft", True, False), ("arrows", False, True), ("both", True, True)):
        ax = plot.alignment(found.cross, layer=3, style=style)
        texts = [text for text in ax.texts if text.get_text()]
        assert names(texts) == [*"attention", "AH0", "T", "EH1", "N", "SH", "AH0", "N"]
        assert len(ax.lines) == (int((weights >= 0.01).sum()) if lines else 0)
        pointing = [text for text in ax.texts if not text.get_text()]
        assert len(pointing) == (7 if arrows else 0)
        places = [text.get_position()[0] for text in texts]
        for step, arrow in zip(maps.best_path(weights), pointing):
            assert arrow.xy[0] == pytest.approx(places[9 + step.query])
            assert arrow.get_position()[0] == pytest.approx(places[step.key])
    with pytest.raises(attend.InvalidArgumentError, match="curly"):
        plot.alignment(found.cross, style="curly")
    words = plot.alignment(found.cross, words=True, special=True, style="arrows")
    assert [name for name in names(words.texts) if name][:2] == ["attention", "</s>"]


def test_maps_of_several_kinds_must_be_chosen_from(found: maps.Maps, decoder: attend.Model) -> None:
    with pytest.raises(attend.InvalidArgumentError, match="maps.encoder"):
        plot.heatmap(found)
    assert names(plot.heatmap(maps.record(decoder, "a$b$")).get_xticklabels()) == ["a", r"\$", "b", r"\$"]


def test_without_matplotlib_the_error_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('none')")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\nimport numpy\nfrom attend import maps, plot\n"
        "plot.heatmap(maps.Attention.of(numpy.eye(2), 'ab', 'ab'))"
    )
    package = str(REPOSITORY / "bindings" / "python")
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {package!r})\n{program}", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert "ImportError: attend.plot draws with matplotlib: pip install 'libattend[plot]'" in result.stderr
