"""Trains this model: wav2vec 2.0 with CTC (Baevski et al. 2020; Graves et al. 2006), spoken numbers to their letters.

usage: train.py OUT [--seconds 1200] [--phrases 40000] [--workers 16]      needs: torch, transformers, scipy and what
speak.py needs; a GPU makes it minutes. No pre-training: eSpeak NG says as many phrases as are asked for, with their
words known.
"""

import argparse
import json
import math
import multiprocessing
import pickle
import random
import time
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly
from speak import SPEAKERS, UNHEARD, Speaker, utterance
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

RATE, LONGEST = 16_000, 6 * 16_000
LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz"]
IDS = {letter: i for i, letter in enumerate(LETTERS)}


def say_share(job):
    """One worker's share of the phrases: texts and int16 samples at RATE."""
    seed, count, speakers = job
    speaker, rng, found = Speaker(), random.Random(seed), []
    while len(found) < count:
        text, samples = utterance(speaker, rng, speakers)
        samples = resample_poly(samples.astype(np.float32), RATE // 50, speaker.rate // 50)
        if 1600 < len(samples) <= LONGEST:
            found.append((text, np.clip(samples, -32768, 32767).astype(np.int16)))
    return found


def speak_all(count, workers, seed, speakers):
    jobs = [(seed + i, count // workers, speakers) for i in range(workers)]
    with multiprocessing.get_context("fork").Pool(workers) as pool:  # before anything touches a GPU
        parts = pool.map_async(say_share, jobs).get(timeout=3600)
    return [item for part in parts for item in part]


class Recordings:
    """Phrases and their samples on a device, from the shortest to the longest."""

    def __init__(self, items, device):
        items = sorted(items, key=lambda item: len(item[1]))
        self.texts = [text for text, _ in items]
        self.lengths = torch.tensor([len(samples) for _, samples in items], device=device)
        self.starts = self.lengths.cumsum(0) - self.lengths
        silence = np.zeros(LONGEST, np.int16)  # behind the last, where its neighbours of a batch read
        self.samples = torch.from_numpy(np.concatenate([samples for _, samples in items] + [silence])).to(device)
        rows = [[IDS[c] for c in text.replace(" ", "|")] for text in self.texts]
        longest = max(map(len, rows))
        self.labels = torch.tensor([row + [-100] * (longest - len(row)) for row in rows], device=device)

    def batch(self, first, count, generator=None):
        """Samples of neighbours, normalised as Wav2Vec2FeatureExtractor does, their mask and labels; noisy if a
        generator is given.
        """
        lengths, starts = self.lengths[first : first + count, None], self.starts[first : first + count, None]
        places = torch.arange(int(lengths.max()), device=lengths.device)
        mask = places < lengths
        x = self.samples[starts + places].float() / 32768 * mask
        if generator is not None:
            level = 10 ** (torch.rand(len(x), 1, generator=generator, device=x.device) * -3 - 1)
            loudness = (x.square().sum(1, keepdim=True) / lengths).sqrt()
            x = (x + torch.randn(x.shape, generator=generator, device=x.device) * level * loudness) * mask
        mean = x.sum(1, keepdim=True) / lengths
        variance = ((x - mean) * mask).square().sum(1, keepdim=True) / lengths
        x = (x - mean) / (variance + 1e-7).sqrt() * mask
        return x, mask.long(), self.labels[first : first + count]


def letters_of(logits, frames):
    """The text of the best path: equal neighbours are one, blanks go."""
    ids = torch.unique_consecutive(logits[:frames].argmax(-1)).tolist()
    return "".join(LETTERS[i] for i in ids if i > 3).replace("|", " ")


def distance(a, b):
    """Levenshtein's distance of two sequences."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


@torch.inference_mode()
def evaluate(model, recordings):
    """The error rates of words and of letters."""
    model.eval()
    words = letters = wrong_words = wrong_letters = 0
    for first in range(0, len(recordings.texts), 64):
        x, mask, _ = recordings.batch(first, 64)
        logits = model(x, attention_mask=mask).logits
        frames = model._get_feat_extract_output_lengths(mask.sum(1)).tolist()
        for text, row, count in zip(recordings.texts[first : first + 64], logits, frames):
            got = letters_of(row, count)
            wrong_letters, letters = wrong_letters + distance(got, text), letters + len(text)
            wrong_words, words = wrong_words + distance(got.split(), text.split()), words + len(text.split())
    model.train()
    return f"WER {wrong_words / words:.2%}, CER {wrong_letters / letters:.2%}"


def make_model():
    config = Wav2Vec2Config(
        vocab_size=len(LETTERS),
        conv_dim=(96,) * 7,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        hidden_size=144,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=432,
        num_conv_pos_embeddings=32,
        num_conv_pos_embedding_groups=8,
        mask_time_prob=0.0,
        hidden_dropout=0.05,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        final_dropout=0.0,
        layerdrop=0.0,
        ctc_loss_reduction="mean",
        ctc_zero_infinity=True,
        pad_token_id=0,
    )
    return Wav2Vec2ForCTC(config)


def save(model, out):
    model.half().save_pretrained(out)
    model.float()
    files = {
        "vocab.json": IDS,
        "tokenizer_config.json": {
            "tokenizer_class": "Wav2Vec2CTCTokenizer",
            "pad_token": "<pad>",
            "bos_token": "<s>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "word_delimiter_token": "|",
            "do_lower_case": False,
        },
        "preprocessor_config.json": {
            "feature_extractor_type": "Wav2Vec2FeatureExtractor",
            "feature_size": 1,
            "sampling_rate": RATE,
            "padding_value": 0.0,
            "do_normalize": True,
            "return_attention_mask": True,
        },
    }
    for name, content in files.items():
        (out / name).write_text(json.dumps(content, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=1200, help="the time to train for; the rate falls with it")
    parser.add_argument("--phrases", type=int, default=40_000)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--said", type=Path, help="a file to keep what was said in, or to read it from")
    parser.add_argument("--resume", help="a folder made by an earlier run, to go on from")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high")
    begin = time.time()
    if arguments.said and arguments.said.exists():
        items, tests = pickle.loads(arguments.said.read_bytes())
    else:
        items = speak_all(arguments.phrases, arguments.workers, 1, SPEAKERS)
        tests = speak_all(max(arguments.phrases // 20, arguments.workers), arguments.workers, 10**6, UNHEARD)
        if arguments.said:
            arguments.said.write_bytes(pickle.dumps((items, tests)))
    print(f"{sum(len(s) for _, s in items) / RATE / 3600:.1f} hours said in {time.time() - begin:.0f} s", flush=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = make_model()
    if arguments.resume:
        model.load_state_dict(Wav2Vec2ForCTC.from_pretrained(arguments.resume).float().state_dict())
    model.to(device)
    print(sum(p.numel() for p in model.parameters()) / 1e6, "M parameters", flush=True)
    settings = {"lr": arguments.rate, "betas": (0.9, 0.98), "weight_decay": 0.01, "fused": device == "cuda"}
    optimizer = torch.optim.AdamW(model.parameters(), **settings)
    rng, noise = random.Random(1), torch.Generator(device).manual_seed(1)
    spoken, unheard = Recordings(items, device), Recordings(tests, device)
    begin, step = time.time(), 0
    while (share := (time.time() - begin) / arguments.seconds) < 1:
        rate = arguments.rate * min((step + 1) / 300, 0.5 + 0.5 * math.cos(math.pi * share) + 1e-3)
        for group in optimizer.param_groups:
            group["lr"] = rate
        first = rng.randrange(max(len(items) - arguments.batch, 1))
        x, mask, labels = spoken.batch(first, arguments.batch, noise)
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = model(x, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 250 == 0:
            print(f"step {step} loss {loss.item():.4f} {time.time() - begin:.0f} s", flush=True)
        step += 1
    save(model, arguments.out)
    print(f"{step} steps; voices never heard: {evaluate(model, unheard)}", flush=True)


if __name__ == "__main__":
    main()
