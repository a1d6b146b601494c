"""Gives models that see a tokenizer, the options of a processor, and prompts.json: texts and conversations with
pictures as the processors of transformers write them, and what the models of this folder answer. Needs Pillow and
num2words.

    python Tests/Fixtures/features/make_prompts.py [NAME...]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

HERE = Path(__file__).parent
VOCABULARY, PICTURE, BEGIN, END = 99, 98, 96, 97
LETTERS = "abcdefghijklmnopqrstuvwxyzHDW.?:,0123456789"
MERGES = ["th", "er", "in", "an", "on", "at", "is", "he", "ng", "ing", "the", "or"]
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'] }}:\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}PLACE{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n"
    "{% endfor %}{% if add_generation_prompt %}model:\n{% endif %}"
)


def picture(height: int, width: int, seed: int) -> np.ndarray:
    rows, columns, channels = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((7 * rows + 13 * columns + 31 * channels + 5 * seed + rows * columns // 3) % 256).astype(np.uint8)


def tokenizer(first: list[str], space: str, special: dict[int, str], plain: list[str]) -> Tokenizer:
    """Byte pairs of a few letters; ``first`` are the ids from 0, ``special`` those of given numbers, and ``plain`` are
    added tokens that are not special."""
    words = [*first, *plain, space, *LETTERS]
    merges = []
    for merged in MERGES:
        head, tail = (merged[:-1], merged[-1]) if len(merged) == 2 or merged == "ing" else (merged[:2], merged[2:])
        if (head, tail) == ("in", "g"):
            pass
        if len(words) < min(special):
            merges.append((head, tail))
            words.append(merged)
    vocabulary = {word: index for index, word in enumerate(words)}
    vocabulary.update({word: index for index, word in special.items()})
    filler = (index for index in range(VOCABULARY) if index not in vocabulary.values())
    for index in list(filler):
        vocabulary[f"<unused{index}>"] = index
    assert sorted(vocabulary.values()) == list(range(VOCABULARY)), vocabulary
    made = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
    made.add_special_tokens([*first, *special.values()])
    from tokenizers import AddedToken

    made.add_tokens([AddedToken(text, normalized=False) for text in plain])
    return made


def gemma(extra: dict[str, str], special: dict[int, str], adds_begin: bool) -> Any:
    made = tokenizer(["<pad>", "<bos>", "<eos>", "<unk>"], "▁", special, ["\n", "\n\n", "\n\n\n", "\n\n\n\n"])
    made.normalizer = normalizers.Replace(" ", "▁")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    if adds_begin:
        made.post_processor = processors.TemplateProcessing("<bos> $A", "<bos> $A <bos> $B", [("<bos>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>",
        extra_special_tokens=extra,
    )  # fmt: skip


def bytes_level(special: dict[int, str]) -> Any:
    made = tokenizer(["<pad>", "<bos>", "<eos>", "<unk>"], "Ġ", special, [])
    vocabulary = json.loads(made.to_str())["model"]["vocab"]
    free = [word for word in vocabulary if word.startswith("<unused")]
    merges = [tuple(pair) for pair in json.loads(made.to_str())["model"]["merges"]]
    for word in ("Ċ", "ĊĊ", "<", ">", "_"):
        vocabulary[word] = vocabulary.pop(free.pop(0))
    merges.append(("Ċ", "Ċ"))
    made = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<pad>", "<bos>", "<eos>", "<unk>", *special.values()])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>"
    )


SCALE = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
TILES = {"size": {"longest_edge": 96}, "max_image_size": {"longest_edge": 32}, **SCALE}
TILE_TOKENS = {
    88: "<row_1_col_1>", 89: "<row_1_col_2>", 90: "<row_1_col_3>", 91: "<row_2_col_1>", 92: "<row_2_col_2>",
    93: "<row_2_col_3>", 94: "<global-img>", 95: "<end_of_utterance>", 97: "<fake_token_around_image>",
    98: "<image>",
}  # fmt: skip


def gemma3() -> tuple[Any, str]:
    texts = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    special = {BEGIN: "<start_of_image>", END: "<end_of_image>", PICTURE: "<image_soft_token>"}
    pictures = Gemma3ImageProcessorPil(
        size={"height": 32, "width": 32}, pan_and_scan_min_crop_size=8, pan_and_scan_max_num_crops=4,
        pan_and_scan_min_ratio_to_activate=1.2, do_pan_and_scan=False, **SCALE,
    )  # fmt: skip
    return transformers.Gemma3Processor(pictures, gemma(texts, special, True), image_seq_length=4), "<start_of_image>"


def paligemma() -> tuple[Any, str]:
    pictures = SiglipImageProcessorPil(size={"height": 32, "width": 32}, **SCALE)
    pictures.image_seq_length = 16
    words = gemma({"image_token": "<image>"}, {PICTURE: "<image>"}, True)
    return transformers.PaliGemmaProcessor(pictures, words), "<image>"


def idefics3() -> tuple[Any, str]:
    pictures = Idefics3ImageProcessorPil(**TILES)
    return transformers.Idefics3Processor(pictures, bytes_level(TILE_TOKENS), image_seq_len=4), "<image>"


def smolvlm() -> tuple[Any, str]:
    from transformers.models.smolvlm import processing_smolvlm

    class WithoutVideos(processing_smolvlm.SmolVLMProcessor):
        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            return type(argument)

    pictures = SmolVLMImageProcessorPil(**TILES)
    return WithoutVideos(pictures, bytes_level(TILE_TOKENS), None, image_seq_len=4), "<image>"


#: Of each family: how its processor is made, and the text of its prompts, in which @ stands for a picture.
CASES = {
    "gemma3-vision": (gemma3, ["@what is on the other?", "the\n@ and\n\n@\n or @", "an other@", "@\n\n\n@"]),
    "paligemma": (paligemma, ["@the other thing", "the thing\n", "@on at @ other\n\n"]),
    "idefics3": (idefics3, ["@what is on the other?", "the \n@ and\n\n@\n or @", "an other@", "@\n\n@"]),
    "smolvlm": (smolvlm, ["@what is on the other?", "the \n@\n@ or @", "an other @"]),
}
SIZES = [(40, 40), (90, 40), (30, 96), (24, 20)]


def case(model: Any, processor: Any, text: str, sizes: list[tuple[int, int]], **options: Any) -> dict[str, Any]:
    pictures = [picture(*size, index) for index, size in enumerate(sizes)]
    inputs = processor(text=[text], images=[pictures], return_tensors="pt", **options)
    inputs.pop("labels", None)
    with torch.no_grad():
        ids = model.generate(**inputs, max_new_tokens=6, min_new_tokens=6, do_sample=False)[0].tolist()
    prompt = inputs["input_ids"][0].tolist()
    return {"text": text, "pictures": sizes, "ids": prompt, "answer": ids[len(prompt) :]}


def make(name: str) -> None:
    folder, (of, texts) = HERE / name, CASES[name]
    processor, place = of()
    model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    cases = []
    for index, text in enumerate(texts):
        count = max(1, text.count("@"))
        sizes = [SIZES[(index + offset) % len(SIZES)] for offset in range(count)]
        cases.append(case(model, processor, text.replace("@", place), sizes))
    if name == "gemma3-vision":
        crops = {"do_pan_and_scan": True, "pan_and_scan_min_crop_size": 8, "pan_and_scan_min_ratio_to_activate": 1.2}
        sizes = [(90, 40), (40, 40)]
        cases.append(case(model, processor, f"the {place} and\n{place}", sizes, images_kwargs=crops))
        cases[-1]["options"] = {"do_pan_and_scan": True}
    processor.tokenizer.save_pretrained(folder)
    template = TEMPLATE.replace("PLACE", place)
    (folder / "chat_template.jinja").write_text(template)
    parts = [{"type": "text", "text": "the"}, {"type": "image"}, {"type": "text", "text": "other?"}]
    if name != "paligemma":
        messages = [{"role": "user", "content": parts}]
        words = processor.tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, add_generation_prompt=True
        )
        chat = case(model, processor, words, [(90, 40)], add_special_tokens=False)
        cases.append({**chat, "messages": messages})
    options = processor.image_processor.to_dict()
    options["image_processor_type"] = type(processor.image_processor).__name__.removesuffix("Pil")
    (folder / "preprocessor_config.json").write_text(json.dumps(options, indent=2) + "\n")
    (folder / "prompts.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or CASES:
        make(chosen)
