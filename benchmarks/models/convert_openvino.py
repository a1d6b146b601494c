"""Makes OpenVINO's files out of a checkpoint, once: they lie beside its config.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import media
from convert import cached
from workloads import Workload


def openvino_file(folder: Path, workload: Workload, compute: str) -> Path:
    """A ViT as OpenVINO converts it from PyTorch, in float32 or, by NNCF's quantisation after training, in int8."""

    def make(partial: Path) -> None:
        import openvino

        model = converted(folder, workload)
        if compute == "int8":
            import nncf

            calibration = nncf.Dataset([media.pixels(workload)[index % workload.batch][None] for index in range(8)])
            model = nncf.quantize(model, calibration, model_type=nncf.ModelType.TRANSFORMER)
        partial.mkdir()
        openvino.save_model(model, partial / "model.xml", compress_to_fp16=False)

    return cached(folder / f"openvino-{compute}", __file__, make) / "model.xml"


def converted(folder: Path, workload: Workload) -> Any:
    """The model of transformers with any number of pictures."""
    import openvino
    import torch
    import transformers

    kind = transformers.ViTModel.from_pretrained(folder, add_pooling_layer=False).eval()

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = kind

        def forward(self, pixels: Any) -> Any:
            return self.model(pixel_values=pixels).last_hidden_state

    with torch.inference_mode():
        example = torch.from_numpy(media.pixels(workload)[:1])
        return openvino.convert_model(States(), example_input=example, input=[-1, 3, workload.length, workload.length])
