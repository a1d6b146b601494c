"""Makes attentions.safetensors beside the cases swin, swinv2 and florence2: the attention maps of their towers in
transformers, for the last pictures of expected.safetensors, layer by layer. Needs torch and transformers 5.24.

All of these call one softmax in each layer, whose results are kept: not all of them tell by `output_attentions` what
each layer looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers as hf
from safetensors.torch import load_file, save_file

FOLDER = Path(__file__).parent


@torch.no_grad()
def maps(tower: Any, picture: torch.Tensor) -> list[torch.Tensor]:
    """The probabilities of each layer: ``[windows, heads, tokens, tokens]``, of channels ``[groups, ...]``."""
    found: list[torch.Tensor] = []
    softmax = torch.nn.functional.softmax

    def keep(*arguments: Any, **options: Any) -> torch.Tensor:
        found.append(softmax(*arguments, **options))
        return found[-1]

    torch.nn.functional.softmax = keep
    try:
        tower(picture)
    finally:
        torch.nn.functional.softmax = softmax
    return found


def main() -> None:
    for name, make in {
        "swin": hf.SwinModel.from_pretrained,
        "swinv2": hf.Swinv2Model.from_pretrained,
        "florence2": hf.AutoModelForImageTextToText.from_pretrained,
    }.items():
        model = make(FOLDER / name, attn_implementation="eager").eval()
        tower = model.model.vision_tower if name == "florence2" else model
        expected = load_file(FOLDER / name / "expected.safetensors")
        pictures = [value[:1] for key, value in sorted(expected.items()) if key.startswith("pixel_values")]
        tensors = {}
        for number, picture in list(enumerate(pictures))[-2 if name == "swin" else -1 :]:
            for layer, probabilities in enumerate(maps(tower, picture)):
                channels = name == "florence2" and layer % 2 == 1
                tensors[f"{number}.{layer}"] = (probabilities[0] if channels else probabilities).contiguous()
        save_file(tensors, FOLDER / name / "attentions.safetensors")
        print(name, {key: tuple(value.shape) for key, value in tensors.items()})


if __name__ == "__main__":
    main()
