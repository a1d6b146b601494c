"""Writes the folders of CTranslate2 that the tests read; needs ctranslate2, transformers and torch.

NAME/    ../conformance/NAME or ../features/NAME, converted with float32 weights, or in the type that TYPES adds to the
         name
NAME/expected.json    what CTranslate2 makes of the inputs of the case: ids and scores of greedy and beam search
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import ctranslate2
import numpy as np
import transformers
from safetensors.numpy import load_file

HERE = Path(__file__).parent
#: Encoder-decoders, which translate; decoders, which generate; encoders, which give states; Whisper, which hears.
CASES = {
    "marian": "translate", "bart": "translate", "t5": "translate", "m2m_100": "translate", "gpt2": "generate",
    "llama": "generate", "gptj": "generate", "bloom": "generate", "bert": "encode",
    "whisper": "hear",
}  # fmt: skip
TYPES = {"gpt2": ["int8", "int16", "float16"], "marian": ["int8"]}


class Tokens:
    """A tokenizer with nothing but a vocabulary: the token of id 7 is t7."""

    def __init__(self, config: transformers.PretrainedConfig) -> None:
        self.names = [f"t{id}" for id in range(config.vocab_size)]
        for name in ("bos_token", "eos_token", "pad_token"):
            id = getattr(config, f"{name}_id", None)
            setattr(self, name, None if id is None else self.names[id])
        self.unk_token = self.names[-2]
        self.unk_token_id = config.vocab_size - 2
        self.special_tokens_map: dict[str, list[str]] = {}
        self.num_madeup_words = 0
        if config.model_type == "whisper":
            for id, name in enumerate(("transcribe", "translate", "notimestamps", "startofprev", "en", "de"), 4):
                self.names[id] = f"<|{name}|>"
            self.names[config.decoder_start_token_id], self.names[2] = "<|startoftranscript|>", "<|endoftext|>"
            self.additional_special_tokens = ["<|en|>", "<|de|>"]
        if config.model_type == "marian":
            self.names[-1] = "<pad>"

    def get_vocab(self) -> dict[str, int]:
        return {name: id for id, name in enumerate(self.names)}

    def convert_tokens_to_ids(self, name: str) -> int:
        return self.names.index(name)

    def convert_ids_to_tokens(self, id: int) -> str:
        return self.names[id]


#: Keys that configurations of today leave out, with the values that the layers of today have.
LEFT_OUT = {"normalize_before": False, "position_embedding_type": "absolute", "rotary_pct": 0.25}


class Converter(ctranslate2.converters.TransformersConverter):
    def load_model(self, model_class: type, path: str, **options: object) -> transformers.PreTrainedModel:
        model = super().load_model(model_class, path, **options)
        for key, value in LEFT_OUT.items():
            if not hasattr(model.config, key):
                setattr(model.config, key, value)
        return model

    def load_tokenizer(self, tokenizer_class: object, path: str, **options: object) -> Tokens:
        return Tokens(transformers.AutoConfig.from_pretrained(path))


def rows(values: np.ndarray, mask: np.ndarray) -> list[list[int]]:
    return [row[kept != 0].tolist() for row, kept in zip(values, mask)]


def expected(folder: Path, kind: str, case: Path) -> dict[str, object]:
    tensors = load_file(case / "expected.safetensors")
    ids = tensors["input_ids"]
    inputs = rows(ids, tensors.get("attention_mask", np.ones_like(ids)))
    lists = sorted(folder.glob("*vocabulary.json"))
    names = json.loads(lists[0].read_text())
    texts = [[names[id] for id in row] for row in inputs]
    found: dict[str, object] = {"inputs": inputs}
    if kind == "encode":
        encoder = ctranslate2.Encoder(str(folder), compute_type="float32")
        output = encoder.forward_batch(texts)
        states = np.array(output.last_hidden_state)
        found["states"] = [states[row, : len(text)].round(7).tolist() for row, text in enumerate(texts)]
        return found
    if kind == "generate":
        generator = ctranslate2.Generator(str(folder), compute_type="float32")
        outputs = generator.generate_batch(texts, beam_size=1, max_length=12, include_prompt_in_result=False)
        found["beams1"] = [{"ids": list(output.sequences_ids[0])} for output in outputs]
        found["log_probs"] = [score.log_probs for score in generator.score_batch(texts)]
        return found
    translator = ctranslate2.Translator(str(folder), compute_type="float32")
    for beams in (1, 4):
        outputs = translator.translate_batch(texts, beam_size=beams, max_decoding_length=12, return_scores=True)
        found[f"beams{beams}"] = [
            {"ids": [names.index(token) for token in output.hypotheses[0]], "score": output.scores[0]}
            for output in outputs
        ]
    return found


def main() -> None:
    for name, kind in CASES.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        case = HERE.parent / ("features" if kind == "hear" else "conformance") / name
        for type in ["float32", *TYPES.get(name, [])]:
            folder = HERE / (name if type == "float32" else f"{name}-{type}")
            shutil.rmtree(folder, ignore_errors=True)
            Converter(str(case)).convert(str(folder), quantization=type)
            if kind != "hear":  # Whisper is compared with what it was converted from
                (folder / "expected.json").write_text(json.dumps(expected(folder, kind, case)) + "\n")
            print(folder.name)


if __name__ == "__main__":
    main()
