"""Writes the files of Flax that the tests read; needs flax, safetensors, torch, and transformers before 5, which had
Flax.

NAME/flax_model*.msgpack    the weights of ../conformance/NAME or ../features/NAME, as transformers' Flax classes save
                            them, those of SHARDED in several files
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import jax
import transformers
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
#: Case to the class of transformers that it is of.
CASES = {
    "bert-masked-lm": "FlaxBertForMaskedLM",
    "gpt2": "FlaxGPT2LMHeadModel",
    "marian": "FlaxMarianMTModel",
    "gptj": "FlaxGPTJForCausalLM",
    "whisper": "FlaxWhisperForConditionalGeneration",
    "clip": "FlaxCLIPModel",
}
SHARDED = {"gptj": "48KB"}


def folder_of(name: str) -> Path:
    folders = [HERE.parent / kind / name for kind in ("conformance", "features")]
    return next(folder for folder in folders if folder.exists())


def convert(source: Path, kind: str, target: Path, shard: str) -> None:
    """``source`` as an older transformers would have it: names of positions that it does not expect are left out."""
    config = json.loads((source / "config.json").read_text())
    for key, value in list(config.items()):
        if key == "rope_parameters" and isinstance(value, dict):
            config["rope_theta"] = value.get("rope_theta", 10000.0)
    if config.get("dtype"):
        config["torch_dtype"] = config.pop("dtype")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config))
        tensors = {}
        for file in sorted(source.glob("*.safetensors")):
            if file.name != "expected.safetensors":
                tensors.update(load_file(file))
        save_file(tensors, Path(folder) / "model.safetensors", metadata={"format": "pt"})
        model = getattr(transformers, kind).from_pretrained(folder, from_pt=True)
        model.save_pretrained(target, max_shard_size=shard)
    (target / "config.json").unlink()
    (target / "generation_config.json").unlink(missing_ok=True)


def main() -> None:
    jax.config.update("jax_platforms", "cpu")
    for name, kind in CASES.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            convert(folder_of(name), kind, HERE / name, SHARDED.get(name, "10GB"))
            print(name)


if __name__ == "__main__":
    main()
