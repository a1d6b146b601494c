"""Makes quantised folders beside it by the libraries that people make them with, which also say what the weights are.
Needs numpy, PyTorch, bitsandbytes, hqq and torchao; none of them needs a GPU for this.

    python Tests/Fixtures/quantized/make_by_libraries.py
"""

import numpy
import torch
from make import GROUP, write


def drawn(random, rows, columns):
    return torch.tensor(random.standard_normal((rows, columns)) * 0.2, dtype=torch.float32)


def array(tensor):
    """The numbers of a tensor; of types that numpy does not have the raw bytes."""
    raw = {torch.bfloat16: (torch.int16, "V2"), torch.float8_e4m3fn: (torch.uint8, "V1")}.get(tensor.dtype)
    return tensor.contiguous().view(raw[0]).numpy().view(raw[1]) if raw else tensor.contiguous().numpy()


def four_bits(random, rows, columns, kind, nested):
    from bitsandbytes import functional

    weights = drawn(random, rows, columns)
    codes, state = functional.quantize_4bit(weights, blocksize=64, compress_statistics=nested, quant_type=kind)
    parts = {f"weight.{name}": array(part) for name, part in state.as_dict(packed=True).items()}
    # The library's own way back on a CPU (0.50) is wrong where a row ends within a block: here is its definition.
    scales = state.absmax
    if nested:
        scales = functional.dequantize_blockwise(scales, state.state2) + state.offset
    pairs = torch.stack([codes.reshape(-1) >> 4, codes.reshape(-1) & 15], -1).reshape(-1).long()
    expanded = state.code[pairs] * scales.repeat_interleave(64)
    assert (expanded.reshape(rows, columns) - weights).abs().max() < 0.15
    return {"weight": array(codes), **parts}, expanded.reshape(rows, columns).numpy()


def eight_bits(random, rows, columns):
    from bitsandbytes import functional

    codes, scales, _ = functional.int8_vectorwise_quant(drawn(random, rows, columns).half())
    parts = {"weight": array(codes), "SCB": array(scales), "weight_format": numpy.zeros((), numpy.uint8)}
    return parts, functional.int8_vectorwise_dequant(codes, scales).numpy()


def half_quadratic(random, rows, columns, bits, axis):
    from hqq.core.quantize import Quantizer
    from hqq.core.utils import encode_safetensor_type

    options = {"nbits": bits, "group_size": GROUP, "axis": axis, "view_as_float": False}
    codes, meta = Quantizer.quantize(
        drawn(random, rows, columns), optimize=bits > 1, compute_dtype=torch.float32, device="cpu", **options
    )
    weights = Quantizer.dequantize(codes, meta).numpy()
    state = {**meta, **options, "channel_wise": True, "offload_meta": False, "encoded_state_dict": True}
    encoded = {name: encode_safetensor_type(value) for name, value in state.items()}
    parts = {name: array(value) for name, value in encoded.items() if value is not None}
    return {"W_q": array(codes), **parts}, weights


def classes(random, rows, columns, make, expand):
    from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict

    tensor = make(drawn(random, rows, columns))
    parts, notes = flatten_tensor_state_dict({"x.weight": tensor})
    stored = {name.removeprefix("x."): array(part) for name, part in parts.items()}
    return stored, expand(tensor).float().numpy(), notes["x.weight"]


def int4(weights):
    """A tensor of torchao's class for 4 bits, by its definition: its own way to make one needs a GPU."""
    from torchao.quantization import Int4Tensor

    groups = weights.reshape(weights.shape[0], -1, GROUP)
    low, high = groups.amin(-1), groups.amax(-1)
    scales = ((high - low) / 15).bfloat16()
    zeros = (low + scales.float() * 8).bfloat16()
    codes = torch.clamp(torch.round((groups - low[..., None]) / scales[..., None].float()), 0, 15) - 8
    codes = codes.reshape(weights.shape).int()
    packed = (codes[:, ::2] & 15 | (codes[:, 1::2] & 15) << 4).to(torch.uint8).view(torch.int8)
    return Int4Tensor(packed, scales.T.contiguous(), zeros.T.contiguous(), [1, GROUP], weights.shape)


def expanded_int4(tensor):
    codes = torch.stack([tensor.qdata << 4 >> 4, tensor.qdata >> 4], -1).reshape(tensor.shape).float()
    scales, zeros = (part.float().T.repeat_interleave(GROUP, 1) for part in [tensor.scale, tensor.zero_point])
    return codes * scales + zeros


def main():
    for kind in ["nf4", "fp4"]:
        config = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": kind}
        write(f"bitsandbytes-{kind}", config, lambda *size, k=kind: four_bits(*size, k, k == "nf4"))
    write("bitsandbytes-int8", {"quant_method": "bitsandbytes", "load_in_8bit": True}, eight_bits)
    for bits, axis in [(8, 1), (4, 1), (3, 0), (2, 1), (1, 1)]:
        config = {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": bits}}}
        write(f"hqq-{bits}", config, lambda *size, b=bits, a=axis: half_quadratic(*size, b, a))

    from torchao import quantization as ao

    own = lambda tensor: tensor.dequantize()  # noqa: E731
    kinds = {
        "int8": (lambda w: ao.Int8Tensor.from_hp(w, ao.PerRow()), own),
        "intx": (lambda w: ao.IntxUnpackedToInt8Tensor.from_hp(w, (1, GROUP), torch.int4), own),
        "float8": (lambda w: ao.Float8Tensor.from_hp(w, granularity=ao.PerRow()), own),
        "int4": (int4, expanded_int4),
    }
    for kind, (make, expand) in kinds.items():
        config = {"quant_method": "torchao", "quant_type": {"default": {}}}
        write(f"torchao-{kind}", config, lambda *size, m=make, e=expand: classes(*size, m, e))


if __name__ == "__main__":
    main()
