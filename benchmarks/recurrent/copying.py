#!/usr/bin/env python3
"""How far back a place can be copied: a Transformer, a recurrent network with attention and one without learn to write
what they read, and then copy texts of every length.

    python benchmarks/recurrent/copying.py OUT.json [--minutes 5] [--longest 40]

Texts are random letters of up to `--longest`; each model has as many minutes of training on the same texts, with the
threads that torch has. Then Attend writes copies of texts it has not seen, up to twice as long, greedily; a place
counts as copied where the right letter stands there. Needs torch.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from pathlib import Path

import attend
import torch
from attend.export import save_transformer
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models" / "g2p-recurrent"))

from network import EOS, PAD, Network, padded  # noqa: E402

LETTERS, FIRST, WIDTH = 26, 3, 64
VOCABULARY = LETTERS + FIRST
POSITIONS = 256


class Copier(nn.Module):
    """The Transformer of 2017 with sinusoidal positions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.transformer = nn.Transformer(WIDTH, 4, 2, 2, 4 * WIDTH, dropout=0.0, batch_first=True)
        nn.init.normal_(self.embedding.weight, std=WIDTH**-0.5)
        angles = torch.outer(torch.arange(POSITIONS).float(), 10000 ** (-torch.arange(0, WIDTH, 2) / WIDTH))
        table = torch.stack((angles.sin(), angles.cos()), dim=2).reshape(POSITIONS, WIDTH)
        self.register_buffer("places", table, persistent=False)

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        return self.embedding(ids) * math.sqrt(WIDTH) + self.places[: ids.shape[1]]

    def forward(self, sources: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        padding = sources == PAD
        states = self.transformer(
            self.embed(sources),
            self.embed(targets),
            tgt_mask=torch.ones(targets.shape[1], targets.shape[1]).triu(1).bool(),
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return states @ self.embedding.weight.T

    def save(self, folder: Path) -> None:
        save_transformer(
            folder,
            self.transformer,
            embedding=self.embedding,
            max_positions=POSITIONS,
            generation={"decoder_start_token_id": PAD, "eos_token_id": EOS},
        )


def texts(count: int, lengths: tuple[int, int], generator: torch.Generator) -> list[list[int]]:
    sizes = torch.randint(lengths[0], lengths[1] + 1, (count,), generator=generator).tolist()
    return [torch.randint(FIRST, VOCABULARY, (size,), generator=generator).tolist() + [EOS] for size in sizes]


def train(model: nn.Module, minutes: float, longest: int, rate: float) -> int:
    """Trains for that long; gives the number of steps."""
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98))
    begun, steps = time.time(), 0
    model.train()
    while (share := (time.time() - begun) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * min((steps + 1) / 200, 0.5 * (1 + math.cos(math.pi * share)) + 0.01)
        x = padded(texts(64, (1, longest), generator))
        begins = torch.cat((torch.full((len(x), 1), PAD), x[:, :-1]), dim=1)
        logits = model(x, begins)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), x.flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        steps += 1
    return steps


def copied(folder: Path, length: int, count: int) -> tuple[float, list[float]]:
    """The share of texts that were copied whole, and of each place the share of texts where it was."""
    generator = torch.Generator().manual_seed(1000 + length)
    sources = texts(count, (length, length), generator)
    whole, places = 0, [0] * length
    with attend.Model(folder) as model:
        for source, answer in zip(sources, model.generate(sources, max_new_tokens=length + 1)):
            found = [int(token) for token in answer.ids if token not in (EOS, PAD)]
            whole += found == source[:-1]
            for place, token in enumerate(source[:-1]):
                places[place] += place < len(found) and found[place] == token
    return whole / count, [hits / count for hits in places]


def main() -> None:
    parser = argparse.ArgumentParser(description="How far back a place can be copied.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=5, help="of training, for each model")
    parser.add_argument("--longest", type=int, default=40, help="letters of a text in training")
    parser.add_argument("--count", type=int, default=100, help="texts of each length that are copied")
    arguments = parser.parse_args()
    torch.manual_seed(1)
    models = {
        "Transformer": (Copier(), 1e-3),
        "LSTM with attention": (Network(VOCABULARY, WIDTH, 128, 1, True, dropout=0.0), 3e-3),
        "LSTM without": (Network(VOCABULARY, WIDTH, 144, 1, False, dropout=0.0), 3e-3),
    }
    result: dict[str, dict] = {}
    lengths = sorted({max(1, arguments.longest * share // 8) for share in range(1, 17)})
    with tempfile.TemporaryDirectory() as folder:
        for name, (model, rate) in models.items():
            steps = train(model, arguments.minutes, arguments.longest, rate)
            model.eval()
            model.save(Path(folder) / name)
            found = {length: copied(Path(folder) / name, length, arguments.count) for length in lengths}
            result[name] = {
                "parameters": sum(parameter.numel() for parameter in model.parameters()),
                "steps": steps,
                "whole": {length: whole for length, (whole, _) in found.items()},
                "places": {length: places for length, (_, places) in found.items()},
            }
            print(name, steps, "steps", result[name]["whole"], flush=True)
    print("\n| letters | " + " | ".join(result) + " |\n" + "|---" * (len(result) + 1) + "|")
    for length in lengths:
        print(f"| {length} | " + " | ".join(f"{result[name]['whole'][length]:.0%}" for name in result) + " |")
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
