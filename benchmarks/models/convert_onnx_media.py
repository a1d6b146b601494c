"""ViT, CLIP's tower for pictures and wav2vec 2.0 as ONNX graphs of ONNX Runtime's own fused operators, written by hand
like BERT's in `convert_onnx`. Batch sizes are fixed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from convert import cached
from convert_onnx import DOMAIN, Graph
from read_model import read_tensors
from shapes_media import CLIP_NAMES, VIT_NAMES

Array = npt.NDArray[Any]


@dataclass
class Layers:
    """What the layers of all three models are made of."""

    graph: Graph
    tensors: dict[str, Array]
    heads: int
    epsilon: float

    def parameter(self, name: str) -> str:
        return self.graph.constant(name, self.tensors[name])

    def product(self, x: str, name: str) -> str:
        """Without its bias, which the operator behind it adds."""
        weight = self.graph.constant(f"{name}.weight", self.tensors[f"{name}.weight"].T)
        return self.graph.add("MatMul", [x, weight], f"{name}.product", domain="")

    def biased(self, x: str, name: str) -> str:
        return self.graph.add("Add", [self.product(x, name), self.parameter(f"{name}.bias")], f"{name}.sum", domain="")

    def norm(self, x: str, name: str) -> str:
        inputs = [x, self.parameter(f"{name}.weight"), self.parameter(f"{name}.bias")]
        return self.graph.add("LayerNormalization", inputs, name, domain="", epsilon=self.epsilon, axis=-1)

    def sum_and_norm(self, x: str, skip: str, norm: str, product: str) -> tuple[str, str]:
        """The norm of x, the bias of ``product`` and ``skip`` added up; and that sum."""
        inputs = [x, skip, self.parameter(f"{norm}.weight"), self.parameter(f"{norm}.bias")]
        inputs.append(self.parameter(f"{product}.bias"))
        name = self.graph.add("SkipLayerNormalization", inputs, norm, unused=3, epsilon=self.epsilon)
        return name, f"{name}.unused.2"

    def attention(self, x: str, name: str, projections: list[str]) -> str:
        joined = {
            part: np.concatenate([self.tensors[f"{projection}.{part}"] for projection in projections])
            for part in ("weight", "bias")
        }
        inputs = [
            x,
            self.graph.constant(f"{name}.weight", joined["weight"].T),
            self.graph.constant(f"{name}.bias", joined["bias"]),
        ]
        return self.graph.add("Attention", inputs, name, num_heads=self.heads)

    def gelu(self, x: str, name: str) -> str:
        """Of the product ``name`` of x."""
        return self.graph.add("BiasGelu", [self.product(x, name), self.parameter(f"{name}.bias")], f"{name}.gelu")

    def quick_gelu(self, x: str, name: str) -> str:
        return self.graph.add("QuickGelu", [self.biased(x, name)], f"{name}.gelu", alpha=1.702)


def _tower(layers: Layers, x: str, prefix: str, count: int, names: dict[str, str], last: str, quick: bool) -> str:
    """The layers of a tower that normalises before, and the norm ``last`` behind them."""
    own = f"{prefix}.0"
    normed = layers.norm(x, f"{own}.{names['first norm']}")
    for layer in range(count):
        own = f"{prefix}.{layer}"
        projections = [f"{own}.{names[part]}" for part in ("query", "key", "value")]
        mixed = layers.attention(normed, f"{own}.attention.joined", projections)
        output, outer, inner = (f"{own}.{names[part]}" for part in ("output", "outer", "inner"))
        normed, x = layers.sum_and_norm(layers.product(mixed, output), x, f"{own}.{names['second norm']}", output)
        hidden = layers.quick_gelu(normed, inner) if quick else layers.gelu(normed, inner)
        following = f"{prefix}.{layer + 1}.{names['first norm']}" if layer + 1 < count else last
        normed, x = layers.sum_and_norm(layers.product(hidden, outer), x, following, outer)
    return normed


def _patches(layers: Layers, kernel: str, bias: str | None, first: Array, places: Array, batch: int) -> str:
    """From ``input`` to the vectors of patches, behind that of the class, with those of their places."""
    graph, weight = layers.graph, layers.tensors[kernel]
    inputs = ["input", graph.constant(kernel, weight)] + ([layers.parameter(bias)] if bias else [])
    sides = list(weight.shape[2:])
    seen = graph.add("Conv", inputs, "patches", domain="", kernel_shape=sides, strides=sides)
    width = weight.shape[0]
    shape = graph.constant("patches.shape", np.array([batch, width, -1], np.int64))
    rows = graph.add("Reshape", [seen, shape], "patches.rows", domain="")
    turned = graph.add("Transpose", [rows], "patches.turned", domain="", perm=[0, 2, 1])
    start = graph.constant("class", np.tile(first.reshape(1, 1, width), (batch, 1, 1)))
    whole = graph.add("Concat", [start, turned], "patches.all", domain="", axis=1)
    table = graph.constant("places", places.reshape(1, -1, width))
    return graph.add("Add", [whole, table], "embeddings", domain="")


def vit_graph(config: dict[str, Any], tensors: dict[str, Array], batch: int) -> Graph:
    """``input``, [batch, 3, side, side], to the normed states of the last layer."""
    graph = Graph()
    layers = Layers(graph, tensors, config["num_attention_heads"], config["layer_norm_eps"])
    kernel = "embeddings.patch_embeddings.projection"
    first, places = tensors["embeddings.cls_token"], tensors["embeddings.position_embeddings"]
    x = _patches(layers, f"{kernel}.weight", f"{kernel}.bias", first, places, batch)
    normed = _tower(layers, x, "encoder.layer", config["num_hidden_layers"], VIT_NAMES, "layernorm", quick=False)
    graph.add("Identity", [normed], "states", domain="")
    return graph


def clip_graph(config: dict[str, Any], tensors: dict[str, Array], batch: int) -> Graph:
    """``input``, [batch, 3, side, side], to the embeddings of the pictures, [batch, projection], of
    length 1."""
    graph, seen = Graph(), config["vision_config"]
    layers = Layers(graph, tensors, seen["num_attention_heads"], seen["layer_norm_eps"])
    embeddings = "vision_model.embeddings"
    first, places = tensors[f"{embeddings}.class_embedding"], tensors[f"{embeddings}.position_embedding.weight"]
    x = _patches(layers, f"{embeddings}.patch_embedding.weight", None, first, places, batch)
    x = layers.norm(x, "vision_model.pre_layrnorm")
    prefix, count = "vision_model.encoder.layers", seen["num_hidden_layers"]
    normed = _tower(layers, x, prefix, count, CLIP_NAMES, "vision_model.post_layernorm", quick=True)
    zero = graph.constant("zero", np.array([0], np.int64))
    pooled = graph.add("Gather", [normed, zero], "pooled", domain="", axis=1)
    shape = graph.constant("embeddings.shape", np.array([batch, -1], np.int64))
    graph.add("Reshape", [layers.product(pooled, "visual_projection"), shape], "projected", domain="")
    graph.add("LpNormalization", ["projected"], "states", domain="", axis=-1, p=2)
    return graph


def _sound_features(layers: Layers, config: dict[str, Any]) -> str:
    """The convolutions over ``input``, [1, samples], to [1, channels, frames]."""
    graph = layers.graph
    axis = graph.constant("channel", np.array([1], np.int64))
    x = graph.add("Unsqueeze", ["input", axis], "sound", domain="")
    for index, (taps, step) in enumerate(zip(config["conv_kernel"], config["conv_stride"])):
        name = f"feature_extractor.conv_layers.{index}"
        weight = layers.parameter(f"{name}.conv.weight")
        x = graph.add("Conv", [x, weight], f"{name}.made", domain="", kernel_shape=[taps], strides=[step])
        if index == 0:  # a group norm whose groups are channels
            norm = [layers.parameter(f"{name}.layer_norm.{part}") for part in ("weight", "bias")]
            x = graph.add("InstanceNormalization", [x, *norm], f"{name}.normed", domain="", epsilon=1e-5)
        x = graph.add("Gelu", [x], f"{name}.gelu")
    return x


def _sound_places(layers: Layers, config: dict[str, Any], x: str) -> str:
    """The grouped convolution that tells frames their places; x is [1, frames, width]."""
    graph, name = layers.graph, "encoder.pos_conv_embed.conv"
    size, direction = (layers.tensors[f"{name}.parametrizations.weight.original{index}"] for index in (0, 1))
    length = np.sqrt((direction.astype(np.float64) ** 2).sum(axis=(0, 1), keepdims=True))
    weight = graph.constant(f"{name}.weight", (direction * (size / length)).astype(np.float32))
    taps, turned = config["num_conv_pos_embeddings"], graph.add("Transpose", [x], "turned", domain="", perm=[0, 2, 1])
    made = graph.add(
        "Conv", [turned, weight, layers.parameter(f"{name}.bias")], f"{name}.made", domain="", kernel_shape=[taps],
        pads=[taps // 2, taps // 2 - 1], group=config["num_conv_pos_embedding_groups"],
    )  # fmt: skip
    return graph.add(
        "Transpose", [graph.add("Gelu", [made], f"{name}.gelu")], f"{name}.back", domain="", perm=[0, 2, 1]
    )


def wav2vec2_graph(config: dict[str, Any], tensors: dict[str, Array], batch: int) -> Graph:
    """``input``, [1, samples], to the states of the last layer."""
    assert batch == 1
    graph = Graph()
    layers = Layers(graph, tensors, config["num_attention_heads"], config["layer_norm_eps"])
    rows = graph.add("Transpose", [_sound_features(layers, config)], "frames", domain="", perm=[0, 2, 1])
    x = layers.biased(layers.norm(rows, "feature_projection.layer_norm"), "feature_projection.projection")
    x = graph.add("Add", [x, _sound_places(layers, config, x)], "placed", domain="")
    x = layers.norm(x, "encoder.layer_norm")
    for layer in range(config["num_hidden_layers"]):
        own = f"encoder.layers.{layer}"
        projections = [f"{own}.attention.{part}_proj" for part in ("q", "k", "v")]
        mixed, output = layers.attention(x, f"{own}.attention.joined", projections), f"{own}.attention.out_proj"
        x, _ = layers.sum_and_norm(layers.product(mixed, output), x, f"{own}.layer_norm", output)
        inner, outer = f"{own}.feed_forward.intermediate_dense", f"{own}.feed_forward.output_dense"
        hidden = layers.gelu(x, inner)
        x, _ = layers.sum_and_norm(layers.product(hidden, outer), x, f"{own}.final_layer_norm", outer)
    graph.add("Identity", [x], "states", domain="")
    return graph


GRAPHS = {"vit": vit_graph, "clip": clip_graph, "wav2vec2": wav2vec2_graph}


def onnx_file(folder: Path, batch: int) -> Path:
    """The checkpoint as ONNX, in float32, for so many inputs."""

    def make(partial: Path) -> None:
        import onnx
        from onnx import TensorProto, helper

        config = json.loads((folder / "config.json").read_text())
        kind = config["model_type"]
        graph = GRAPHS[kind](config, read_tensors(folder), batch)
        side = config.get("vision_config", config).get("image_size")
        shape = [batch, "samples"] if kind == "wav2vec2" else [batch, 3, side, side]
        given = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
        states = helper.make_tensor_value_info("states", TensorProto.FLOAT, None)
        whole = helper.make_graph(graph.nodes, kind, [given], [states], graph.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
        onnx.save(helper.make_model(whole, opset_imports=opsets, ir_version=9), str(partial))

    return cached(folder / f"model-{batch}.onnx", __file__, make)


def quantised_onnx_file(folder: Path, batch: int) -> Path:
    """The same with ONNX Runtime's dynamic quantisation: int8 weights, a scale a channel, activations quantised as they
    come; convolutions stay float32.
    """

    def make(partial: Path) -> None:
        from onnx import TensorProto
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(
            str(onnx_file(folder, batch)), str(partial), op_types_to_quantize=["MatMul", "Attention"],
            weight_type=QuantType.QInt8, per_channel=True, extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )  # fmt: skip

    return cached(folder / f"model-{batch}-int8.onnx", __file__, make)
