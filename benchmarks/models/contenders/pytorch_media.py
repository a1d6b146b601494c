"""PyTorch with the models of Hugging Face transformers, on pictures and sounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import media
import numpy as np
import numpy.typing as npt
from workloads import Workload

from contenders.base import Runner, Unavailable

CLASSES = {
    "vit": "ViTModel",
    "clip": "CLIPModel",
    "wav2vec2": "Wav2Vec2Model",
    "whisper": "WhisperForConditionalGeneration",
}


class PyTorchMediaRunner(Runner):
    """In float32 also the reference that outputs are compared with."""

    def __init__(self, folder: Path, workload: Workload, compute: str, threads: int) -> None:
        super().__init__(folder, workload, compute, threads)
        try:
            import torch
            import transformers
        except ImportError as problem:
            raise Unavailable(str(problem)) from None
        torch.set_num_threads(threads)
        self.torch = torch
        self.mode = torch.inference_mode()
        self.mode.__enter__()  # for the life of this process
        transformers.utils.logging.set_verbosity_error()
        options = {"add_pooling_layer": False} if self.config["model_type"] == "vit" else {}
        kind = getattr(transformers, CLASSES[self.config["model_type"]])
        self.model = kind.from_pretrained(folder, dtype=torch.float32, **options).eval()
        self.version = f"torch {torch.__version__}, transformers {transformers.__version__}"
        if workload.task == "see":
            self.pixels = torch.from_numpy(media.pixels(workload))
        elif workload.task == "look":
            self.pictures = PictureReader(folder, workload)
        elif workload.task == "hear":
            self.samples = torch.from_numpy(media.samples(workload))[None]
        else:
            self.search = transformers.GenerationMixin.generate
            self.front = transformers.WhisperFeatureExtractor.from_pretrained(folder)

    def run(self) -> float:
        start = self.clock()
        self._work()
        return self.clock() - start

    def check(self) -> dict[str, npt.NDArray[Any]]:
        return {"ids" if self.workload.task == "transcribe" else "states": self._work().numpy()}

    def _work(self) -> Any:
        if self.workload.task == "see":
            return self.model(pixel_values=self.pixels).last_hidden_state
        if self.workload.task == "look":
            tower = self.model.vision_model(pixel_values=self.torch.from_numpy(self.pictures.read()))
            return self.torch.nn.functional.normalize(self.model.visual_projection(tower.pooler_output), dim=-1)
        if self.workload.task == "hear":
            return self.model(self.samples).last_hidden_state
        return self._transcribe()

    def _transcribe(self) -> Any:
        """A fixed number of tokens, [1, new tokens]."""
        mel = self.front(media.samples(self.workload), sampling_rate=media.RATE, return_tensors="pt").input_features
        length, start = self.workload.new_tokens, self.torch.tensor([media.TRANSCRIPT_START])
        found = self.search(
            self.model, mel, decoder_input_ids=start, num_beams=self.workload.beams, do_sample=False,
            min_new_tokens=length, max_new_tokens=length, length_penalty=0.0,
        )  # fmt: skip
        return found[:, start.shape[1] :]


class PictureReader:
    """From the bytes of JPEGs to pixel values by torchvision's decoder and the processor of transformers that works on
    its tensors.
    """

    def __init__(self, folder: Path, workload: Workload) -> None:
        import torch
        import torchvision
        import transformers

        self.torch = torch
        self.decode = torchvision.io.decode_jpeg
        self.files = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in media.jpegs(workload, folder)]
        self.processor = transformers.AutoImageProcessor.from_pretrained(folder)

    def read(self) -> npt.NDArray[np.float32]:
        """[batch, 3, height, width]"""
        pictures = [self.decode(file) for file in self.files]
        pixels: npt.NDArray[np.float32] = self.processor(images=pictures, return_tensors="pt").pixel_values.numpy()
        return pixels


RUNNER = PyTorchMediaRunner
