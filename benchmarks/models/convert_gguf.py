"""GPT-2 and Llama as GGUF, for llama.cpp. Names and keys are those of docs/gguf.md in github.com/ggml-org/ggml; the
file has no vocabulary, since the benchmarks deal in ids. Quantised files come from llama.cpp's own quantiser, as its
users' do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import numpy.typing as npt
from convert import cached
from read_model import read_tensors

Array = npt.NDArray[Any]


def _gpt2_tensors(config: dict[str, Any], tensors: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """GGUF's name of each tensor; matrices [out, in]."""
    names = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm"}
    inner = {
        "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
        "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
    }  # fmt: skip
    names |= {
        f"h.{layer}.{old}": f"blk.{layer}.{new}" for layer in range(config["n_layer"]) for old, new in inner.items()
    }
    for old, values in tensors.items():
        module, part = old.removeprefix("transformer.").rsplit(".", 1)
        yield f"{names[module]}.{part}", values.T if ".c_" in old and part == "weight" else values


def _llama_tensors(config: dict[str, Any], tensors: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """GGUF's name of each tensor. llama.cpp rotates neighbours where Hugging Face rotates halves: rows of Q and K
    change places.
    """
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    inner = {
        "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    }  # fmt: skip
    layers = range(config["num_hidden_layers"])
    names |= {f"model.layers.{layer}.{old}": f"blk.{layer}.{new}" for layer in layers for old, new in inner.items()}
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    for old, values in tensors.items():
        module, part = old.rsplit(".", 1)
        count = heads.get(module.rsplit(".", 1)[-1])
        if count:
            rows, columns = values.shape
            values = values.reshape(count, 2, rows // count // 2, columns).swapaxes(1, 2).reshape(rows, columns)
        yield f"{names[module]}.{part}", values


def _describe(writer: Any, config: dict[str, Any]) -> None:
    """The keys of the header."""
    writer.add_tokenizer_model("none")
    writer.add_vocab_size(config["vocab_size"])
    if config["model_type"] == "gpt2":
        writer.add_context_length(config["n_positions"])
        writer.add_embedding_length(config["n_embd"])
        writer.add_block_count(config["n_layer"])
        writer.add_feed_forward_length(4 * config["n_embd"])
        writer.add_head_count(config["n_head"])
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
        return
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_rope_freq_base(config["rope_theta"])


def _stored_file(folder: Path) -> Path:
    """The checkpoint in its stored type: matrices as they are, vectors in float32."""

    def make(partial: Path) -> None:
        import gguf

        config = json.loads((folder / "config.json").read_text())
        family = _gpt2_tensors if config["model_type"] == "gpt2" else _llama_tensors
        bfloat16 = config["torch_dtype"] == "bfloat16"
        writer = gguf.GGUFWriter(partial, config["model_type"])
        _describe(writer, config)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16 if bfloat16 else gguf.LlamaFileType.ALL_F32)
        for name, values in family(config, read_tensors(folder)):
            values = np.ascontiguousarray(values)
            if not bfloat16:
                writer.add_tensor(name, values)
            elif values.ndim == 1:
                writer.add_tensor(name, (values.astype(np.uint32) << 16).view(np.float32))
            else:
                writer.add_tensor(name, values.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    return cached(folder / "model.gguf", __file__, make)


def gguf_file(folder: Path, compute: str) -> Path:
    """The checkpoint for llama.cpp in the file type that stands for ``compute``: the stored one, Q8_0 for int8, Q4_0
    for int4.
    """
    source = _stored_file(folder)
    if compute in ("float32", "bfloat16"):
        return source

    def make(partial: Path) -> None:
        import llama_cpp

        options = llama_cpp.llama_model_quantize_default_params()
        options.ftype = {"int8": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, "int4": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0}[compute]
        if llama_cpp.llama_model_quantize(str(source).encode(), str(partial).encode(), options) != 0:
            raise RuntimeError(f"llama.cpp could not quantise {source}")

    return cached(folder / f"model-{compute}.gguf", __file__, make)
