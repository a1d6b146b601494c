"""Logits of GGUF files against llama.cpp's on the same files: correlation by architecture and type.

Three steps, since they need different packages:

    gguf_logits.py make FOLDER LLAMA-CPP     random models of seven architectures, written by llama.cpp's own converter
                                             (transformers, torch, and a checkout of llama.cpp)
    gguf_logits.py expect FOLDER             files of other types and their logits (llama-cpp-python, gguf)
    gguf_logits.py compare FOLDER            the same of Attend, and the table

llama.cpp rounds the inputs of its products to 8 bits where weights are in blocks. So each file is computed a second
time, its numbers written out in float32: what is left is the rounding of sums, and of keys and values to float16.
"""

import ctypes
import pathlib
import sys

import numpy as np

IDS = [(7 * index * index + 3 * index + 1) % 512 for index in range(48)]
#: LLAMA_FTYPE_* of llama.h.
TYPES = {"F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15, "Q6_K": 18, "IQ4_XS": 30}
SIZES = {"vocab_size": 512, "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
LAYERS = {"hidden_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4}
GROUPS = LAYERS | {"num_key_value_heads": 2, "intermediate_size": 512}


def models():
    import transformers as t

    return {
        "llama": t.LlamaConfig(**SIZES, **GROUPS),
        "qwen2": t.Qwen2Config(**SIZES, **GROUPS),
        "gemma2": t.Gemma2Config(**SIZES, **GROUPS, head_dim=64, query_pre_attn_scalar=64, sliding_window=16),
        "phi3": t.Phi3Config(**SIZES, **GROUPS),
        "gpt_neox": t.GPTNeoXConfig(**SIZES, **LAYERS, intermediate_size=512),
        "falcon": t.FalconConfig(**SIZES, **LAYERS, num_kv_heads=1, bias=False),
        "qwen3_moe": t.Qwen3MoeConfig(
            **SIZES,
            **GROUPS,
            head_dim=64,
            num_experts=8,
            num_experts_per_tok=2,
            moe_intermediate_size=256,
            norm_topk_prob=True,
        ),
    }


def make(folder, checkout):
    sys.path[:0] = [str(pathlib.Path(checkout) / "gguf-py"), checkout]
    import gguf
    import torch
    import transformers
    from conversion import ModelBase, ModelType, get_model_architecture, get_model_class

    for name, configuration in models().items():
        torch.manual_seed(3)
        model = transformers.AutoModelForCausalLM.from_config(configuration, dtype=torch.float32)
        for parameter in model.parameters():  # trained weights are larger than those that models begin with
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.06)
        source = folder / name
        model.save_pretrained(source)
        architecture = get_model_architecture(ModelBase.load_hparams(source, False), ModelType.TEXT)
        writer = get_model_class(architecture)(source, gguf.LlamaFileType.ALL_F32, folder / f"{name}.F32.gguf")
        writer.hparams.setdefault("rotary_pct", 0.25)

        def no_vocabulary(writer=writer):
            writer.gguf_writer.add_tokenizer_model("none")
            if f"{writer.gguf_writer.arch}.vocab_size" not in writer.gguf_writer.kv_data[0]:
                writer.gguf_writer.add_vocab_size(SIZES["vocab_size"])

        writer.set_vocab = no_vocabulary
        with torch.inference_mode():
            writer.write()


def expect(folder):
    import llama_cpp as l

    l.llama_backend_init()
    for source in sorted(folder.glob("*.F32.gguf")):
        stem = source.name.removesuffix(".F32.gguf")
        np.save(folder / f"{stem}.F32.npy", logits(l, source))
        for kind, number in TYPES.items():
            target = folder / f"{stem}.{kind}.gguf"
            parameters = l.llama_model_quantize_default_params()
            parameters.ftype, parameters.nthread = number, 2
            if l.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(parameters)):
                raise SystemExit(f"{target} could not be made")
            np.save(folder / f"{stem}.{kind}.npy", logits(l, target))
            expanded = folder / "expanded.gguf"
            expand(target, expanded)
            np.save(folder / f"{stem}.{kind}.expanded.npy", logits(l, expanded))
            expanded.unlink()


def expand(source, target):
    """The same model in float32."""
    import gguf

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.quantization_version"):
            continue
        kind = field.types[0]
        of = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=of)
    for tensor in reader.tensors:
        numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        writer.add_tensor(tensor.name, numbers.reshape([int(size) for size in tensor.shape][::-1]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def logits(l, path):
    settings = l.llama_model_default_params()
    settings.n_gpu_layers = 0
    model = l.llama_model_load_from_file(str(path).encode(), settings)
    settings = l.llama_context_default_params()
    settings.n_ctx, settings.n_batch, settings.n_ubatch, settings.n_threads = 64, 64, 64, 2
    context = l.llama_init_from_model(model, settings)
    batch = l.llama_batch_init(len(IDS), 0, 1)
    batch.n_tokens = len(IDS)
    for place, token in enumerate(IDS):
        batch.token[place], batch.pos[place], batch.n_seq_id[place] = token, place, 1
        batch.seq_id[place][0], batch.logits[place] = 0, 1
    if l.llama_decode(context, batch):
        raise SystemExit(f"{path} could not be computed")
    count = l.llama_vocab_n_tokens(l.llama_model_get_vocab(model))
    rows = [np.ctypeslib.as_array(l.llama_get_logits_ith(context, place), (count,)).copy() for place in range(len(IDS))]
    l.llama_free(context)
    l.llama_model_free(model)
    return np.stack(rows)


def compare(folder):
    import attend

    print("| file | correlation | of the file in float32 | largest difference from it | largest logit |")
    print("|---|---|---|---|---|")
    for path in sorted(folder.glob("*.gguf")):
        expected = np.load(path.with_suffix(".npy"))
        written = path.with_suffix(".expanded.npy")
        plain = np.load(written) if written.exists() else expected
        with attend.Model(path) as model, model.session() as session:
            session.encode([IDS[:1]])
            found = np.concatenate([session.logits(), session.decode([IDS[1:]])[0]])
        correlations = [np.corrcoef(found.ravel(), other.ravel())[0, 1] for other in (expected, plain)]
        distance = np.abs(found - plain).max()
        row = [f"{correlation:.7f}" for correlation in correlations] + [f"{distance:.1e}", f"{np.abs(plain).max():.2f}"]
        print(f"| {path.stem} | {' | '.join(row)} |")


if __name__ == "__main__":
    steps = {"make": make, "expect": expect, "compare": compare}
    steps[sys.argv[1]](pathlib.Path(sys.argv[2]), *sys.argv[3:])
