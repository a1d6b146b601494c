"""Makes the peers' files out of a checkpoint, once: they lie beside its config.json. Here what all share, and
CTranslate2's.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Callable


def cached(target: Path, converter: str, make: Callable[[Path], None]) -> Path:
    """``target``, made by ``make(partial)`` if it is not there, or is older than the checkpoint or the ``converter``'s
    own file.

    It appears when it is complete.
    """
    sources = (target.parent / "config.json", Path(converter))
    if target.exists() and target.stat().st_mtime >= max(source.stat().st_mtime for source in sources):
        return target
    partial = target.with_name(target.name + ".partial")
    for old in (target, partial):
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    make(partial)
    partial.touch()
    partial.rename(target)
    return target


#: What CTranslate2 asks of a Whisper by name.
WHISPER_TOKENS = {
    50257: "endoftext", 50258: "startoftranscript", 50259: "en", 50358: "translate", 50359: "transcribe",
    50361: "startofprev", 50362: "nospeech", 50363: "notimestamps",
}  # fmt: skip


class _Vocabulary:
    """What CTranslate2's converter asks of a tokenizer: here a token is its id, as text."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.tokens = [str(index) for index in range(config["vocab_size"])]
        if config["model_type"] == "marian":
            self.tokens[config["pad_token_id"]] = "<pad>"  # the converter takes this one out
        if config["model_type"] == "whisper":
            for index, name in WHISPER_TOKENS.items():
                self.tokens[index] = f"<|{name}|>"
        self.bos_token = self.tokens[config.get("bos_token_id") or 0]
        self.eos_token = self.tokens[config.get("eos_token_id") or 0]
        self.unk_token = self.tokens[1]

    def get_vocab(self) -> dict[str, int]:
        return {token: index for index, token in enumerate(self.tokens)}


def ctranslate2_folder(folder: Path) -> Path:
    """The checkpoint as CTranslate2 reads it. The stored type is the checkpoint's; CTranslate2 converts at load."""

    def make(partial: Path) -> None:
        from ctranslate2.converters import TransformersConverter

        config = json.loads((folder / "config.json").read_text())

        class Converter(TransformersConverter):
            def load_tokenizer(self, *_: Any, **__: Any) -> _Vocabulary:
                return _Vocabulary(config)

            def load_model(self, model_class: Any, path: str, **options: Any) -> Any:
                model = super().load_model(model_class, path, **options)
                if config["model_type"] == "bert":
                    model.config.position_embedding_type = "absolute"  # an attribute that the converter still looks at
                return model

        Converter(str(folder)).convert(str(partial), quantization=config["torch_dtype"])

    return cached(folder / "ctranslate2", __file__, make)
