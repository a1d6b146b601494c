"""Measures this model through Attend: the share of captions that are right in every word, of scenes drawn anew.

usage: evaluate.py [--scenes 1000] [--compute float32]      needs: torch and the package attend
"""

import argparse
from pathlib import Path

import attend
import torch
from scenes import captions, draw, random_scenes, texts

HERE = Path(__file__).resolve().parent
SIDE = 96


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--compute", default="float32", help="float32, bfloat16, int8 or int4")
    arguments = parser.parse_args()
    generator, right = torch.Generator().manual_seed(10**9), 0
    with attend.Model(HERE, compute=arguments.compute) as model:
        for first in range(0, arguments.scenes, 100):
            scenes = random_scenes(min(100, arguments.scenes - first), generator)
            pictures = [picture.permute(1, 2, 0).numpy() for picture in draw(scenes, SIDE, generator)]
            found = model.describe(pictures)
            right += sum(a == b for a, b in zip(found, texts(captions(scenes))))
    print(f"{right} of {arguments.scenes} captions right in every word, {arguments.compute}")


if __name__ == "__main__":
    main()
