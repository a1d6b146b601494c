"""Writes goldens.safetensors: inputs of functions and what PyTorch makes of them, in float64 where it is not a module.

usage: make_functions.py   (needs torch, transformers and safetensors)
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.t5.modeling_t5 import T5Attention

torch.manual_seed(14)
tensors: dict[str, torch.Tensor] = {}
SEQUENCES, HEADS, KEY_HEADS, QUERIES, KEYS, WIDTH, VALUE_WIDTH = 2, 4, 2, 9, 37, 16, 24


def keep(prefix: str, **values: torch.Tensor) -> None:
    for name, value in values.items():
        kind = value.dtype if value.dtype in (torch.int32, torch.bfloat16) else torch.float32
        tensors[f"{prefix}/{name}"] = value.detach().to(kind).contiguous().clone()


def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, add: torch.Tensor | float = 0.0, cap: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """The formula itself."""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    scores = cap * torch.tanh(scores / cap) if cap else scores
    weights = torch.softmax(scores + add, -1).nan_to_num(0.0)
    return weights @ v, weights


def hidden(visible: torch.Tensor) -> torch.Tensor:
    return torch.where(visible, 0.0, -math.inf).double()


def dot_product() -> None:
    q = torch.randn(SEQUENCES, HEADS, QUERIES, WIDTH).double()
    k = torch.randn(SEQUENCES, HEADS, KEYS, WIDTH).double()
    v = torch.randn(SEQUENCES, HEADS, KEYS, VALUE_WIDTH).double()
    keep("sdpa", q=q, k=k, v=v)
    i, j = torch.arange(QUERIES)[:, None], torch.arange(KEYS)[None]
    end = KEYS - QUERIES
    lengths = torch.tensor([KEYS, 19], dtype=torch.int32)
    mask = torch.rand(SEQUENCES, 1, QUERIES, KEYS) > 0.4
    mask[0, 0, 3] = False  # a row without keys
    bias = torch.randn(HEADS, QUERIES, KEYS).double()
    slopes = torch.tensor([2.0 ** (-8 * (h + 1) / HEADS) for h in range(HEADS)]).double()
    sinks = torch.randn(HEADS).double()
    reach = 5
    distance = (j - i - end).clamp(-reach, reach) + reach
    table = torch.randn(HEADS, 2 * reach + 1).double()
    keys, values = torch.randn(2 * reach + 1, WIDTH).double(), torch.randn(2 * reach + 1, VALUE_WIDTH).double()
    keep("sdpa", lengths=lengths, mask=mask.float(), bias=bias, slopes=slopes, sinks=sinks, distance_bias=table)
    keep("sdpa", relative_keys=keys, relative_values=values)
    cases = {
        "plain": attention(q, k, v),
        "grouped": attention(q, k[:, :KEY_HEADS], v[:, :KEY_HEADS]),
        "causal": attention(q, k, v, hidden(j <= i)),
        "causal_end": attention(q, k, v, hidden(j <= i + end)),
        "window": attention(q, k, v, hidden((j <= i + end) & (j > i + end - 9))),
        "window_both": attention(q, k, v, hidden((j - i - end).abs() <= 4)),
        "soft_cap": attention(q, k, v, cap=3.0),
        "mask": attention(q, k, v, hidden(mask)),
        "bias": attention(q, k, v, bias),
        "bias_soft_cap": attention(q, k, v, bias, cap=3.0),
        "lengths": attention(q, k, v, hidden(j[None, None] < lengths[:, None, None, None])),
        "alibi": attention(q, k, v, slopes[:, None, None] * (j - i - end)),
        "distances": attention(q, k, v, table[:, distance]),
    }
    # A sink is one more logit without a value.
    scores = torch.cat([q @ k.mT / math.sqrt(WIDTH), sinks[:, None, None].expand(SEQUENCES, HEADS, QUERIES, 1)], -1)
    weights = scores.softmax(-1)[..., :-1]
    cases["sinks"] = (weights @ v, weights)
    # Shaw et al. 2018, equations 3 and 4.
    scores = (q @ k.mT + torch.einsum("bhid,ijd->bhij", q, keys[distance])) / math.sqrt(WIDTH)
    weights = scores.softmax(-1)
    cases["relative"] = (weights @ v + torch.einsum("bhij,ijd->bhid", weights, values[distance]), weights)
    for name, (output, weights) in cases.items():
        keep(f"sdpa/{name}", output=output, weights=weights)


def multi_head() -> None:
    module = torch.nn.MultiheadAttention(32, 4, batch_first=True)
    torch.nn.init.normal_(module.in_proj_bias)
    torch.nn.init.normal_(module.out_proj.bias)
    query, memory = torch.randn(2, QUERIES, 32), torch.randn(2, KEYS, 32)
    output, weights = module(query, memory, memory, average_attn_weights=False)
    keep("multihead", query=query, memory=memory, output=output, weights=weights)
    keep("multihead", **{name.replace(".", "_"): value for name, value in module.state_dict().items()})


def recurrent() -> None:
    query, keys = torch.randn(2, QUERIES, 16).double(), torch.randn(2, KEYS, 24).double()
    same = torch.randn(2, QUERIES, 24).double()
    keep("scored", query=query, keys=keys, query_of_keys=same)
    w, u, b, v = (torch.randn(*shape).double() / 2 for shape in ((10, 16), (10, 24), (10,), (10,)))
    concat, general = torch.randn(10, 40).double() / 4, torch.randn(16, 24).double() / 4
    place_weight, place_vector = torch.randn(7, 16).double() / 4, torch.randn(7).double()
    keep("scored", w=w, u=u, b=b, v=v, concat=concat, general=general)
    keep("scored", place_weight=place_weight, place_vector=place_vector)
    both = torch.cat([query[:, :, None].expand(-1, -1, KEYS, -1), keys[:, None].expand(-1, QUERIES, -1, -1)], -1)
    scores = {
        "dot": same @ keys.mT,
        "general": query @ general @ keys.mT,
        "concat": torch.tanh(both @ concat.T) @ v,
        "additive": torch.tanh((query @ w.T)[:, :, None] + (keys @ u.T)[:, None] + b) @ v,
    }
    positions, half = torch.arange(KEYS).double(), 4.0
    own = torch.arange(QUERIES).double()[None, :, None] + 10
    predicted = KEYS * torch.sigmoid(torch.tanh(query @ place_weight.T) @ place_vector)[..., None]
    for name, raw in scores.items():
        weights = raw.softmax(-1)
        keep(f"scored/{name}", weights=weights, context=weights @ keys)
    for name, place in {"local_m": own, "local_p": predicted}.items():
        raw = scores["general"]
        weights = raw.masked_fill((positions - place).abs() > half, -math.inf).softmax(-1)
        if name == "local_p":
            weights = weights * torch.exp(-((positions - place) ** 2) / (2 * (half / 2) ** 2))
        keep(f"scored/{name}", weights=weights, context=weights @ keys)


def rows() -> None:
    x, y = torch.randn(5, 48), torch.randn(5, 48)
    weight, bias = torch.randn(48), torch.randn(48)
    keep("rows", x=x, y=y, weight=weight, bias=bias)
    x, y, weight, bias = x.double(), y.double(), weight.double(), bias.double()
    keep("rows", layer_norm=F.layer_norm(x, (48,), weight, bias), rms_norm=F.rms_norm(x, (48,), weight, 1e-6))
    keep("rows", add_norm=F.layer_norm(x + y, (48,), weight, bias), softmax=x.softmax(-1))
    keep("rows", log_softmax=x.log_softmax(-1), relu=x.relu(), gelu=F.gelu(x), silu=F.silu(x), tanh=x.tanh())
    keep("rows", gelu_tanh=F.gelu(x, approximate="tanh"), quick_gelu=x * torch.sigmoid(1.702 * x), sigmoid=x.sigmoid())
    w1, b1, w2, b2, gated = (torch.randn(*s).double() / 4 for s in ((80, 48), (80,), (48, 80), (48,), (80, 48)))
    keep("network", w1=w1, b1=b1, w2=w2, b2=b2, gated=gated)
    keep("network", relu=F.linear(F.linear(x, w1, b1).relu(), w2, b2), linear=F.linear(x, w1, b1))
    keep("network", swiglu=F.linear(F.silu(F.linear(x, w1)) * F.linear(x, gated), w2))
    ids = torch.tensor([[3, 0, 6], [6, 1, 2]], dtype=torch.int32)
    table, positions = torch.randn(7, 12), torch.randn(4, 12)
    keep("embedding", ids=ids, table=table, positions=positions)
    keep("embedding", output=table.double()[ids] * math.sqrt(12) + positions[:3].double())


def layers() -> None:
    torch.manual_seed(2017)
    options = {"d_model": 16, "nhead": 4, "dim_feedforward": 24, "dropout": 0.0, "batch_first": True}
    x, memory = torch.randn(2, 6, 16), torch.randn(2, 9, 16)
    keep("layers", x=x, memory=memory)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(6)
    for kind in ("post", "pre"):
        encoder = torch.nn.TransformerEncoderLayer(norm_first=kind == "pre", **options).eval()
        decoder = torch.nn.TransformerDecoderLayer(norm_first=kind == "pre", **options).eval()
        for parameter in (*encoder.parameters(), *decoder.parameters()):
            if parameter.ndim == 1:
                torch.nn.init.normal_(parameter, 0.5, 0.5)
        keep(f"layers/{kind}/encoder", **encoder.state_dict(), output=encoder(x))
        keep(f"layers/{kind}/decoder", **decoder.state_dict(), output=decoder(x, memory, tgt_mask=mask))


def positions() -> None:
    place, half = torch.arange(40).double()[:, None], 8
    frequencies = 10000 ** (-torch.arange(half).double() / half)
    angles = place * frequencies
    keep("positions", halves=torch.cat([angles.sin(), angles.cos()], -1))
    keep("positions", interleaved=torch.stack([angles.sin(), angles.cos()], -1).flatten(-2))
    x = torch.randn(40, 2, 16).double()  # [tokens, heads, width]
    c, s = angles.cos()[:, None], angles.sin()[:, None]
    a, b = x[..., :half], x[..., half:]
    keep("positions", x=x, rotary_halves=torch.cat([a * c - b * s, b * c + a * s], -1))
    a, b = x[..., ::2], x[..., 1::2]
    keep("positions", rotary_interleaved=torch.stack([a * c - b * s, b * c + a * s], -1).flatten(-2))


#: Rotary scalings, as `rope_parameters` of a Llama of 32 components to a head, trained on 64 positions.
SCALINGS = {
    "linear": {"factor": 4.0},
    "dynamic": {"factor": 4.0},
    "llama3": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    "yarn": {"factor": 4.0},
    "longrope": {
        "factor": 4.0,
        "short_factor": [1.0 + i / 8 for i in range(16)],
        "long_factor": [1.5 + i / 4 for i in range(16)],
    },
    "proportional": {"factor": 2.0, "partial_rotary_factor": 0.5},
}


def scalings() -> None:
    x = torch.randn(100, 32).double()
    keep("rope", x=x)
    for name, parameters in SCALINGS.items():
        config = LlamaConfig(hidden_size=32, num_attention_heads=1, max_position_embeddings=64)
        config.rope_parameters = {
            "rope_type": name,
            "rope_theta": 10000.0,
            "original_max_position_embeddings": 64,
            **parameters,
        }
        frequencies, magnitude = ROPE_INIT_FUNCTIONS[name](config, torch.device("cpu"), seq_len=100)
        # As transformers computes them: angles in float32.
        angles = (torch.arange(100).float()[:, None] * frequencies.float()).double()
        c, s = angles.cos() * magnitude, angles.sin() * magnitude
        keep("rope", **{name: torch.cat([x[:, :16] * c - x[:, 16:] * s, x[:, 16:] * c + x[:, :16] * s], -1)})


def relative_positions() -> None:
    relative = torch.arange(-150, 151)
    keep("t5", relative=relative.int())
    for name, both in (("bidirectional", True), ("causal", False)):
        buckets = T5Attention._relative_position_bucket(relative, both, 32, 128)
        keep("t5", **{name: buckets.int()})
    for heads in (4, 6, 12):
        alibi = build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)
        keep("alibi", **{f"slopes_{heads}": alibi[:, 0, 1]})


if __name__ == "__main__":
    for part in (dot_product, multi_head, recurrent, rows, layers, positions, scalings, relative_positions):
        part()
    save_file(tensors, Path(__file__).with_name("goldens.safetensors"))
