"""Saves models made of PyTorch's ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN`` as folders that Attend loads, in the format of
docs/recurrent.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Optional, Union

from attend._checkpoint_folder import add_head, add_tables, weight, write_folder

_CELLS = {"LSTM": ("lstm", None), "GRU": ("gru", None), "RNN_TANH": ("rnn", "tanh"), "RNN_RELU": ("rnn", "relu")}


def save_recurrent(
    folder: Union[str, Path],
    encoder: Any = None,
    decoder: Any = None,
    *,
    embedding: Any,
    target_embedding: Any = None,
    attention: str = "none",
    score: Optional[str] = None,
    query: Any = None,
    key: Any = None,
    vector: Any = None,
    general: Any = None,
    concat: Any = None,
    context_first: bool = False,
    readout: Optional[str] = None,
    output: Any = None,
    input_feeding: bool = False,
    bridge: Union[str, Mapping[str, Any]] = "copy",
    bridge_activation: str = "tanh",
    generator: Any = None,
    classifier: Any = None,
    classifies: str = "tokens",
    generation: Optional[Mapping[str, Any]] = None,
) -> None:
    """Writes config.json, model.safetensors and, with ``generation``, generation_config.json to ``folder``.

    The folder is made if need be.

    Args:
        encoder: an ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``, perhaps bidirectional; None: there is none
        decoder: one that is not; None: there is none. Alone it is a language model
        embedding: the token table, an ``nn.Embedding`` or a tensor ``[vocabulary, embedding_size]``
        target_embedding: that of the target; None: source and target share ``embedding``
        attention: "none", "bahdanau": with the state before a step, as an input of the step, or "luong": with the state
            after it
        score: "additive", ``vector(tanh(query(q) + key(k)))``, by default of "bahdanau"; "concat",
            ``vector(tanh(concat([q; k])))``; "general", ``q · general k``, by default of "luong"; or "dot". q is the
            decoder's state and k the encoder's. A bias of ``vector``, or of ``general``, changes no attention and is
            left out
        query, key, vector, general, concat: the ``nn.Linear`` of the score; ``vector`` and ``general`` may be tensors,
            ``[size]`` and ``[decoder's width, encoder's width]``
        context_first: whether the input of the decoder's first layer is the context and then the token's vector; the
            columns of its weights are put the other way round
        readout: the states that ``generator`` reads: "state", "attentional", ``tanh(output([context; state]))``, or
            "joined", ``[state; context; token's vector]``; by default "state" or, of "luong", "attentional"
        output: the ``nn.Linear`` of attentional vectors
        input_feeding: whether the attentional vector is an input of the next step, behind the token's vector
        bridge: from the encoder's last states to the decoder's first: "none" (zeros), "copy", or the products ``{"h":
            [nn.Linear, ...], "c": [...]}``, one for each layer, "c" of an LSTM only
        bridge_activation: of the products: "tanh", "relu" or "none"
        generator: the ``nn.Linear`` that makes logits; None: the token table. One whose weight is the token table is
            stored once
        classifier: of an encoder, the ``nn.Linear`` that makes the logits of ``classifies``: "tokens", or "sequences"
            by their last token
        generation: the content of generation_config.json: decoder_start_token_id, eos_token_id, max_length, ...

    Raises ValueError, naming the part, where a module cannot be saved.
    """
    if encoder is None and decoder is None:
        raise ValueError("an encoder, a decoder or both are needed")
    sides = {side: module for side, module in (("encoder", encoder), ("decoder", decoder)) if module is not None}
    kind = "encoder-decoder" if len(sides) == 2 else next(iter(sides))
    if kind == "encoder" and generator is not None:
        raise ValueError("an encoder without a decoder has no generator")
    config: dict[str, Any] = {"model_type": "recurrent", "kind": kind, **_cell(sides)}
    tensors: dict[str, Any] = {}
    for side, module in sides.items():
        config[f"num_{side}_layers"] = module.num_layers
        tensors.update({f"{side}.rnn.{name}": tensor for name, tensor in module.state_dict().items()})
    if encoder is not None:
        config["bidirectional"] = encoder.bidirectional
    if kind == "encoder-decoder":
        config["encoder_hidden_size"] = encoder.hidden_size
        width = (2 if encoder.bidirectional else 1) * encoder.hidden_size
        parts = {"query": query, "key": key, "vector": vector, "general": general, "concat": concat}
        _add_attention(config, tensors, attention, score, parts, readout, output, input_feeding)
        _add_bridge(config, tensors, bridge, bridge_activation)
        if context_first:
            _turn(tensors, width if attention == "bahdanau" else decoder.hidden_size)
    elif attention != "none":
        raise ValueError(f'attention "{attention}" needs an encoder and a decoder')

    tables = add_tables(config, tensors, sides, embedding, target_embedding)
    config["embedding_size"] = weight(embedding).shape[1]
    add_head(config, tensors, tables, kind, generator, classifier, classifies)
    write_folder(Path(folder), config, tensors, generation)


def _cell(sides: Mapping[str, Any]) -> dict[str, Any]:
    """What config.json says of the cells of all layers."""
    found = set()
    for side, module in sides.items():
        mode = getattr(module, "mode", None)
        if mode not in _CELLS or bool(getattr(module, "proj_size", False)):
            raise ValueError(f"{side}: {module} cannot be exported; an nn.LSTM, nn.GRU or nn.RNN without proj_size can")
        if side == "decoder" and module.bidirectional:
            raise ValueError(f"{side}: {module} is bidirectional, and a decoder cannot read what it has not written")
        found.add((*_CELLS[mode], module.bias))
    if len(found) != 1:
        raise ValueError(f"encoder and decoder of one cell are needed, and these are {sorted(map(str, found))}")
    cell, nonlinearity, bias = found.pop()
    last = list(sides.values())[-1]
    config = {"cell": cell, "hidden_size": last.hidden_size, "bias": bias}
    return config if nonlinearity is None else {**config, "nonlinearity": nonlinearity}


def _add_attention(
    config: dict[str, Any],
    tensors: dict[str, Any],
    attention: str,
    score: Optional[str],
    parts: Mapping[str, Any],
    readout: Optional[str],
    output: Any,
    input_feeding: bool,
) -> None:
    config["attention"] = attention
    if attention == "none":
        return
    config["score"] = score = score or ("additive" if attention == "bahdanau" else "general")
    config["readout"] = readout or ("state" if attention == "bahdanau" else "attentional")
    if attention == "luong":
        config["input_feeding"] = input_feeding
    needed = {"dot": (), "general": ("general",), "concat": ("concat", "vector")}.get(score, ("query", "key", "vector"))
    for name in needed:
        if parts[name] is None:
            raise ValueError(f'score "{score}" needs {name}')
        place = "score" if name == "vector" else name
        tensors[f"decoder.attention.{place}.weight"] = weight(parts[name])
        if name not in ("vector", "general") and parts[name].bias is not None:
            tensors[f"decoder.attention.{name}.bias"] = parts[name].bias
    if "vector" in needed:
        config["attention_size"] = weight(parts["vector"]).numel()
    if config["readout"] == "attentional":
        if output is None:
            raise ValueError('readout "attentional" needs output')
        _add_linear(tensors, "decoder.output", output)


def _add_bridge(
    config: dict[str, Any], tensors: dict[str, Any], bridge: Union[str, Mapping[str, Any]], activation: str
) -> None:
    if isinstance(bridge, str):
        config["bridge"] = bridge
        return
    config["bridge"] = "linear"
    config["bridge_activation"] = activation
    for vector, products in bridge.items():
        for layer, product in enumerate(products):
            _add_linear(tensors, f"bridge.{vector}.{layer}", product)


def _add_linear(tensors: dict[str, Any], name: str, product: Any) -> None:
    tensors[f"{name}.weight"] = weight(product)
    if product.bias is not None:
        tensors[f"{name}.bias"] = product.bias


def _turn(tensors: dict[str, Any], context: int) -> None:
    """Puts the columns of the context behind those of the token's vector."""
    import torch

    name = "decoder.rnn.weight_ih_l0"
    tensors[name] = torch.cat((tensors[name][:, context:], tensors[name][:, :context]), dim=1)
