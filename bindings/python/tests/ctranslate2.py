"""Reads CTranslate2's model.bin of the Transformer of 2017, and writes it as a folder that Attend loads.

The layout of the file is told in CTranslate2's python/ctranslate2/specs/model_spec.py; the folder's in
docs/transformer.md.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

#: By the size of an item, as files before version 4 tell types.
_TYPES = {4: np.float32, 2: np.int16, 1: np.int8}
#: CTranslate2's names of what a layer holds, and those of torch.nn.Transformer.
_NORMS = {"norm1": "self_attention", "norm2": "attention", "norm3": "ffn"}
_LINEARS = {"linear1": "ffn/linear_0", "linear2": "ffn/linear_1"}

Tensors = dict[str, np.ndarray]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from("<" + kind, self._data, self._place)
        self._place += struct.calcsize("<" + kind)
        return int(value)

    def bytes(self, count: int) -> bytes:
        self._place += count
        return self._data[self._place - count : self._place]

    def text(self) -> str:
        return self.bytes(self.number("H"))[:-1].decode()


def read_model(path: Path) -> Tensors:
    """The variables of a model.bin of version 2 in float32."""
    reader = _Reader(path.read_bytes())
    if (version := reader.number("I")) != 2:
        raise ValueError(f"{path}: version {version}, expected 2")
    reader.text(), reader.number("I")  # the name and the revision of the specification
    found = {}
    for _ in range(reader.number("I")):
        name = reader.text()
        shape = [reader.number("I") for _ in range(reader.number("B"))]
        kind = np.dtype(_TYPES[reader.number("B")])
        data = reader.bytes(reader.number("I") * kind.itemsize)
        found[name] = np.frombuffer(data, kind).reshape(shape)
    return found


def _positions(count: int, width: int) -> np.ndarray:
    """Sines, then cosines, of the positions from 1 on; the wavelengths are those of Tensor2Tensor."""
    factors = np.exp(-np.arange(width // 2) * np.log(10000) / (width // 2 - 1))
    angles = np.arange(1, count + 1)[:, None] * factors
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def _layer(variables: Tensors, source: str, target: str, crosses: bool) -> Tensors:
    """A layer of an encoder, or with ``crosses`` of a decoder."""
    found: Tensors = {}

    def put(name: str, own: str, kinds: tuple[str, str] = ("weight", "bias")) -> None:
        for ours, theirs in zip(("weight", "bias"), kinds):
            found[f"{target}.{name}.{ours}"] = variables[f"{source}/{own}/{theirs}"]

    norms = _NORMS if crosses else {"norm1": "self_attention", "norm2": "ffn"}
    for name, own in norms.items():
        put(name, f"{own}/layer_norm", ("gamma", "beta"))
    for name, own in _LINEARS.items():
        put(name, own)
    for kind in ("weight", "bias"):
        found[f"{target}.self_attn.in_proj_{kind}"] = variables[f"{source}/self_attention/linear_0/{kind}"]
        if crosses:  # queries, and then keys and values
            parts = [variables[f"{source}/attention/linear_{index}/{kind}"] for index in range(2)]
            found[f"{target}.multihead_attn.in_proj_{kind}"] = np.concatenate(parts)
    put("self_attn.out_proj", "self_attention/linear_1")
    if crosses:
        put("multihead_attn.out_proj", "attention/linear_2")
    return found


def convert(path: Path, folder: Path, *, heads: int, positions: int, start: int, end: int) -> None:
    """Writes the model in ``path`` to ``folder``."""
    variables = read_model(path / "model.bin")
    tensors: Tensors = {"generator.weight": variables["decoder/projection/weight"]}
    tensors["generator.bias"] = variables["decoder/projection/bias"]
    width = variables["encoder/embeddings/weight"].shape[1]
    counts = {}
    for side in ("encoder", "decoder"):
        tensors[f"{side}.embedding.weight"] = variables[f"{side}/embeddings/weight"]
        tensors[f"{side}.positions.weight"] = _positions(positions, width)
        tensors[f"{side}.norm.weight"] = variables[f"{side}/layer_norm/gamma"]
        tensors[f"{side}.norm.bias"] = variables[f"{side}/layer_norm/beta"]
        parts = {name.split("/")[1] for name in variables if name.startswith(f"{side}/layer_")}
        counts[side] = len(parts - {"layer_norm"})
        for index in range(counts[side]):
            source, target = f"{side}/layer_{index}", f"{side}.layers.{index}"
            tensors.update(_layer(variables, source, target, side == "decoder"))
    config = {
        "model_type": "transformer",
        "kind": "encoder-decoder",
        "d_model": width,
        "nhead": heads,
        "dim_feedforward": len(variables["encoder/layer_0/ffn/linear_0/bias"]),
        "activation": "relu",
        "norm_first": True,
        "num_encoder_layers": counts["encoder"],
        "num_decoder_layers": counts["decoder"],
        "share_embeddings": False,
        "src_vocab_size": len(tensors["encoder.embedding.weight"]),
        "tgt_vocab_size": len(tensors["decoder.embedding.weight"]),
        "tie_word_embeddings": False,
        "positions": "learned",
        "max_positions": positions,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    defaults = {"decoder_start_token_id": start, "eos_token_id": end, "pad_token_id": 0}
    (folder / "generation_config.json").write_text(json.dumps(defaults))
    _write(folder / "model.safetensors", tensors)


def _write(path: Path, tensors: Tensors) -> None:
    """https://github.com/huggingface/safetensors: the length of a header, the header, the tensors."""
    header, blocks, place = {}, [], 0
    for name, tensor in sorted(tensors.items()):
        block = np.ascontiguousarray(tensor, np.float32).tobytes()
        span = [place, place + len(block)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": span}
        blocks.append(block)
        place += len(block)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blocks))
