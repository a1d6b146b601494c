#!/usr/bin/env python3
"""Writes regex-cases.jsonl: expressions, texts, and the pieces that Hugging Face's tokenizers make of them.

    pip install tokenizers==0.23.3
    python Tests/Fixtures/tokenizers/make-regex-cases.py > Tests/Fixtures/tokenizers/regex-cases.jsonl

A line is {"pattern", "text", "pieces": [[start, end], ...]}, in scalars: the pieces of Split, Isolated.
Expressions that Oniguruma refuses are left out.
"""

import json
import random

from tokenizers import Regex, pre_tokenizers

LETTERS = [*"aabbcAB01 \n.ßſKsSfiİ$-_", "é", "中", "\u0301", "😀", "\r\n", "ﬁ"]
SETS = [r"\d", r"\w", r"\s", r"\S", r"\h", r"\p{L}", r"\p{Lu}", r"\P{L}", r"\p{^M}", r"\p{N}", r"\p{Alphabetic}"]
SETS += [r"\p{Emoji}", r"\p{Han}", r"\R", r"\X", r"\O", r"\N", r"[^\s\p{L}\p{N}]", r"\p{Punct}", r"\p{Word}"]
BRACKETS = "alpha punct ^upper space word graph digit lower print cntrl alnum xdigit".split()
CONDITIONS = [r"\b", r"\B", "^", "$", r"\A", r"\z", r"\Z", r"\y", r"\Y"]
QUANTIFIERS = ["*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,3}", "{2,}", "{,2}", "{1,3}?", "{2}?"]
FIXED = [
    (r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))", "ab12345 1234567"),
    (r"[[:punct:]]", "a$b+c<d=e>f^g`h|i~j"),
    (r"(?i:ss)", "aßbSSſsẞ"),
    (r"(?i:straße|ﬁ)", "STRASSE straẞe FI ﬁ"),
    (r"\X", "e\u0301👩‍👧🇫🇷🇩क्त각\r\n"),
    (r"(?>a+|ab)b|a", "aab ab"),
    (r"(?:a|ab)++c", "ababc abc"),
    (r"(|a)*", "aab"),
    (r"(?<=ab|c)d(?!e)", "abdcdde"),
    (r"a(?i)b|c", "abaBC"),
    (r"\xc3\xa9\101\o{102}\x{43 44}", "éABCD"),
]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def character_class(self, depth=0):
        choice, items = self.random.choice, []
        for _ in range(self.random.randint(1, 3)):
            kind = self.random.random()
            if kind < 0.4:
                items.append(choice("abcsS01é中ß$ſ"))
            elif kind < 0.55:
                items.append("-".join(sorted(self.random.sample("abcdesz", 2))))
            elif kind < 0.7:
                items.append(choice([s for s in SETS[:14] if s[1] not in "RXON" and not s.startswith("[")]))
            elif kind < 0.8:
                items.append(f"[:{choice(BRACKETS)}:]")
            elif depth < 2:
                items.append(("&&" if kind > 0.9 else "") + self.character_class(depth + 1))
        return "[" + ("^" if self.random.random() < 0.3 else "") + ("".join(items) or "a") + "]"

    def atom(self, depth):
        choice, kind = self.random.choice, self.random.random()
        if kind < 0.4:
            return choice([*"aabbcsS01 .é中ß", "ss", "ab", "fi"])
        if kind < 0.55:
            return self.character_class()
        if kind < 0.65 or depth <= 0:
            return choice(SETS)
        return choice(["(?:", "(", "(?>", "(?i:", "(?m:", "(?<n>"]) + self.alternatives(depth - 1) + ")"

    def condition(self, depth):
        if depth <= 0 or self.random.random() < 0.35:
            return self.random.choice(CONDITIONS)
        return self.random.choice(["(?=", "(?!", "(?<=", "(?<!"]) + self.alternatives(depth - 1) + ")"

    def sequence(self, depth):
        text = ""
        for _ in range(self.random.randint(1, 3)):
            if self.random.random() < 0.15:
                text += self.condition(depth)
            else:
                text += self.atom(depth) + (self.random.choice(QUANTIFIERS) if self.random.random() < 0.4 else "")
        return text

    def alternatives(self, depth):
        return "|".join(self.sequence(depth) for _ in range(self.random.choice([1, 1, 1, 2, 3])))

    def text(self):
        return "".join(self.random.choice(LETTERS) for _ in range(self.random.randint(1, 14)))


def write(pattern, text):
    pieces = pre_tokenizers.Split(Regex(pattern), "isolated").pre_tokenize_str(text)
    line = {"pattern": pattern, "text": text, "pieces": [offsets for _, offsets in pieces]}
    print(json.dumps(line, ensure_ascii=False))


def main():
    for pattern, text in FIXED:
        write(pattern, text)
    maker, made = Maker(11), 0
    while made < 600:
        pattern = maker.alternatives(2)
        try:
            Regex(pattern)
        except Exception:
            continue
        if len(pattern) > 60:
            continue
        write(pattern, maker.text())
        made += 1


main()
