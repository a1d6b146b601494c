"""Makes the cases beside this file that begin with "sound-", and what they must compute: heads and options of models
that read sounds, which no case of the reference's has.

Needs torch and transformers 5.24. `python make.py` makes all, `python make.py NAME ...` some of them. Weights are
random, but larger than fresh ones, so that every part shows in the results."""

import sys
from pathlib import Path

import torch
import transformers as hf
from safetensors.torch import save_file

ENCODER = dict(hidden_size=16, num_attention_heads=2, num_hidden_layers=3, intermediate_size=20, layerdrop=0.0)
SAMPLES = dict(
    **ENCODER,
    conv_dim=[8, 12, 8],
    conv_kernel=[10, 3, 2],
    conv_stride=[5, 2, 2],
    num_conv_pos_embeddings=7,
    num_conv_pos_embedding_groups=2,
    vocab_size=11,
    classifier_proj_size=6,
    num_labels=5,
)
STABLE = dict(**SAMPLES, do_stable_layer_norm=True, feat_extract_norm="layer", conv_bias=True)
DATA2VEC = {**SAMPLES, "num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 5}
FRAMES = dict(
    **ENCODER,
    feature_projection_input_dim=12,
    conv_depthwise_kernel_size=5,
    left_max_position_embeddings=3,
    right_max_position_embeddings=4,
    vocab_size=11,
    classifier_proj_size=6,
    num_labels=5,
)

# name: (model class, configuration class, options)
CASES = {
    "sound-wav2vec2-stable": (hf.Wav2Vec2ForCTC, hf.Wav2Vec2Config, STABLE),
    "sound-wav2vec2-classes": (hf.Wav2Vec2ForSequenceClassification, hf.Wav2Vec2Config, SAMPLES),
    "sound-wav2vec2-layer-sum": (
        hf.Wav2Vec2ForSequenceClassification,
        hf.Wav2Vec2Config,
        dict(**SAMPLES, use_weighted_layer_sum=True),
    ),
    "sound-wavlm-stable-layer-sum": (
        hf.WavLMForSequenceClassification,
        hf.WavLMConfig,
        dict(**STABLE, use_weighted_layer_sum=True, num_buckets=12, max_bucket_distance=20),
    ),
    "sound-hubert-plain": (hf.HubertModel, hf.HubertConfig, dict(**SAMPLES, feat_proj_layer_norm=False)),
    "sound-unispeech": (hf.UniSpeechForCTC, hf.UniSpeechConfig, {**SAMPLES, "num_ctc_classes": 11}),
    "sound-unispeech-sat": (hf.UniSpeechSatForCTC, hf.UniSpeechSatConfig, STABLE),
    "sound-data2vec": (hf.Data2VecAudioForCTC, hf.Data2VecAudioConfig, DATA2VEC),
    "sound-wav2vec2-bert-classes": (hf.Wav2Vec2BertForSequenceClassification, hf.Wav2Vec2BertConfig, FRAMES),
    "sound-wav2vec2-bert-no-positions": (
        hf.Wav2Vec2BertForCTC,
        hf.Wav2Vec2BertConfig,
        dict(**FRAMES, position_embeddings_type=None),
    ),
    "sound-ast-bare": (
        hf.ASTModel,
        hf.ASTConfig,
        dict(**ENCODER, patch_size=4, frequency_stride=3, time_stride=2, num_mel_bins=10, max_length=11),
    ),
}


def randomize(model, generator):
    """Gains around 1, biases around 0, everything else large enough to matter."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            is_gain = name.endswith("weight") and "norm" in name
            parameter.data = 0.2 * noise + (1 if is_gain else 0)
        elif name.endswith("original0"):
            parameter.data = 1 + 0.2 * noise
        else:
            inputs = parameter[0].numel() if parameter.dim() > 1 else 1
            parameter.data = noise * 1.5 / inputs**0.5


@torch.no_grad()
def make(name, seed):
    model_class, config_class, options = CASES[name]
    generator = torch.Generator().manual_seed(seed)
    config = config_class(**options)
    config._attn_implementation = "eager"
    model = model_class(config).eval()
    randomize(model, generator)
    folder = Path(__file__).parent / name
    model.save_pretrained(folder)
    if config_class is hf.Wav2Vec2BertConfig:
        inputs = {"input_features": torch.randn((2, 13, 12), generator=generator)}
    elif config_class is hf.ASTConfig:
        inputs = {"input_values": torch.randn((2, 11, 10), generator=generator)}
    else:
        inputs = {"input_values": torch.randn((2, 700), generator=generator)}
    saved, outputs = dict(inputs), model(**inputs)
    for key in ("last_hidden_state", "pooler_output", "logits"):
        if key in outputs:
            saved[key] = outputs[key]
    tensors = {key: value.to(torch.float32).contiguous() for key, value in saved.items()}
    save_file(tensors, folder / "expected.safetensors")


for number, case in enumerate(CASES):
    if len(sys.argv) == 1 or case in sys.argv[1:]:
        make(case, number)
