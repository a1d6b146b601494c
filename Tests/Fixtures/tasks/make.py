"""Makes the checkpoints beside this file, and expected.json: what pipelines of transformers make of 300 inputs.

Needs torch and transformers 5.24. Its question answering pipeline is gone since version 5: `python make.py FOLDER`
takes it from transformers 4.57 in FOLDER (pip install --no-deps --target), in a process of its own. Weights are random,
but larger than fresh ones, so that results differ; vocabularies are trained on the texts below.
"""

import json
import os
import random
import subprocess
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).parent
WORDS = (
    "ada lovelace wrote the first program for charles babbage in london while paris slept under rain and "
    "unbelievably internationalization seemed far away because nobody measured antidisestablishmentarianism "
    "café naïve zürich 北京 東京 e-mail don't can't 1,024 3.14 mother-in-law re-read co-operate running runner "
    "swimming swimmer weather engines tables numbers models tokens layers heads answers questions"
).split()
ENDS = [".", "!", "?", " ...", ";", "", " :)", " 🙂"]
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC-X"]
SIZES = dict(hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=24, initializer_range=0.5)
STRATEGIES = ["none", "simple", "first", "average", "max"]


def texts(seed, count, least=3, most=25):
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        words = [draw.choice(WORDS) for _ in range(draw.randint(least, most))]
        words = [
            word.upper() if draw.random() < 0.1 else word.title() if draw.random() < 0.2 else word for word in words
        ]
        text = "".join(word + draw.choice([" "] * 12 + [", ", "  ", "-", "/"]) for word in words).strip(" ,-/")
        found.append(text + draw.choice(ENDS))
    return found


def tokenizers(folder):
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    corpus = texts(1, 300)
    if folder.name.endswith("-bytes"):
        special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=special, initial_alphabet=alphabet)
        made.train_from_iterator(corpus, trainer)
        made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        names = dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>")
        names.update(cls_token="<s>", sep_token="</s>", tokenizer_class="RobertaTokenizer")
    else:
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made.train_from_iterator(corpus[:250], trainers.WordPieceTrainer(vocab_size=230, special_tokens=special))
        made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        made.decoder = decoders.WordPiece()
        names = dict(unk_token="[UNK]", pad_token="[PAD]", mask_token="[MASK]", cls_token="[CLS]", sep_token="[SEP]")
        names.update(tokenizer_class="BertTokenizer")
    folder.mkdir(exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    names.update(model_max_length=64)
    (folder / "tokenizer_config.json").write_text(json.dumps(names, indent=1) + "\n")
    return made.get_vocab_size()


def checkpoint(name, task, **config):
    import torch
    import transformers as hf

    folder = HERE / name
    size = tokenizers(folder)
    torch.manual_seed(zlib.crc32(name.encode()))
    if name.endswith("-bytes"):
        ids = dict(pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1, max_position_embeddings=258)
        made = hf.RobertaConfig(vocab_size=size, **SIZES, **ids, **config)
        model = getattr(hf, f"RobertaFor{task}")(made)
    else:
        made = hf.BertConfig(vocab_size=size, max_position_embeddings=256, **SIZES, **config)
        model = getattr(hf, f"BertFor{task}")(made)
    model.eval().save_pretrained(folder, safe_serialization=True)


def labels(names):
    return dict(id2label=dict(enumerate(names)), label2id={name: number for number, name in enumerate(names)})


CHECKPOINTS = {
    "tokens": ("TokenClassification", labels(LABELS)),
    "tokens-bytes": ("TokenClassification", labels(LABELS)),
    "answers": ("QuestionAnswering", {}),
    "answers-bytes": ("QuestionAnswering", {}),
    "masked": ("MaskedLM", {}),
    "masked-bytes": ("MaskedLM", {}),
    "entailment": ("SequenceClassification", labels(["contradiction", "neutral", "ENTAILMENT"])),
    "topics": (
        "SequenceClassification",
        dict(labels(["sport", "art", "science", "war"]), problem_type="multi_label_classification"),
    ),
    "rank": (
        "SequenceClassification",
        dict(labels(["LABEL_0"]), sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity"}),
    ),
}


def plain(value):
    """Numbers of numpy as those of Python, scores with seven digits."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    return float(f"{value:.7g}") if isinstance(value, float) else value


def cases():
    """(folder, task, input, options)"""
    for number, text in enumerate(texts(2, 100)):
        options = {"aggregation_strategy": STRATEGIES[number // 2 % 5]}
        if number % 10 == 9:
            options["ignore_labels"] = []
        yield ("tokens", "tokens-bytes")[number % 2], "token-classification", text, options
    for number, text in enumerate(texts(3, 10, 60, 80)):
        options = {"aggregation_strategy": STRATEGIES[1 + number // 2 % 4], "stride": 10}
        yield ("tokens", "tokens-bytes")[number % 2], "token-classification", text, options
    for number, text in enumerate(texts(4, 50, 6, 14)):
        folder = ("masked", "masked-bytes")[number % 2]
        words, mask = text.split(" "), ("[MASK]", "<mask>")[number % 2]
        words[len(words) // 2] = mask
        if number % 7 == 3:
            words[0] = mask
        options = [{}, {"top_k": 3}, {"targets": ["the", "london", "paris", "answers"]}][number % 3]
        yield folder, "fill-mask", " ".join(words), options
    for number, text in enumerate(texts(5, 30, 4, 12)):
        options = {"candidate_labels": [["weather", "travel", "engines"], ["rain"]][number % 5 == 4]}
        if number % 3 == 1:
            options["multi_label"] = True
        if number % 3 == 2:
            options["hypothesis_template"] = "it tells of {}, {{really}}"
        yield "entailment", "zero-shot-classification", text, options
    for number, text in enumerate(texts(6, 30)):
        options = [{}, {"top_k": None}, {"top_k": 2}, {"function_to_apply": "softmax"}, {"function_to_apply": "none"}]
        yield "topics", "text-classification", text, options[number % 5]
    pairs = zip(texts(7, 20, 3, 8), texts(8, 20, 3, 12))
    for number, (text, pair) in enumerate(pairs):
        yield ("entailment", "rank")[number % 2], "text-classification", {"text": text, "text_pair": pair}, {}
    pairs = zip(texts(9, 60, 1, 3), texts(10, 50, 3, 40) + texts(11, 10, 60, 150))
    for number, (question, context) in enumerate(pairs):
        options = [{}, {"top_k": 4}, {"handle_impossible_answer": True, "top_k": 3}, {"align_to_words": False}]
        options = dict(options[number % 4], max_seq_len=100)
        if number % 5 == 2:
            options.update(max_seq_len=56, doc_stride=6, max_answer_len=5)
        given = {"question": question, "context": context}
        yield ("answers", "answers-bytes")[number % 2], "question-answering", given, options


def expected(tasks):
    import transformers as hf

    found, pipelines = [], {}
    for folder, task, given, options in cases():
        if task not in tasks:
            continue
        key = (folder, task)
        if key not in pipelines:
            pipelines[key] = hf.pipeline(task, str(HERE / folder), tokenizer=str(HERE / folder), device=-1)
        result = pipelines[key](given, **options)
        found.append({"folder": folder, "task": task, "input": given, "options": options, "result": plain(result)})
    return found


def main():
    if sys.argv[1:2] == ["--answers"]:
        json.dump(expected(["question-answering"]), sys.stdout)
        return
    for name, (task, config) in CHECKPOINTS.items():
        checkpoint(name, task, **config)
    tasks = ["token-classification", "fill-mask", "zero-shot-classification", "text-classification"]
    found = expected(tasks)
    environment = dict(os.environ, PYTHONPATH=sys.argv[1])
    command = [sys.executable, __file__, "--answers"]
    found += json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in found)
    (HERE / "expected.json").write_text(f"[\n{lines}\n]\n")
    print(len(found), "inputs")


if __name__ == "__main__":
    main()
