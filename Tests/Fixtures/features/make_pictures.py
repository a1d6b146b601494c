"""Makes the cases of families for which no checkpoint of random weights is handed around: a folder each with
config.json, model.safetensors and expected.safetensors, from transformers.

    python Tests/Fixtures/features/make_pictures.py [NAME...]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable

import torch
import transformers
from safetensors.torch import save_file

HERE = Path(__file__).parent
VOCABULARY, PICTURE = 99, 98
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "image_size": 32,
    "patch_size": 8,
}
TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "head_dim": 8,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def randomized(model: Any, seed: int) -> Any:
    """The model with weights that are large enough for its outputs to differ."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim < 2:
                parameter.add_(0.1 * noise)
            else:
                parameter.copy_(0.15 * noise)
    return model.eval()


def text_with(pictures: int, tokens: int, seed: int) -> list[int]:
    """Ids among which each picture has its tokens."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, PICTURE - 4, (4 * (pictures + 1),), generator=generator).tolist()
    text = [1]
    for picture in range(pictures):
        text += ids[4 * picture : 4 * picture + 4] + [PICTURE] * tokens
    return text + ids[4 * pictures :]


def save(name: str, model: Any, tensors: dict[str, torch.Tensor], note: str) -> None:
    folder = HERE / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    metadata = {"transformers": transformers.__version__, "torch": torch.__version__, "note": note}
    tensors = {
        key: (value.int() if value.dtype == torch.int64 else value).contiguous() for key, value in tensors.items()
    }
    save_file(tensors, folder / "expected.safetensors", metadata)


def answer(model: Any, inputs: dict[str, Any], count: int = 8) -> torch.Tensor:
    """The ids that follow, each the likeliest, whatever it is."""
    with torch.no_grad():
        ids = model.generate(**inputs, max_new_tokens=count, min_new_tokens=count, do_sample=False)
    return ids[0, inputs["input_ids"].shape[1] :]


def gemma3() -> None:
    """Two pictures, each of more tokens than the window of some layers has."""
    config = transformers.Gemma3Config(
        text_config={**TEXT, "num_hidden_layers": 3, "sliding_window": 3, "query_pre_attn_scalar": 8,
                     "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
        vision_config={**VISION, "vision_use_head": False},
        mm_tokens_per_image=4,
        image_token_id=PICTURE,
        boi_token_id=96,
        eoi_token_id=97,
    )  # fmt: skip
    model = randomized(transformers.Gemma3ForConditionalGeneration(config), 1)
    ids = torch.tensor([text_with(2, 4, 2)])
    pictures = torch.randn((2, 3, 32, 32), generator=torch.Generator().manual_seed(3))
    inputs = {"input_ids": ids, "pixel_values": pictures, "token_type_ids": (ids == PICTURE).long()}
    with torch.no_grad():
        logits = model(**inputs).logits
    save(
        "gemma3-vision", model,
        {"input_ids": ids, "pixel_values": pictures, "logits": logits, "greedy_ids.0": answer(model, inputs)},
        "the tokens of a picture are attended in both directions",
    )  # fmt: skip


def tiles(name: str, config: Any, of: Callable[[Any], Any]) -> None:
    """Three tiles, whose squares of 2 x 2 patches become one state each."""
    model = randomized(of(config), 4)
    ids = torch.tensor([text_with(3, 4, 5)])
    pictures = torch.randn((1, 3, 3, 32, 32), generator=torch.Generator().manual_seed(6))
    inputs = {"input_ids": ids, "pixel_values": pictures}
    with torch.no_grad():
        logits = model(**inputs).logits
    save(
        name, model,
        {"input_ids": ids, "pixel_values": pictures[0], "logits": logits, "greedy_ids.0": answer(model, inputs)},
        "squares of 2 x 2 patches become one state",
    )  # fmt: skip


def idefics3() -> None:
    text = {"model_type": "llama", **TEXT}
    config = transformers.Idefics3Config(
        vision_config=VISION, text_config=text, image_token_id=PICTURE, scale_factor=2, pad_token_id=0
    )
    tiles("idefics3", config, transformers.Idefics3ForConditionalGeneration)


def smolvlm() -> None:
    text = {"model_type": "llama", **TEXT}
    config = transformers.SmolVLMConfig(
        vision_config=VISION, text_config=text, image_token_id=PICTURE, scale_factor=2, pad_token_id=0,
        tie_word_embeddings=True,
    )  # fmt: skip
    tiles("smolvlm", config, transformers.SmolVLMForConditionalGeneration)


CASES = {"gemma3-vision": gemma3, "idefics3": idefics3, "smolvlm": smolvlm}

if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        CASES[name]()
