"""Makes the cases of encoders of pictures, and of encoder-decoders that see, for which no checkpoint of random weights
is handed around: a folder each with config.json, model.safetensors and expected.safetensors, from transformers.

    python Tests/Fixtures/features/make_eyes.py [NAME...]
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
import transformers
from make_pictures import HERE, PICTURE, TEXT, VISION, VOCABULARY, randomized, save
from safetensors.torch import load_file, save_file


def pictures(count: int, height: int, width: int, seed: int = 3) -> torch.Tensor:
    return torch.randn((count, 3, height, width), generator=torch.Generator().manual_seed(seed))


def encoder(
    name: str, model: Any, note: str, size: tuple[int, int], *others: tuple[int, int], seed: int = 1, **options: Any
) -> None:
    """Two pictures of one size, and one of each of the others."""
    model = randomized(model, seed)
    tensors = {}
    with torch.no_grad():
        for index, (height, width) in enumerate((size, *others)):
            pixels = pictures(1 if index else 2, height, width)
            ending = f".{index}" if index else ""
            found = model(pixel_values=pixels, output_hidden_states=True, **(options if index else {}))
            tensors[f"pixel_values{ending}"] = pixels
            for key in ("last_hidden_state", "pooler_output", "logits"):
                if getattr(found, key, None) is not None:
                    tensors[f"{key}{ending}"] = getattr(found, key).clone()
    save(name, model, tensors, note)


LABELS = {"id2label": {0: "a", 1: "b", 2: "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}


def beit() -> None:
    config = transformers.BeitConfig(
        **VISION, use_relative_position_bias=True, use_mask_token=True, layer_scale_init_value=0.5
    )
    encoder("beit", transformers.BeitModel(config), "relative positions of each layer", (32, 32), (48, 24))
    config = transformers.BeitConfig(
        **VISION, use_relative_position_bias=True, use_shared_relative_position_bias=True,
        use_absolute_position_embeddings=True, layer_scale_init_value=0.0, **LABELS,
    )  # fmt: skip
    encoder(
        "beit-classes", transformers.BeitForImageClassification(config),
        "relative positions of each layer and of all, places, no factors", (32, 32), (40, 24), seed=2,
    )  # fmt: skip
    config = transformers.BeitConfig(**VISION, use_shared_relative_position_bias=True, use_mean_pooling=False, **LABELS)
    encoder(
        "beit-first", transformers.BeitForImageClassification(config),
        "relative positions of all layers, classes told by the first token", (32, 32), (24, 40), seed=3,
    )  # fmt: skip


def dinov3() -> None:
    config = transformers.DINOv3ViTConfig(**VISION, num_register_tokens=3)
    encoder("dinov3", transformers.DINOv3ViTModel(config), "with registers", (32, 32), (24, 56))
    config = transformers.DINOv3ViTConfig(
        **VISION, use_gated_mlp=True, hidden_act="silu", key_bias=True, proj_bias=False, mlp_bias=False
    )
    encoder("dinov3-gated", transformers.DINOv3ViTModel(config), "a gated network", (32, 32), (40, 16), seed=2)


SWIN = {"embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "window_size": 3, "image_size": 24, "patch_size": 2}


def swin() -> None:
    encoder(
        "swin", transformers.SwinModel(transformers.SwinConfig(**SWIN, qkv_bias=True)),
        "windows that cover the map, and windows that reach beyond it", (24, 24), (27, 40), (13, 12),
    )  # fmt: skip
    config = transformers.SwinConfig(
        **{**SWIN, "window_size": 4}, use_absolute_embeddings=True, qkv_bias=False, **LABELS
    )
    encoder(
        "swin-classes", transformers.SwinForImageClassification(config), "places", (24, 24), (32, 48), seed=2,
        interpolate_pos_encoding=True,
    )  # fmt: skip


def swinv2() -> None:
    config = transformers.Swinv2Config(**SWIN, pretrained_window_sizes=[0, 0])
    encoder("swinv2", transformers.Swinv2Model(config), "cosines", (24, 24), (30, 36))
    config = transformers.Swinv2Config(**{**SWIN, "window_size": 8}, pretrained_window_sizes=[4, 2], **LABELS)
    encoder(
        "swinv2-classes", transformers.Swinv2ForImageClassification(config), "windows as large as the map", (24, 24),
        seed=2,
    )  # fmt: skip


def donut() -> None:
    """As VisionEncoderDecoder: the eyes are a Swin without a norm at the end."""
    eyes = transformers.DonutSwinConfig(**{**SWIN, "image_size": [24, 16]})
    words = transformers.MBartConfig(
        d_model=32, decoder_layers=1, decoder_attention_heads=4, decoder_ffn_dim=64, vocab_size=99, is_decoder=True,
        add_cross_attention=True, add_final_layer_norm=True, scale_embedding=True, max_position_embeddings=40,
    )  # fmt: skip
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(eyes, words)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 2, 1, 2
    model = randomized(transformers.VisionEncoderDecoderModel(config), 4)
    model.generation_config.forced_eos_token_id = None
    pixels = pictures(2, 24, 16)
    written = torch.tensor([[2, 5, 7, 9], [2, 11, 12, 13]])
    with torch.no_grad():
        found = model(pixel_values=pixels, decoder_input_ids=written)
        ids = [
            model.generate(
                pixel_values=pixels[index : index + 1], max_new_tokens=12, do_sample=False, decoder_start_token_id=2,
                pad_token_id=1, eos_token_id=2, num_beams=1,
            )[0] for index in range(2)
        ]  # fmt: skip
    tensors = {
        "pixel_values": pixels, "encoder_last_hidden_state": found.encoder_last_hidden_state, "logits": found.logits,
        "decoder_input_ids": written, "greedy_ids.0": ids[0], "greedy_ids.1": ids[1],
    }  # fmt: skip
    save("donut", model, tensors, "a Swin before the decoder of mBART")


def siglip2() -> None:
    """Pictures of 2 x 5 and 4 x 3 patches, as lists of patches."""
    vision = {key: value for key, value in VISION.items() if key != "image_size"} | {"num_patches": 16}
    text = {key: value for key, value in TEXT.items() if key not in ("num_key_value_heads", "head_dim")}
    config = transformers.Siglip2Config(vision_config=vision, text_config={**text, "max_position_embeddings": 8})
    model = randomized(transformers.Siglip2Model(config), 5)
    with torch.no_grad():
        model.logit_scale.fill_(1.5)
    grids = torch.tensor([[2, 5], [4, 3]])
    patches = torch.randn((2, 12, 192), generator=torch.Generator().manual_seed(6))
    mask = torch.arange(12)[None] < (grids[:, 0] * grids[:, 1])[:, None]
    ids = torch.randint(3, 90, (3, 8), generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        found = model(input_ids=ids, pixel_values=patches, pixel_attention_mask=mask.long(), spatial_shapes=grids)
    states = found.vision_model_output.last_hidden_state
    counts = (grids[:, 0] * grids[:, 1]).tolist()
    kept = [patches[index, :count] for index, count in enumerate(counts)]
    tensors = {
        "pixel_values": torch.cat(kept), "image_grid_thw": torch.cat([torch.ones((2, 1), dtype=torch.long), grids], 1),
        "input_ids": ids, "image_embeds": found.image_embeds, "text_embeds": found.text_embeds,
        "last_hidden_state": torch.cat([states[index, :count] for index, count in enumerate(counts)]),
        "logits_per_image": found.logits_per_image,
    }  # fmt: skip
    save("siglip2", model, tensors, "lists of patches")


def blip_config() -> Any:
    text = {"hidden_size": 32, "encoder_hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 4,
            "num_hidden_layers": 1, "vocab_size": 99, "max_position_embeddings": 24, "bos_token_id": 97,
            "sep_token_id": 98, "pad_token_id": 0}  # fmt: skip
    return transformers.BlipConfig(vision_config=VISION, text_config=text, image_text_hidden_size=16)


def blip_answers() -> None:
    """Questions about pictures, and the answers; and whether texts match pictures."""
    questions = torch.tensor([[5, 11, 12, 13, 98], [5, 21, 22, 23, 98]])
    pixels = pictures(2, 32, 32)
    written = torch.tensor([[97, 6, 7, 8], [97, 16, 17, 18]])
    model = randomized(transformers.BlipForQuestionAnswering(blip_config()), 6)
    with torch.no_grad():
        seen = model.vision_model(pixels)[0]
        states = model.text_encoder(input_ids=questions, encoder_hidden_states=seen)[0]
        logits = model.text_decoder(input_ids=written, encoder_hidden_states=states).logits
        ids = model.generate(questions, pixels, max_new_tokens=12, do_sample=False)
    save(
        "blip-answers", model,
        {"pixel_values": pixels, "input_ids": questions, "encoder_last_hidden_state": states, "logits": logits,
         "decoder_input_ids": written, "greedy_ids.0": ids[0], "greedy_ids.1": ids[1]},
        "each question has a picture",
    )  # fmt: skip
    model = randomized(transformers.BlipForImageTextRetrieval(blip_config()), 7)
    with torch.no_grad():
        found = model(input_ids=questions, pixel_values=pixels)
    save(
        "blip-match", model,
        {"pixel_values": pixels, "input_ids": questions, "encoder_last_hidden_state": found.question_embeds,
         "logits": found.itm_score},
        "each text has a picture",
    )  # fmt: skip


def florence2() -> None:
    """A picture that windows cover, and one that they reach beyond."""
    vision = {"embed_dim": [8, 16], "depths": [1, 1], "num_heads": [2, 4], "num_groups": [2, 4], "window_size": 3,
              "patch_size": [7, 3], "patch_stride": [4, 2], "patch_padding": [3, 1], "patch_prenorm": [False, True],
              "projection_dim": 16, "max_position_embeddings": 8, "max_temporal_embeddings": 4}  # fmt: skip
    text = {"model_type": "bart", "d_model": 16, "encoder_layers": 1, "decoder_layers": 2, "vocab_size": VOCABULARY,
            "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32,
            "max_position_embeddings": 80, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
            "decoder_start_token_id": 2, "forced_eos_token_id": None}  # fmt: skip
    config = transformers.Florence2Config(vision_config=vision, text_config=text, image_token_id=PICTURE)
    model = randomized(transformers.Florence2ForConditionalGeneration(config), 8)
    pixels = pictures(1, 40, 56)  # 5 x 7 states and their mean
    ids = torch.tensor([[PICTURE] * 36 + [0, 11, 12, 13, 2]])
    written = torch.tensor([[2, 6, 7, 8]])
    with torch.no_grad():
        found = model(input_ids=ids, pixel_values=pixels, decoder_input_ids=written)
        answer = model.generate(input_ids=ids, pixel_values=pixels, max_new_tokens=12, do_sample=False, num_beams=1)
    save(
        "florence2", model,
        {"pixel_values": pixels, "input_ids": ids, "decoder_input_ids": written, "logits": found.logits,
         "encoder_last_hidden_state": found.encoder_last_hidden_state, "greedy_ids.0": answer[0]},
        "the picture stands in the text",
    )  # fmt: skip


TOWERS = {
    "gemma3-vision": "model.vision_tower", "idefics3": "model.vision_model", "llava": "model.vision_tower",
    "paligemma": "model.vision_tower", "blip-answers": "vision_model", "siglip": "vision_model",
}  # fmt: skip


def towers() -> None:
    """States and attention maps of towers beside stacks that read tokens: towers.safetensors."""
    for name, path in TOWERS.items():
        kind = getattr(transformers, json.loads((HERE / name / "config.json").read_text())["architectures"][0])
        model = kind.from_pretrained(HERE / name, attn_implementation="eager", dtype=torch.float32).eval()
        tower = model
        for part in path.split("."):
            tower = getattr(tower, part)
        pixels = load_file(HERE / name / "expected.safetensors")["pixel_values"]
        with torch.no_grad():
            found = tower(pixels, output_attentions=True, output_hidden_states=True)
        # LLaVA reads what goes into the last layer.
        states = found.hidden_states[-2] if name == "llava" else found.last_hidden_state
        maps = found.attentions[:-1] if name == "llava" else found.attentions
        tensors = {"states": states, **{f"attentions.{index}": one for index, one in enumerate(maps)}}
        save_file({key: value.contiguous() for key, value in tensors.items()}, HERE / name / "towers.safetensors")


CASES = {
    "beit": beit, "dinov3": dinov3, "swin": swin, "swinv2": swinv2, "donut": donut, "siglip2": siglip2,
    "blip-answers": blip_answers, "florence2": florence2, "towers": towers,
}  # fmt: skip

if __name__ == "__main__":
    for chosen in sys.argv[1:] or CASES:
        CASES[chosen]()
