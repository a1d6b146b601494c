"""Makes OpenVINO's files out of a checkpoint, once: they lie beside its config.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import media
import numpy as np
import numpy.typing as npt
from convert import cached
from workloads import Workload


def given(folder: Path, workload: Workload) -> list[npt.NDArray[Any]]:
    """What the model is given: pictures, or the ids of texts and their segments."""
    if workload.task == "see":
        return [media.pixels(workload)]
    ids = workload.ids(json.loads((folder / "config.json").read_text())).astype(np.int64)
    return [ids, np.zeros_like(ids)]


def openvino_file(folder: Path, workload: Workload, compute: str) -> Path:
    """A ViT or BERT as OpenVINO converts it from PyTorch, in float32 or, by NNCF's quantisation after training, in
    int8.
    """

    def make(partial: Path) -> None:
        import openvino

        model = converted(folder, workload)
        if compute == "int8":
            import nncf

            inputs = given(folder, workload)
            batch = len(inputs[0])
            examples = [[one[index % batch][None] for one in inputs] for index in range(8)]
            calibration = nncf.Dataset([one[0] if len(one) == 1 else one for one in examples])
            model = nncf.quantize(model, calibration, model_type=nncf.ModelType.TRANSFORMER)
        partial.mkdir()
        openvino.save_model(model, partial / "model.xml", compress_to_fp16=False)

    return cached(folder / f"openvino-{compute}", __file__, make) / "model.xml"


def converted(folder: Path, workload: Workload) -> Any:
    """The model of transformers with any number of pictures, or of texts of any length."""
    import openvino
    import torch
    import transformers

    sees = workload.task == "see"
    kind = transformers.ViTModel if sees else transformers.BertModel
    loaded = kind.from_pretrained(folder, add_pooling_layer=False).eval()

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = loaded

        def forward(self, first: Any, *rest: Any) -> Any:
            inputs = {"pixel_values": first} if sees else {"input_ids": first, "token_type_ids": rest[0]}
            return self.model(**inputs).last_hidden_state

    shape = [-1, 3, workload.length, workload.length] if sees else [-1, -1]
    inputs = given(folder, workload)
    with torch.inference_mode():
        example = tuple(torch.from_numpy(one[:1]) for one in inputs)
        return openvino.convert_model(
            States(), example_input=example if len(example) > 1 else example[0], input=[shape] * len(inputs)
        )
