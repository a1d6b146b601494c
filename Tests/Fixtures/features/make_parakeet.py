"""Makes the case parakeet beside this file: a small Parakeet with CTC, what its feature extractor makes of a sound, and
what it must compute.

Needs torch, transformers 5.24 and tokenizers. Weights are random, but larger than fresh ones, so that every part shows
in the results; the statistics of the batch norms are drawn too."""

import json
from pathlib import Path

import torch
import transformers as hf
from safetensors.torch import save_file

FOLDER = Path(__file__).parent / "parakeet"
SIZES = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 20,
    "subsampling_conv_channels": 6,
    "num_mel_bins": 16,
    "conv_kernel_size": 5,
}
PIECES = ["<unk>", "\u2581the", "\u2581a", "t", "he", "\u2581", "o", "n", "\u2581in", "s"]


def randomize(model, generator):
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            parameter.data = 0.2 * noise + (1 if name.endswith("weight") and "norm" in name else 0)
        elif "bias_" in name:
            parameter.data = noise
        else:
            parameter.data = noise * 1.5 / parameter[0].numel() ** 0.5
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(0.3 * torch.randn(buffer.shape, generator=generator))
        elif name.endswith("running_var"):
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))


def tokenizer():
    return {
        "version": "1.0",
        "added_tokens": [
            {
                "id": 0,
                "content": "<unk>",
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
        ],  # fmt: skip
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [[piece, -float(at)] for at, piece in enumerate(PIECES)]},
    }


@torch.no_grad()
def make():
    generator = torch.Generator().manual_seed(5)
    config = hf.ParakeetCTCConfig(vocab_size=len(PIECES) + 1, pad_token_id=len(PIECES), encoder_config=SIZES)
    config._attn_implementation = "eager"
    model = hf.ParakeetForCTC(config).eval()
    randomize(model, generator)
    model.save_pretrained(FOLDER)
    (FOLDER / "tokenizer.json").write_text(json.dumps(tokenizer(), indent=1))
    front = hf.ParakeetFeatureExtractor(feature_size=SIZES["num_mel_bins"])
    front.save_pretrained(FOLDER)
    times = torch.arange(32000) / 16000
    sound = 0.3 * torch.sin(2000 * times * (1 + times)) * (torch.sin(9 * times) > 0)
    sound = sound + 0.01 * torch.randn(sound.shape, generator=generator)
    made = front(sound.numpy(), sampling_rate=16000, return_tensors="pt")
    whole = made["input_features"][:, : int(made["attention_mask"].sum())]
    features = torch.cat([whole[:, :90], torch.randn((1, 90, 16), generator=generator)])
    states = model.encoder(input_features=features).last_hidden_state
    logits = model(input_features=features).logits
    ids = model(**made).logits[0].argmax(-1)[: model._get_subsampling_output_length(made["attention_mask"].sum())]
    tensors = {
        "input_features": features,
        "last_hidden_state": states,
        "logits": logits,
        "sound": sound,
        "sound_features": whole[0],
        "sound_ids": ids.to(torch.int32),
    }
    save_file({key: value.contiguous() for key, value in tensors.items()}, FOLDER / "expected.safetensors")


if __name__ == "__main__":
    make()
