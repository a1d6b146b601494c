"""Saves models made of PyTorch's modules as folders that Attend loads: of ``nn.Transformer`` or
``nn.TransformerEncoder``, and of ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``.

    from attend.export import save_transformer

    save_transformer("folder", model.transformer, embedding=model.embedding, positions=model.pe,
                     generator=model.generator, generation={"decoder_start_token_id": 1, "eos_token_id": 2})

The folders' formats, their keys and the names of their tensors are described in docs/transformer.md and, for
``save_recurrent``, in docs/recurrent.md. Needs torch, and nothing of Attend's library; the tokenizer's files are yours
to add.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Mapping, Optional, Union

from attend._checkpoint_folder import add_head, add_tables, weight, write_folder
from attend._recurrent_folder import save_recurrent

__all__ = ["save_recurrent", "save_transformer"]

_LAYOUTS = ("sinusoidal", "sinusoidal-marian", "sinusoidal-tensor2tensor", "none")
_ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "silu": "silu", "tanh": "tanh"}


def save_transformer(
    folder: Union[str, Path],
    transformer: Any,
    *,
    embedding: Any,
    target_embedding: Any = None,
    embedding_scale: Optional[float] = None,
    positions: Any = "sinusoidal",
    target_positions: Any = None,
    max_positions: int = 1024,
    generator: Any = None,
    classifier: Any = None,
    classifies: str = "tokens",
    causal: bool = False,
    generation: Optional[Mapping[str, Any]] = None,
) -> None:
    """Writes config.json, model.safetensors and, with ``generation``, generation_config.json to ``folder``.

    The folder is made if need be.

    Args:
        transformer: an ``nn.Transformer`` (an encoder-decoder) or an ``nn.TransformerEncoder`` (an encoder, or with
            ``causal`` a decoder)
        embedding: the token table, an ``nn.Embedding`` or a tensor ``[vocabulary, d_model]``
        target_embedding: that of the target; None: source and target share ``embedding``
        embedding_scale: what token vectors are multiplied by; None: the square root of d_model, as in the paper
        positions: "sinusoidal" (sines and cosines in turns), "sinusoidal-marian" or "sinusoidal-tensor2tensor" (all
            sines first), "none", or the table that is added, a tensor or an ``nn.Embedding``: ``[positions, d_model]``,
            perhaps with a dimension of 1 more
        target_positions: the table of the target's positions, where it is another one
        max_positions: how many there are; of a table, its rows count
        generator: the ``nn.Linear`` that makes logits; None: the token table, and no logits for an encoder. One whose
            weight is the token table is stored once
        classifier: of an encoder, the ``nn.Linear`` that makes the logits of ``classifies``: "tokens", or "sequences"
            by their first token
        generation: the content of generation_config.json: decoder_start_token_id, eos_token_id, max_length, ...

    Raises ValueError, naming the part, where a module computes something else than a Transformer's layer.
    """
    whole = hasattr(transformer, "encoder") and hasattr(transformer, "decoder")
    sides = (
        {"encoder": transformer.encoder, "decoder": transformer.decoder}
        if whole
        else {"decoder" if causal else "encoder": transformer}
    )
    kind = "encoder-decoder" if whole else next(iter(sides))
    config = _common(
        {
            _layer_options(layer, f"{side}.layers.{i}")
            for side, stack in sides.items()
            for i, layer in enumerate(stack.layers)
        }
    )
    config = {"model_type": "transformer", "kind": kind, **config}
    tensors = {}
    for side, stack in sides.items():
        config[f"num_{side}_layers"] = len(stack.layers)
        tensors.update({f"{side}.{name}": tensor for name, tensor in stack.state_dict().items()})
    config["final_norm"] = _final_norm(sides, config)

    tables = add_tables(config, tensors, sides, embedding, target_embedding)
    config["embedding_scale"] = math.sqrt(config["d_model"]) if embedding_scale is None else float(embedding_scale)
    _add_positions(config, tensors, sides, positions, target_positions, max_positions)
    add_head(config, tensors, tables, kind, generator, classifier, classifies)

    write_folder(Path(folder), config, tensors, generation)


def _layer_options(layer: Any, name: str) -> tuple[tuple[str, Any], ...]:
    """What config.json says of a layer, as pairs; ValueError where it cannot say it."""
    attention = layer.self_attn
    others = [attention, layer.multihead_attn] if hasattr(layer, "multihead_attn") else [attention]
    for part in others:
        if not part._qkv_same_embed_dim or part.bias_k is not None or part.add_zero_attn:
            raise ValueError(
                f"{name}: an attention with other widths of keys and values, bias_kv or add_zero_attn cannot be "
                "exported"
            )
        if part.num_heads != attention.num_heads:
            raise ValueError(
                f"{name}: attentions with {attention.num_heads} and {part.num_heads} heads in one layer cannot be "
                "exported"
            )
    bias = layer.linear1.bias is not None
    for norm in [part for part_name, part in layer.named_children() if part_name.startswith("norm")]:
        _check_norm(norm, bias, layer.norm1.eps, name)
    return (
        ("d_model", attention.embed_dim),
        ("nhead", attention.num_heads),
        ("dim_feedforward", layer.linear1.out_features),
        ("activation", _activation(layer.activation, name)),
        ("layer_norm_eps", layer.norm1.eps),
        ("norm_first", bool(layer.norm_first)),
        ("bias", bias),
    )


def _check_norm(norm: Any, bias: bool, epsilon: float, name: str) -> None:
    if (
        type(norm).__name__ != "LayerNorm"
        or norm.weight is None
        or norm.eps != epsilon
        or (norm.bias is not None) != bias
    ):
        raise ValueError(
            f"{name}: {norm} cannot be exported beside layers with layer norms of eps {epsilon} "
            f"{'with' if bias else 'without'} biases"
        )


def _activation(function: Any, name: str) -> str:
    spelled = getattr(function, "__name__", type(function).__name__).lower()
    if spelled == "gelu" and getattr(function, "approximate", "none") == "tanh":
        return "gelu_pytorch_tanh"
    if spelled not in _ACTIVATIONS:
        raise ValueError(
            f"{name}: the activation {function} cannot be exported; those that can are {', '.join(_ACTIVATIONS)}"
        )
    return _ACTIVATIONS[spelled]


def _common(options: set[tuple[tuple[str, Any], ...]]) -> dict[str, Any]:
    if len(options) != 1:
        raise ValueError(f"layers of one kind are needed, and these are of {len(options)}: {sorted(map(str, options))}")
    return dict(options.pop())


def _final_norm(sides: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    norms = {side: stack.norm for side, stack in sides.items()}
    for side, norm in norms.items():
        if norm is not None:
            _check_norm(norm, config["bias"], config["layer_norm_eps"], f"{side}.norm")
    if len({norm is None for norm in norms.values()}) != 1:
        raise ValueError("a final norm on one of encoder and decoder only cannot be exported")
    return next(iter(norms.values())) is not None


def _add_positions(
    config: dict[str, Any], tensors: dict[str, Any], sides: Mapping[str, Any], source: Any, target: Any, count: int
) -> None:
    if isinstance(source, str):
        if source not in _LAYOUTS or target is not None:
            raise ValueError(
                f"positions {source!r}: a table, or one of {', '.join(_LAYOUTS)} without target_positions, is needed"
            )
        config["positions"] = source
        if source != "none":
            config["max_positions"] = count
        return
    config["positions"] = "learned"
    for side in sides:
        table = weight(target if side == "decoder" and target is not None else source)
        table = table.reshape(-1, table.shape[-1])
        config["max_positions"] = min(config.get("max_positions", len(table)), len(table))
        tensors[f"{side}.positions.weight"] = table
