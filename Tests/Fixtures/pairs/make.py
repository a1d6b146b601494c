"""Writes cases.json: pairs of texts, truncation and windows as Hugging Face's tokenizers make them.

Needs tokenizers 0.23. usage: make.py
"""

import json
import random
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

FIELDS = {"ids": "ids", "types": "type_ids", "special": "special_tokens_mask", "offsets": "offsets"}
STRATEGIES = ["longest_first", "only_first", "only_second"]
CASES = 240


def words() -> Tokenizer:
    """Words of one letter."""
    vocabulary = {token: id for id, token in enumerate(["[UNK]", "<s>", "</s>", *"abcdefghijklmnopqrstuvwxyz"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def byte_level() -> Tokenizer:
    """Bytes and a few merges, with a space in front, and an added token that takes the space before it along."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    letters, special = pre_tokenizers.ByteLevel.alphabet(), ["<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=290, show_progress=False, initial_alphabet=letters, special_tokens=special)
    tokenizer.train_from_iterator(["the cat  sat on the mat, the end. a a  b   c"] * 3, trainer)
    tokenizer.add_special_tokens([AddedToken("<m>", lstrip=True)])
    return tokenizer


def template(single: str, pair: str, special: list) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(single=single, pair=pair, special_tokens=special)


def post_processors(tokenizer: Tokenizer) -> dict:
    first, last = (("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>")))
    both = [first, last]
    bert = template("<s> $A </s>", "<s>:0 $A:0 </s>:0 $B:1 </s>:1", both)
    return {
        "none": None,
        "bert": processors.BertProcessing(last, first),
        "roberta": processors.RobertaProcessing(last, first),
        "roberta-untrimmed": processors.RobertaProcessing(last, first, trim_offsets=False),
        "byte-level": processors.ByteLevel(trim_offsets=True),
        "template": bert,
        "template-of-one-type": template("<s> $A", "<s>:0 $A:0 </s>:0 </s>:0 $B:0 </s>:0", both),
        "template-turned": template("<s>:3 $A:4", "$B:7 </s>:5 $A:6", both),
        "sequence": processors.Sequence([processors.ByteLevel(add_prefix_space=False), bert]),
    }


def text() -> str:
    pool = "a b c d e f the cat sat on mat, end. é 中文 👩‍👧".split() + ["  ", "<m>", " <m>", "\n"]
    return "".join(random.choice(pool) + random.choice([" ", " ", "  ", ""]) for _ in range(random.choice(range(11))))


def spelled(encoding) -> dict:
    return {name: getattr(encoding, field) for name, field in FIELDS.items()}


def case(tokenizer: Tokenizer) -> dict | None:
    """A random request and what comes of it; None for one that the reference has no answer to."""
    length, stride = random.choice([None, *range(3, 13)]), random.choice([0, 0, 1, 2])
    request = {"text": text(), "pair": random.choice([text(), text(), None]), "special": random.random() < 0.8}
    request |= {
        "length": length,
        "stride": stride,
        "strategy": random.choice([0, 0, 1, 2]),
        "left": random.random() < 0.4,
    }
    if length is not None and length < tokenizer.num_special_tokens_to_add(request["pair"] is not None):
        return None  # it subtracts without a look
    tokenizer.no_truncation()
    try:
        if length is not None:
            strategy, direction = STRATEGIES[request["strategy"]], "left" if request["left"] else "right"
            tokenizer.enable_truncation(length, stride=stride, strategy=strategy, direction=direction)
        encoding = tokenizer.encode(request["text"], request["pair"], add_special_tokens=request["special"])
    except BaseException:  # a panic of Rust is no Exception
        return request | {"windows": None}
    windows = [encoding, *encoding.overflowing]
    return request | {"windows": [spelled(window) for window in windows]} if len(windows) <= 12 else None


def main() -> None:
    random.seed(11)
    tokenizers = {}
    for name, tokenizer in (("words", words()), ("byte-level", byte_level())):
        for processor_name, processor in post_processors(tokenizer).items():
            made = Tokenizer.from_str(tokenizer.to_str())
            if processor is not None:
                made.post_processor = processor
            tokenizers[f"{name}, {processor_name}"] = made
    cases = []
    while len(cases) < CASES:
        name = random.choice(list(tokenizers))
        made = case(tokenizers[name])
        if made is not None:
            cases.append({"tokenizer": name} | made)
    files = {name: json.loads(tokenizer.to_str()) | {"truncation": None} for name, tokenizer in tokenizers.items()}
    models = {name.split(",")[0]: file.pop("model") for name, file in files.items()}
    data = {"models": models, "tokenizers": files, "cases": cases}
    lines = [f'"{key}": ' + json.dumps(value, ensure_ascii=False) for key, value in data.items() if key != "cases"]
    listed = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    (Path(__file__).parent / "cases.json").write_text("{" + ",\n".join(lines) + ',\n"cases": [\n' + listed + "\n]}\n")


if __name__ == "__main__":
    main()
