"""Makes processors.json: what the logits processors of transformers make of a row.

Needs torch and transformers 5.24. Every case names its options as GenerationConfig does; the classes run in the order
in which generate() would call them."""

import json
from pathlib import Path

import torch
from transformers.generation import logits_process as hf

VOCABULARY = 24
HISTORY = [3, 4, 5, 3, 4, 7, 5, 3, 4]
SOURCE = [9, 4, 11, 3, 4, 12, 9, 4]
ENDS = [1, 6]
RANDOM = torch.Generator().manual_seed(12)


def row(scale=2.0):
    return torch.randn(1, VOCABULARY, generator=RANDOM) * scale


def sequences(value):
    return [[list(ids), bias] for ids, bias in value]


# Option: the processors that it makes, from its value and the case.
PROCESSORS = {
    "sequence_bias": lambda v, c: [hf.SequenceBiasLogitsProcessor(sequences(v))],
    "encoder_repetition_penalty": lambda v, c: [hf.EncoderRepetitionPenaltyLogitsProcessor(v, ids(c["source"]))],
    "repetition_penalty": lambda v, c: [hf.RepetitionPenaltyLogitsProcessor(v)],
    "no_repeat_ngram_size": lambda v, c: [hf.NoRepeatNGramLogitsProcessor(v)],
    "encoder_no_repeat_ngram_size": lambda v, c: [hf.EncoderNoRepeatNGramLogitsProcessor(v, ids(c["source"]))],
    "bad_words_ids": lambda v, c: [hf.NoBadWordsLogitsProcessor(v, torch.tensor(c["ends"]))],
    "min_length": lambda v, c: [hf.MinLengthLogitsProcessor(v, torch.tensor(c["ends"]))],
    "min_new_tokens": lambda v, c: [hf.MinNewTokensLengthLogitsProcessor(c["prompt"], v, torch.tensor(c["ends"]))],
    "forced_bos_token_id": lambda v, c: [hf.ForcedBOSTokenLogitsProcessor(v)],
    "forced_eos_token_id": lambda v, c: [hf.ForcedEOSTokenLogitsProcessor(c["options"]["max_length"], [v])],
    "max_length": lambda v, c: [],
    "exponential_decay_length_penalty": lambda v, c: [
        hf.ExponentialDecayLengthPenalty(tuple(v), torch.tensor(c["ends"]), c["prompt"])
    ],
    "suppress_tokens": lambda v, c: [hf.SuppressTokensLogitsProcessor(v)],
    "begin_suppress_tokens": lambda v, c: [
        hf.SuppressTokensAtBeginLogitsProcessor(
            v, c["prompt"] + (c["prompt"] == 1 and "forced_bos_token_id" in c["options"])
        )
    ],
    "temperature": lambda v, c: [hf.TemperatureLogitsWarper(v)],
    "top_h": lambda v, c: [hf.TopHLogitsWarper(v)],
    "top_k": lambda v, c: [hf.TopKLogitsWarper(v)],
    "top_p": lambda v, c: [hf.TopPLogitsWarper(v)],
    "min_p": lambda v, c: [hf.MinPLogitsWarper(v)],
    "typical_p": lambda v, c: [hf.TypicalLogitsWarper(v)],
    "epsilon_cutoff": lambda v, c: [hf.EpsilonLogitsWarper(v)],
    "eta_cutoff": lambda v, c: [hf.EtaLogitsWarper(v)],
    "renormalize_logits": lambda v, c: [hf.LogitNormalization()],
}

OPTIONS = [
    dict(sequence_bias=[[[2], 1.5], [[4, 6], -2.0], [[3, 4, 6], 0.5], [[5, 4, 9], 9.0], [[3, 4, 8], 1.0]]),
    dict(encoder_repetition_penalty=1.3),
    dict(encoder_repetition_penalty=0.6, repetition_penalty=1.4),
    dict(repetition_penalty=0.8),
    dict(no_repeat_ngram_size=1),
    dict(no_repeat_ngram_size=3),
    dict(no_repeat_ngram_size=20),
    dict(encoder_no_repeat_ngram_size=2),
    dict(encoder_no_repeat_ngram_size=3),
    dict(bad_words_ids=[[2], [6], [3, 4, 1], [4, 8], [7, 4, 9]]),
    dict(min_length=10),
    dict(min_length=9),
    dict(min_new_tokens=8),
    dict(min_new_tokens=7),
    dict(max_length=10, forced_eos_token_id=6, exponential_decay_length_penalty=[3, 1.2]),
    dict(exponential_decay_length_penalty=[2, 1.15], suppress_tokens=[6, 8]),
    dict(exponential_decay_length_penalty=[8, 1.15]),
    dict(suppress_tokens=[0, 3, 23], begin_suppress_tokens=[5]),
    dict(max_length=10, forced_eos_token_id=6, suppress_tokens=[6]),
    dict(renormalize_logits=True, repetition_penalty=1.1),
    dict(
        sequence_bias=[[[4, 3], 0.7]],
        repetition_penalty=1.2,
        no_repeat_ngram_size=2,
        bad_words_ids=[[13]],
        min_length=20,
        suppress_tokens=[2],
        renormalize_logits=True,
    ),
    dict(temperature=0.6),
    dict(temperature=1.7, top_h=0.6),
    dict(top_k=5),
    dict(top_p=0.8),
    dict(min_p=0.1),
    dict(typical_p=0.6),
    dict(typical_p=0.2),
    dict(epsilon_cutoff=0.03),
    dict(eta_cutoff=0.2),
    dict(temperature=0.9, top_k=12, top_p=0.95, min_p=0.02, typical_p=0.9, epsilon_cutoff=0.01, eta_cutoff=0.01),
    dict(repetition_penalty=1.3, temperature=1.2, top_h=0.9, top_k=10, top_p=0.9, renormalize_logits=True),
]
# A history of the prompt alone, of one id.
STARTS = [
    dict(forced_bos_token_id=17),
    dict(forced_bos_token_id=17, begin_suppress_tokens=[5], suppress_tokens=[17]),
    dict(begin_suppress_tokens=[5, 6]),
    dict(no_repeat_ngram_size=2, encoder_no_repeat_ngram_size=2, bad_words_ids=[[3, 9], [8, 3, 9]]),
]


def ids(tokens):
    return torch.tensor([tokens])


def case(options, history, prompt):
    case = dict(options=options, history=history, prompt=prompt, source=SOURCE, ends=ENDS)
    scores = row()
    case["logits"] = [round(x, 6) for x in scores[0].tolist()]
    scores = torch.tensor([case["logits"]])
    order = list(PROCESSORS)
    for name in sorted(options, key=order.index):
        for processor in PROCESSORS[name](options[name], case):
            scores = processor(ids(history), scores)
    case["processed"] = [x if x > float("-inf") else None for x in scores[0].tolist()]
    return case


cases = [case(options, HISTORY, 2) for options in OPTIONS]
cases += [case(options, [3], 1) for options in STARTS]
cases += [case(dict(forced_bos_token_id=17, begin_suppress_tokens=[5]), [3, 17], 1)]
path = Path(__file__).parent / "processors.json"
path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
