"""Scenes of one to three shapes and their captions: the world that this model knows. Drawn in PyTorch, on any device.

A scene is a background and, at places of a 3 x 3 grid, shapes of two sizes and eleven colours. Its caption names them
from the top left to the bottom right.

usage: scenes.py "a large red star at the top and a small blue ring on the left on white" OUT.png      needs: torch, PIL
"""

from __future__ import annotations

import itertools
import sys
from typing import NamedTuple

import torch

COLOURS = {
    "red": (214, 40, 40),
    "green": (44, 150, 70),
    "blue": (40, 80, 210),
    "yellow": (246, 208, 40),
    "orange": (244, 130, 30),
    "purple": (130, 60, 170),
    "pink": (244, 130, 180),
    "brown": (120, 75, 45),
    "black": (25, 25, 25),
    "white": (250, 250, 250),
    "gray": (135, 135, 135),
}
SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")
PLACES = (
    "at the top left",
    "at the top",
    "at the top right",
    "on the left",
    "in the middle",
    "on the right",
    "at the bottom left",
    "at the bottom",
    "at the bottom right",
)
SIZES = {"small": (0.070, 0.095), "large": (0.125, 0.155)}  # radii, in sides of the picture
MOST = 3  # shapes of a scene
WORDS = sorted({"a", "and", "on", *COLOURS, *SHAPES, *SIZES, *itertools.chain.from_iterable(map(str.split, PLACES))})


class Scenes(NamedTuple):
    """Indices into the lists above. Shapes stand in the order of their places; those of `present` count."""

    background: torch.Tensor  # [scenes]
    present: torch.Tensor  # [scenes, MOST], bool
    size: torch.Tensor  # [scenes, MOST], and so the rest
    colour: torch.Tensor
    shape: torch.Tensor
    place: torch.Tensor


def random_scenes(count: int, generator: torch.Generator) -> Scenes:
    """Scenes on the generator's device: one shape in a fifth of them, two and three equally often in the rest."""
    device = generator.device

    def below(limit: int, *shape: int) -> torch.Tensor:
        return torch.randint(limit, shape, generator=generator, device=device)

    shapes = torch.tensor((1, 2, 2, 3, 3), device=device)[below(5, count)]
    background = below(len(COLOURS), count)
    colour = below(len(COLOURS) - 1, count, MOST)
    colour += colour >= background[:, None]  # any but the background's
    order = torch.rand(count, len(PLACES), generator=generator, device=device).argsort(1)[:, :MOST]
    present = torch.arange(MOST, device=device) < shapes[:, None]
    place = order.masked_fill(~present, len(PLACES)).sort(1).values.clamp(max=len(PLACES) - 1)
    return Scenes(background, present, below(len(SIZES), count, MOST), colour, below(len(SHAPES), count, MOST), place)


def captions(scenes: Scenes) -> torch.Tensor:
    """Indices into WORDS, [scenes, words], with -1 behind the last word."""
    device = scenes.background.device

    def table(*texts: str) -> torch.Tensor:
        rows = [[WORDS.index(word) for word in text.split()] for text in texts]
        longest = max(map(len, rows))
        return torch.tensor([row + [-1] * (longest - len(row)) for row in rows], device=device)

    kept = scenes.present[:, :, None]
    parts = [
        table("and").expand(*scenes.present.shape, 1),
        table("a").expand(*scenes.present.shape, 1),
        table(*SIZES)[scenes.size],
        table(*COLOURS)[scenes.colour],
        table(*SHAPES)[scenes.shape],
        table(*PLACES)[scenes.place],
    ]
    words = torch.cat(parts, dim=2).masked_fill(~kept, -1)  # [scenes, MOST, words of a shape]
    words[:, 0, 0] = -1  # no "and" before the first
    end = torch.cat((table("on").expand(len(words), 1), table(*COLOURS)[scenes.background]), dim=1)
    words = torch.cat((words.flatten(1), end), dim=1)
    order = (words < 0).to(torch.uint8).argsort(dim=1, stable=True)
    words = words.gather(1, order)
    return words[:, : int((words >= 0).sum(1).max())]


def texts(words: torch.Tensor) -> list[str]:
    """Captions as text."""
    return [" ".join(WORDS[word] for word in row if word >= 0) for row in words.tolist()]


def scene_of(caption: str) -> Scenes:
    """The scene of which this is the caption."""
    parts, _, background = caption.rpartition(" on ")
    found = []
    for part in parts.split(" and "):
        _, size, colour, shape, place = part.split(maxsplit=4)
        found.append((list(SIZES).index(size), list(COLOURS).index(colour), SHAPES.index(shape), PLACES.index(place)))
    found.sort(key=lambda one: one[3])
    rows = torch.tensor(found + [(0, 0, 0, 0)] * (MOST - len(found)))
    present = torch.arange(MOST)[None] < len(found)
    return Scenes(torch.tensor([list(COLOURS).index(background)]), present, *(column[None] for column in rows.T))


def inside(kind: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Which points lie inside a shape of radius 1 around the origin; `kind` [scenes, 1, 1] counts in SHAPES."""
    radius = torch.hypot(x, y)
    angle = torch.atan2(x, -y)  # 0 is up
    width = 2 * torch.pi / 10
    folded = (angle + 21 * width).remainder(2 * width) - width  # from the nearest outer point of the star
    # A star's edge runs straight from an outer point (radius 1) to an inner one (radius 0.42, `width` further).
    across = width - folded.abs()
    edge = (
        0.42
        * torch.sin(torch.tensor(width))
        / (torch.sin(across) + 0.42 * torch.sin((width - across).clamp(min=0))).clamp(min=1e-3)
    )
    square = torch.maximum(x.abs(), y.abs()) < 0.86
    triangle = (y < 0.62) & (y > 1.9 * x.abs() - 1.0)
    cross = (torch.minimum(x.abs(), y.abs()) < 0.3) & (torch.maximum(x.abs(), y.abs()) < 0.95)
    forms = torch.stack(
        [radius < 1, square, triangle, radius < edge, (radius < 1) & (radius > 0.6), cross]
    )  # [shapes, scenes, rows, columns]
    return forms.gather(0, kind.expand_as(x)[None])[0]


def draw(scenes: Scenes, side: int, generator: torch.Generator, plain: bool = False) -> torch.Tensor:
    """Pictures of scenes, float32 in 0..1 [scenes, 3, side, side]. `plain`: without jitter of colours and noise."""
    count, device = len(scenes.background), generator.device
    fine = 2 * side  # two points to a pixel each way
    axis = (torch.arange(fine, device=device) + 0.5) / fine
    palette = torch.tensor(list(COLOURS.values()), device=device) / 255
    radii = torch.tensor(list(SIZES.values()), device=device)

    def spread(low: float | torch.Tensor, high: float | torch.Tensor) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, generator=generator, device=device)

    picture = palette[scenes.background][:, :, None, None].expand(-1, -1, fine, fine)
    for layer in range(MOST):
        radius = spread(*radii[scenes.size[:, layer]].unbind(1))
        slack = 1 / 6 - radius - 0.004
        place = scenes.place[:, layer]
        x = (place % 3) / 3 + 1 / 6 + spread(-slack, slack)
        y = (place // 3) / 3 + 1 / 6 + spread(-slack, slack)
        turn = spread(-0.2, 0.2)[:, None, None]
        radius = radius[:, None, None]
        u, v = (axis[None, None, :] - x[:, None, None]) / radius, (axis[None, :, None] - y[:, None, None]) / radius
        u, v = u * turn.cos() - v * turn.sin(), u * turn.sin() + v * turn.cos()
        mask = inside(scenes.shape[:, layer, None, None], u, v) & scenes.present[:, layer, None, None]
        picture = torch.where(mask[:, None], palette[scenes.colour[:, layer]][:, :, None, None], picture)
    picture = torch.nn.functional.avg_pool2d(picture, 2)
    if plain:
        return picture
    tint = torch.rand(count, 3, 1, 1, generator=generator, device=device) * 0.08 - 0.04
    noise = torch.randn(picture.shape, generator=generator, device=device)
    strength = torch.rand(count, 1, 1, 1, generator=generator, device=device) * 0.04
    return (picture + tint + noise * strength).clamp(0, 1)


def main() -> None:
    from PIL import Image

    caption, out = sys.argv[1:]
    picture = draw(scene_of(caption), 192, torch.Generator().manual_seed(1), plain=True)[0]
    Image.fromarray((picture.permute(1, 2, 0) * 255).round().byte().numpy()).save(out, optimize=True)


if __name__ == "__main__":
    main()
