#!/usr/bin/env python3
"""Pipelines of Attend against those of transformers, and embeddings against sentence-transformers where it is there.

    python benchmarks/models/pipelines.py [--texts 1000] [--threads 2] [--tasks ner ...] [--model FOLDER]

Needs torch and transformers; makes checkpoints of all-MiniLM-L6-v2's shape with random weights and a head for each task
(embeddings: of ``--model``, a folder of sentence-transformers, where one is given), with a vocabulary of 30,000 made-up
words. Texts are of mixed length, 3 to 200 words, in no order. Both run in this process on the same number of threads,
in turns; transformers with the best of batches of 1, 8 and 32. Prints a table: seconds, texts a second, and the ratio.
That results are equal is compared too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable

SHAPE = {
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
}
VOCABULARY = 30_000
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
ENTAILMENT = ["contradiction", "neutral", "entailment"]

#: Task: the head of the checkpoint, its labels, options of the call.
TASKS: dict[str, tuple[str, list[str] | None, dict[str, Any]]] = {
    "text-classification": ("SequenceClassification", LABELS, {"top_k": None}),
    "token-classification": ("TokenClassification", LABELS, {"aggregation_strategy": "average"}),
    "fill-mask": ("MaskedLM", None, {}),
    "zero-shot-classification": ("SequenceClassification", ENTAILMENT, {"candidate_labels": ["w1", "w2 w3", "w4"]}),
    "feature-extraction": ("", None, {"return_tensors": True}),
}


def texts(count: int, task: str) -> list[str]:
    """Texts of 3 to 200 words, short ones more often; the same in every run."""
    draw = random.Random(count)
    found = []
    for _ in range(count):
        words = [f"w{draw.randrange(VOCABULARY - 5)}" for _ in range(int(3 * (200 / 3) ** draw.random()))]
        if task == "fill-mask":
            words[len(words) // 2] = "[MASK]"
        found.append(" ".join(words))
    return found


def make(folder: Path, head: str, labels: list[str] | None) -> None:
    """A checkpoint with random weights, and a tokenizer of words."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(VOCABULARY - 5))]
    words = Tokenizer(models.WordPiece({name: place for place, name in enumerate(names)}, unk_token="[UNK]"))
    words.add_special_tokens(names[:5])
    words.normalizer = normalizers.BertNormalizer(lowercase=True)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.decoder = decoders.WordPiece()
    words.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    fields = {} if labels is None else {"id2label": dict(enumerate(labels))}
    if labels is not None:
        fields["label2id"] = {label: number for number, label in enumerate(labels)}
    config = transformers.BertConfig(vocab_size=VOCABULARY, **SHAPE, **fields)
    kind = getattr(transformers, f"BertFor{head}") if head else transformers.BertModel
    kind(config).eval().save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))
    special = {"unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]", "cls_token": "[CLS]"}
    settings = {**special, "sep_token": "[SEP]", "tokenizer_class": "BertTokenizer", "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def difference(one: Any, other: Any) -> float:
    """The largest difference of numbers; infinity where anything else differs."""
    if isinstance(one, dict) and "labels" in one:  # near ties may be in another order
        one, other = (dict(zip(each["labels"], each["scores"])) for each in (one, other))
    if isinstance(one, dict):
        return max((difference(one[key], other.get(key)) for key in one), default=0.0)
    if getattr(one, "ndim", 0) >= 2:
        import numpy as np

        rows = np.asarray(other)[..., : np.shape(one)[-2], :]  # without padding
        return float(np.abs(np.asarray(one) - rows).max())
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return float("inf")
        return max((difference(a, b) for a, b in zip(one, other)), default=0.0)
    if isinstance(one, float):
        return abs(one - float(other))
    return 0.0 if one == other else float("inf")


def compare(task: str, count: int, threads: int, folder: Path) -> str:
    """A row of the table."""
    import attend
    import transformers

    head, labels, options = TASKS[task]
    make(folder, head, labels)
    inputs = texts(count, task)
    with attend.pipeline(task, folder, threads=threads, **options) as ours:
        theirs = transformers.pipeline(task, str(folder), device=-1, dtype="float32")
        ours(inputs[:20])
        for text in inputs[:5]:
            theirs(text, **options)
        own, results = min((seconds(lambda: ours(inputs)) for _ in range(2)), key=lambda each: each[0])
        sizes = [1] if task == "fill-mask" else [1, 8, 32]
        found = [(*seconds(partial(theirs, inputs, batch_size=size, **options)), size) for size in sizes]
        best, reference, size = min(found, key=lambda each: each[0])
    far = difference(results, reference)
    return (
        f"| {task} | {own:.2f} s, {count / own:.0f}/s | {best:.2f} s, {count / best:.0f}/s (batches of {size}) "
        f"| {best / own:.2f} | {far:.0e} |"
    )


def embeddings(count: int, threads: int, folder: Path) -> str | None:
    """A row of sentence-transformers, where it is installed."""
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        return None
    import attend

    inputs = texts(count, "")
    theirs = SentenceTransformer(str(folder), device="cpu")
    with attend.Model(folder, threads=threads) as model:
        model.embed(inputs[:20])
        theirs.encode(inputs[:20])
        own, results = min((seconds(lambda: model.embed(inputs)) for _ in range(2)), key=lambda each: each[0])
        best, reference = min((seconds(lambda: theirs.encode(inputs)) for _ in range(2)), key=lambda each: each[0])
    far = difference(results, reference)
    return (
        f"| embeddings | {own:.2f} s, {count / own:.0f}/s | {best:.2f} s, {count / best:.0f}/s "
        f"(sentence-transformers) | {best / own:.2f} | {far:.0e} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--model", type=Path)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    print("| task | Attend | transformers | ratio | largest difference |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for task in arguments.tasks:
            row = compare(task, arguments.texts, arguments.threads, Path(place) / task)
            print(row, flush=True)
    if arguments.model is not None:
        row = embeddings(arguments.texts, arguments.threads, arguments.model)
        print(row or "sentence-transformers is not installed", flush=True)


if __name__ == "__main__":
    main()
