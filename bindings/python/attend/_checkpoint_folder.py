"""The parts of a checkpoint folder in a format of this project, as ``attend.export`` writes it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Mapping, Optional

_DTYPES = {"torch.float32": "F32", "torch.float16": "F16", "torch.bfloat16": "BF16", "torch.int32": "I32"}


def write_folder(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Any], generation: Optional[Mapping[str, Any]]
) -> None:
    """config.json, model.safetensors and, unless None, generation_config.json; the folder is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(dict(generation), indent=2) + "\n")
    write_safetensors(folder / "model.safetensors", tensors)


def weight(part: Any) -> Any:
    """The tensor of an nn.Embedding or an nn.Linear, or a tensor itself."""
    return getattr(part, "weight", part).detach()


def add_tables(
    config: dict[str, Any], tensors: dict[str, Any], sides: Mapping[str, Any], source: Any, target: Any
) -> dict[str, Any]:
    """Adds the token tables; returns that of each side."""
    tables = {side: weight(source) for side in sides}
    if len(sides) == 1:
        (side,) = sides
        config["vocab_size"] = len(tables[side])
        tensors[f"{side}.embedding.weight"] = tables[side]
        return tables
    shared = target is None or weight(target).data_ptr() == weight(source).data_ptr()
    config["share_embeddings"] = shared
    if shared:
        config["vocab_size"] = len(tables["encoder"])
        tensors["embedding.weight"] = tables["encoder"]
        return tables
    tables["decoder"] = weight(target)
    for side, key in (("encoder", "src_vocab_size"), ("decoder", "tgt_vocab_size")):
        config[key] = len(tables[side])
        tensors[f"{side}.embedding.weight"] = tables[side]
    return tables


def add_head(
    config: dict[str, Any],
    tensors: dict[str, Any],
    tables: Mapping[str, Any],
    kind: str,
    generator: Any,
    classifier: Any,
    classifies: str,
) -> None:
    if classifier is not None:
        if kind != "encoder" or generator is not None or classifies not in ("tokens", "sequences"):
            raise ValueError(
                'a classifier is that of an encoder without a generator, and classifies "tokens" or "sequences"'
            )
        config["head"] = "token-classes" if classifies == "tokens" else "sequence-classes"
        config["num_labels"] = len(classifier.weight)
        name, head, tied = "classifier", classifier, False
    elif generator is None and kind == "encoder":
        return
    else:
        if kind == "encoder":
            config["head"] = "tokens"
        name, head = "generator", generator
        tied = (
            generator is None
            or weight(generator).data_ptr() == tables["encoder" if kind == "encoder" else "decoder"].data_ptr()
        )
        config["tie_word_embeddings"] = tied
    if head is None:
        return
    if not tied:
        tensors[f"{name}.weight"] = weight(head)
    if head.bias is not None:
        tensors[f"{name}.bias"] = head.bias.detach()


def write_safetensors(path: Path, tensors: Mapping[str, Any]) -> None:
    """The format of https://github.com/huggingface/safetensors: the length of a JSON header, the header, the tensors'
    bytes.
    """
    import torch

    header: dict[str, Any] = {}
    blocks = []
    offset = 0
    for name, tensor in sorted(tensors.items()):
        tensor = tensor.detach().cpu().contiguous()
        if str(tensor.dtype) not in _DTYPES:
            tensor = tensor.float()
        block = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {
            "dtype": _DTYPES[str(tensor.dtype)],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(block)],
        }
        offset += len(block)
        blocks.append(block)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for block in blocks:
            file.write(block)
