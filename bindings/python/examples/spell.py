"""Spells words: English spelling in, phonemes out. Greedy decoding on the step API alone.

usage: spell.py [--model FOLDER] [--batch N] [WORD ...]      without words: one from each line of the standard input
Words and phonemes go to the standard output, a tab between them; words per second go to the standard error.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Iterator, Sequence

import attend
import numpy as np

DEFAULT_MODEL = Path(__file__).resolve().parents[3] / "models" / "g2p-en"
LONGEST_TARGET = 40  # in tokens; what the default model's figures were measured with


def greedy(
    model: attend.Model,
    session: attend.Session,
    sources: Sequence[Sequence[int] | np.ndarray],
    max_new_tokens: int = LONGEST_TARGET,
) -> list[list[int]]:
    """The most likely next token, again and again: the ids of each source's target, or of what follows each prompt.

    A target is without the start token and ends with an end token, which is kept, or after ``max_new_tokens``. The
    tokens that the checkpoint forces (after the start token, and at the maximal length) are honoured. A finished
    sequence leaves the session, so that nothing more is computed for it.
    """
    if model.decoder_positions is not None:
        max_new_tokens = min(max_new_tokens, model.decoder_positions)
    targets: list[list[int]] = [[] for _ in sources]
    live = list(range(len(sources)))  # live sequence i is the target live[i]
    follows_prompt = model.kind is attend.Kind.DECODER
    tokens = [] if follows_prompt else [model.decoder_start] * len(sources)
    session.encode(sources)
    for step in range(max_new_tokens):
        logits = session.logits() if follows_prompt and step == 0 else session.decode_step(tokens)  # [live, vocabulary]
        if step == max_new_tokens - 1 and model.forced_eos is not None:
            tokens = [model.forced_eos] * len(live)
        elif step == 0 and model.forced_bos is not None:
            tokens = [model.forced_bos] * len(live)
        else:
            tokens = logits.argmax(axis=1).tolist()
        for target, token in zip(live, tokens):
            targets[target].append(token)
        going = [i for i, token in enumerate(tokens) if token not in model.eos_ids]
        if not going:
            break
        if len(going) < len(live):
            session.select(going)
            live, tokens = [live[i] for i in going], [tokens[i] for i in going]
    return targets


def spell(model: attend.Model, words: Sequence[str], batch: int = 256) -> Iterator[tuple[str, str]]:
    """Each word with its phonemes; ``batch`` words are decoded together."""
    tokenizer = model.tokenizer
    with model.session() as session:
        for start in range(0, len(words), batch):
            part = words[start : start + batch]
            for word, ids in zip(part, greedy(model, session, [tokenizer.encode(word) for word in part])):
                tokens = (tokenizer.token(id) for id in ids if id not in model.eos_ids)
                yield word, " ".join(token or "?" for token in tokens)


def main() -> None:
    parser = argparse.ArgumentParser(description="Spells words: English spelling in, phonemes out.")
    parser.add_argument(
        "words", metavar="WORD", nargs="*", help="without words: one from each line of the standard input"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a checkpoint folder (default: %(default)s)")
    parser.add_argument(
        "--batch", type=int, default=256, help="how many words are decoded together (default: %(default)s)"
    )
    arguments = parser.parse_args()
    words = arguments.words or [line.strip() for line in sys.stdin if line.strip()]
    try:
        with attend.Model(arguments.model) as model:
            start = time.perf_counter()
            for word, phonemes in spell(model, words, arguments.batch):
                print(f"{word}\t{phonemes}")
            seconds = time.perf_counter() - start
            print(
                f"{len(words)} words in {seconds:.3f} s, {len(words) / seconds:.0f} words per second, {model.kernels}",
                file=sys.stderr,
            )
    except attend.AttendError as error:
        sys.exit(f"spell.py: {error}")


if __name__ == "__main__":
    main()
