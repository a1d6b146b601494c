"""Makes the checkpoints beside this file and what they must compute: decoders that classify, and texts with ids of
padding inside.

Needs torch and transformers 5.24. `python make.py` makes all, `python make.py NAME ...` some of them. Weights are
random, but larger than fresh ones, so that every part shows in the results."""

import json
import sys
import zlib
from pathlib import Path

import torch
import transformers as hf
from safetensors.torch import save_file

TOKENS = dict(vocab_size=41, bos_token_id=1, eos_token_id=2, num_labels=3)
SIZES = dict(TOKENS, hidden_size=16, num_attention_heads=2, num_hidden_layers=2, max_position_embeddings=64)
LLAMA = dict(SIZES, intermediate_size=20, num_key_value_heads=1, pad_token_id=0)
ENCODER = dict(SIZES, num_hidden_layers=1, intermediate_size=20, pad_token_id=1)
GPT = dict(TOKENS, n_embd=16, n_head=2, n_layer=1, n_positions=64, pad_token_id=0)
GEMMA = dict(LLAMA, head_dim=8, query_pre_attn_scalar=8, sliding_window=5, num_hidden_layers=3)
BART = dict(
    TOKENS,
    d_model=16,
    encoder_layers=1,
    decoder_layers=2,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=20,
    decoder_ffn_dim=20,
    max_position_embeddings=64,
    pad_token_id=3,
    decoder_start_token_id=4,
)
T5 = dict(
    vocab_size=41,
    d_model=16,
    d_kv=6,
    d_ff=20,
    num_layers=1,
    num_decoder_layers=2,
    num_heads=2,
    num_labels=3,
    pad_token_id=0,
    eos_token_id=2,
    decoder_start_token_id=0,
)
ENDED = [[5, 6, 2, 7, 8, 2], [9, 2, 10, 11, 2, 12]]
PADDED = [[5, 6, 1, 7, 8], [1, 9, 1, 1, 10], [11, 12, 13, 14, 1]]
CLOSED = [[5, 6, 0, 7, 8], [9, 10, 11, 0, 0], [0, 0, 0, 0, 0]]

# name: (class of models, class of configurations, options, texts, keys of config.json that are set, keys that are
# taken away)
CASES = {
    "llama-sequence-classes": (hf.LlamaForSequenceClassification, hf.LlamaConfig, LLAMA, CLOSED, {}, []),
    "llama-token-classes": (hf.LlamaForTokenClassification, hf.LlamaConfig, LLAMA, CLOSED, {}, []),
    "qwen2-answers": (hf.Qwen2ForQuestionAnswering, hf.Qwen2Config, dict(LLAMA, num_labels=2), CLOSED, {}, []),
    "gpt2-sequence-classes": (hf.GPT2ForSequenceClassification, hf.GPT2Config, GPT, CLOSED, {}, []),
    "gpt2-token-classes": (hf.GPT2ForTokenClassification, hf.GPT2Config, GPT, CLOSED, {}, []),
    "bart-sequence-classes": (hf.BartForSequenceClassification, hf.BartConfig, BART, ENDED, {}, []),
    "bart-answers": (hf.BartForQuestionAnswering, hf.BartConfig, dict(BART, num_labels=2), ENDED, {}, []),
    "mbart-sequence-classes": (hf.MBartForSequenceClassification, hf.MBartConfig, BART, ENDED, {}, []),
    "t5-sequence-classes": (hf.T5ForSequenceClassification, hf.T5Config, T5, ENDED, {}, []),
    "t5-answers": (hf.T5ForQuestionAnswering, hf.T5Config, dict(T5, num_labels=2), ENDED, {}, []),
    "roberta-padding-inside": (hf.RobertaModel, hf.RobertaConfig, ENCODER, PADDED, {}, []),
    "mpnet-padding-inside": (hf.MPNetModel, hf.MPNetConfig, ENCODER, PADDED, {}, []),
    "gemma3-both-directions": (
        hf.Gemma3TextModel,
        hf.Gemma3TextConfig,
        GEMMA,
        [[5, 6, 7, 8, 9, 10, 11, 12, 13], [13, 12, 11, 10, 9, 8, 7, 6, 5]],
        {
            "use_bidirectional_attention": True,
            "sliding_window": 5,
            "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
        },
        [],
    ),
    "gemma3-keys-without-meaning": (
        hf.Gemma3TextModel,
        hf.Gemma3TextConfig,
        GEMMA,
        [[5, 6, 7, 8, 9, 10, 11, 12, 13]],
        {"attn_logit_softcapping": 3.0, "_sliding_window_pattern": 2, "sliding_window_pattern": 3},
        ["layer_types"],
    ),
    "llama-partial-rotary": (
        hf.LlamaModel,
        hf.LlamaConfig,
        dict(LLAMA, hidden_act="relu2"),
        [[5, 6, 7, 8, 9]],
        {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}},
        [],
    ),
    "llama-proportional-rotary": (
        hf.LlamaModel,
        hf.LlamaConfig,
        dict(LLAMA, hidden_act="mish"),
        [[5, 6, 7, 8, 9]],
        {"rope_parameters": {"rope_type": "proportional", "rope_theta": 100.0, "partial_rotary_factor": 0.5}},
        [],
    ),
}


def randomize(model, generator):
    """Gains around 1, biases around 0, everything else large enough to matter."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            parameter.data = 0.2 * noise + (1 if name.endswith("weight") else 0)
        else:
            parameter.data = noise * (0.5 if "relative_attention_bias" in name else 1.5 / parameter.shape[-1] ** 0.5)


@torch.no_grad()
def make(name):
    model_class, config_class, options, texts, keys, removed = CASES[name]
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    model = model_class(config_class(**options))
    randomize(model, generator)
    folder = Path(__file__).parent / name
    model.save_pretrained(folder)
    text = json.loads((folder / "config.json").read_text())
    text.update(keys)
    for key in removed:
        text.pop(key, None)
    (folder / "config.json").write_text(json.dumps(text, indent=2, sort_keys=True) + "\n")
    model = model_class.from_pretrained(folder, attn_implementation="eager").eval()
    ids = torch.tensor(texts)
    outputs = model(input_ids=ids)
    saved = {"input_ids": ids.to(torch.int32)}
    for key in ("last_hidden_state", "logits", "start_logits", "end_logits"):
        if key in outputs:
            saved[key] = outputs[key].contiguous()
    save_file(saved, folder / "expected.safetensors")


for case in CASES:
    if len(sys.argv) == 1 or case in sys.argv[1:]:
        make(case)
