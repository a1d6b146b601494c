"""Trains this model: captions of drawn scenes, a ViT and a GPT-2 that looks at it (TrOCR's arrangement).

usage: train.py OUT [--seconds 1200] [--batch 512]      needs: torch, transformers, tokenizers; a GPU makes it minutes
The scenes are drawn as they are needed, so none is seen twice.
"""

import argparse
import json
import math
import time
from pathlib import Path

import torch
from scenes import WORDS, captions, draw, random_scenes
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig

SIDE, LENGTH = 96, 40
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
PAD, START, END, UNKNOWN = range(4)


def save_preparation(out):
    """The files beside the weights: the words, and how a picture becomes pixel values."""
    ids = {word: i for i, word in enumerate(SPECIAL + WORDS)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.save(str(out / "tokenizer.json"))
    (out / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "image_processor_type": "ViTImageProcessor",
                "do_resize": True,
                "size": {"height": SIDE, "width": SIDE},
                "resample": 2,
                "do_rescale": True,
                "rescale_factor": 1 / 255,
                "do_normalize": True,
                "image_mean": [0.5, 0.5, 0.5],
                "image_std": [0.5, 0.5, 0.5],
                "do_convert_rgb": True,
            },
            indent=2,
        )
        + "\n"
    )
    return len(ids)


def make_model(words):
    encoder = ViTConfig(
        image_size=SIDE,
        patch_size=8,
        hidden_size=128,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=384,
    )
    decoder = GPT2Config(
        vocab_size=words,
        n_positions=LENGTH,
        n_embd=128,
        n_layer=3,
        n_head=4,
        n_inner=384,
        bos_token_id=START,
        eos_token_id=END,
    )
    for config in (encoder, decoder):
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "resid_pdrop", "embd_pdrop", "attn_pdrop"):
            if hasattr(config, name):
                setattr(config, name, 0.0)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = START, PAD, END
    model = VisionEncoderDecoderModel(config)
    model.generation_config.update(
        decoder_start_token_id=START, bos_token_id=START, eos_token_id=END, pad_token_id=PAD, max_length=LENGTH
    )
    return model


def batch_of(count, generator):
    """Pictures and their captions as ids, the end token included, padded with -100."""
    scenes = random_scenes(count, generator)
    pixels = (draw(scenes, SIDE, generator) - 0.5) / 0.5
    words = captions(scenes)
    labels = torch.where(words < 0, -100, words + len(SPECIAL))
    labels = torch.nn.functional.pad(labels, (0, 1), value=-100)
    ends = (words >= 0).sum(1, keepdim=True)
    return pixels, labels.scatter(1, ends, END)


@torch.inference_mode()
def evaluate(model, device, count=4000):
    """The share of captions that are right in every word, greedily, of scenes that no training saw."""
    generator, right = torch.Generator(device).manual_seed(10**9), 0
    for _ in range(count // 500):
        pixels, labels = batch_of(500, generator)
        found = model.generate(pixel_values=pixels, num_beams=1, do_sample=False, max_length=LENGTH)[:, 1:]
        for want, got in zip(labels.tolist(), found.tolist()):
            want = [w for w in want if w != -100]
            right += got[: len(want)] == want
    return right / count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=1200, help="the time to train for; the rate falls with it")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--resume", help="a folder made by an earlier run, to go on from")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = make_model(save_preparation(arguments.out))
    if arguments.resume:
        model.load_state_dict(VisionEncoderDecoderModel.from_pretrained(arguments.resume).float().state_dict())
    model.to(device)
    print(sum(p.numel() for p in model.parameters()) / 1e6, "M parameters", flush=True)
    settings = {"lr": arguments.rate, "betas": (0.9, 0.98), "weight_decay": 0.05, "fused": device == "cuda"}
    optimizer = torch.optim.AdamW(model.parameters(), **settings)
    generator = torch.Generator(device).manual_seed(1)
    begin, step = time.time(), 0
    while (share := (time.time() - begin) / arguments.seconds) < 1:
        rate = arguments.rate * min((step + 1) / 300, 0.5 + 0.5 * math.cos(math.pi * share) + 1e-3)
        for group in optimizer.param_groups:
            group["lr"] = rate
        pixels, labels = batch_of(arguments.batch, generator)
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = model(pixel_values=pixels, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 250 == 0:
            print(f"step {step} loss {loss.item():.4f} {time.time() - begin:.0f} s", flush=True)
        step += 1
    model.eval()
    model.half().save_pretrained(arguments.out)
    model.float()
    print(f"{step} steps, {evaluate(model, device):.4f} of the captions right", flush=True)


if __name__ == "__main__":
    main()
