"""Makes whisper.cpp's file out of a checkpoint, once: it lies beside its config.json. The format is that of its own
models/convert-h5-to-ggml.py (github.com/ggml-org/whisper.cpp): a header, mel filters, no vocabulary, and tensors by the
names that OpenAI gave them. Q8_0 is as its quantiser writes it: matrices in blocks of 32 numbers with a float16 scale.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from convert import cached
from read_model import read_tensors

#: GGML's numbers for types of tensors, and of files.
F32, F16, Q8_0 = 0, 1, 8
FILE_TYPES = {"float16": 1, "int8": 7}

#: Parts of names, Hugging Face's and OpenAI's, in the order in which they are replaced.
NAMES = (
    ("model.", ""), (".layers.", ".blocks."), ("encoder_attn_layer_norm", "cross_attn_ln"),
    ("encoder_attn.", "cross_attn."), ("self_attn_layer_norm", "attn_ln"), ("self_attn.", "attn."),
    ("q_proj", "query"), ("k_proj", "key"), ("v_proj", "value"), ("out_proj", "out"), ("fc1", "mlp.0"),
    ("fc2", "mlp.2"), ("final_layer_norm", "mlp_ln"),
    ("decoder.embed_tokens", "decoder.token_embedding"), ("encoder.layer_norm", "encoder.ln_post"),
    ("decoder.layer_norm", "decoder.ln"), ("embed_positions.weight", "positional_embedding"),
)  # fmt: skip


def _blocks(matrix: npt.NDArray[np.float32]) -> bytes:
    """Q8_0: of each 32 numbers a float16 scale and 32 int8."""
    rows = matrix.reshape(-1, 32)
    scales = np.abs(rows).max(axis=1) / np.float32(127)
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales > 0)
    blocks = np.empty(len(rows), np.dtype([("scale", "<f2"), ("numbers", "i1", 32)]))
    blocks["scale"] = scales
    blocks["numbers"] = np.rint(rows * inverse[:, None])
    return blocks.tobytes()


def _write_tensor(file: BinaryIO, name: str, values: npt.NDArray[np.float32], compute: str) -> None:
    for theirs, ours in NAMES:
        name = name.replace(theirs, ours)
    is_table = name.endswith("positional_embedding")
    if "conv" in name and name.endswith("bias"):
        values = values.reshape(-1, 1)
    if values.ndim == 1 or is_table or values.shape[-1] == 1:
        kind, data = F32, np.ascontiguousarray(values, "<f4").tobytes()
    elif values.ndim == 3 or compute == "float16":
        kind, data = F16, values.astype("<f2").tobytes()
    else:
        kind, data = Q8_0, _blocks(np.ascontiguousarray(values, np.float32))
    spelled = name.encode()
    file.write(struct.pack("<3i", values.ndim, len(spelled), kind))
    file.write(struct.pack(f"<{values.ndim}i", *reversed(values.shape)) + spelled + data)


def ggml_file(folder: Path, compute: str) -> Path:
    """The checkpoint with its matrices in float16, or for "int8" in Q8_0."""

    def make(partial: Path) -> None:
        import transformers

        config: dict[str, Any] = json.loads((folder / "config.json").read_text())
        filters = transformers.WhisperFeatureExtractor.from_pretrained(folder).mel_filters.T.astype("<f4")
        header = [config[name] for name in (
            "vocab_size", "max_source_positions", "d_model", "encoder_attention_heads", "encoder_layers",
            "max_target_positions", "d_model", "decoder_attention_heads", "decoder_layers", "num_mel_bins",
        )]  # fmt: skip
        with open(partial, "wb") as file:
            file.write(b"lmgg" + struct.pack("<11i", *header, FILE_TYPES[compute]))
            file.write(struct.pack("<2i", *filters.shape) + np.ascontiguousarray(filters).tobytes())
            file.write(struct.pack("<i", 0))  # words, which it then makes up
            for name, values in read_tensors(folder).items():
                _write_tensor(file, name, values, compute)

    return cached(folder / f"whisper-cpp-{compute}.bin", __file__, make)
