"""Models of nn.LSTM, nn.GRU and nn.RNN, saved by attend.export, compute what PyTorch computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from attend.export import save_recurrent

torch = pytest.importorskip("torch", reason="PyTorch, whose models are exported, is not installed")
nn = torch.nn

EMBEDDING, WIDTH, VOCABULARY = 12, 20, 50
SOURCE = [3, 17, 9, 40, 8, 22, 31]
TARGET = [1, 7, 7, 30, 12]
CELLS = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "tanh": nn.RNN,
    "relu": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
}


@pytest.fixture(autouse=True)
def seed() -> Any:
    torch.manual_seed(7)
    with torch.no_grad():
        yield


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bias", [True, False])
def test_an_encoder(tmp_path: Path, cell: str, bias: bool) -> None:
    words = nn.Embedding(VOCABULARY, EMBEDDING)
    module = CELLS[cell](EMBEDDING, WIDTH, 2, bidirectional=True, bias=bias, batch_first=True)
    save_recurrent(tmp_path, module, embedding=words, classifier=nn.Linear(2 * WIDTH, 3))
    with attend.Model(tmp_path) as model, model.session() as session:
        assert (model.kind, model.hidden_size, model.encoder_layers) == (attend.Kind.ENCODER, 2 * WIDTH, 2)
        session.encode([SOURCE, SOURCE[:2]])
        for states, ids in zip(session.hidden_states(), (SOURCE, SOURCE[:2])):
            close(states, module(words(torch.tensor([ids])))[0][0])


@pytest.mark.parametrize("cell", CELLS)
def test_a_language_model(tmp_path: Path, cell: str) -> None:
    words = nn.Embedding(VOCABULARY, WIDTH)
    module = CELLS[cell](WIDTH, WIDTH, 2, batch_first=True)
    save_recurrent(tmp_path, decoder=module, embedding=words, generation={"eos_token_id": 0})
    expected = module(words(torch.tensor([SOURCE])))[0][0] @ words.weight.T
    with attend.Model(tmp_path) as model, model.session() as session:
        session.encode([SOURCE[:1]])
        first = session.logits().copy()  # what is lent until the next call
        close(np.concatenate([first, *session.decode([SOURCE[1:]], logits="all")]), expected)
        assert len(model.generate([SOURCE], max_new_tokens=9)[0].ids) <= 9


class Bahdanau(nn.Module):
    """As the tutorials write it: the context comes first, and scores have a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.targets = nn.Embedding(VOCABULARY, EMBEDDING), nn.Embedding(60, EMBEDDING)
        self.encoder = nn.GRU(EMBEDDING, WIDTH, bidirectional=True, batch_first=True)
        self.decoder = nn.GRU(2 * WIDTH + EMBEDDING, WIDTH, batch_first=True)
        self.query, self.key, self.vector = nn.Linear(WIDTH, 15), nn.Linear(2 * WIDTH, 15), nn.Linear(15, 1)
        self.bridge, self.generator = nn.Linear(2 * WIDTH, WIDTH), nn.Linear(WIDTH, 60)

    def forward(self, source: list[int], target: list[int]) -> tuple[Any, Any]:
        keys, last = self.encoder(self.words(torch.tensor([source])))
        state = torch.tanh(self.bridge(torch.cat((last[0], last[1]), dim=1)))[None]
        logits, maps = [], []
        for token in target:
            scores = self.vector(torch.tanh(self.query(state[0, 0]) + self.key(keys[0])))[:, 0]
            maps.append(torch.softmax(scores, 0))
            x = torch.cat((maps[-1] @ keys[0], self.targets(torch.tensor(token))))
            out, state = self.decoder(x[None, None], state)
            logits.append(self.generator(out[0, 0]))
        return torch.stack(logits), torch.stack(maps)


def save_bahdanau(folder: Path, module: Bahdanau, **options: Any) -> None:
    save_recurrent(
        folder,
        module.encoder,
        module.decoder,
        embedding=module.words,
        target_embedding=module.targets,
        **{
            "attention": "bahdanau",
            "query": module.query,
            "key": module.key,
            "vector": module.vector,
            "context_first": True,
            "bridge": {"h": [module.bridge]},
            "generator": module.generator,
            "generation": {"decoder_start_token_id": 1, "eos_token_id": 0},
            **options,
        },
    )


def test_an_encoder_decoder_with_its_attention(tmp_path: Path) -> None:
    module = Bahdanau()
    save_bahdanau(tmp_path, module)
    logits, maps = module(SOURCE, TARGET)
    with attend.Model(tmp_path) as model, model.session() as session:
        session.record_attentions()
        session.encode([SOURCE, SOURCE[:3]])
        found = session.decode([TARGET, TARGET], logits="all")
        close(found[0], logits)
        close(found[1], module(SOURCE[:3], TARGET)[0])
        close(session.attentions("cross", 0)[0][0], maps)
        answers = model.generate([SOURCE], num_beams=3, num_return_sequences=3, max_new_tokens=8)
        assert len(answers[0].hypotheses) == 3


@pytest.mark.parametrize("compute", ["bfloat16", "int8", "int4"])
def test_fewer_bits(tmp_path: Path, compute: str) -> None:
    module = Bahdanau()
    save_bahdanau(tmp_path, module)
    with attend.Model(tmp_path, compute=compute) as model, model.session() as session:
        session.encode([SOURCE])
        found = session.decode([TARGET], logits="all")[0]
    assert np.corrcoef(found.ravel(), module(SOURCE, TARGET)[0].numpy().ravel())[0, 1] > 0.95


def test_what_cannot_be_saved_is_named(tmp_path: Path) -> None:
    module = Bahdanau()
    with pytest.raises(ValueError, match='score "additive" needs vector'):
        save_bahdanau(tmp_path, module, vector=None)
    with pytest.raises(ValueError, match='readout "attentional" needs output'):
        save_bahdanau(tmp_path, module, readout="attentional")
    with pytest.raises(ValueError, match="without proj_size"):
        save_recurrent(tmp_path, nn.LSTM(4, 4, proj_size=2), embedding=module.words)
    with pytest.raises(ValueError, match="is bidirectional"):
        save_recurrent(tmp_path, decoder=module.encoder, embedding=module.words)
    with pytest.raises(ValueError, match="encoder and decoder of one cell"):
        save_recurrent(tmp_path, nn.LSTM(EMBEDDING, 20), module.decoder, embedding=module.words)
    with pytest.raises(ValueError, match="an encoder, a decoder or both"):
        save_recurrent(tmp_path, embedding=module.words)


def test_what_the_library_refuses_is_named(tmp_path: Path) -> None:
    save_bahdanau(tmp_path, Bahdanau(), bridge="copy")
    with pytest.raises(attend.AttendError, match='bridge is "copy", and the encoder\'s states have 40 numbers'):
        attend.Model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "bridge": "linear", "score": "cosine"}))
    with pytest.raises(attend.AttendError, match='score "cosine" is not known'):
        attend.Model(tmp_path)
