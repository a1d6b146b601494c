"""Makes further cases of decoders that see, as make_pictures.py does: those whose layers look at pictures by
cross-attention, and those whose pictures come in parts.

    python Tests/Fixtures/features/make_seeing.py [NAME...]
"""

from __future__ import annotations

import sys
from typing import Any

import torch
import transformers
from make_pictures import HERE, PICTURE, TEXT, VISION, answer, randomized, save, text_with
from transformers.models.mllama.processing_mllama import (
    convert_sparse_cross_attention_mask_to_dense,
    get_cross_attention_token_mask,
)

IMAGE, END = 100, 2


def opened(model: Any, *names: str) -> Any:
    """The model with gates that let something through: parameters whose names end so."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(names):
                parameter.copy_(0.4 + 0.6 * torch.rand(parameter.shape, generator=generator))
    return model


def last_picture(ids: list[int], pictures: int) -> torch.Tensor:
    """The mask of Idefics: a token sees the last picture before it, and none behind an end token."""
    mask, seen = torch.zeros((1, len(ids), pictures), dtype=torch.long), -1
    is_ended = False
    for place, token in enumerate(ids):
        if token == IMAGE:
            seen, is_ended = seen + 1, False
        if seen >= 0 and not is_ended:
            mask[0, place, seen] = 1
        is_ended = is_ended or token == END
    return mask


def idefics(name: str, note: str, layers: int, **options: Any) -> None:
    """Two pictures one behind the other and a third, with an end token between."""
    norms = bool(options.get("qk_layer_norms"))
    config = transformers.IdeficsConfig(
        vocab_size=99, additional_vocab_size=2, hidden_size=32, intermediate_size=24, num_attention_heads=4,
        num_hidden_layers=layers, max_position_embeddings=256,
        vision_config={"embed_dim": 32, "intermediate_size": 32, "num_attention_heads": 4, "num_hidden_layers": 1,
                       "image_size": 16, "patch_size": 8},
        use_resampler=True, alpha_initializer="ones",
        perceiver_config={"use_resampler": True, "resampler_depth": 2 if norms else 1, "resampler_n_heads": 2,
                          "resampler_head_dim": 8, "resampler_n_latents": 5, "qk_layer_norms_perceiver": norms},
        **options,
    )  # fmt: skip
    model = opened(randomized(transformers.IdeficsForVisionText2Text(config), 12), "alpha_cross_attn", "alpha_dense")
    ids = [1, 7, 99, IMAGE, 99, IMAGE, 99, 31, 12, 44, END, 8, 50, 99, IMAGE, 99, 21, 90, 63]
    pictures = torch.randn((1, 3, 3, 16, 16), generator=torch.Generator().manual_seed(13))
    tokens = torch.tensor([ids])
    inputs = {"input_ids": tokens, "pixel_values": pictures, "image_attention_mask": last_picture(ids, 3)}
    with torch.no_grad():
        logits = model(**inputs).logits
    save(
        name, model,
        {"input_ids": tokens, "pixel_values": pictures[0], "logits": logits, "greedy_ids.0": answer(model, inputs)},
        note,
    )  # fmt: skip


def canvas(tiles: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """The tiles of a picture, ``[tiles, channels, height, width]``, side by side."""
    lines = [torch.cat(list(tiles[row * columns : (row + 1) * columns]), 2) for row in range(rows)]
    return torch.cat(lines, 1)


def mllama() -> None:
    """A picture of one tile, and two neighbours of other arrangements; tokens before, between and behind."""
    config = transformers.MllamaConfig(
        text_config={"vocab_size": 99, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 4,
                     "num_attention_heads": 4, "num_key_value_heads": 2, "cross_attention_layers": [1, 3],
                     "max_position_embeddings": 256, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
        vision_config={"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_global_layers": 2,
                       "attention_heads": 2, "image_size": 16, "patch_size": 8, "vision_output_dim": 48,
                       "intermediate_layers_indices": [0, 1]},
        image_token_index=IMAGE,
    )  # fmt: skip
    model = randomized(transformers.MllamaForConditionalGeneration(config), 14)
    opened(model, "gate", "gate_attn", "gate_ffn")
    ids = [1, 7, 50, IMAGE, 31, 12, 44, IMAGE, IMAGE, 8, 21, 90, 63]
    arrangements = [(1, 1, 1), (2, 1, 5), (1, 3, 3)]
    pixels = torch.zeros((1, 3, 4, 3, 16, 16))
    mask, tiles = torch.zeros((1, 3, 4), dtype=torch.long), []
    generator = torch.Generator().manual_seed(15)
    for picture, (rows, columns, _) in enumerate(arrangements):
        count = rows * columns
        pixels[0, picture, :count] = torch.randn((count, 3, 16, 16), generator=generator)
        mask[0, picture, :count] = 1
        tiles.append(count)
    spans = get_cross_attention_token_mask(ids, IMAGE)
    seen = convert_sparse_cross_attention_mask_to_dense([spans], [tiles], max_num_tiles=4, length=len(ids))
    tokens = torch.tensor([ids])
    inputs = {
        "input_ids": tokens, "pixel_values": pixels, "aspect_ratio_mask": mask,
        "aspect_ratio_ids": torch.tensor([[number for _, _, number in arrangements]]),
        "cross_attention_mask": torch.from_numpy(seen),
    }  # fmt: skip
    with torch.no_grad():
        logits = model(**inputs).logits
    pictures = {
        f"pixel_values.{index}": canvas(pixels[0, index], rows, columns)
        for index, (rows, columns, _) in enumerate(arrangements)
    }
    save(
        "mllama", model,
        {"input_ids": tokens, **pictures, "logits": logits, "greedy_ids.0": answer(model, inputs)},
        "pictures in tiles, and gated cross-attention in two layers",
    )  # fmt: skip


def pictures_of(*sizes: tuple[int, int]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(16)
    return [torch.randn((3, *size), generator=generator) for size in sizes]


def idefics2() -> None:
    """Two pictures of other sizes than the training's, which the reference lays into one frame."""
    config = transformers.Idefics2Config(
        vision_config={**VISION, "num_hidden_layers": 1, "image_size": 40},
        text_config={"model_type": "mistral", **TEXT, "intermediate_size": 48},
        perceiver_config={"hidden_size": 32, "resampler_n_latents": 3, "resampler_depth": 1, "resampler_n_heads": 4,
                          "resampler_head_dim": 8, "num_key_value_heads": 2},
        image_token_id=PICTURE,
    )  # fmt: skip
    model = randomized(transformers.Idefics2ForConditionalGeneration(config), 17)
    ids = torch.tensor([text_with(2, 3, 18)])
    pictures = pictures_of((40, 40), (24, 56))
    frame, mask = torch.zeros((1, 2, 3, 40, 56)), torch.zeros((1, 2, 40, 56), dtype=torch.long)
    for index, picture in enumerate(pictures):
        frame[0, index, :, : picture.shape[1], : picture.shape[2]] = picture
        mask[0, index, : picture.shape[1], : picture.shape[2]] = 1
    inputs = {"input_ids": ids, "pixel_values": frame, "pixel_attention_mask": mask}
    with torch.no_grad():
        logits = model(**inputs).logits
    save(
        "idefics2", model,
        {"input_ids": ids, **{f"pixel_values.{index}": picture for index, picture in enumerate(pictures)},
         "logits": logits, "greedy_ids.0": answer(model, inputs)},
        "states resampled behind a gated network; places by the share of the sides",
    )  # fmt: skip


def llava_next() -> None:
    """Two pictures with their tiles, from bytes: needs Pillow."""
    from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

    sizes = [[16, 32], [32, 16], [32, 32], [16, 48]]
    config = transformers.LlavaNextConfig(
        vision_config={"model_type": "clip_vision_model", **VISION, "image_size": 16},
        text_config={"model_type": "llama", **TEXT}, image_token_index=PICTURE, image_grid_pinpoints=sizes,
        vision_feature_layer=-2,
    )  # fmt: skip
    model = randomized(transformers.LlavaNextForConditionalGeneration(config), 19)
    processor = LlavaNextImageProcessorPil(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}, image_grid_pinpoints=sizes
    )
    generator = torch.Generator().manual_seed(20)
    pictures = [
        torch.randint(0, 256, (*size, 3), generator=generator, dtype=torch.uint8) for size in [(20, 45), (33, 29)]
    ]
    seen = processor(images=[picture.numpy() for picture in pictures], return_tensors="pt")
    with torch.no_grad():
        parts = model.model.get_image_features(**seen, vision_feature_select_strategy="default").pooler_output
    ids = [1, 7, *[PICTURE] * len(parts[0]), 31, 12, *[PICTURE] * len(parts[1]), 8, 21, 90, 63]
    inputs = {"input_ids": torch.tensor([ids]), **seen}
    with torch.no_grad():
        logits = model(**inputs).logits
    save(
        "llava_next", model,
        {"input_ids": inputs["input_ids"],
         **{f"picture.{index}": picture for index, picture in enumerate(pictures)},
         "logits": logits, "greedy_ids.0": answer(model, inputs)},
        f"the pictures become {[len(part) for part in parts]} states",
    )  # fmt: skip
    processor.save_pretrained(HERE / "llava_next")


def qwen3_vl(name: str, kind: str, **text: object) -> None:
    """Two pictures of different sizes, whose states of two inner layers go on to the decoder's first."""
    config = getattr(transformers, f"Qwen3VL{kind}Config")(
        vision_config={"depth": 3, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "patch_size": 4,
                       "out_hidden_size": 32, "num_position_embeddings": 25, "deepstack_visual_indexes": [0, 2]},
        text_config={**TEXT, "num_hidden_layers": 3,
                     "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_interleaved": True,
                                         "mrope_section": [2, 1, 1]}, **text},
        image_token_id=PICTURE, video_token_id=97, vision_start_token_id=95, vision_end_token_id=96,
    )  # fmt: skip
    model = randomized(getattr(transformers, f"Qwen3VL{kind}ForConditionalGeneration")(config), 21)
    grids = torch.tensor([[1, 4, 6], [1, 8, 4]])
    pixels = torch.randn((56, 96), generator=torch.Generator().manual_seed(22))
    ids = [1, 7, *[PICTURE] * 6, 31, 12, *[PICTURE] * 8, 8, 21, 90, 63]
    tokens = torch.tensor([ids])
    inputs = {"input_ids": tokens, "pixel_values": pixels, "image_grid_thw": grids,
              "mm_token_type_ids": (tokens == PICTURE).int()}  # fmt: skip
    with torch.no_grad():
        logits = model(**inputs).logits
    save(
        name, model,
        {"input_ids": tokens, "pixel_values": pixels, "image_grid_thw": grids, "logits": logits,
         "greedy_ids.0": answer(model, inputs)},
        "states of inner layers of the tower go to the first layers of the decoder",
    )  # fmt: skip


CASES = {
    "idefics2": idefics2,
    "llava_next": llava_next,
    "qwen3_vl": lambda: qwen3_vl("qwen3_vl", ""),
    "qwen3_vl_moe": lambda: qwen3_vl(
        "qwen3_vl_moe", "Moe", num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, norm_topk_prob=True
    ),
    "mllama": mllama,
    "idefics": lambda: idefics("idefics", "gated cross-attention before every second layer", 4, cross_layer_interval=2),
    "idefics-norms": lambda: idefics(
        "idefics-norms", "with norms of queries and keys, and a gate for each component", 2, qk_layer_norms=True,
        alpha_type="vector", tie_word_embeddings=True,
    ),
}  # fmt: skip

if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        CASES[name]()
