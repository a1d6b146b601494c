"""What models that see and hear are given: the same pixels, pictures and sounds for every contender."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from workloads import Workload

Floats = npt.NDArray[np.float32]

#: At which all models hear.
RATE = 16000
#: Of the pictures that are looked at: width and height, as photographs are shown in the web.
SIZE = (640, 480)
#: What a transcript in English without times begins with: start, language, task, no times.
TRANSCRIPT_START = (50258, 50259, 50359, 50363)


def pixels(workload: Workload) -> Floats:
    """Pixel values as a processor leaves them, [batch, 3, side, side]."""
    generator = np.random.default_rng(1)
    return generator.standard_normal((workload.batch, 3, workload.length, workload.length), np.float32)


def samples(workload: Workload) -> Floats:
    """A sound from -1 to 1, [samples]: tones that come and go, and noise."""
    count = workload.length * RATE
    generator = np.random.default_rng(2)
    time = np.arange(count) / RATE
    tones = sum(np.sin(2 * np.pi * pitch * time) * np.sin(np.pi * time * pitch / 97) for pitch in (131, 307, 811, 2203))
    return (0.1 * tones + 0.02 * generator.standard_normal(count)).astype(np.float32)


def jpegs(workload: Workload, folder: Path) -> list[bytes]:
    """The bytes of pictures, soft shapes with fine noise as photographs have, made once: they lie in ``folder``."""
    from PIL import Image

    found = []
    for index in range(workload.batch):
        path = folder / "pictures" / f"{index}.jpg"
        if not path.exists():
            generator = np.random.default_rng(index)
            coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3), np.uint8))
            picture = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), np.float32)
            picture = picture + 6 * generator.standard_normal(picture.shape, np.float32)
            data = io.BytesIO()
            Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(data, "JPEG", quality=90)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data.getvalue())
        found.append(path.read_bytes())
    return found
