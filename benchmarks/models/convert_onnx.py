"""BERT as an ONNX graph of ONNX Runtime's own fused operators, written by hand: what its optimiser makes of an exported
graph at best, without depending on what an exporter's patterns look like this year. The operators are described in
ContribOperators.md of github.com/microsoft/onnxruntime.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from convert import cached
from read_model import read_tensors

Array = npt.NDArray[Any]

#: The domain of ONNX Runtime's own operators.
DOMAIN = "com.microsoft"


class Graph:
    """A graph being written: nodes and constants, by name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, values: Array) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(
        self, kind: str, inputs: list[str], name: str, domain: str = DOMAIN, unused: int = 0, **attributes: Any
    ) -> str:
        """A node whose output is called like itself; of further outputs it has ``unused``."""
        from onnx import helper

        outputs = [name] + [f"{name}.unused.{index}" for index in range(unused)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, domain=domain, **attributes))
        return name


def bert_graph(config: dict[str, Any], tensors: dict[str, Array]) -> Graph:
    """``input_ids`` and ``token_type_ids``, int32 [batch, length], to the last layer's output."""
    graph = Graph()
    epsilon = config["layer_norm_eps"]

    def parameter(name: str) -> str:
        return graph.constant(name, tensors[name])

    def product(hidden: str, name: str) -> str:
        return graph.add(
            "MatMul",
            [hidden, graph.constant(f"{name}.weight", tensors[f"{name}.weight"].T)],
            f"{name}.product",
            domain="",
        )

    def add_and_norm(hidden: str, skip: str, norm: str, bias: str) -> str:
        inputs = [hidden, skip, parameter(f"{norm}.weight"), parameter(f"{norm}.bias"), parameter(f"{bias}.bias")]
        return graph.add("SkipLayerNormalization", inputs, norm, epsilon=epsilon)

    tables = [parameter(f"embeddings.{table}_embeddings.weight") for table in ("word", "position", "token_type")]
    norm = [parameter(f"embeddings.LayerNorm.{part}") for part in ("weight", "bias")]
    hidden = graph.add(
        "EmbedLayerNormalization",
        ["input_ids", "token_type_ids", *tables, *norm],
        "embeddings",
        unused=1,
        epsilon=epsilon,
    )
    for layer in range(config["num_hidden_layers"]):
        prefix = f"encoder.layer.{layer}"
        attention = f"{prefix}.attention.self"
        joined = {
            part: np.concatenate(
                [tensors[f"{attention}.{projection}.{part}"] for projection in ("query", "key", "value")]
            )
            for part in ("weight", "bias")
        }
        inputs = [
            hidden,
            graph.constant(f"{attention}.weight", joined["weight"].T),
            graph.constant(f"{attention}.bias", joined["bias"]),
        ]
        mixed = graph.add("Attention", inputs, attention, num_heads=config["num_attention_heads"])
        output = f"{prefix}.attention.output"
        hidden = add_and_norm(product(mixed, f"{output}.dense"), hidden, f"{output}.LayerNorm", f"{output}.dense")
        inner = product(hidden, f"{prefix}.intermediate.dense")
        inner = graph.add("BiasGelu", [inner, parameter(f"{prefix}.intermediate.dense.bias")], f"{prefix}.gelu")
        hidden = add_and_norm(
            product(inner, f"{prefix}.output.dense"), hidden, f"{prefix}.output.LayerNorm", f"{prefix}.output.dense"
        )
    graph.add("Identity", [hidden], "states", domain="")
    return graph


def onnx_file(folder: Path) -> Path:
    """The checkpoint as ONNX, in float32."""

    def make(partial: Path) -> None:
        import onnx
        from onnx import TensorProto, helper

        config = json.loads((folder / "config.json").read_text())
        graph = bert_graph(config, read_tensors(folder))
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "length"])
            for name in ("input_ids", "token_type_ids")
        ]
        outputs = [
            helper.make_tensor_value_info("states", TensorProto.FLOAT, ["batch", "length", config["hidden_size"]])
        ]
        whole = helper.make_graph(graph.nodes, config["model_type"], inputs, outputs, graph.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
        onnx.save(helper.make_model(whole, opset_imports=opsets, ir_version=9), str(partial))

    return cached(folder / "model.onnx", __file__, make)


def quantised_onnx_file(folder: Path) -> Path:
    """The same with ONNX Runtime's dynamic quantisation: int8 weights, a scale a channel, activations quantised as they
    come.
    """

    def make(partial: Path) -> None:
        from onnx import TensorProto
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(
            str(onnx_file(folder)), str(partial), op_types_to_quantize=["MatMul", "Attention"],
            weight_type=QuantType.QInt8, per_channel=True, extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )  # fmt: skip

    return cached(folder / "model-int8.onnx", __file__, make)
