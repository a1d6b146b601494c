"""Trains a recurrent network on what models/g2p-en was trained on: English spelling to ARPAbet phonemes, CMUdict.

usage: train.py CMUDICT OUT [--epochs 20 | --seconds S] [--attention none] [--words N]      needs: torch and what
models/g2p-en/train.py needs; bindings/python on PYTHONPATH. The tokenizer, the split of the words and the error rates
are those of models/g2p-en.
"""

from __future__ import annotations

import argparse
import collections
import functools
import importlib.util
import json
import math
import random
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
TRANSFORMER = HERE.parent / "g2p-en"
sys.path.insert(0, str(TRANSFORMER))

from cmudict import read, score, split_of  # noqa: E402
from network import EOS, PAD, Network, load, padded  # noqa: E402


def transformer_script():
    """models/g2p-en/train.py, whose name is this one's."""
    specification = importlib.util.spec_from_file_location("g2p_en_train", TRANSFORMER / "train.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def evaluate(network: Network, vocab: dict[str, int], items: list, beams: int = 1, batch: int = 256) -> dict:
    name = {index: token for token, index in vocab.items()}
    network.eval()
    results = []
    items = sorted(items, key=lambda item: len(item[0]))
    for first in range(0, len(items), batch):
        part = items[first : first + batch]
        device = network.embedding.weight.device
        sources = padded([[vocab[letter] for letter in word] + [EOS] for word, _ in part]).to(device)
        found = network.greedy(sources) if beams == 1 else [ids for _, ids in network.beams(sources, beams)]
        results += [([name[token] for token in ids if token > 2], refs) for (_, refs), ids in zip(part, found)]
    return score(results)


def epochs(network: Network, batches, schedule, average):
    """Trains until the schedule ends; gives the mean loss of each epoch."""
    optimizer = torch.optim.AdamW(network.parameters(), betas=(0.9, 0.98), weight_decay=0.01)
    while not schedule.ended:
        network.train()
        losses = []
        for sources, targets in batches():
            for group in optimizer.param_groups:
                group["lr"] = schedule.next()
            begun = torch.nn.functional.pad(targets[:, :-1], (1, 0), value=PAD)
            logits = network(sources, begun)
            loss = torch.nn.functional.cross_entropy(
                logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=PAD, label_smoothing=0.1
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.detach())
            average.update(schedule.step)
        yield torch.stack(losses).mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the recurrent network beside the default model.")
    parser.add_argument("cmudict", help="cmudict.dict of https://github.com/cmusphinx/cmudict")
    parser.add_argument("out", type=Path, help="the folder of the model")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seconds", type=float, help="train for so long, instead of a number of epochs")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=2e-3, help="the highest rate of learning")
    parser.add_argument("--width", type=int, default=260, help="of the decoder's states")
    parser.add_argument("--attention", choices=("luong", "none"), default="luong")
    parser.add_argument("--words", type=int, help="read only so many words, to try this script")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    random.seed(1)
    torch.manual_seed(1)
    script = transformer_script()
    words = read(arguments.cmudict)
    vocab = script.make_tokenizer(words, arguments.out)
    if arguments.words:
        words = dict(random.sample(sorted(words.items()), arguments.words))
    part = collections.defaultdict(list)
    for word, pronunciations in words.items():
        part[split_of(word)].append((word, pronunciations))
    pairs = [
        ([vocab[letter] for letter in word] + [EOS], [vocab[phoneme] for phoneme in pronunciation] + [EOS])
        for word, pronunciations in part["train"]
        for pronunciation in pronunciations
    ]
    network = Network(len(vocab), width=arguments.width, attends=arguments.attention != "none").to(arguments.device)
    count = sum(parameter.numel() for parameter in network.parameters())
    print({name: len(items) for name, items in part.items()}, f"{len(pairs)} pairs, {count / 1e6:.3f} M parameters")
    steps = math.ceil(len(pairs) / arguments.batch) * arguments.epochs
    schedule = script.Schedule(arguments.lr, steps, arguments.seconds)
    average, log = script.Average(network), []
    batches = functools.partial(script.batches, pairs, arguments.batch, True, arguments.device)
    for loss in epochs(network, batches, schedule, average):
        seconds = schedule.elapsed
        with average.in_place():
            rates = evaluate(network, vocab, part["valid"][:1200])
            network.save(arguments.out)
        schedule.paused += schedule.elapsed - seconds
        log.append({"epoch": len(log) + 1, "loss": loss, "seconds": seconds, **rates})
        (arguments.out / "training.json").write_text(json.dumps(log, indent=1) + "\n")
        print(
            f"epoch {len(log)} loss {loss:.4f} valid WER {rates['WER']:.4f} (no stress {rates['WER_no_stress']:.4f}) "
            f"{seconds / 60:.1f} min",
            flush=True,
        )
    network = load(arguments.out).to(arguments.device)
    for beams in (1, 4):
        print("test beam", beams, json.dumps(evaluate(network, vocab, part["test"], beams)), flush=True)


if __name__ == "__main__":
    main()
