#!/usr/bin/env python3
"""What comes before a model, on one thread: the log-mel spectrogram of 30 s, and a photograph of 4000 x 3000 from JPEG
to pixel values, beside libjpeg-turbo's own decoding at an eighth of the size (Pillow's `draft`). In the environment
that setup.py makes:

    build/benchmarks-venv/bin/python benchmarks/models/frontends.py [--rounds 15]

The library has no call for a front end alone, so a small model reads first the file or the samples and then what the
front end makes of them: the difference of the medians is the front end's. All take turns.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Callable

import media
import numpy as np
import workloads
from contenders.native import BINDINGS
from make_model import MODELS, make

WIDTH, HEIGHT = 4000, 3000


def photograph() -> bytes:
    """Soft shapes with fine noise, as a JPEG of a camera's quality."""
    from PIL import Image

    generator = np.random.default_rng(3)
    coarse = Image.fromarray(generator.integers(0, 256, (30, 40, 3), np.uint8))
    picture = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)
    picture = picture + 4 * generator.standard_normal(picture.shape, np.float32)
    data = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(data, "JPEG", quality=92)
    return data.getvalue()


def scaled(data: bytes) -> None:
    """libjpeg-turbo's decoding at the smallest scale that is not below 224 lines: an eighth."""
    from PIL import Image

    picture = Image.open(io.BytesIO(data))
    picture.draft("RGB", (WIDTH // 8, HEIGHT // 8))
    picture.load()


def medians(works: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Milliseconds of processor time, each work in its turn."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            start = time.process_time()
            work()
            taken[name].append(1e3 * (time.process_time() - start))
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the models (made when missing)")
    arguments = parser.parse_args()
    sys.path.insert(0, str(BINDINGS))
    import attend

    transcribe, see = (workloads.cells([name], [1], None, tiny=True)[0].workload for name in ("whisper", "vit"))
    data = photograph()
    sound = attend.Sound(media.samples(transcribe), sampling_rate=media.RATE)
    mel = attend.Features(np.zeros((80, 3000), np.float32))
    picture, pixels = attend.Picture(data), attend.Features(media.pixels(see)[0])
    draft = attend.Picture(data, draft=True)
    with (
        attend.Model(make("tiny-whisper", arguments.models), threads=1) as hears,
        attend.Model(make("tiny-vit", arguments.models), threads=1) as sees,
        hears.session() as listening,
        sees.session() as looking,
    ):
        found = medians(
            {
                "sound": lambda: listening.encode(sound),
                "mel": lambda: listening.encode(mel),
                "jpeg": lambda: looking.encode(picture),
                "draft": lambda: looking.encode(draft),
                "pixels": lambda: looking.encode(pixels),
                "scaled": lambda: scaled(data),
            },
            arguments.rounds,
        )
    prepared, drafted = (found[name] - found["pixels"] for name in ("jpeg", "draft"))
    print(f"log-mel of 30 s: {found['sound'] - found['mel']:.1f} ms")
    print(f"JPEG of {WIDTH} x {HEIGHT}, {len(data) / 1e6:.1f} MB, to 3 x 224 x 224: {prepared:.1f} ms")
    print(f"the same with draft: {drafted:.1f} ms, {drafted / found['scaled']:.2f} times libjpeg-turbo at an eighth")
    print(f"libjpeg-turbo at an eighth: {found['scaled']:.1f} ms, {prepared / found['scaled']:.2f} times as much")


if __name__ == "__main__":
    main()
