"""Trains a recurrent network on what models/g2p-en was trained on: English spelling to ARPAbet phonemes, CMUdict.

usage: train.py CMUDICT OUT [--epochs 20] [--attention none] [--words N]      needs: torch, tokenizers and what
models/g2p-en/train.py needs; bindings/python on PYTHONPATH. The tokenizer, the split of the words and the error rates
are those of models/g2p-en.
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import json
import math
import random
import sys
import time
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
TRANSFORMER = HERE.parent / "g2p-en"
sys.path.insert(0, str(TRANSFORMER))

from cmudict import read, score, split_of  # noqa: E402
from network import EOS, PAD, Network, padded  # noqa: E402


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
        sources = padded([[vocab[letter] for letter in word] + [EOS] for word, _ in part])
        found = network.greedy(sources) if beams == 1 else [ids for _, ids in network.beams(sources, beams)]
        results += [([name[token] for token in ids if token > 2], refs) for (_, refs), ids in zip(part, found)]
    return score(results)


def rate(step: int, total: int, peak: float) -> float:
    """Up in the first steps, then down along a cosine."""
    warm = max(min(1000, total // 10), 1)
    rest = min(1.0, max(0.0, (step - warm) / max(total - warm, 1)))
    return peak * min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * rest)))


def epochs(network: Network, pairs: list, batches, arguments: argparse.Namespace):
    """Trains; gives after each epoch its number, the mean loss and the moving average of the weights."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=arguments.lr, betas=(0.9, 0.98), weight_decay=0.01)
    total = math.ceil(len(pairs) / arguments.batch) * arguments.epochs
    average = {name: value.clone() for name, value in network.state_dict().items()}
    step = 0
    for epoch in range(1, arguments.epochs + 1):
        network.train()
        losses = []
        for sources, targets in batches(pairs, arguments.batch, True):
            for group in optimizer.param_groups:
                group["lr"] = rate(step, total, arguments.lr)
            begun = torch.cat((torch.full((len(targets), 1), PAD), targets[:, :-1]), dim=1)
            logits = network(sources, begun)
            loss = torch.nn.functional.cross_entropy(
                logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=PAD, label_smoothing=0.1
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            step += 1
            losses.append(loss.item())
            kept = min(0.998, step / (step + 20))
            for name, value in network.state_dict().items():
                average[name].mul_(kept).add_(value, alpha=1 - kept)
        yield epoch, sum(losses) / len(losses), average


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the recurrent network beside the default model.")
    parser.add_argument("cmudict", help="cmudict.dict of https://github.com/cmusphinx/cmudict")
    parser.add_argument("out", type=Path, help="the folder of the model")
    parser.add_argument("--epochs", type=int, default=20)
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
    network = Network(len(vocab), width=arguments.width, attends=arguments.attention != "none")
    count = sum(parameter.numel() for parameter in network.parameters())
    print({name: len(items) for name, items in part.items()}, f"{len(pairs)} pairs, {count / 1e6:.3f} M parameters")
    begun = time.time()
    log = []
    for epoch, loss, average in epochs(network, pairs, script.batches, arguments):
        live = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(average)
        rates = evaluate(network, vocab, part["valid"][:1200])
        network.save(arguments.out)
        minutes = (time.time() - begun) / 60
        log.append({"epoch": epoch, "loss": loss, "minutes": minutes, **rates})
        (arguments.out / "training.json").write_text(json.dumps(log, indent=1) + "\n")
        print(
            f"epoch {epoch} loss {loss:.4f} valid WER {rates['WER']:.4f} (no stress {rates['WER_no_stress']:.4f}) "
            f"{minutes:.1f} min",
            flush=True,
        )
        network.load_state_dict(live if epoch < arguments.epochs else average)
    for beams in (1, 4):
        print("test beam", beams, json.dumps(evaluate(network, vocab, part["test"], beams)), flush=True)


if __name__ == "__main__":
    main()
