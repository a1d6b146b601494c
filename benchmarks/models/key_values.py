"""What keys and values in fewer bits cost: perplexity, divergence, memory and time, against float32 in one run.

    python benchmarks/models/key_values.py MODEL [--texts 16] [--tokens 480] [--step 1024]

The texts are the model's own: sampled from its float32 logits with a fixed seed, so that their perplexity in float32
is about what the model itself is uncertain of, and no text needs to be at hand. --step measures a decoding step behind
so many tokens, each type in turn, the best of several rounds.
"""

from __future__ import annotations

import argparse
import time

import attend
import numpy as np

TYPES = ("float32", "bfloat16", "int8", "int4")


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def sample(model: attend.Model, texts: int, tokens: int, generator: np.random.Generator) -> np.ndarray:
    """Texts of the model's own, ``[texts, tokens]``."""
    session = model.session(key_value_type="float32")
    first = model.bos if model.bos is not None else 1
    session.encode([[first]] * texts)
    logits, ids = session.logits(), [np.full(texts, first)]
    while len(ids) < tokens:
        noise = generator.gumbel(size=logits.shape)
        ids.append((logits + noise).argmax(axis=-1))
        logits = session.decode_step(ids[-1])
    return np.stack(ids, axis=1)


def scores(model: attend.Model, ids: np.ndarray, kind: str) -> np.ndarray:
    """The log-probabilities of what follows each token but the last, ``[texts, tokens - 1, vocabulary]``."""
    session = model.session(key_value_type=kind)
    rows = []
    for text in ids:
        session.encode([text[:1]])
        rows.append(log_softmax(np.concatenate([session.logits().copy(), session.decode([text[1:-1]])[0]])))
    return np.stack(rows)


def cache_bytes(model: attend.Model, kind: str, tokens: int) -> float:
    """Bytes of the cache that a token takes."""
    session = model.session(key_value_type=kind, beyond_positions=True)
    found = []
    for _ in range(3):
        session.add([[3] * tokens])
        found.append(session.memory)
    return (found[2] - found[1]) / tokens


def step_seconds(model: attend.Model, tokens: int, rounds: int = 30) -> dict[str, float]:
    """The time of a step behind so many tokens."""
    sessions = {}
    for kind in TYPES:
        sessions[kind] = model.session(key_value_type=kind, beyond_positions=True)
        sessions[kind].encode([[3 + i % 50 for i in range(tokens)]])
    best = dict.fromkeys(TYPES, float("inf"))
    for _ in range(rounds):
        for kind, session in sessions.items():
            start = time.perf_counter()
            session.decode_step([5])
            best[kind] = min(best[kind], time.perf_counter() - start)
            session.truncate(0, tokens)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--texts", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=480)
    parser.add_argument("--step", type=int, default=1024)
    options = parser.parse_args()
    model = attend.Model(options.model)
    ids = sample(model, options.texts, options.tokens, np.random.default_rng(7))
    plain = scores(model, ids, "float32")
    seconds = step_seconds(model, options.step)
    print("| keys and values | perplexity | divergence, nats | first choice as float32 | bytes a token | step |")
    print("|---|---|---|---|---|---|")
    for kind in TYPES:
        found = scores(model, ids, kind)
        chosen = np.take_along_axis(found, ids[:, 1:, None].astype(np.int64), axis=-1)
        divergence = (np.exp(plain) * (plain - found)).sum(axis=-1).mean()
        same = (found.argmax(axis=-1) == plain.argmax(axis=-1)).mean()
        print(
            f"| {kind} | {np.exp(-chosen.mean()):.4f} | {divergence:.1e} | {100 * same:.2f} % | "
            f"{cache_bytes(model, kind, options.tokens):.0f} | {seconds['float32'] / seconds[kind]:.2f} x |"
        )


if __name__ == "__main__":
    main()
