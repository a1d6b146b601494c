"""A picture of a text: DALL-E mini's shape with random weights, ours against PyTorch computing as min-dalle does.

    python benchmarks/models/drawing.py [--width 1024] [--rounds 3] [--threads 2] [--tiny] [--folder build/drawing]

A folder as min-dalle downloads it is made once, in float16. Each picture is a text of twelve words under
super-conditioning (two rows), 256 tokens drawn from the 256 likeliest, and the VQGAN's decoder: 256 x 256 pixels. The
contenders take turns; the figure is the median. That both compute the same is checked first, by the likeliest tokens.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any, Callable

import attend
import torch
from torch.nn import functional as F

TEXT = "an armchair in the shape of an avocado on a green lawn"
SCALE, TOP_K, START = 16, 256, 16383


class Shape:
    """The sizes of a model: 12 + 12 layers and 16384 codes unless it is `tiny`."""

    def __init__(self, width: int, tiny: bool) -> None:
        self.width, self.heads = width, width // 64
        self.layers = 2 if tiny else 12
        self.inner = 2730 if width <= 1024 else 4096
        self.words, self.codes, self.length, self.side = 50264, 16384, 64, 16
        self.channels = [128, 128, 256, 256, 512] if not tiny else [32, 32, 32, 32, 64]


# MARK: Weights


def attention(width: int) -> dict[str, tuple[int, ...]]:
    return {f"{part}_proj.weight": (width, width) for part in ("q", "k", "v", "out")}


def network(shape: Shape) -> dict[str, tuple[int, ...]]:
    wide, inner = shape.width, shape.inner
    return {"fc0.weight": (inner, wide), "fc1.weight": (inner, wide), "fc2.weight": (wide, inner),
            "ln0.bias": (wide,), "ln1.bias": (inner,)}  # fmt: skip


def half(shape: Shape, vocabulary: int, length: int, crosses: bool) -> dict[str, tuple[int, ...]]:
    """The tensors of an encoder or decoder."""
    wide = shape.width
    names: dict[str, tuple[int, ...]] = {
        "embed_tokens.weight": (vocabulary, wide), "embed_positions.weight": (length, wide),
        "layernorm_embedding.weight": (wide,), "layernorm_embedding.bias": (wide,), "final_ln.bias": (wide,),
    }  # fmt: skip
    for layer in range(shape.layers):
        for part in ["self_attn", "encoder_attn"][: 1 + crosses]:
            base = f"layers.{layer}."
            names |= {f"{base}{part}.{name}": size for name, size in attention(wide).items()}
            names |= {f"{base}pre_{part}_layer_norm.bias": (wide,), f"{base}{part}_layer_norm.bias": (wide,),
                      f"{base}{part}_layer_norm.weight": (wide,)}  # fmt: skip
        names |= {f"layers.{layer}.glu.{name}": size for name, size in network(shape).items()}
    return names | ({"lm_head.weight": (vocabulary, wide)} if crosses else {})


def painter(shape: Shape) -> dict[str, tuple[int, ...]]:
    """The tensors of the VQGAN's decoder."""
    names: dict[str, tuple[int, ...]] = {}

    def convolution(name: str, outputs: int, inputs: int, window: int = 3) -> None:
        names.update({f"{name}.weight": (outputs, inputs, window, window), f"{name}.bias": (outputs,)})

    def norm(name: str, channels: int) -> None:
        names.update({f"{name}.weight": (channels,), f"{name}.bias": (channels,)})

    def block(name: str, inputs: int, outputs: int) -> None:
        norm(f"{name}.norm1", inputs), convolution(f"{name}.conv1", outputs, inputs)
        norm(f"{name}.norm2", outputs), convolution(f"{name}.conv2", outputs, outputs)
        if inputs != outputs:
            convolution(f"{name}.nin_shortcut", outputs, inputs, 1)

    def look(name: str, channels: int) -> None:
        norm(f"{name}.norm", channels)
        for part in ("q", "k", "v", "proj_out"):
            convolution(f"{name}.{part}", channels, channels, 1)

    deepest = shape.channels[-1]
    latent = 256 if deepest == 512 else 32
    names["embedding.weight"] = (shape.codes, latent)
    convolution("post_quant_conv", latent, latent, 1), convolution("decoder.conv_in", deepest, latent)
    block("decoder.mid.block_1", deepest, deepest), look("decoder.mid.attn_1", deepest)
    block("decoder.mid.block_2", deepest, deepest)
    channels = deepest
    for level in reversed(range(5)):
        for place in range(3):
            block(f"decoder.up.{level}.block.{place}", channels, shape.channels[level])
            channels = shape.channels[level]
            if level == 4:
                look(f"decoder.up.{level}.attn.{place}", channels)
        if level:
            convolution(f"decoder.up.{level}.upsample.conv", channels, channels)
    norm("decoder.norm_out", channels), convolution("decoder.conv_out", 3, channels)
    return names


def weights(names: dict[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """Random numbers that keep activations near 1 and the likeliest tokens varied."""
    generator = torch.Generator().manual_seed(seed)
    result = {}
    for name, size in names.items():
        numbers = torch.randn(size, generator=generator)
        if len(size) == 1:
            numbers = 0.1 * numbers + (1.0 if name.endswith("weight") else 0.0)
        elif "embed" in name:
            numbers = numbers * (1.0 if name == "embedding.weight" else 0.5)
        else:
            numbers = numbers * numbers[0].numel() ** -0.5
        result[name] = numbers.half()
    return result


def make(folder: Path, shape: Shape) -> None:
    """A folder as min-dalle has it, unless it is there."""
    if (folder / "model" / "decoder.pt").exists():
        return
    (folder / "model").mkdir(parents=True, exist_ok=True), (folder / "vqgan").mkdir(exist_ok=True)
    torch.save(weights(half(shape, shape.words, shape.length, False), 1), folder / "model" / "encoder.pt")
    torch.save(weights(painter(shape), 3), folder / "vqgan" / "detoker.pt")
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "\u0120", *letters, *(f"\u0120{letter}" for letter in letters)]
    (folder / "model" / "vocab.json").write_text(json.dumps({token: place for place, token in enumerate(tokens)}))
    merges = "\n".join(f"\u0120 {letter}" for letter in letters)
    (folder / "model" / "merges.txt").write_text(f"#version: 0.2\n{merges}\n")
    torch.save(weights(half(shape, shape.codes + 1, 256, True), 2), folder / "model" / "decoder.pt")


# MARK: The contender


class MinDalle:
    """What min-dalle computes, in PyTorch: keys and values of the text are made anew at each step, and attention looks
    at all 256 places, those to come masked."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        def load(name: str) -> dict[str, torch.Tensor]:
            return {key: value.float() for key, value in torch.load(folder / name).items()}

        self.shape = shape
        self.encoder, self.decoder = load("model/encoder.pt"), load("model/decoder.pt")
        self.painter = load("vqgan/detoker.pt")

    def norm(self, table: dict[str, torch.Tensor], name: str, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], table.get(f"{name}.weight"), table[f"{name}.bias"], 1e-5)

    def attend(
        self, table: dict[str, torch.Tensor], name: str, x: torch.Tensor, keys: torch.Tensor, values: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        heads = self.shape.heads
        q, k, v = (part.reshape(*part.shape[:2], heads, -1) for part in (x, keys, values))
        scores = torch.einsum("bqhc,bkhc->bhqk", q / q.shape[-1] ** 0.5, k)
        shares = scores.masked_fill(~mask, -1e12).softmax(-1)
        mixed = torch.einsum("bhqk,bkhc->bqhc", shares, v).reshape(x.shape)
        return F.linear(mixed, table[f"{name}.out_proj.weight"])

    def project(self, table: dict[str, torch.Tensor], name: str, part: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, table[f"{name}.{part}_proj.weight"])

    def network(self, table: dict[str, torch.Tensor], name: str, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(table, f"{name}.ln0", x)
        x = F.gelu(F.linear(x, table[f"{name}.fc0.weight"])) * F.linear(x, table[f"{name}.fc1.weight"])
        return F.linear(self.norm(table, f"{name}.ln1", x), table[f"{name}.fc2.weight"])

    def embed(self, table: dict[str, torch.Tensor], ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        x = table["embed_tokens.weight"][ids] + table["embed_positions.weight"][places]
        return self.norm(table, "layernorm_embedding", x)

    def encode(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        table = self.encoder
        x = self.embed(table, ids, torch.arange(ids.shape[1]))
        for layer in range(self.shape.layers):
            name = f"layers.{layer}.self_attn"
            y = self.norm(table, f"layers.{layer}.pre_self_attn_layer_norm", x)
            q, k, v = (self.project(table, name, part, y) for part in "qkv")
            x = x + self.norm(table, f"{name}_layer_norm", self.attend(table, name, q, k, v, mask))
            x = x + self.network(table, f"layers.{layer}.glu", x)
        return self.norm(table, "final_ln", x)

    def step(
        self, token: torch.Tensor, place: int, source: torch.Tensor, mask: torch.Tensor, cache: torch.Tensor
    ) -> torch.Tensor:
        table = self.decoder
        x = self.embed(table, token.repeat(2)[:, None], torch.tensor([place]))
        seen = (torch.arange(256) <= place)[None, None, None]
        for layer in range(self.shape.layers):
            name = f"layers.{layer}.self_attn"
            y = self.norm(table, f"layers.{layer}.pre_self_attn_layer_norm", x)
            q, k, v = (self.project(table, name, part, y) for part in "qkv")
            cache[layer, 0, :, place], cache[layer, 1, :, place] = k[:, 0], v[:, 0]
            y = self.attend(table, name, q, cache[layer, 0], cache[layer, 1], seen)
            x = x + self.norm(table, f"{name}_layer_norm", y)
            name = f"layers.{layer}.encoder_attn"
            y = self.project(table, name, "q", self.norm(table, f"layers.{layer}.pre_encoder_attn_layer_norm", x))
            k, v = (self.project(table, name, part, source) for part in "kv")
            x = x + self.norm(table, f"{name}_layer_norm", self.attend(table, name, y, k, v, mask))
            x = x + self.network(table, f"layers.{layer}.glu", x)
        logits = F.linear(self.norm(table, "final_ln", x), table["lm_head.weight"])[:, -1, : self.shape.codes]
        return logits[:1] + SCALE * (logits[1:] - logits[:1])

    @torch.inference_mode()
    def tokens(self, words: list[int], count: int = 256, greedy: bool = False) -> torch.Tensor:
        ids = torch.ones((2, self.shape.length), dtype=torch.long)
        ids[0, :2], ids[1, : len(words)] = torch.tensor([words[0], words[-1]]), torch.tensor(words)
        mask = (ids != 1)[:, None, None]
        source = self.encode(ids, mask)
        cache = torch.zeros((self.shape.layers, 2, 2, 256, self.shape.width))
        token, drawn = torch.tensor([START]), []
        for place in range(count):
            logits = self.step(token, place, source, mask, cache)
            if greedy:
                token = logits.argmax(-1)
            else:
                ranked = logits.sort(descending=True).values
                shares = (logits - ranked[:, :1]).exp() * (logits >= ranked[:, TOP_K - 1 : TOP_K])
                token = shares.multinomial(1)[:, 0]
            drawn.append(token)
        return torch.cat(drawn)

    @torch.inference_mode()
    def paint(self, tokens: torch.Tensor) -> torch.Tensor:
        table = self.painter

        def convolution(name: str, x: torch.Tensor) -> torch.Tensor:
            weight = table[f"{name}.weight"]
            return F.conv2d(x, weight, table[f"{name}.bias"], padding=weight.shape[-1] // 2)

        def norm(name: str, x: torch.Tensor) -> torch.Tensor:
            return F.group_norm(x, 32, table[f"{name}.weight"], table[f"{name}.bias"], 1e-5)

        def block(name: str, x: torch.Tensor) -> torch.Tensor:
            y = convolution(f"{name}.conv1", F.silu(norm(f"{name}.norm1", x)))
            y = convolution(f"{name}.conv2", F.silu(norm(f"{name}.norm2", y)))
            return y + (convolution(f"{name}.nin_shortcut", x) if f"{name}.nin_shortcut.weight" in table else x)

        def look(name: str, x: torch.Tensor) -> torch.Tensor:
            y = norm(f"{name}.norm", x)
            q, k, v = (convolution(f"{name}.{part}", y).flatten(2) for part in "qkv")
            shares = (q.transpose(1, 2) @ k * q.shape[1] ** -0.5).softmax(-1)
            return x + convolution(f"{name}.proj_out", (v @ shares.transpose(1, 2)).view(x.shape))

        x = table["embedding.weight"][tokens].T.reshape(1, -1, self.shape.side, self.shape.side)
        x = convolution("decoder.conv_in", convolution("post_quant_conv", x))
        x = block("decoder.mid.block_2", look("decoder.mid.attn_1", block("decoder.mid.block_1", x)))
        for level in reversed(range(5)):
            for place in range(3):
                x = block(f"decoder.up.{level}.block.{place}", x)
                if level == 4:
                    x = look(f"decoder.up.{level}.attn.{place}", x)
            if level:
                x = convolution(f"decoder.up.{level}.upsample.conv", F.interpolate(x, scale_factor=2))
        x = convolution("decoder.conv_out", F.silu(norm("decoder.norm_out", x)))
        return (x[0].permute(1, 2, 0).clip(0, 1) * 255).to(torch.uint8)


# MARK: Turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="two layers and few channels: tries the machinery")
    parser.add_argument("--compute", nargs="*", default=["float32", "int8"])
    parser.add_argument("--folder", type=Path, default=Path("build/drawing"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shape = Shape(options.width, options.tiny)
    folder = options.folder / f"{options.width}{'-tiny' if options.tiny else ''}"
    make(folder, shape)
    theirs = MinDalle(folder, shape)
    ours = {kind: attend.Model(folder / "model", compute=kind, threads=options.threads) for kind in options.compute}
    words = next(iter(ours.values())).tokenizer.encode(f" {TEXT}").tolist()
    if "float32" in ours:
        first = theirs.tokens(words, 12, greedy=True).tolist()
        same = ours["float32"].draw(TEXT, greedy=True, condition_scale=SCALE)[0].tokens[:12].tolist()
        print(f"likeliest tokens: {'equal' if first == same else f'DIFFERENT: {first} {same}'}")
    contenders: dict[str, Callable[[], Any]] = {
        "PyTorch float32, as min-dalle": lambda: theirs.paint(theirs.tokens(words))
    }
    for kind, model in ours.items():
        contenders[f"attend {kind}"] = lambda model=model: model.draw(TEXT, top_k=TOP_K, condition_scale=SCALE)
    parts: dict[str, Callable[[], Any]] = {"PyTorch: painting alone": lambda: theirs.paint(torch.arange(256))}
    seconds: dict[str, list[float]] = {name: [] for name in [*contenders, *parts]}
    for _ in range(options.rounds):
        for name, work in (contenders | parts).items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    base = statistics.median(next(iter(seconds.values())))
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:32} {median:8.2f} s a picture, {base / median:5.2f} x  ({', '.join(f'{t:.2f}' for t in times)})")


if __name__ == "__main__":
    main()
