"""Models of nn.Transformer and nn.TransformerEncoder, saved by attend.export, compute what PyTorch computes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from attend.export import save_transformer

torch = pytest.importorskip("torch", reason="PyTorch, whose models are exported, is not installed")
nn = torch.nn

WIDTH, VOCABULARY = 32, 50
SIZES = {"d_model": WIDTH, "nhead": 4, "dim_feedforward": 48, "batch_first": True}


@pytest.fixture(autouse=True)
def seed() -> Any:
    torch.manual_seed(7)
    with torch.no_grad():
        yield


def table(rows: int = VOCABULARY) -> Any:
    return nn.Embedding(rows, WIDTH)


def causal(length: int) -> Any:
    return torch.ones(length, length).triu(1).bool()


def stack(**options: Any) -> Any:
    layer = nn.TransformerEncoderLayer(**{**SIZES, **options})
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()


def pe(positions: int) -> Any:
    """The table of the tutorials, [1, positions, width]."""
    angles = torch.outer(torch.arange(positions), torch.exp(torch.arange(0, WIDTH, 2) * (-math.log(10000.0) / WIDTH)))
    return torch.stack((angles.sin(), angles.cos()), dim=2).reshape(1, positions, WIDTH)


@pytest.mark.parametrize("positions", ["sinusoidal", "table"])
@pytest.mark.parametrize("tied", [True, False])
def test_an_encoder_decoder(tmp_path: Path, positions: str, tied: bool) -> None:
    transformer = nn.Transformer(num_encoder_layers=2, num_decoder_layers=2, activation="gelu", **SIZES).eval()
    source, target = table(), table(60)
    generator = nn.Linear(WIDTH, 60)
    if tied:
        generator.weight = target.weight
    places = pe(64)
    save_transformer(
        tmp_path,
        transformer,
        embedding=source,
        target_embedding=target,
        positions=places if positions == "table" else positions,
        generator=generator,
        generation={"decoder_start_token_id": 1, "eos_token_id": 2},
    )
    ids, targets = torch.randint(0, 50, (1, 11)), torch.randint(0, 60, (1, 7))

    def embed(words: Any, tokens: Any) -> Any:
        return words(tokens) * math.sqrt(WIDTH) + places[:, : tokens.shape[1]]

    expected = generator(transformer(embed(source, ids), embed(target, targets), tgt_mask=causal(7)))[0]
    with attend.Model(tmp_path) as model, model.session() as session:
        assert model.decoder_start == 1 and model.eos == 2
        session.encode([ids[0].tolist()])
        (logits,) = session.decode([targets[0].tolist()])
        assert np.abs(logits - expected.numpy()).max() < 1e-4


def test_an_encoder_with_a_classifier_of_sequences(tmp_path: Path) -> None:
    module, words, classifier = stack(norm_first=True, activation=nn.SiLU()), table(), nn.Linear(WIDTH, 3)
    save_transformer(
        tmp_path,
        module,
        embedding=words,
        embedding_scale=1,
        positions="none",
        classifier=classifier,
        classifies="sequences",
    )
    ids = torch.randint(0, 50, (1, 9))
    states = module(words(ids))
    with attend.Model(tmp_path) as model, model.session() as session:
        session.encode([ids[0].tolist()])
        assert np.abs(session.hidden_states()[0] - states[0].numpy()).max() < 1e-4
        assert np.abs(session.logits() - classifier(states[:, 0]).numpy()).max() < 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_decoder(tmp_path: Path, dtype: str) -> None:
    module, words, places = (
        stack(bias=False).to(getattr(torch, dtype)),
        table().to(getattr(torch, dtype)),
        nn.Embedding(20, WIDTH),
    )
    save_transformer(tmp_path, module, embedding=words, positions=places, causal=True)
    ids = torch.randint(0, 50, (1, 9))
    module, words = module.float(), words.float()
    states = module(words(ids) * math.sqrt(WIDTH) + places.weight[:9], mask=causal(9))
    with attend.Model(tmp_path) as model, model.session() as session:
        session.encode([ids[0].tolist()])
        assert np.abs(session.logits() - (states[:, -1] @ words.weight.T).numpy()).max() < 1e-4


def rms(module: Any) -> Any:
    module.layers[1].norm2 = nn.RMSNorm(WIDTH)
    return module


def unlike(module: Any) -> Any:
    module.layers[1] = nn.TransformerEncoderLayer(**{**SIZES, "nhead": 2})
    return module


@pytest.mark.parametrize(
    "change, message", [(rms, "RMSNorm"), (unlike, "layers of one kind"), (lambda _: stack(activation=nn.ELU()), "ELU")]
)
def test_what_is_no_transformer_is_named(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        save_transformer(tmp_path, change(stack()), embedding=table())


def test_unknown_positions_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rotary"):
        save_transformer(tmp_path, stack(), embedding=table(), positions="rotary")
