"""What the benchmarks stand on, without any peer: the checkpoints, the comparison of outputs, the report. Needs numpy
and pytest.
"""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import agreement
import numpy as np
import pytest
import report
import shapes
import tensor_file
import workloads
from make_model import make
from read_model import read_tensors

#: Parameters as published for the originals of these sizes.
PARAMETERS = {
    "bert-base": 109_482_240,
    "minilm-l6": 22_713_216,
    "gpt2-124m": 124_439_808,
    "llama-1.1b": 1_100_048_384,
    "vit-b16": 85_798_656,  # without the pooler
    "clip-b32": 151_277_313,
    "wav2vec2-base": 94_371_712,
    "whisper-base": 72_593_920,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_models_have_the_sizes_of_their_originals(name: str) -> None:
    assert sum(int(np.prod(weight.shape)) for weight in shapes.weights(shapes.MODELS[name])) == PARAMETERS[name]


@pytest.mark.parametrize("name", [name for name in shapes.MODELS if name.startswith("tiny-")])
def test_a_checkpoint_holds_what_its_config_says_and_is_made_once(name: str, tmp_path: Path) -> None:
    folder = make(name, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    tensors = read_tensors(folder)
    assert {key: value.shape for key, value in tensors.items()} == {
        weight.name: weight.shape for weight in shapes.weights(config)
    }
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert make(name, tmp_path) == folder and (folder / "model.safetensors").stat().st_mtime_ns == written


def test_weights_depend_on_their_names_alone_and_padding_is_zero(tmp_path: Path) -> None:
    first, second = (read_tensors(make("tiny-marian", tmp_path / part)) for part in ("a", "b"))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    shared = first["model.shared.weight"]
    assert not shared[-1].any() and shared[:-1].any(axis=1).all()
    assert shared.std() == pytest.approx(64**-0.5, rel=0.05)


def test_bfloat16_is_the_nearest_ties_to_even() -> None:
    bits = np.array([0x3F800000, 0x3F807FFF, 0x3F808000, 0x3F808001, 0x3F818000, 0xBF80C000], np.uint32)
    assert tensor_file.to_bfloat16(bits.view(np.float32)).tolist() == [0x3F80, 0x3F80, 0x3F80, 0x3F81, 0x3F82, 0xBF81]


def test_outputs_that_differ_are_found() -> None:
    ids, logits = np.arange(8).reshape(2, 4), np.random.default_rng(1).standard_normal((2, 50))
    reference = {"ids": ids, "logits": logits}
    assert agreement.agree({"ids": ids, "logits": logits + 1e-5}, reference, "float32").good
    assert not agreement.agree({"ids": ids + 1, "logits": logits}, reference, "float32").good
    assert not agreement.agree({"ids": ids, "logits": logits + 0.1}, reference, "float32").good
    assert not agreement.agree({"ids": ids[:, :3], "logits": logits}, reference, "int8").good
    assert agreement.agree({"states": logits * 1.01}, {"states": logits}, "int8").good
    assert not agreement.agree({"states": logits[::-1]}, {"states": logits}, "int8").good
    assert not agreement.agree({"states": logits * np.nan}, {"states": logits}, "int8").good


def test_every_aim_is_of_a_workload() -> None:
    cells = workloads.cells(list(workloads.FAMILIES), [2], None, tiny=False)
    assert {(cell.workload.name, cell.compute) for cell in cells} >= set(workloads.AIMS)


def test_a_translation_is_given_the_end_token_once() -> None:
    workload = workloads.cells(["marian"], [1], None, tiny=True)[-1].workload
    ids = workload.ids(shapes.MODELS["tiny-marian"])
    assert ids.shape == (32, 31) and not ids[:, -1].any() and ids[:, :-1].min() > 1


def run(agrees: bool) -> report.Run:
    def result(rate: float, good: bool) -> dict[str, object]:
        measured = {"per_second": rate, "seconds": 1 / rate, "spread": 0.01, "peak_bytes": 1e6}
        return {**measured, "agreement": "100% of ids", "agrees": good}

    cells = [
        {"work": "w <&>", "unit": "tokens", "compute": "float32", "threads": threads, "aim": 1.5,
         "absent": {"llama.cpp": "not here"},
         "contenders": {"attend": result(300.0 * threads, agrees), "PyTorch": result(100.0, True),
                        "CTranslate2": result(200.0, True)}}
        for threads in (1, 2)
    ]  # fmt: skip
    how = {"rounds": 1, "seconds": 1, "busy_share": 0.5, "clock": "perf_counter"}
    return {"started": "now", "machine": report.machine(), "versions": {"attend": "0"}, "cells": cells, **how}


def test_the_report_compares_with_the_best_peer_that_agrees() -> None:
    text = report.markdown(run(agrees=True))
    assert "| attend, per s |" in text and "| CTranslate2 | 200 | 3.00 x | 1.5 x |" in text
    assert "attend 2.00" in text and "Not to be quoted" in text and "not run: not here" in text
    assert "3.00 x" not in report.markdown(run(agrees=False)) and "computes something else" in report.markdown(
        run(agrees=False)
    )


def test_the_picture_is_well_formed_and_shows_everyone() -> None:
    root = ElementTree.fromstring(report.picture(run(agrees=True)))
    words = " ".join(element.text or "" for element in root.iter())
    assert "w <&>" in words and all(name in words for name in ("600  attend", "100  PyTorch", "200  CTranslate2"))
