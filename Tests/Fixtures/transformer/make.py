"""Makes the checkpoints and expected outputs in this folder, with PyTorch: models of nn.Transformer and
nn.TransformerEncoder as one would write them, saved by attend.export, and what they compute. Run it where torch is,
with ATTEND_LIBRARY set and bindings/python on PYTHONPATH.
"""

import math
import sys
from pathlib import Path

import torch
from attend._checkpoint_folder import write_safetensors
from attend.export import save_transformer
from torch import nn

START, END, LONGEST = 1, 2, 12
SIZES = {"d_model": 16, "nhead": 2, "dim_feedforward": 24, "dropout": 0.0, "batch_first": True}
VOCABULARY, TARGETS, POSITIONS = 30, 40, 24
LENGTHS = (5, 9, 3)


def sinusoids(layout: str) -> torch.Tensor:
    """[positions, d_model], after section 3.5 of the paper."""
    width = SIZES["d_model"]
    half = width // 2
    steps = half - 1 if layout == "sinusoidal-tensor2tensor" else half
    angles = torch.outer(torch.arange(POSITIONS).double(), 10000.0 ** (-torch.arange(half).double() / steps))
    if layout == "sinusoidal":
        return torch.stack((angles.sin(), angles.cos()), dim=2).reshape(POSITIONS, width).float()
    return torch.cat((angles.sin(), angles.cos()), dim=1).float()


def positions(layout: str) -> torch.Tensor:
    if layout == "learned":
        return torch.randn(POSITIONS, SIZES["d_model"])
    return torch.zeros(POSITIONS, SIZES["d_model"]) if layout == "none" else sinusoids(layout)


def table(vocabulary: int) -> nn.Embedding:
    embedding = nn.Embedding(vocabulary, SIZES["d_model"])
    nn.init.normal_(embedding.weight, std=0.4)
    return embedding


def shake(module: nn.Module) -> nn.Module:
    """Norms and biases that are not 1 and 0, so that leaving one out shows, and larger products, so that ids depend on
    what was read.
    """
    for parameter in module.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, mean=float(parameter.mean()), std=0.2)
        else:
            nn.init.xavier_uniform_(parameter, gain=2.0)
    return module.eval()


def batch(vocabulary: int):
    ids = torch.zeros(len(LENGTHS), max(LENGTHS), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(LENGTHS):
        ids[row, :length] = torch.randint(3, vocabulary, (length,))
        mask[row, :length] = 1
    return ids, mask


class PoorCase(Exception):
    """Two logits are so close that rounding may decide, or one id follows itself for ever: another seed is needed."""


def greedy(step, begun: list[int]) -> torch.Tensor:
    """The ids with those that follow."""
    ids = list(begun)
    for _ in range(LONGEST):
        logits = step(torch.tensor([ids]))[0, -1]
        best, second = logits.topk(2).values
        if best - second < 1e-3:
            raise PoorCase
        ids.append(int(logits.argmax()))
        if ids[-1] == END:
            break
    if len(set(ids)) < len(begun) + 3:
        raise PoorCase
    return torch.tensor(ids)


def causal(length: int) -> torch.Tensor:
    return torch.ones(length, length).triu(1).bool()


def encoder_decoder(folder, *, layout, share, options=None, final_norm=True, scale=None, tie=True):
    options = {**SIZES, **(options or {})}
    transformer = nn.Transformer(num_encoder_layers=2, num_decoder_layers=1, **options)
    if not final_norm:
        transformer.encoder.norm = transformer.decoder.norm = None
    shake(transformer)
    source = table(VOCABULARY)
    target = source if share else table(TARGETS)
    source_positions = positions(layout)
    target_positions = positions(layout)
    generator = None if tie else nn.Linear(SIZES["d_model"], target.num_embeddings)
    project = (lambda x: x @ target.weight.T) if tie else generator
    factor = math.sqrt(SIZES["d_model"]) if scale is None else scale

    def embed(ids, words, places):
        return words(ids) * factor + places[: ids.shape[1]]

    learned = layout == "learned"
    save_transformer(
        folder,
        transformer,
        embedding=source,
        target_embedding=target,
        embedding_scale=scale,
        positions=source_positions if learned else layout,
        target_positions=target_positions if learned else None,
        max_positions=POSITIONS,
        generator=generator,
        generation={"decoder_start_token_id": START, "eos_token_id": END},
    )
    ids, mask = batch(VOCABULARY)
    targets = torch.randint(3, target.num_embeddings, (len(LENGTHS), 6))
    targets[:, 0] = START
    states = transformer.encoder(embed(ids, source, source_positions), src_key_padding_mask=mask == 0)

    def decode(tokens, memory, padding):
        return project(
            transformer.decoder(
                embed(tokens, target, target_positions),
                memory,
                tgt_mask=causal(tokens.shape[1]),
                memory_key_padding_mask=padding,
            )
        )

    expected = {
        "input_ids": ids,
        "attention_mask": mask,
        "decoder_input_ids": targets,
        "encoder_last_hidden_state": states,
        "logits": decode(targets, states, mask == 0),
    }
    for row, length in enumerate(LENGTHS):
        memory = transformer.encoder(embed(ids[row : row + 1, :length], source, source_positions))
        expected[f"greedy_ids.{row}"] = greedy(lambda tokens, memory=memory: decode(tokens, memory, None), [START])
    return expected


def stack(*, final_norm, layers=2, **options):
    layer = nn.TransformerEncoderLayer(**{**SIZES, **options})
    norm = nn.LayerNorm(SIZES["d_model"], eps=layer.norm1.eps, bias=options.get("bias", True)) if final_norm else None
    encoder = nn.TransformerEncoder(layer, layers, norm=norm, enable_nested_tensor=False)
    return shake(encoder)


def encoder(folder, *, layout, classifies=None, **options):
    module, words = stack(**options), table(VOCABULARY)
    ids, mask = batch(VOCABULARY)
    states = module(
        words(ids) * math.sqrt(SIZES["d_model"]) + positions(layout)[: ids.shape[1]], src_key_padding_mask=mask == 0
    )
    if classifies:
        head = nn.Linear(SIZES["d_model"], 3)
        save_transformer(
            folder,
            module,
            embedding=words,
            positions=layout,
            max_positions=POSITIONS,
            classifier=head,
            classifies=classifies,
        )
        logits = head(states if classifies == "tokens" else states[:, 0])
    else:
        head = nn.Linear(SIZES["d_model"], VOCABULARY)
        head.weight = words.weight
        save_transformer(folder, module, embedding=words, positions=layout, max_positions=POSITIONS, generator=head)
        logits = head(states)
    return {"input_ids": ids, "attention_mask": mask, "last_hidden_state": states, "logits": logits}


def decoder(folder, *, layout, **options):
    module, words = stack(**options), table(VOCABULARY)
    places = positions(layout)
    save_transformer(
        folder,
        module,
        embedding=words,
        positions=places if layout == "learned" else layout,
        max_positions=POSITIONS,
        causal=True,
        generation={"eos_token_id": END},
    )

    def logits(ids):
        x = words(ids) * math.sqrt(SIZES["d_model"]) + places[: ids.shape[1]]
        return module(x, mask=causal(ids.shape[1]), is_causal=True) @ words.weight.T

    ids = torch.randint(3, VOCABULARY, (2, 6))
    expected = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "logits": logits(ids)}
    for row in range(len(ids)):
        expected[f"greedy_ids.{row}"] = greedy(logits, ids[row].tolist())[ids.shape[1] :]
    return expected


CASES = {
    "post-norm": lambda folder: encoder_decoder(folder, layout="sinusoidal", share=True),
    "pre-norm": lambda folder: encoder_decoder(
        folder, layout="learned", share=False, tie=False, options={"norm_first": True, "activation": "gelu"}
    ),
    "no-bias": lambda folder: encoder_decoder(
        folder,
        layout="none",
        share=False,
        tie=False,
        final_norm=False,
        scale=1.5,
        options={"bias": False, "activation": nn.functional.silu},
    ),
    "encoder": lambda folder: encoder(folder, layout="sinusoidal", final_norm=False, classifies="sequences"),
    "encoder-tokens": lambda folder: encoder(folder, layout="sinusoidal-marian", final_norm=True, norm_first=True),
    "decoder": lambda folder: decoder(
        folder,
        layout="sinusoidal-tensor2tensor",
        final_norm=True,
        norm_first=True,
        bias=False,
        activation=nn.GELU("tanh"),
        layer_norm_eps=1e-6,
    ),
    "decoder-learned": lambda folder: decoder(folder, layout="learned", final_norm=False, layers=1),
}


@torch.no_grad()
def main(into: Path) -> None:
    torch.set_num_threads(1)
    for name, make in CASES.items():
        for seed in range(10_000):
            torch.manual_seed(seed)
            try:
                expected = make(into / name)
            except PoorCase:
                continue
            numbers = {key: value if value.is_floating_point() else value.int() for key, value in expected.items()}
            write_safetensors(into / name / "expected.safetensors", numbers)
            break


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
