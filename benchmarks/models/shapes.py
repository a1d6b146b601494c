"""The models of the benchmarks: their config.json as Hugging Face spells it, and the names, shapes and scales of their
weights. Those that see and hear are in `shapes_media`.
"""

from __future__ import annotations

from typing import Iterator

import shapes_media
from weights import Config, Weight, linear, matrix, norm


def marian(config: Config) -> Iterator[Weight]:
    """MarianMTModel: both stacks share one embedding, which is also the output.

    With equal gains everything would collapse: each step would find its own input the likeliest, and every source would
    give the same token for ever. Sharper attention, less of it, and a strong feed-forward make each token depend on all
    before it.
    """
    gains = {"q_proj": 2.0, "k_proj": 2.0, "v_proj": 1.0, "out_proj": 0.5}
    d, inner, vocabulary = config["d_model"], config["encoder_ffn_dim"], config["vocab_size"]
    yield Weight("final_logits_bias", (1, vocabulary), 0.1)
    padding = range(config["pad_token_id"], config["pad_token_id"] + 1)
    yield Weight("model.shared.weight", (vocabulary, d), d**-0.5, zero_rows=padding)
    for stack, attentions in (("encoder", ("self_attn",)), ("decoder", ("self_attn", "encoder_attn"))):
        for layer in range(config[f"{stack}_layers"]):
            prefix = f"model.{stack}.layers.{layer}"
            for attention in attentions:
                for projection, gain in gains.items():
                    yield from linear(f"{prefix}.{attention}.{projection}", d, d, gain=gain)
                yield from norm(f"{prefix}.{attention}_layer_norm", d)
            yield from linear(f"{prefix}.fc1", inner, d)
            yield from linear(f"{prefix}.fc2", d, inner, gain=3.0)
            yield from norm(f"{prefix}.final_layer_norm", d)


def bert(config: Config) -> Iterator[Weight]:
    """BertModel."""
    d, inner = config["hidden_size"], config["intermediate_size"]
    for table, rows in (
        ("word", "vocab_size"),
        ("position", "max_position_embeddings"),
        ("token_type", "type_vocab_size"),
    ):
        yield Weight(f"embeddings.{table}_embeddings.weight", (config[rows], d), d**-0.5)
    yield from norm("embeddings.LayerNorm", d)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"encoder.layer.{layer}"
        for projection in ("query", "key", "value"):
            yield from linear(f"{prefix}.attention.self.{projection}", d, d)
        yield from linear(f"{prefix}.attention.output.dense", d, d)
        yield from norm(f"{prefix}.attention.output.LayerNorm", d)
        yield from linear(f"{prefix}.intermediate.dense", inner, d)
        yield from linear(f"{prefix}.output.dense", d, inner)
        yield from norm(f"{prefix}.output.LayerNorm", d)
    yield from linear("pooler.dense", d, d)


def gpt2(config: Config) -> Iterator[Weight]:
    """GPT2LMHeadModel: matrices lie [in, out]; the embedding is also the output."""
    d = config["n_embd"]
    yield Weight("transformer.wte.weight", (config["vocab_size"], d), d**-0.5)
    yield Weight("transformer.wpe.weight", (config["n_positions"], d), d**-0.5)
    for layer in range(config["n_layer"]):
        prefix = f"transformer.h.{layer}"
        yield from norm(f"{prefix}.ln_1", d)
        yield from linear(f"{prefix}.attn.c_attn", 3 * d, d, transposed=True)
        yield from linear(f"{prefix}.attn.c_proj", d, d, transposed=True)
        yield from norm(f"{prefix}.ln_2", d)
        yield from linear(f"{prefix}.mlp.c_fc", 4 * d, d, transposed=True)
        yield from linear(f"{prefix}.mlp.c_proj", d, 4 * d, transposed=True)
    yield from norm("transformer.ln_f", d)


def llama(config: Config) -> Iterator[Weight]:
    """LlamaForCausalLM with an output of its own, and MixtralForCausalLM where there are experts."""
    d, inner, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    experts = config.get("num_local_experts", 0)
    key_width = d // config["num_attention_heads"] * config["num_key_value_heads"]
    yield Weight("model.embed_tokens.weight", (vocabulary, d), d**-0.5)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        yield from norm(f"{prefix}.input_layernorm", d, bias=False)
        for projection, rows in (("q_proj", d), ("k_proj", key_width), ("v_proj", key_width), ("o_proj", d)):
            yield matrix(f"{prefix}.self_attn.{projection}.weight", rows, d)
        yield from norm(f"{prefix}.post_attention_layernorm", d, bias=False)
        if experts:
            yield matrix(f"{prefix}.block_sparse_moe.gate.weight", experts, d)
        for expert in range(experts):
            for part, rows, columns in (("w1", inner, d), ("w2", d, inner), ("w3", inner, d)):
                yield matrix(f"{prefix}.block_sparse_moe.experts.{expert}.{part}.weight", rows, columns)
        if experts:
            continue
        yield matrix(f"{prefix}.mlp.gate_proj.weight", inner, d)
        yield matrix(f"{prefix}.mlp.up_proj.weight", inner, d)
        yield matrix(f"{prefix}.mlp.down_proj.weight", d, inner)
    yield from norm("model.norm", d, bias=False)
    yield matrix("lm_head.weight", vocabulary, d)


FAMILIES = {"marian": marian, "bert": bert, "gpt2": gpt2, "llama": llama, "mixtral": llama, **shapes_media.FAMILIES}


def weights(config: Config) -> list[Weight]:
    """The tensors of the checkpoint that ``config`` describes, in the order in which they are written."""
    return list(FAMILIES[config["model_type"]](config))


def _marian_config(layers: int, d: int, heads: int, inner: int, vocabulary: int) -> Config:
    """The keys of an OPUS-MT checkpoint."""
    stacks: Config = {}
    for stack in ("encoder", "decoder"):
        stacks |= {
            f"{stack}_layers": layers,
            f"{stack}_attention_heads": heads,
            f"{stack}_ffn_dim": inner,
            f"{stack}_layerdrop": 0.0,
        }
    return {
        "model_type": "marian", "architectures": ["MarianMTModel"], "is_encoder_decoder": True,
        "torch_dtype": "float32",
        "d_model": d, "num_hidden_layers": layers, **stacks, "max_position_embeddings": 512,
        "vocab_size": vocabulary, "decoder_vocab_size": vocabulary, "share_encoder_decoder_embeddings": True,
        "tie_word_embeddings": True,
        "activation_function": "swish", "normalize_before": False, "normalize_embedding": False,
        "add_final_layer_norm": False,
        "static_position_embeddings": True, "add_bias_logits": False, "scale_embedding": True,
        "dropout": 0.1, "attention_dropout": 0.0, "activation_dropout": 0.0, "classifier_dropout": 0.0,
        "init_std": 0.02, "use_cache": True,
        "bos_token_id": 0, "eos_token_id": 0, "forced_eos_token_id": 0,
        "pad_token_id": vocabulary - 1, "decoder_start_token_id": vocabulary - 1,
        "bad_words_ids": [[vocabulary - 1]], "max_length": 512, "num_beams": 6,
    }  # fmt: skip


def _bert_config(layers: int, d: int, heads: int, inner: int) -> Config:
    return {
        "model_type": "bert", "architectures": ["BertModel"], "torch_dtype": "float32",
        "hidden_size": d, "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": inner,
        "hidden_act": "gelu", "vocab_size": 30522, "type_vocab_size": 2,
        "max_position_embeddings": 512, "position_embedding_type": "absolute",
        "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
        "initializer_range": 0.02,
        "pad_token_id": 0, "use_cache": True,
    }  # fmt: skip


def _gpt2_config(layers: int, d: int, heads: int) -> Config:
    return {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "torch_dtype": "float32",
        "n_layer": layers, "n_embd": d, "n_head": heads, "n_positions": 1024, "n_ctx": 1024, "vocab_size": 50257,
        "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "initializer_range": 0.02,
        "attn_pdrop": 0.1, "embd_pdrop": 0.1, "resid_pdrop": 0.1, "bos_token_id": 50256, "eos_token_id": 50256,
    }  # fmt: skip


def _llama_config(layers: int, d: int, heads: int, key_heads: int, inner: int) -> Config:
    return {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16",
        "hidden_size": d, "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": key_heads,
        "intermediate_size": inner, "vocab_size": 32000, "max_position_embeddings": 2048, "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "rope_scaling": None, "attention_bias": False, "pretraining_tp": 1,
        "tie_word_embeddings": False,
        "initializer_range": 0.02, "bos_token_id": 1, "eos_token_id": 2, "use_cache": True,
    }  # fmt: skip


def _mixtral_config(layers: int, d: int, heads: int, key_heads: int, inner: int, experts: int) -> Config:
    return {
        **_llama_config(layers, d, heads, key_heads, inner), "model_type": "mixtral",
        "architectures": ["MixtralForCausalLM"], "num_local_experts": experts, "num_experts_per_tok": 2,
        "sliding_window": None,
    }  # fmt: skip


#: By name: what the benchmarks run, and a small one of each family ("tiny-...") to try the machinery with.
MODELS: dict[str, Config] = {
    "marian-base": _marian_config(layers=6, d=512, heads=8, inner=2048, vocabulary=58101),
    "bert-base": _bert_config(layers=12, d=768, heads=12, inner=3072),
    "minilm-l6": _bert_config(layers=6, d=384, heads=12, inner=1536),
    "gpt2-124m": _gpt2_config(layers=12, d=768, heads=12),
    "llama-1.1b": _llama_config(layers=22, d=2048, heads=32, key_heads=4, inner=5632),
    "mixtral-0.8b": _mixtral_config(layers=8, d=1024, heads=16, key_heads=4, inner=3584, experts=8),
    "tiny-marian": _marian_config(layers=2, d=64, heads=4, inner=128, vocabulary=301),
    "tiny-bert": _bert_config(layers=2, d=64, heads=4, inner=128),
    "tiny-gpt2": _gpt2_config(layers=2, d=64, heads=4),
    "tiny-llama": _llama_config(layers=2, d=128, heads=4, key_heads=2, inner=256),
    **shapes_media.MODELS,
}
