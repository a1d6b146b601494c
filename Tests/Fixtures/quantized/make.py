"""Makes the quantised folders beside it: a small llama, packed by the definition of each method, and the same weights
expanded, `w = scale (code - zero)` in float32, in `expanded`. Needs numpy and PyTorch, for its float8.

    python Tests/Fixtures/quantized/make.py

make_by_libraries.py makes those beside it whose libraries do not need a GPU.
"""

import json
import struct
from pathlib import Path

import numpy
import torch

HERE = Path(__file__).parent
WIDTH, HIDDEN, VOCABULARY, LAYERS, GROUP = 32, 64, 64, 2, 16
CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": WIDTH, "intermediate_size": HIDDEN,
    "num_hidden_layers": LAYERS, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": VOCABULARY,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 128, "hidden_act": "silu",
    "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": None,
}  # fmt: skip
PRODUCTS = {
    "self_attn.q_proj": (WIDTH, WIDTH), "self_attn.k_proj": (WIDTH, WIDTH), "self_attn.v_proj": (WIDTH, WIDTH),
    "self_attn.o_proj": (WIDTH, WIDTH), "mlp.gate_proj": (HIDDEN, WIDTH), "mlp.up_proj": (HIDDEN, WIDTH),
    "mlp.down_proj": (WIDTH, HIDDEN),
}  # fmt: skip
TYPES = {"float32": "F32", "float16": "F16", "int32": "I32", "int64": "I64", "int8": "I8", "uint8": "U8",
         "|V1": "F8_E4M3", "|V2": "BF16"}  # fmt: skip


def save(path, tensors, metadata=None):
    """Writes a safetensors file; types that numpy does not have are given as raw bytes."""
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, array in tensors.items():
        bytes_ = numpy.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": TYPES[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(bytes_)],
        }
        data += bytes_
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def packed(codes, bits):
    """Codes below 2^bits, packed along the last dimension: a stream of bits, the lowest first, in words of 32."""
    stream = (codes[..., None] >> numpy.arange(bits) & 1).reshape(codes.shape[0], -1).astype(numpy.uint8)
    stream = numpy.pad(stream, ((0, 0), (0, -stream.shape[1] % 32)))
    return numpy.packbits(stream, axis=1, bitorder="little").view("<i4")


def drawn(random, rows, columns, groups, bits):
    codes = random.integers(0, 1 << bits, (rows, columns))
    zeros = random.integers(0, 1 << bits, (rows, groups))
    scales = (random.uniform(0.5, 1.5, (rows, groups)) * 0.5 / (1 << bits)).astype(numpy.float16)
    return codes, zeros, scales


def expanded(codes, zeros, scales, order):
    return (codes - zeros[:, order]).astype(numpy.float32) * scales.astype(numpy.float32)[:, order]


def gptq(random, rows, columns, bits, shift, is_mixed):
    codes, zeros, scales = drawn(random, rows, columns, columns // GROUP, bits)
    order = numpy.arange(columns) // GROUP
    if is_mixed:
        order = random.permutation(order)
    stored = {
        "qweight": packed(codes, bits).T,
        "qzeros": packed((zeros.T - shift) % (1 << bits), bits),
        "scales": scales.T,
        "g_idx": order.astype(numpy.int32),
    }
    return stored, expanded(codes, zeros, scales, order)


def awq(random, rows, columns):
    codes, zeros, scales = drawn(random, rows, columns, columns // GROUP, 4)

    def ordered(numbers):
        return packed(numbers.reshape(-1, 8)[:, [0, 2, 4, 6, 1, 3, 5, 7]].reshape(numbers.shape), 4)

    stored = {"qweight": ordered(codes.T), "qzeros": ordered(zeros.T), "scales": scales.T}
    return stored, expanded(codes, zeros, scales, numpy.arange(columns) // GROUP)


def compressed(random, rows, columns, bits, groups, has_zeros):
    codes, zeros, scales = drawn(random, rows, columns, groups, bits)
    stored = {
        "weight_packed": packed(codes, bits),
        "weight_scale": scales,
        "weight_shape": numpy.array([rows, columns], numpy.int64),
        "input_scale": numpy.ones(1, numpy.float32),
    }
    if has_zeros:
        stored["weight_zero_point"] = packed(zeros.T, bits).T
    else:
        zeros = numpy.full_like(zeros, 1 << (bits - 1))
    return stored, expanded(codes, zeros, scales, numpy.arange(columns) // (columns // groups))


def int8(random, rows, columns):
    codes = random.integers(-128, 128, (rows, columns)).astype(numpy.int8)
    scales = random.uniform(0.001, 0.003, (rows, 1)).astype(numpy.float16)
    return {"weight": codes, "weight_scale": scales}, codes.astype(numpy.float32) * scales.astype(numpy.float32)


def float8(random, rows, columns, name, shape, block):
    codes = torch.tensor(random.standard_normal((rows, columns))).to(torch.float8_e4m3fn)
    scales = random.uniform(0.1, 0.3, shape(rows, columns)).astype(numpy.float32)
    factors = scales
    if block:
        factors = scales.repeat(block[0], 0)[:rows].repeat(block[1], 1)[:, :columns]
    stored = {"weight": codes.view(torch.uint8).numpy().view("V1"), name: scales}
    return stored, codes.float().numpy() * factors


def group(bits, kind="int", size=None):
    return {"group_0": {"targets": ["Linear"], "weights": {"num_bits": bits, "type": kind, "group_size": size}}}


def cases():
    for bits in [2, 3, 4, 8]:
        config = {"quant_method": "gptq", "bits": bits, "group_size": GROUP, "desc_act": bits == 4}
        yield f"gptq-{bits}", config, lambda r, m, n, b=bits: gptq(r, m, n, b, 1, b == 4)
    config = {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "checkpoint_format": "gptq_v2"}
    yield "gptq-v2", config, lambda r, m, n: gptq(r, m, n, 4, 0, False)
    config = {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"}
    yield "awq", config, awq
    kinds = [("int4", 4, GROUP, False), ("int4-zeros", 4, GROUP, True), ("int8-channels", 8, None, False)]
    for name, bits, size, zeros in kinds:
        groups = group(bits, size=size)
        config = {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": groups}
        yield (
            f"packed-{name}",
            config,
            lambda r, m, n, b=bits, s=size, z=zeros: compressed(r, m, n, b, n // s if s else 1, z),
        )
    config = {"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": group(8)}
    yield "int8", config, int8
    config = {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": group(8, "float")}
    yield "float8-channels", config, lambda r, m, n: float8(r, m, n, "weight_scale", lambda m, n: (m, 1), None)
    yield "fp8-tensor", {"quant_method": "fp8"}, lambda r, m, n: float8(r, m, n, "weight_scale", lambda m, n: (), None)
    config = {"quant_method": "fp8", "weight_block_size": [24, 20]}
    shape = lambda m, n: (-(-m // 24), -(-n // 20))  # noqa: E731
    yield "fp8-blocks", config, lambda r, m, n: float8(r, m, n, "weight_scale_inv", shape, (24, 20))


def write(name, quantization, make):
    """Writes a folder, and the one of its weights expanded. `make(random, rows, columns)` gives the tensors of a matrix
    by the ends of their names, its weights and, where there are any, notes of the file."""
    random = numpy.random.default_rng(17)
    common = {"model.norm.weight": numpy.ones(WIDTH, numpy.float32)}
    for table in ["model.embed_tokens.weight", "lm_head.weight"]:
        common[table] = random.standard_normal((VOCABULARY, WIDTH)).astype(numpy.float32)
    stored, plain, notes = dict(common), dict(common), {}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for norm in ["input_layernorm", "post_attention_layernorm"]:
            stored[f"{prefix}{norm}.weight"] = plain[f"{prefix}{norm}.weight"] = common["model.norm.weight"]
        for product, (rows, columns) in PRODUCTS.items():
            parts, weights, *note = make(random, rows, columns)
            plain[f"{prefix}{product}.weight"] = weights.astype(numpy.float32)
            for part, array in parts.items():
                stored[f"{prefix}{product}.{part}"] = array
            if note:
                notes[f"{prefix}{product}.weight"] = note[0]
    if notes:
        notes["tensor_names"] = json.dumps(list(notes))
    folder = HERE / name
    (folder / "expanded").mkdir(parents=True, exist_ok=True)
    save(folder / "model.safetensors", stored, notes)
    save(folder / "expanded" / "model.safetensors", plain)
    for place, config in [(folder, {**CONFIG, "quantization_config": quantization}), (folder / "expanded", CONFIG)]:
        (place / "config.json").write_text(json.dumps(config, indent=1) + "\n")


if __name__ == "__main__":
    for case in cases():
        write(*case)
