"""The models of the benchmarks that see and hear: their config.json, the names, shapes and scales of their weights, and
the files beside them that say how pictures and sounds are prepared.
"""

from __future__ import annotations

from typing import Iterator

from weights import Config, Weight, linear, matrix, norm


def _picture_tower(prefix: str, config: Config, names: dict[str, str]) -> Iterator[Weight]:
    """The layers of a tower that normalises before; ``names`` are the family's, by ours."""
    d, inner = config["hidden_size"], config["intermediate_size"]
    for layer in range(config["num_hidden_layers"]):
        own = f"{prefix}.{layer}"
        yield from norm(f"{own}.{names['first norm']}", d)
        for projection in ("query", "key", "value", "output"):
            yield from linear(f"{own}.{names[projection]}", d, d)
        yield from norm(f"{own}.{names['second norm']}", d)
        yield from linear(f"{own}.{names['inner']}", inner, d)
        yield from linear(f"{own}.{names['outer']}", d, inner)


#: How ViT and CLIP call what their layers have.
VIT_NAMES = {
    "first norm": "layernorm_before", "second norm": "layernorm_after",
    "query": "attention.attention.query", "key": "attention.attention.key", "value": "attention.attention.value",
    "output": "attention.output.dense", "inner": "intermediate.dense", "outer": "output.dense",
}  # fmt: skip
CLIP_NAMES = {
    "first norm": "layer_norm1", "second norm": "layer_norm2",
    "query": "self_attn.q_proj", "key": "self_attn.k_proj", "value": "self_attn.v_proj",
    "output": "self_attn.out_proj", "inner": "mlp.fc1", "outer": "mlp.fc2",
}  # fmt: skip


def _patches(config: Config) -> tuple[tuple[int, ...], float, int]:
    """The shape of the convolution that makes patches into vectors, its scale, and how many vectors there are."""
    shape = (config["hidden_size"], 3, config["patch_size"], config["patch_size"])
    return shape, (3 * config["patch_size"] ** 2) ** -0.5, (config["image_size"] // config["patch_size"]) ** 2 + 1


def vit(config: Config) -> Iterator[Weight]:
    """ViTModel without its pooler."""
    d = config["hidden_size"]
    shape, scale, places = _patches(config)
    yield Weight("embeddings.cls_token", (1, 1, d), 1.0)
    yield Weight("embeddings.position_embeddings", (1, places, d), 0.5)
    yield Weight("embeddings.patch_embeddings.projection.weight", shape, scale)
    yield Weight("embeddings.patch_embeddings.projection.bias", (d,), 0.02)
    yield from _picture_tower("encoder.layer", config, VIT_NAMES)
    yield from norm("layernorm", d)


def clip(config: Config) -> Iterator[Weight]:
    """CLIPModel."""
    text, seen = config["text_config"], config["vision_config"]
    yield Weight("logit_scale", (), 0.0, 2.6592)
    yield Weight("text_model.embeddings.token_embedding.weight", (text["vocab_size"], text["hidden_size"]), 0.5)
    places = (text["max_position_embeddings"], text["hidden_size"])
    yield Weight("text_model.embeddings.position_embedding.weight", places, 0.5)
    yield from _picture_tower("text_model.encoder.layers", text, CLIP_NAMES)
    yield from norm("text_model.final_layer_norm", text["hidden_size"])
    d = seen["hidden_size"]
    shape, scale, count = _patches(seen)
    yield Weight("vision_model.embeddings.class_embedding", (d,), 1.0)
    yield Weight("vision_model.embeddings.patch_embedding.weight", shape, scale)
    yield Weight("vision_model.embeddings.position_embedding.weight", (count, d), 0.5)
    yield from norm("vision_model.pre_layrnorm", d)
    yield from _picture_tower("vision_model.encoder.layers", seen, CLIP_NAMES)
    yield from norm("vision_model.post_layernorm", d)
    yield matrix("visual_projection.weight", config["projection_dim"], d)
    yield matrix("text_projection.weight", config["projection_dim"], text["hidden_size"])


def wav2vec2(config: Config) -> Iterator[Weight]:
    """Wav2Vec2Model with a group norm behind its first convolution."""
    d, inner = config["hidden_size"], config["intermediate_size"]
    channels = 1
    for index, (outputs, taps) in enumerate(zip(config["conv_dim"], config["conv_kernel"])):
        name = f"feature_extractor.conv_layers.{index}"
        # GELU halves what it is given, so that each is made larger again.
        yield Weight(f"{name}.conv.weight", (outputs, channels, taps), 1.7 * (channels * taps) ** -0.5)
        if index == 0:
            yield from norm(f"{name}.layer_norm", outputs)
        channels = outputs
    yield from norm("feature_projection.layer_norm", channels)
    yield from linear("feature_projection.projection", d, channels)
    yield Weight("masked_spec_embed", (d,), 0.5)
    taps, groups = config["num_conv_pos_embeddings"], config["num_conv_pos_embedding_groups"]
    place = "encoder.pos_conv_embed.conv"
    yield Weight(f"{place}.bias", (d,), 0.02)
    yield Weight(f"{place}.parametrizations.weight.original0", (1, 1, taps), 0.1, (d / taps) ** 0.5)
    yield Weight(f"{place}.parametrizations.weight.original1", (d, d // groups, taps), 1.0)
    yield from norm("encoder.layer_norm", d)
    for layer in range(config["num_hidden_layers"]):
        own = f"encoder.layers.{layer}"
        for projection in ("k_proj", "v_proj", "q_proj", "out_proj"):
            yield from linear(f"{own}.attention.{projection}", d, d)
        yield from norm(f"{own}.layer_norm", d)
        yield from linear(f"{own}.feed_forward.intermediate_dense", inner, d)
        yield from linear(f"{own}.feed_forward.output_dense", d, inner)
        yield from norm(f"{own}.final_layer_norm", d)


def whisper(config: Config) -> Iterator[Weight]:
    """WhisperForConditionalGeneration, whose embedding is also its output.

    The vectors of the end token and all behind it (languages, tasks, times) are zero, so that their logits are, where
    the largest of the others is 4 or more: nobody ends a text or writes times, and all write the same number of tokens
    by whatever rules.
    """
    d, inner, vocabulary = config["d_model"], config["encoder_ffn_dim"], config["vocab_size"]
    channels = config["num_mel_bins"]
    for name in ("conv1", "conv2"):
        yield Weight(f"model.encoder.{name}.weight", (d, channels, 3), 1.7 * (3 * channels) ** -0.5)
        yield Weight(f"model.encoder.{name}.bias", (d,), 0.02)
        channels = d
    special = range(config["eos_token_id"], vocabulary)
    yield Weight("model.decoder.embed_tokens.weight", (vocabulary, d), d**-0.5, zero_rows=special)
    for stack, attentions in (("encoder", ("self_attn",)), ("decoder", ("self_attn", "encoder_attn"))):
        places = config["max_source_positions" if stack == "encoder" else "max_target_positions"]
        # A decoder's are large, so that what is written differs from place to place.
        yield Weight(f"model.{stack}.embed_positions.weight", (places, d), 0.5 if stack == "encoder" else 2.0)
        for layer in range(config[f"{stack}_layers"]):
            own = f"model.{stack}.layers.{layer}"
            for attention in attentions:
                for projection in ("q_proj", "v_proj", "out_proj"):
                    yield from linear(f"{own}.{attention}.{projection}", d, d)
                yield matrix(f"{own}.{attention}.k_proj.weight", d, d)
                yield from norm(f"{own}.{attention}_layer_norm", d)
            yield from linear(f"{own}.fc1", inner, d)
            yield from linear(f"{own}.fc2", d, inner)
            yield from norm(f"{own}.final_layer_norm", d)
        yield from norm(f"model.{stack}.layer_norm", d)


FAMILIES = {"vit": vit, "clip": clip, "wav2vec2": wav2vec2, "whisper": whisper}


def _vit_config(layers: int, d: int, heads: int, side: int, patch: int) -> Config:
    return {
        "model_type": "vit", "architectures": ["ViTModel"], "torch_dtype": "float32",
        "hidden_size": d, "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": 4 * d,
        "hidden_act": "gelu", "layer_norm_eps": 1e-12, "image_size": side, "patch_size": patch, "num_channels": 3,
        "qkv_bias": True, "encoder_stride": patch,
    }  # fmt: skip


def _clip_config(layers: int, d: int, side: int, patch: int, text: int, vocabulary: int, projection: int) -> Config:
    """Heads have 64 numbers, as in all CLIPs."""
    tower = {"num_hidden_layers": layers, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}

    def width(d: int) -> Config:
        return {"hidden_size": d, "intermediate_size": 4 * d, "num_attention_heads": d // 64}

    return {
        "model_type": "clip", "architectures": ["CLIPModel"], "torch_dtype": "float32", "projection_dim": projection,
        "logit_scale_init_value": 2.6592,
        "text_config": {
            "model_type": "clip_text_model", **tower, **width(text), "vocab_size": vocabulary,
            "max_position_embeddings": 77, "bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1,
            "pad_token_id": 1, "projection_dim": projection,
        },
        "vision_config": {
            "model_type": "clip_vision_model", **tower, **width(d), "image_size": side, "patch_size": patch,
            "num_channels": 3, "projection_dim": projection,
        },
    }  # fmt: skip


def _wav2vec2_config(layers: int, d: int, heads: int, channels: int) -> Config:
    return {
        "model_type": "wav2vec2", "architectures": ["Wav2Vec2Model"], "torch_dtype": "float32",
        "hidden_size": d, "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": 4 * d,
        "hidden_act": "gelu", "layer_norm_eps": 1e-5, "do_stable_layer_norm": False,
        "conv_dim": [channels] * 7, "conv_kernel": [10, 3, 3, 3, 3, 2, 2], "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "conv_bias": False, "feat_extract_norm": "group", "feat_extract_activation": "gelu",
        "num_feat_extract_layers": 7, "num_conv_pos_embeddings": 128, "num_conv_pos_embedding_groups": 16,
        "vocab_size": 32, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
        "mask_time_prob": 0.0, "mask_feature_prob": 0.0,
    }  # fmt: skip


def _whisper_config(layers: int, d: int, heads: int) -> Config:
    stacks: Config = {}
    for stack in ("encoder", "decoder"):
        stacks |= {f"{stack}_layers": layers, f"{stack}_attention_heads": heads, f"{stack}_ffn_dim": 4 * d}
    return {
        "model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"], "is_encoder_decoder": True,
        "torch_dtype": "float32", "d_model": d, "num_hidden_layers": layers, **stacks, "num_mel_bins": 80,
        "max_source_positions": 1500, "max_target_positions": 448, "vocab_size": 51865,
        "activation_function": "gelu", "scale_embedding": False, "tie_word_embeddings": True, "use_cache": True,
        "dropout": 0.0, "bos_token_id": 50257, "eos_token_id": 50257, "pad_token_id": 50257,
        "decoder_start_token_id": 50258,
    }  # fmt: skip


#: How the processors of the originals prepare pictures and sounds.
PREPROCESSORS: dict[str, Config] = {
    "vit": {
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": 224, "width": 224},
        "resample": 2, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
        "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    },
    "clip": {
        "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": 224}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": 224, "width": 224}, "do_convert_rgb": True,
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
    },
    "whisper": {
        "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80, "sampling_rate": 16000,
        "chunk_length": 30, "n_fft": 400, "hop_length": 160, "nb_max_frames": 3000, "n_samples": 480000,
        "padding_side": "right", "padding_value": 0.0, "return_attention_mask": False,
    },
}  # fmt: skip

#: By name, as `shapes.MODELS`.
MODELS: dict[str, Config] = {
    "vit-b16": _vit_config(layers=12, d=768, heads=12, side=224, patch=16),
    "clip-b32": _clip_config(layers=12, d=768, side=224, patch=32, text=512, vocabulary=49408, projection=512),
    "wav2vec2-base": _wav2vec2_config(layers=12, d=768, heads=12, channels=512),
    "whisper-base": _whisper_config(layers=6, d=512, heads=8),
    "tiny-vit": _vit_config(layers=2, d=64, heads=4, side=224, patch=32),
    "tiny-clip": _clip_config(layers=2, d=64, side=224, patch=32, text=64, vocabulary=99, projection=32),
    "tiny-wav2vec2": _wav2vec2_config(layers=2, d=64, heads=4, channels=32),
    "tiny-whisper": _whisper_config(layers=2, d=64, heads=4),
}
