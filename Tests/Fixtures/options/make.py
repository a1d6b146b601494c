"""Makes the checkpoints beside this file and what they must compute: options of decoders that no case of ../conformance
has.

Needs torch and transformers 5.23. `python make.py` makes all, `python make.py NAME ...` some of them. Weights are
random, but larger than fresh ones, so that every part shows in the results."""

import json
import sys
import zlib
from pathlib import Path

import torch
import transformers as hf
from safetensors.torch import save_file

TOKENS = dict(vocab_size=41, bos_token_id=1, eos_token_id=2, pad_token_id=None)
SIZES = dict(TOKENS, hidden_size=16, num_attention_heads=4, num_hidden_layers=2, max_position_embeddings=64)
LLAMA = dict(SIZES, intermediate_size=20, num_key_value_heads=2)
ONE_LAYER = {
    **LLAMA,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_hidden_layers": 1,
}  # heads of 8 components: 4 wavelengths
GPT = dict(TOKENS, n_embd=16, n_head=4, n_layer=2, n_positions=64)
LONGROPE = {
    "rope_type": "longrope",
    "short_factor": [1.0, 1.5],
    "long_factor": [2.0, 5.5],
    "original_max_position_embeddings": 8,
}
PHI3 = dict(
    ONE_LAYER,
    original_max_position_embeddings=8,
    rope_parameters=dict(LONGROPE, rope_theta=10000.0, partial_rotary_factor=0.5),
)


def scaled(**parameters):
    """A Llama whose positions are stretched."""
    return dict(ONE_LAYER, rope_parameters=dict(parameters, rope_theta=10000.0))


# name: (configuration class, options, length of the prompts, keys of config.json that older versions write in place of
# today's; None: absent)
CASES = {
    "bloom-six-heads": (hf.BloomConfig, dict(TOKENS, hidden_size=24, n_head=6, n_layer=1), 9, {}),
    "codegen": (hf.CodeGenConfig, dict(GPT, rotary_dim=2), 9, {}),
    "falcon-groups": (hf.FalconConfig, dict(SIZES, new_decoder_architecture=True, num_kv_heads=2), 9, {}),
    "falcon-groups-one-norm": (
        hf.FalconConfig,
        dict(
            SIZES, new_decoder_architecture=True, num_kv_heads=2, num_ln_in_parallel_attn=1, tie_word_embeddings=False
        ),
        9,
        {},
    ),
    "falcon-linear-biases": (
        hf.FalconConfig,
        dict(SIZES, alibi=True, multi_query=False, parallel_attn=False, bias=True),
        9,
        {},
    ),
    "gemma3-scaled": (
        hf.Gemma3TextConfig,
        dict(
            LLAMA,
            head_dim=8,
            query_pre_attn_scalar=8,
            sliding_window=4,
            layer_types=["sliding_attention", "full_attention"],
            rope_parameters={
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            },
        ),
        9,
        {
            "layer_types": None,
            "sliding_window_pattern": 2,
            "rope_parameters": None,
            "rope_theta": 1000000.0,
            "rope_local_base_freq": 10000.0,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0},
        },
    ),
    "gpt_bigcode": (hf.GPTBigCodeConfig, dict(GPT, n_layer=1, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0), 9, {}),
    "gpt_neox-sequential": (
        hf.GPTNeoXConfig,
        dict(
            SIZES,
            intermediate_size=20,
            use_parallel_residual=False,
            attention_bias=False,
            rope_parameters={"rope_type": "default", "rope_theta": 100.0, "partial_rotary_factor": 1.0},
        ),
        9,
        {"rope_parameters": None, "rotary_emb_base": 100, "rotary_pct": 1.0},
    ),
    "llama-dynamic": (hf.LlamaConfig, dict(scaled(rope_type="dynamic", factor=4.0), max_position_embeddings=8), 14, {}),
    "llama-linear": (hf.LlamaConfig, scaled(rope_type="linear", factor=4.0), 14, {}),
    "llama-llama3": (
        hf.LlamaConfig,
        scaled(
            rope_type="llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=8,
        ),
        14,
        {},
    ),
    "llama-yarn": (
        hf.LlamaConfig,
        scaled(rope_type="yarn", factor=8.0, beta_fast=1.5, beta_slow=0.5, original_max_position_embeddings=8),
        14,
        {},
    ),
    "llama-yarn-magnitudes": (
        hf.LlamaConfig,
        scaled(
            rope_type="yarn",
            factor=8.0,
            beta_fast=1.5,
            beta_slow=0.1,
            original_max_position_embeddings=8,
            truncate=False,
            mscale=0.7,
            mscale_all_dim=1.1,
        ),
        14,
        {},
    ),
    "mistral-without-window": (
        hf.MistralConfig,
        dict(LLAMA, sliding_window=None, num_hidden_layers=1),
        9,
        {"head_dim": None},
    ),
    "mpt": (hf.MptConfig, dict(TOKENS, d_model=16, n_heads=4, n_layers=1, attn_config={"softmax_scale": 0.4}), 9, {}),
    "olmo2-biases": (hf.Olmo2Config, dict(LLAMA, attention_bias=True, num_hidden_layers=1), 9, {}),
    "opt-narrow-table": (
        hf.OPTConfig,
        dict(SIZES, ffn_dim=20, word_embed_proj_dim=8, do_layer_norm_before=False),
        9,
        {},
    ),
    "phi-norms": (hf.PhiConfig, dict(ONE_LAYER, qk_layernorm=True), 9, {}),
    "phi3-longrope-beyond": (hf.Phi3Config, PHI3, 14, {}),
    "phi3-longrope-within": (
        hf.Phi3Config,
        PHI3,
        6,
        {
            "rope_parameters": None,
            "partial_rotary_factor": 0.5,
            "rope_theta": 10000.0,
            "original_max_position_embeddings": 8,
            "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.5], "long_factor": [2.0, 5.5]},
        },
    ),
    "qwen2-windows": (
        hf.Qwen2Config,
        dict(LLAMA, use_sliding_window=True, sliding_window=4, max_window_layers=1),
        9,
        {"layer_types": None},
    ),
    "smollm3-usual-layers": (
        hf.SmolLM3Config,
        dict(LLAMA, num_hidden_layers=4, intermediate_size=12),
        9,
        {"no_rope_layers": None, "no_rope_layer_interval": None, "layer_types": None},
    ),
    "stablelm-parallel-norms": (
        hf.StableLmConfig,
        dict(
            LLAMA, hidden_size=32, num_hidden_layers=1, use_parallel_residual=True, qk_layernorm=True, use_qkv_bias=True
        ),
        9,
        {},
    ),
}


def randomize(model, generator):
    """Gains around 1, biases around 0, everything else large enough to matter."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            parameter.data = 0.2 * noise + (1 if name.endswith("weight") else 0)
        else:
            parameter.data = noise * 1.5 / parameter.shape[-1] ** 0.5


@torch.no_grad()
def make(name):
    config_class, options, length, older = CASES[name]
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    config = config_class(**options)
    # Falcon's eager attention adds linear biases that its mask holds already.
    attention = "sdpa" if options.get("alibi") else "eager"
    model = hf.AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()
    randomize(model, generator)
    ids = torch.randint(3, config.vocab_size, (2, length), generator=generator)
    logits = model(input_ids=ids, use_cache=False).logits
    folder = Path(__file__).parent / name
    model.save_pretrained(folder)
    text = json.loads((folder / "config.json").read_text())
    for key, value in older.items():
        text.pop(key, None)
        if value is not None:
            text[key] = value
    (folder / "config.json").write_text(json.dumps(text, indent=2, sort_keys=True) + "\n")
    save_file({"input_ids": ids.to(torch.int32), "logits": logits.contiguous()}, folder / "expected.safetensors")


for case in CASES:
    if len(sys.argv) == 1 or case in sys.argv[1:]:
        make(case)
