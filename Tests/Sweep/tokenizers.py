"""Tokenizers at random: components in any order, patterns of any shape, and files whose parts were changed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cases import Case, Place, replace
from configurations import STRANGE, changed

ATOMS = [".", "a", "é", "\\s", "\\S", "\\w", "\\d", "\\p{L}", "\\P{N}", "[^\\s\\p{L}]", "[[:punct:]]", "\\X", "^", "$"]
ATOMS += ["\\b", "\\R", "(?=a)", "(?!\\p{N})", "(?<=b)", "(?i:ss)", "[a-z&&[^b]]", "\\A", "\\Z", "\\h", "", "(?>a*)"]
QUANTIFIERS = ["", "", "*", "+", "?", "*?", "+?", "{2}", "{1,3}", "{0,1000}", "{1000}", "*+", "{99999999999}"]
HOSTILE = [
    "(?:" * 4 + "a" + "{1000})" * 4,
    "(?:" * 3 + "" + "{1000})" * 3,
    "a" + "*" * 100000,
    "(" * 100000 + "a" + ")" * 100000,
    "[" * 50000 + "a" + "]" * 50000,
    "(?=" * 5000 + "a" + ")" * 5000,
    "(a|b|ab)*" * 200 + "c",
    "(?:a|a)*" * 100 + "$",
    "(.*)(.*)(.*)(.*)(.*)(.*)x",
    "|".join(f"\\p{{L}}{{{n}}}" for n in range(1, 200)),
    "(?<n>a)\\k<n>",
    "[\\x{0}-\\x{10FFFF}]{500}",
]


def pattern(chance: random.Random, depth: int = 3) -> str:
    """A regular expression."""
    if depth == 0 or chance.random() < 0.3:
        return chance.choice(ATOMS) + chance.choice(QUANTIFIERS)
    left, right = pattern(chance, depth - 1), pattern(chance, depth - 1)
    shape = chance.choice(["{0}{1}", "{0}|{1}", "(?:{0}){2}{1}", "({0}){2}", "(?={0}){1}", "(?!{0}){1}", "(?<!{0}){1}"])
    return shape.format(left, right, chance.choice(QUANTIFIERS))


def expression(chance: random.Random) -> dict[str, str]:
    if chance.random() < 0.1:
        return {"Regex": chance.choice(HOSTILE)}
    return {"Regex": pattern(chance)} if chance.random() < 0.8 else {"String": chance.choice(["", " ", "ab", "\u2581"])}


def component(chance: random.Random, role: str) -> Any:
    """A normalizer, pre-tokenizer or decoder."""
    if chance.random() < 0.15:
        key = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "decoder": "decoders"}[role]
        return {"type": "Sequence", key: [component(chance, role) for _ in range(chance.randrange(4))]}
    split = {"type": "Split", "pattern": expression(chance), "invert": chance.random() < 0.3}
    split["behavior"] = chance.choice(["Isolated", "Removed", "MergedWithNext", "MergedWithPrevious", "Contiguous"])
    grow = {"type": "Replace", "pattern": expression(chance), "content": chance.choice(["", "aa", "b" * 1000])}
    return chance.choice(
        {
            "normalizer": [
                grow,
                grow,
                {"type": "NFKC"},
                {"type": "Lowercase"},
                {"type": "StripAccents"},
                {"type": "Nmt"},
            ],
            "pre_tokenizer": [split, split, {"type": "Whitespace"}, {"type": "Digits", "individual_digits": True}],
            "decoder": [grow, {"type": "Fuse"}, {"type": "ByteFallback"}, {"type": "WordPiece", "prefix": "##"}],
        }[role]
    )


def made(chance: random.Random) -> dict[str, Any]:
    """A whole tokenizer."""
    vocabulary = {text: index for index, text in enumerate(["<unk>", "a", "b", "ab", "é", " ", "\u2581", "1", "12"])}
    model = chance.choice(
        [
            {"type": "BPE", "vocab": vocabulary, "merges": [["a", "b"], ["1", "2"]][: chance.randrange(3)]},
            {"type": "WordPiece", "vocab": vocabulary, "unk_token": "<unk>", "max_input_chars_per_word": 100},
            {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
            {"type": "Unigram", "vocab": [[text, -1.0 - index] for text, index in vocabulary.items()], "unk_id": 0},
        ]
    )
    roles = ("normalizer", "pre_tokenizer", "decoder")
    parts = {role: component(chance, role) if chance.random() < 0.7 else None for role in roles}
    return {"version": "1.0", "added_tokens": [], "post_processor": None, "model": model, **parts}


def cases(root: Path, place: Place, chance: random.Random, count: int) -> Iterator[Case]:
    """`count` tokenizers: half of them made, half of them changed."""
    real = json.loads((root / "models/g2p-en/tokenizer.json").read_text())
    for number in range(count):
        document = made(chance)
        told = json.dumps(document)[-300:]
        if number % 2:
            document, told = changed(chance.choice([real, document]), chance, [*STRANGE, *HOSTILE])
        folder = place.new()
        replace(folder / "tokenizer.json", document)
        yield Case("tokenizers", told[:300], "tokenizer", folder)
