"""Trains a byte-level vocabulary of the size of Llama 3's from texts on this machine, for want of such a tokenizer.

Masks are dear where tokens are many and long; which texts they come from matters little. Deterministic for the same
files: they are read in the order of their names.
"""

import argparse
import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SUFFIXES = {".py", ".h", ".c", ".txt", ".md", ".json", ".jsonl", ".rst", ".swift", ".html", ".js", ".po", ".pl", ".pm"}


def texts(folders, limit):
    """The contents of text files below some folders, as long as they are not too many."""
    total = 0
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix not in SUFFIXES or not path.is_file() or path.is_symlink():
                continue
            text = path.read_bytes()[:500_000].decode("utf-8", errors="ignore")
            total += len(text)
            if total > limit:
                return
            yield text


def main():
    """Writes tokenizer.json into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--size", type=int, default=128_000)
    parser.add_argument("--characters", type=int, default=150_000_000)
    options = parser.parse_args()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=options.size,
        special_tokens=["<|begin_of_text|>", "<|end_of_text|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(options.folders, options.characters), trainer)
    options.output.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(options.output / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end_of_text|>"}
    settings["bos_token"] = "<|begin_of_text|>"
    (options.output / "tokenizer_config.json").write_text(json.dumps(settings))
    print(tokenizer.get_vocab_size(), "tokens")


main()
