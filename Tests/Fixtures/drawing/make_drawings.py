"""Makes the cases of models that draw: `features/janus` with a tokenizer, and `drawing/vqgan` as Flax stores one, from
transformers.

    python Tests/Fixtures/drawing/make_drawings.py
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

HERE = Path(__file__).parent
VOCABULARY, BEGIN, END, PICTURE = 99, 96, 97, 98
WORDS = "a red green blue circle square on the grass".split()


def randomized(model: Any, seed: int) -> Any:
    """The model with weights that are large enough for its outputs to differ, as bfloat16 holds them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim < 2:
                parameter.add_(0.1 * noise)
            else:
                fan = parameter[0].numel() if parameter.ndim == 4 else 44
                parameter.copy_(fan**-0.5 * noise)
            parameter.copy_(parameter.bfloat16().float())
    return model.eval()


def save_expected(path: Path, tensors: dict[str, torch.Tensor], note: str) -> None:
    metadata = {"transformers": transformers.__version__, "torch": torch.__version__, "note": note}
    kept = {
        name: (value.int() if value.dtype == torch.int64 else value).contiguous() for name, value in tensors.items()
    }
    save_file(kept, path, metadata)


def janus() -> None:
    """It answers a question about a picture, and draws one of 4 x 4 tokens."""
    config = transformers.JanusConfig(
        text_config={
            "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4,
            "num_key_value_heads": 2, "num_hidden_layers": 2, "head_dim": 8, "vocab_size": VOCABULARY,
            "max_position_embeddings": 128, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
        },
        vision_config={
            "hidden_size": 32, "mlp_ratio": 2.0, "num_attention_heads": 4, "num_hidden_layers": 1, "image_size": 32,
            "patch_size": 8, "projection_dim": 32, "num_image_tokens": 16,
        },
        vq_config={
            "embed_dim": 4, "num_embeddings": 60, "latent_channels": 4, "base_channels": 32,
            "channel_multiplier": [1, 1], "num_res_blocks": 0, "projection_dim": 32, "image_token_embed_dim": 32,
        },
        image_token_id=PICTURE, tie_word_embeddings=False,
    )  # fmt: skip
    model = randomized(transformers.JanusForConditionalGeneration(config), 1)
    model.generation_config = transformers.GenerationConfig(
        pad_token_id=0, bos_token_id=1, eos_token_id=2, generation_kwargs={"boi_token_id": BEGIN}
    )
    ids = torch.tensor([[1, 7, 8, BEGIN] + [PICTURE] * 16 + [END, 9, 10, 11]])
    pixels = torch.randn((1, 3, 32, 32), generator=torch.Generator().manual_seed(2))
    text = [1] + [3 + WORDS.index(word) for word in "a red circle on the grass".split()] + [BEGIN]
    prompt = torch.tensor([text])
    with torch.no_grad():
        logits = model(input_ids=ids, pixel_values=pixels).logits
        answer = model.generate(
            inputs=ids, pixel_values=pixels, attention_mask=torch.ones_like(ids), max_new_tokens=8, min_new_tokens=8,
            do_sample=False,
        )  # fmt: skip
        drawn = model.generate(
            inputs=prompt, attention_mask=torch.ones_like(prompt), generation_mode="image", do_sample=False,
            guidance_scale=5, max_new_tokens=16,
        )  # fmt: skip
        picture = model.decode_image_tokens(drawn)
    folder = HERE.parent / "features" / "janus"
    model.save_pretrained(folder)
    # The half of the VQGAN that makes tokens of pictures is not read; one tensor of it stays, to be passed over.
    weights = {name: value.bfloat16() for name, value in model.state_dict().items() if "vqmodel.encoder" not in name}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    save_expected(
        folder / "expected.safetensors",
        {
            "input_ids": ids, "pixel_values": pixels, "logits": logits, "greedy_ids.0": answer[0, ids.shape[1] :],
            "drawn_text_ids": prompt, "drawn_ids": drawn, "drawn_pixels": picture[0],
        },
        "weights are bfloat16, computed in float32; drawn under guidance of 5, the likeliest tokens",
    )  # fmt: skip
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2} | {word: 3 + place for place, word in enumerate(WORDS)}
    vocabulary |= {f"<{id}>": id for id in range(3 + len(WORDS), BEGIN)}
    vocabulary |= {"<begin_of_image>": BEGIN, "<end_of_image>": END, "<image_placeholder>": PICTURE}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "bos_token": "<s>",
                "pad_token": "<pad>",
                "eos_token": "</s>",
                "chat_template": "{% for message in messages %}{{ message['content'][0]['text'] }}{% endfor %}",
            },
            indent=1,
        )  # fmt: skip
    )


def packed(value: Any) -> bytes:
    """MessagePack as Flax writes it."""
    if isinstance(value, dict):
        return struct.pack(">BH", 0xDE, len(value)) + b"".join(packed(k) + packed(v) for k, v in value.items())
    if isinstance(value, str):
        return struct.pack(">BB", 0xD9, len(value.encode())) + value.encode()
    if isinstance(value, int):
        return struct.pack(">BI", 0xCE, value)
    if isinstance(value, (list, tuple)):
        return struct.pack(">BH", 0xDC, len(value)) + b"".join(map(packed, value))
    if isinstance(value, bytes):
        return struct.pack(">BI", 0xC6, len(value)) + value
    array = np.ascontiguousarray(value)
    content = packed([list(array.shape), str(array.dtype), array.tobytes()])
    return struct.pack(">BIb", 0xC9, len(content), 1) + content


def vqgan() -> None:
    """A VQGAN whose pictures are twice as large as their tokens, as dalle-mini's program stores it."""
    config = transformers.models.janus.configuration_janus.JanusVQVAEConfig(
        embed_dim=4, num_embeddings=300, latent_channels=6, base_channels=32, channel_multiplier=[1, 1],
        num_res_blocks=0,
    )  # fmt: skip
    model = randomized(transformers.models.janus.modeling_janus.JanusVQVAE(config), 3)
    codes = torch.randint(0, 300, (1, 25), generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        vectors = model.quantize.embedding(codes).view(1, 5, 5, 4).permute(0, 3, 1, 2)
        pixels = model.decoder(model.post_quant_conv(vectors))[0].permute(1, 2, 0)
    tree: dict[str, Any] = {}
    for name, value in model.state_dict().items():
        if not name.startswith(("decoder.", "post_quant_conv.", "quantize.")):
            continue
        parts = name.split(".")
        array = value.half().numpy()
        assert (torch.from_numpy(array).float() == value).all() or value.abs().max() < 8
        if parts[1] == "up":
            parts[1:3] = [f"up_{1 - int(parts[2])}"]  # Flax numbers levels from the largest picture on
        for place in range(len(parts) - 2, 0, -1):
            if parts[place] in ("block", "attn"):
                parts[place : place + 2] = [f"{parts[place]}_{parts[place + 1]}"]
        if parts[-1] == "weight":
            if array.ndim == 4:
                array, parts[-1] = array.transpose(2, 3, 1, 0), "kernel"
            else:
                parts[-1] = "embedding" if parts[0] == "quantize" else "scale"
        inner = tree
        for part in parts[:-1]:
            inner = inner.setdefault(part, {})
        inner[parts[-1]] = array
    folder = HERE / "vqgan"
    folder.mkdir(exist_ok=True)
    (folder / "flax_model.msgpack").write_bytes(packed(tree))
    settings = {"ch": 32, "ch_mult": [1, 1], "num_res_blocks": 0, "n_embed": 300, "embed_dim": 4, "z_channels": 6,
                "double_z": False, "give_pre_end": False, "resamp_with_conv": True}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(settings, indent=1))
    save_expected(folder / "expected.safetensors", {"codes": codes, "pixels": pixels}, "before any cut to a range")


if __name__ == "__main__":
    janus()
    vqgan()
