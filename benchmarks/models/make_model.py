#!/usr/bin/env python3
"""Makes checkpoints of real size with random weights, in the layout of Hugging Face.

    python benchmarks/models/make_model.py marian-base [--to FOLDER]

The weights depend on their names alone, so everybody's are the same. Matrices have a deviation of about 1/sqrt(inputs),
so that activations stay near 1 through any depth, greedy ids vary from step to step, and a wrong computation does not
look right. Needs numpy alone.
"""

from __future__ import annotations

import argparse
import json
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapes
import shapes_media
import tensor_file
from weights import Weight

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "build" / "benchmark-models"


def draw(weight: Weight) -> npt.NDArray[np.float32]:
    """The values of one tensor: normal, seeded by its name."""
    generator = np.random.default_rng(zlib.crc32(weight.name.encode()))
    values = np.asarray(generator.standard_normal(weight.shape, np.float32))
    values *= np.float32(weight.scale)
    values += np.float32(weight.center)
    if weight.zero_rows:
        values[weight.zero_rows.start : weight.zero_rows.stop] = 0
    return values


def make(name: str, models: Path = MODELS) -> Path:
    """The checkpoint folder of model ``name`` under ``models``, made if it is not there, or was made from another
    description.
    """
    config = shapes.MODELS[name]
    folder = models / name
    weights = {weight.name: weight for weight in shapes.weights(config)}
    preprocessor = shapes_media.PREPROCESSORS.get(config["model_type"])
    description = repr((config, weights, preprocessor))
    made_from = folder / "made-from"
    if made_from.exists() and made_from.read_text() == description:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    dtype = {"float32": "F32", "bfloat16": "BF16"}[config["torch_dtype"]]
    tensor_file.write(
        folder / "model.safetensors",
        [(weight.name, weight.shape) for weight in weights.values()],
        dtype,
        lambda tensor: draw(weights[tensor]),
    )
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    if preprocessor:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor, indent=2) + "\n")
    made_from.write_text(description)  # last: it says that the folder is complete
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="+", choices=list(shapes.MODELS))
    parser.add_argument(
        "--to",
        type=Path,
        default=MODELS,
        help=f"the folder that holds the models (default: {MODELS.relative_to(ROOT)})",
    )
    arguments = parser.parse_args()
    for name in arguments.name:
        folder = make(name, arguments.to)
        print(f"{folder}: {(folder / 'model.safetensors').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
