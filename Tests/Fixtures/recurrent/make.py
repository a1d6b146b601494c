"""Makes the checkpoints and expected outputs in this folder, with PyTorch: models of nn.LSTM, nn.GRU and nn.RNN as the
papers describe them, saved by attend.export, and what they compute, token by token. Run it where torch is, with
bindings/python on PYTHONPATH; with the folder of the shared goldens as the second argument it makes their cases too.
"""

import json
import struct
import sys
from pathlib import Path

import torch
from attend._checkpoint_folder import write_safetensors
from attend.export import save_recurrent
from torch import nn

START, END, LONGEST, BEAMS = 1, 2, 12, 4
VOCABULARY, TARGETS, EMBEDDING = 30, 40, 10
LENGTHS = (5, 40, 3)
CELLS = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "tanh": lambda *a, **k: nn.RNN(*a, nonlinearity="tanh", **k),
    "relu": lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k),
}


def shake(module: nn.Module, gain: float = 1.6) -> nn.Module:
    """Larger weights than PyTorch begins with, so that ids depend on what was read."""
    for parameter in module.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, std=0.2)
        else:
            nn.init.xavier_uniform_(parameter, gain=gain)
    return module.eval()


def table(vocabulary: int) -> nn.Embedding:
    embedding = nn.Embedding(vocabulary, EMBEDDING)
    nn.init.normal_(embedding.weight)
    return embedding


class PoorCase(Exception):
    """Two logits are so close that rounding may decide, or one id follows itself for ever: another seed is needed."""


def batch(vocabulary: int):
    ids = torch.zeros(len(LENGTHS), max(LENGTHS), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(LENGTHS):
        ids[row, :length] = torch.randint(3, vocabulary, (length,))
        mask[row, :length] = 1
    return ids, mask


class Writer:
    """A decoder, step by step: Bahdanau et al. 2014 ("bahdanau") or Luong et al. 2015 ("luong"), or without attention.

    What `decode` calls a state is (h and c, what is fed back).
    """

    def __init__(self, cell, layers, width, source, attention, score, readout, feeding, tied=False):
        self.attention, self.score_name, self.readout, self.feeding = attention, score, readout, feeding
        fed = width if feeding else source if attention == "bahdanau" else 0
        self.words = table(TARGETS)
        self.rnn = shake(CELLS[cell](EMBEDDING + fed, width, layers, batch_first=True))
        self.parts = {}
        if score == "additive":
            self.parts = {
                "query": shake(nn.Linear(width, 11)),
                "key": shake(nn.Linear(source, 11, bias=False)),
                "vector": shake(nn.Linear(11, 1), gain=4),
            }
        elif score == "concat":
            self.parts = {"concat": shake(nn.Linear(width + source, 23)), "vector": torch.randn(23)}
        elif score == "general":
            self.parts = {"general": shake(nn.Linear(source, width, bias=False))}
        self.output = shake(nn.Linear(source + width, width, bias=feeding)) if readout == "attentional" else None
        self.width = width + (source + EMBEDDING if readout == "joined" else 0)
        self.fed = torch.zeros(fed)
        self.generator = shake(nn.Linear(self.width, TARGETS), gain=3)

    def score(self, q, keys):
        """[keys]"""
        if self.score_name == "dot":
            return keys @ q
        if self.score_name == "general":
            return keys @ self.parts["general"].weight.T @ q
        if self.score_name == "concat":
            both = torch.cat((q.expand(len(keys), -1), keys), dim=1)
            return torch.tanh(self.parts["concat"](both)) @ self.parts["vector"]
        return self.parts["vector"](torch.tanh(self.parts["query"](q) + self.parts["key"](keys)))[:, 0]

    def look(self, q, keys):
        weights = torch.softmax(self.score(q, keys), 0)
        return weights @ keys, weights

    def step(self, token, state, keys):
        """The hidden state, the weights over the source, the next state."""
        recurrent, fed = state
        word = self.words(torch.tensor(token))
        weights = context = None
        if self.attention == "bahdanau":
            h = recurrent[0] if isinstance(recurrent, tuple) else recurrent
            context, weights = self.look(h[-1, 0], keys)
            fed = context
        out, recurrent = self.rnn(torch.cat((word, fed))[None, None], recurrent)
        hidden = top = out[0, 0]
        if self.attention == "luong":
            context, weights = self.look(top, keys)
        if self.readout == "attentional":
            hidden = torch.tanh(self.output(torch.cat((context, top))))
        elif self.readout == "joined":
            hidden = torch.cat((top, context, word))
        return hidden, weights, (recurrent, hidden if self.feeding else fed)

    def decode(self, tokens, state, keys):
        """[tokens, width], [tokens, keys] or None, the state behind them."""
        hidden, maps = [], []
        for token in tokens:
            one, weights, state = self.step(token, state, keys)
            hidden.append(one)
            maps.append(weights)
        return torch.stack(hidden), None if maps[0] is None else torch.stack(maps), state

    def greedy(self, begun, state, keys):
        ids = list(begun)
        unread = ids
        while len(ids) < len(begun) + LONGEST:
            hidden, _, state = self.decode(unread, state, keys)
            logits = self.generator(hidden[-1])
            best, second = logits.topk(2).values
            if best - second < 1e-3:
                raise PoorCase
            unread = [int(logits.argmax())]
            ids += unread
            if ids[-1] == END:
                break
        if len(set(ids[len(begun) :])) < 3:
            raise PoorCase
        return torch.tensor(ids)

    def beams(self, begun, state, keys):
        """The ids and scores of the best hypotheses: sums of log-probabilities by generated tokens."""
        running, finished = [(0.0, list(begun), state, list(begun))], []
        for length in range(1, LONGEST + 1):
            candidates, states = [], []
            for place, (total, _, state, unread) in enumerate(running):
                hidden, _, state = self.decode(unread, state, keys)
                states.append(state)
                scores = total + torch.log_softmax(self.generator(hidden[-1]), 0)
                candidates += [(float(score), place, token) for token, score in enumerate(scores)]
            candidates.sort(key=lambda candidate: -candidate[0])
            following = []
            for rank, (total, place, token) in enumerate(candidates[: 2 * BEAMS]):
                ids = [*running[place][1], token]
                if token == END or length == LONGEST:
                    if rank < BEAMS:
                        finished.append((total / length, ids))
                elif len(following) < BEAMS:
                    following.append((total, ids, states[place], [token]))
            finished = sorted(finished, key=lambda beam: -beam[0])[:BEAMS]
            running = following
            if not running or len(finished) == BEAMS and running[0][0] / length <= finished[-1][0]:
                break
        return finished


def first_states(finals, bridge, lstm):
    """From the last states of the encoder, [layers, directions * width] each, to those of the decoder."""
    if bridge is None:
        return None
    made = []
    for name, states in zip("hc", finals):
        if not isinstance(bridge, str):
            states = torch.stack([torch.tanh(product(state)) for product, state in zip(bridge[name], states)])
        made.append(states[:, None])
    return tuple(made) if lstm else made[0]


def side_by_side(states, layers):
    """[layers * directions, width] to [layers, directions * width]."""
    return states.reshape(layers, -1)


def encoder_decoder(
    folder,
    *,
    cell,
    layers=1,
    bidirectional=True,
    sizes=(7, 18),
    attention="none",
    score=None,
    readout="state",
    feeding=False,
    bridge="linear",
):
    size, width = sizes
    source_width = (2 if bidirectional else 1) * size
    words = table(VOCABULARY)
    encoder = shake(CELLS[cell](EMBEDDING, size, layers, batch_first=True, bidirectional=bidirectional))
    writer = Writer(cell, layers, width, source_width, attention, score, readout, feeding)
    lstm = cell == "lstm"
    made = bridge
    if bridge == "linear":
        made = {n: [shake(nn.Linear(source_width, width)) for _ in range(layers)] for n in ("hc" if lstm else "h")}
    save_recurrent(
        folder,
        encoder,
        writer.rnn,
        embedding=words,
        target_embedding=writer.words,
        attention=attention,
        score=score,
        readout=readout,
        output=writer.output,
        input_feeding=feeding,
        bridge="none" if made is None else made,
        generator=writer.generator,
        generation={"decoder_start_token_id": START, "eos_token_id": END, "max_new_tokens": LONGEST},
        **writer.parts,
    )
    ids, mask = batch(VOCABULARY)
    targets = torch.randint(3, TARGETS, (len(LENGTHS), 6))
    targets[:, 0] = START
    states = torch.zeros(len(LENGTHS), max(LENGTHS), source_width)
    expected = {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": targets}
    hidden, logits, maps = [], [], torch.zeros(len(LENGTHS), 1, 6, max(LENGTHS))
    for row, length in enumerate(LENGTHS):
        keys, last = encoder(words(ids[row : row + 1, :length]))
        finals = [side_by_side(state, layers) for state in (last if lstm else (last,))]
        begin = (first_states(finals, made, lstm), writer.fed)
        if begin[0] is None:
            zeros = torch.zeros(layers, 1, width)
            begin = ((zeros, zeros) if lstm else zeros, writer.fed)
        keys = states[row, :length] = keys[0]
        own, weights, _ = writer.decode(targets[row].tolist(), begin, keys)
        hidden.append(own)
        logits.append(writer.generator(own))
        if weights is not None:
            maps[row, 0, :, :length] = weights
        expected[f"greedy_ids.{row}"] = writer.greedy([START], begin, keys)
        for place, (score, beam) in enumerate(writer.beams([START], begin, keys)):
            expected[f"beam4_ids.{row}.{place}"] = torch.tensor(beam)
            expected[f"beam4_score.{row}.{place}"] = torch.tensor([score])
    expected["encoder_last_hidden_state"] = states
    expected["decoder_last_hidden_state"] = torch.stack(hidden)
    expected["logits"] = torch.stack(logits)
    if attention != "none":
        expected["cross_attentions.0"] = maps
    return expected


def encoder(folder, *, cell, layers, bidirectional, size, classifies=None):
    words = table(VOCABULARY)
    module = shake(CELLS[cell](EMBEDDING, size, layers, batch_first=True, bidirectional=bidirectional))
    width = (2 if bidirectional else 1) * size
    head = shake(nn.Linear(width, 3)) if classifies else None
    save_recurrent(folder, module, embedding=words, classifier=head, classifies=classifies or "tokens")
    ids, mask = batch(VOCABULARY)
    states = torch.zeros(len(LENGTHS), max(LENGTHS), width)
    for row, length in enumerate(LENGTHS):
        states[row, :length] = module(words(ids[row : row + 1, :length]))[0][0]
    expected = {"input_ids": ids, "attention_mask": mask, "last_hidden_state": states}
    if classifies == "tokens":
        expected["logits"] = head(states)
    elif classifies:
        expected["logits"] = torch.stack([head(states[row, length - 1]) for row, length in enumerate(LENGTHS)])
    return expected


def decoder(folder, *, cell, layers, width, tied=False):
    writer = Writer(cell, layers, width, 0, "none", None, "state", False)
    if tied:
        writer.generator.weight = writer.words.weight
    save_recurrent(
        folder,
        decoder=writer.rnn,
        embedding=writer.words,
        generator=writer.generator,
        generation={"eos_token_id": END, "max_new_tokens": LONGEST},
    )
    ids = torch.randint(3, TARGETS, (2, 70))
    zeros = torch.zeros(layers, 1, width)
    begin = ((zeros, zeros) if cell == "lstm" else zeros, writer.fed)
    logits = torch.stack([writer.generator(writer.decode(row.tolist(), begin, None)[0]) for row in ids])
    expected = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "logits": logits}
    for row in range(len(ids)):
        expected[f"greedy_ids.{row}"] = writer.greedy(ids[row].tolist(), begin, None)[ids.shape[1] :]
    return expected


def golden(folder, name, goldens):
    """The layers of `recurrent/NAME`, whose inputs become a token table."""
    values = {key.split("/")[-1]: value for key, value in goldens.items() if key.startswith(f"recurrent/{name}/")}
    x, output = values.pop("x"), values.pop("output")
    module = CELLS[name](x.shape[-1], output.shape[-1] // 2, 2, batch_first=True, bidirectional=True)
    module.load_state_dict(values)
    save_recurrent(folder, module, embedding=x.reshape(-1, x.shape[-1]))
    ids = torch.arange(x.shape[0] * x.shape[1]).reshape(x.shape[:2])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "last_hidden_state": output}


def read(path: Path) -> dict:
    """The tensors of a safetensors file, all of float32."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            first, end = (8 + size + offset for offset in entry["data_offsets"])
            tensors[name] = torch.frombuffer(bytearray(data[first:end]), dtype=torch.float32).reshape(entry["shape"])
    return tensors


CASES = {
    "lstm-bahdanau": lambda folder: encoder_decoder(
        folder, cell="lstm", layers=2, attention="bahdanau", score="additive", readout="joined"
    ),
    "gru-bahdanau": lambda folder: encoder_decoder(
        folder, cell="gru", attention="bahdanau", score="additive", sizes=(24, 16)
    ),
    "relu-bahdanau": lambda folder: encoder_decoder(
        folder, cell="relu", attention="bahdanau", score="general", readout="attentional", bridge=None
    ),
    "lstm-luong": lambda folder: encoder_decoder(
        folder, cell="lstm", layers=2, attention="luong", score="general", readout="attentional"
    ),
    "lstm-luong-feeding": lambda folder: encoder_decoder(
        folder,
        cell="lstm",
        layers=2,
        attention="luong",
        score="dot",
        readout="attentional",
        feeding=True,
        bridge="copy",
        sizes=(8, 16),
    ),
    "gru-luong-feeding": lambda folder: encoder_decoder(
        folder,
        cell="gru",
        attention="luong",
        score="concat",
        readout="attentional",
        feeding=True,
        bridge=None,
        bidirectional=False,
        sizes=(9, 17),
    ),
    "gru-luong-joined": lambda folder: encoder_decoder(
        folder, cell="gru", layers=2, attention="luong", score="concat", readout="joined"
    ),
    "tanh": lambda folder: encoder_decoder(
        folder, cell="tanh", layers=2, bidirectional=False, bridge="copy", sizes=(16, 16)
    ),
    "encoder": lambda folder: encoder(folder, cell="lstm", layers=2, bidirectional=True, size=9, classifies="tokens"),
    "encoder-sequences": lambda folder: encoder(
        folder, cell="gru", layers=1, bidirectional=False, size=20, classifies="sequences"
    ),
    "decoder": lambda folder: decoder(folder, cell="lstm", layers=2, width=16),
    "decoder-tied": lambda folder: decoder(folder, cell="gru", layers=1, width=EMBEDDING, tied=True),
}


@torch.no_grad()
def main(into: Path, goldens: Path | None) -> None:
    torch.set_num_threads(1)
    for name, make in CASES.items():
        for seed in range(10_000):
            torch.manual_seed(seed)
            try:
                expected = make(into / name)
            except PoorCase:
                continue
            write(into / name, expected)
            break
    if goldens:
        for name in ("lstm", "gru"):
            write(into / f"golden-{name}", golden(into / f"golden-{name}", name, read(goldens)))


def write(folder: Path, expected: dict) -> None:
    numbers = {key: value if value.is_floating_point() else value.int() for key, value in expected.items()}
    write_safetensors(folder / "expected.safetensors", numbers)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent,
        Path(sys.argv[2]) if len(sys.argv) > 2 else None,
    )
