"""Greedy decoding on the step API alone, for encoder-decoders and decoders."""

from __future__ import annotations

from typing import Sequence

import attend
import numpy as np

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
