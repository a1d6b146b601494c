#!/usr/bin/env python3
"""Writes the GGUF files of this folder: python3 make.py PATH-OF-A-CHECKOUT-OF-LLAMA.CPP, with torch and transformers.

Tiny checkpoints of the neighbouring folders go through llama.cpp's own converter, in float32. Where GGUF has no key for
an option, the checkpoint's configuration is changed first, and stands beside the file as NAME.json: the tests compare
the file with the checkpoint under that configuration. blocks.safetensors holds random blocks of every format and the
numbers that the gguf package makes of them.
"""

import json
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
LLAMA = pathlib.Path(sys.argv[1])
sys.path[:0] = [str(LLAMA / "gguf-py"), str(LLAMA)]

import gguf  # noqa: E402
import numpy  # noqa: E402
import safetensors.numpy  # noqa: E402
import torch  # noqa: E402
from conversion import ModelBase, ModelType, get_model_architecture, get_model_class  # noqa: E402

# By checkpoint: keys that are different here, and keys that the converter asks for, which change nothing.
CASES = {
    "conformance/bert": ({}, {}),
    "conformance/bloom": ({}, {}),
    "conformance/distilbert": ({}, {}),
    "conformance/falcon": ({"num_kv_heads": 1}, {}),
    "conformance/gemma": ({}, {}),
    "conformance/gemma2": ({}, {}),
    "conformance/gemma3": ({}, {}),
    "conformance/gpt2": ({}, {"n_ctx": 64}),
    "conformance/gpt_neox": ({}, {"rotary_pct": 0.25}),
    "conformance/gpt_oss": ({}, {}),
    "conformance/granite": ({}, {}),
    "conformance/llama": ({}, {}),
    "conformance/mixtral": ({}, {}),
    "conformance/modernbert": ({}, {}),
    "conformance/olmo2": ({}, {}),
    "conformance/phi": ({}, {}),
    "conformance/phi3": ({}, {}),
    "conformance/qwen2": ({}, {}),
    "conformance/qwen2_moe": ({}, {}),
    "conformance/qwen3": ({}, {}),
    "conformance/qwen3_moe": ({"norm_topk_prob": True}, {}),
    "conformance/roberta": ({}, {}),
    "conformance/smollm3": ({"no_rope_layer_interval": 4, "no_rope_layers": [1, 1, 1, 0]}, {}),
    "conformance/stablelm": ({}, {}),
    "conformance/starcoder2": ({}, {}),
    "conformance/t5": ({}, {}),
    "conformance/t5-encoder": ({}, {}),
    "conformance/t5-v1.1": ({"scale_decoder_outputs": True}, {}),
    "options/falcon-groups": ({}, {}),
    "options/gpt_bigcode": ({}, {}),
    "options/llama-linear": ({}, {}),
    "options/llama-llama3": ({}, {}),
    "options/llama-yarn": ({}, {}),
    "options/mpt": ({"attn_config": {"alibi": True, "alibi_bias_max": 8, "clip_qkv": None}}, {}),
    "options/phi3-longrope-within": ({}, {}),
}


def convert(source, configuration, added, target):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for file in source.glob("model*"):
            shutil.copy(file, folder)
        (folder / "config.json").write_text(json.dumps(configuration))
        # Gemma 3 asks how many tokens its tokenizer has, to cut the table: here all of them.
        vocabulary = {str(token): token for token in range(configuration["vocab_size"])}
        (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}, "added_tokens": []}))
        architecture = get_model_architecture(ModelBase.load_hparams(folder, False), ModelType.TEXT)
        if architecture == "Qwen2MoeForCausalLM":  # the fixture has a layer without experts
            tensors = gguf.MODEL_TENSORS[gguf.MODEL_ARCH.QWEN2MOE]
            kinds = gguf.MODEL_TENSOR
            tensors += [kind for kind in (kinds.FFN_GATE, kinds.FFN_UP, kinds.FFN_DOWN) if kind not in tensors]
        architecture = {"MptForCausalLM": "MPTForCausalLM"}.get(architecture, architecture)
        model = get_model_class(architecture)(folder, gguf.LlamaFileType.ALL_F32, target)
        model.set_vocab = lambda: None
        model.hparams.update(added)
        with torch.inference_mode():
            model.write()


def blocks():
    random = numpy.random.default_rng(7)
    arrays = {}
    for kind in gguf.GGMLQuantizationType:
        if kind.name in ("F32", "F64", "I8", "I16", "I32", "I64", "NVFP4"):
            continue
        weights, size = gguf.GGML_QUANT_SIZES[kind]
        rows = []
        while len(rows) < max(512 // weights, 3):
            row = random.integers(0, 256, size, dtype=numpy.uint8)
            try:
                numbers = expand(kind, row)
            except NotImplementedError:
                break
            if numpy.isfinite(numbers).all():
                rows.append((row, numbers))
        else:
            arrays[f"{kind.name}.bytes"] = numpy.stack([row for row, _ in rows])
            arrays[f"{kind.name}.numbers"] = numpy.stack([numbers for _, numbers in rows])
    safetensors.numpy.save_file(arrays, HERE / "blocks.safetensors")


def expand(kind, row):
    """A block as the gguf package expands it; what that leaves out is `d q` too."""
    if kind.name == "Q8_1":
        return row[:2].view(numpy.float16).astype(numpy.float32) * row[4:].view(numpy.int8).astype(numpy.float32)
    if kind.name == "Q8_K":
        return row[:4].view(numpy.float32) * row[4:260].view(numpy.int8).astype(numpy.float32)
    return gguf.quants.dequantize(row, kind).reshape(-1)


def main():
    for name, (changed, added) in CASES.items():
        source = HERE.parent / name
        configuration = json.loads((source / "config.json").read_text())
        configuration |= changed
        if changed:
            (HERE / f"{source.name}.json").write_text(json.dumps(configuration, indent=2) + "\n")
        convert(source, configuration, added, HERE / f"{source.name}.gguf")
    blocks()


if __name__ == "__main__":
    main()
