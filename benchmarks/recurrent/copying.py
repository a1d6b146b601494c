#!/usr/bin/env python3
"""How far back a place can be copied: a Transformer, a recurrent network with attention and one without learn to write
what they read, and then copy texts of every length.

    python benchmarks/recurrent/copying.py train FOLDER [--minutes 5] [--longest 40]
    python benchmarks/recurrent/copying.py measure FOLDER OUT.json

Texts are random letters of up to `--longest`; each model has as many minutes of training on the same texts, with the
threads that torch has. Then Attend writes copies of texts it has not seen, up to twice as long, greedily; a place
counts as copied where the right letter stands there. Needs torch.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from pathlib import Path

import attend
import torch
from attend.export import save_transformer
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models" / "g2p-recurrent"))

from network import EOS, PAD, Network  # noqa: E402

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


def train(model: nn.Module, minutes: float, longest: int, rate: float, device: str) -> int:
    """Trains for that long; gives the number of steps."""
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98))
    begun, steps = time.time(), 0
    model.train()
    while (share := (time.time() - begun) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * min((steps + 1) / 200, 0.5 * (1 + math.cos(math.pi * share)) + 0.01)
        sizes = torch.randint(1, longest + 1, (256, 1), generator=generator)
        x = torch.randint(FIRST, VOCABULARY, (256, longest + 1), generator=generator)
        places = torch.arange(longest + 1)
        x = torch.where(places < sizes, x, torch.where(places == sizes, EOS, PAD)).to(device)
        logits = model(x, nn.functional.pad(x[:, :-1], (1, 0), value=PAD))
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


MODELS = {
    "Transformer": (Copier, 1e-3),
    "LSTM with attention": (lambda: Network(VOCABULARY, WIDTH, 128, 1, True, dropout=0.0), 3e-3),
    "LSTM without": (lambda: Network(VOCABULARY, WIDTH, 144, 1, False, dropout=0.0), 3e-3),
}


def train_all(arguments: argparse.Namespace) -> None:
    for name, (make, rate) in MODELS.items():
        torch.manual_seed(1)
        model = make().to(arguments.device)
        steps = train(model, arguments.minutes, arguments.longest, rate, arguments.device)
        folder = arguments.folder / name
        model.eval().cpu().save(folder)
        about = {
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "steps": steps,
            "longest": arguments.longest,
        }
        (folder / "training.json").write_text(json.dumps(about) + "\n")
        print(name, about, flush=True)


def measure(arguments: argparse.Namespace) -> None:
    result: dict[str, dict] = {}
    for name in MODELS:
        about = json.loads((arguments.folder / name / "training.json").read_text())
        lengths = sorted({max(1, about["longest"] * share // 8) for share in range(1, 17)})
        found = {length: copied(arguments.folder / name, length, arguments.count) for length in lengths}
        whole = {length: share for length, (share, _) in found.items()}
        result[name] = {**about, "whole": whole, "places": {length: places for length, (_, places) in found.items()}}
        print(name, whole, flush=True)
    print("\n| letters | " + " | ".join(result) + " |\n" + "|---" * (len(result) + 1) + "|")
    for length in result["Transformer"]["whole"]:
        cells = [f"{one['whole'][length]:.0%}" if length in one["whole"] else "" for one in result.values()]
        print(f"| {length} | " + " | ".join(cells) + " |")
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="How far back a place can be copied.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train", help="the three models, into a folder")
    command.add_argument("folder", type=Path)
    command.add_argument("--minutes", type=float, default=5, help="of training, for each model")
    command.add_argument("--longest", type=int, default=40, help="letters of a text in training")
    command.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    command.set_defaults(run=train_all)
    command = commands.add_parser("measure", help="how well the models of a folder copy, through Attend")
    command.add_argument("folder", type=Path)
    command.add_argument("out", type=Path)
    command.add_argument("--count", type=int, default=100, help="texts of each length that are copied")
    command.set_defaults(run=measure)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
