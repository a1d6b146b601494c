"""Writes the files of torch.save that the tests of PyTorch's formats read; needs torch and safetensors.

features.bin, features-legacy.bin    one state dict with every kind of tensor that state dicts hold, in both formats
features.safetensors                 the same tensors, contiguous
NAME/pytorch_model*.bin              the weights of ../conformance/NAME, in the format that CASES names
"""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
#: Conformance case to whether its file is in the format before PyTorch 1.6, and to how many shards.
CASES = {"marian": (False, 1), "bert-masked-lm": (True, 1), "gpt2": (False, 2), "t5": (True, 2)}


def save(tensors: object, path: Path, legacy: bool) -> None:
    torch.save(tensors, path, _use_new_zipfile_serialization=not legacy)


def features() -> OrderedDict[str, object]:
    """Views, shared storages, parameters, and a tensor of every type."""
    torch.manual_seed(1)
    base = torch.randn(4, 6)
    tensors: OrderedDict[str, object] = OrderedDict()
    tensors["base"] = base
    tensors["shared"] = base
    tensors["transposed"] = base.t()
    tensors["part"] = base[1:3, 2:5]
    tensors["row"] = base[2]
    tensors["permuted"] = torch.randn(2, 3, 4).permute(2, 0, 1)
    tensors["parameter"] = torch.nn.Parameter(torch.randn(3))
    tensors["scalar"] = torch.tensor(2.5)
    tensors["none"] = torch.zeros(0, 3)
    for name in "float64 float16 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool".split():
        tensors[name] = torch.tensor([0, 1, 1, 0, 1]).to(getattr(torch, name))
    tensors["complex64"] = torch.tensor([1 + 2j])
    return tensors


def shards(tensors: dict[str, torch.Tensor], count: int) -> list[dict[str, torch.Tensor]]:
    names = sorted(tensors)
    return [{name: tensors[name] for name in names[first::count]} for first in range(count)]


def case(name: str, legacy: bool, count: int) -> None:
    source, target = HERE.parent / "conformance" / name, HERE / name
    target.mkdir(exist_ok=True)
    tensors = load_file(source / "model.safetensors")
    if legacy:  # as old as the format
        for old, new in (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias")):
            tensors = {key.replace(new, old): value for key, value in tensors.items()}
    if name == "marian":  # as trainers wrap it, with the names that DataParallel gives
        save(
            {"state_dict": {f"module.{key}": value for key, value in tensors.items()}, "step": 3},
            target / "pytorch_model.bin",
            legacy,
        )
        return
    parts = shards(tensors, count)
    names = (
        [f"pytorch_model-{i + 1:05}-of-{count:05}.bin" for i in range(count)] if count > 1 else ["pytorch_model.bin"]
    )
    for part, file in zip(parts, names, strict=True):
        save(OrderedDict(part), target / file, legacy)
    if count > 1:
        index = {key: file for part, file in zip(parts, names, strict=True) for key in part}
        (target / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}) + "\n")


def main() -> None:
    tensors = features()
    save(tensors, HERE / "features.bin", legacy=False)
    save(tensors, HERE / "features-legacy.bin", legacy=True)
    del tensors["complex64"]
    save_file(
        {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}, HERE / "features.safetensors"
    )
    for name, (legacy, count) in CASES.items():
        case(name, legacy, count)


if __name__ == "__main__":
    main()
