"""Stages: some of a decoder's layers compute what the whole model does, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attend
import numpy as np
import pytest
from attend.stages import StageStep
from conftest import DEFAULT_MODEL, FIXTURES, Case, cases

#: Heads that are told by the tokens which state they read.
_READS_TOKENS = "told by the tokens"


def decoders() -> list[Path]:
    """The conformance cases whose model is a decoder with more than one layer."""
    found = []
    for folder in cases():
        with attend.Model(folder, threads=1) as model:
            if model.kind == attend.Kind.DECODER and model.decoder_layers > 1:
                found.append(folder)
    return found


def stages(folder: Path, cut: int, layers: int, **options: Any) -> tuple[attend.Model, attend.Model]:
    """The two stages of a checkpoint that is cut before layer ``cut``."""
    first = attend.Model(folder, layers=(0, cut), **options)
    return first, attend.Model(folder, layers=(cut, layers), **options)


@pytest.mark.parametrize("folder", decoders(), ids=lambda folder: folder.name)
def test_stages_compute_what_the_whole_model_does(folder: Path) -> None:
    case = Case(folder)
    with attend.Model(folder, threads=1) as whole:
        session = whole.session()
        session.encode(case.sources)
        states = np.concatenate(session.hidden_states()).copy()
        logits = session.logits().copy()
        count = len(case.sources)
        tokens = np.arange(count, dtype=np.int32) % whole.vocab_size
        generates = logits.shape == (count, whole.vocab_size)
        stepped = session.decode_step(tokens).copy() if generates else None
        layers = whole.decoder_layers
        parameters = whole.parameters
        try:
            attend.Model(folder, layers=(0, 1))
        except attend.UnsupportedError as problem:
            assert _READS_TOKENS in str(problem)
            return
        for cut in range(1, layers):
            first, second = stages(folder, cut, layers, threads=1)
            assert (first.first_layer, first.decoder_layers, first.whole_layers) == (0, cut, layers)
            assert (second.first_layer, second.decoder_layers, second.whole_layers) == (cut, layers - cut, layers)
            assert first.parameters < parameters and second.parameters < parameters
            one, two = first.session(), second.session()
            one.encode(case.sources)
            two.encode(attend.States(one.hidden_states()))
            assert np.array_equal(np.concatenate(two.hidden_states()), states)
            assert np.array_equal(two.logits(), logits)
            if stepped is not None:
                one.decode([[token] for token in tokens], logits="none")
                assert np.array_equal(two.decode(attend.States(one.hidden_states()), logits="last"), stepped)


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2", "mixtral", "gpt_oss"])
@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True, "seed": 7, "num_return_sequences": 2}])
def test_generating_goes_through_the_stages(name: str, options: dict[str, Any]) -> None:
    folder = FIXTURES / "conformance" / name
    prompts = [[5, 6, 7], [8], [9, 10, 11, 12]]
    with attend.Model(folder, threads=1) as whole:
        wanted = whole.session().generate(prompts, max_new_tokens=12, eos_token_id=-1, **options)
        first, second = stages(folder, 1, whole.decoder_layers, threads=1)
    behind = first.session()
    session = second.session(stage=lambda step: step.run(behind))
    for _ in range(2):  # what the first call left is dropped by the second
        found = session.generate(prompts, max_new_tokens=12, eos_token_id=-1, **options)
        for one, other in zip(found, wanted):
            assert [each.ids.tolist() for each in one] == [each.ids.tolist() for each in other]


def test_three_stages_select_and_cut_as_one_model() -> None:
    folder = FIXTURES / "conformance" / "llama"
    with attend.Model(folder, threads=1) as whole:
        layers, reference = whole.decoder_layers, whole.session()
    cuts = [0, 1, layers] if layers == 2 else [0, 1, 2, layers]
    models = [attend.Model(folder, layers=(start, end), threads=1) for start, end in zip(cuts, cuts[1:])]
    before = [model.session() for model in models[:-1]]

    def stage(step: StageStep) -> Any:
        states = None
        for session in before:
            states = step.run(session, states)
        return states

    session = models[-1].session(stage=stage)
    for each in (reference, session):
        each.encode([[1, 2, 3], [4, 5]])
    for action in (
        lambda each: each.decode([[6, 7], []], logits="last"),
        lambda each: each.select([1, 0, 1]),
        lambda each: each.decode_step([1, 2, 3]),
        lambda each: each.truncate(1, 2),
        lambda each: each.add([[9, 9]]),
        lambda each: each.decode_step([3, 4, 5, 6]),
    ):
        results = [action(each) for each in (reference, session)]
        if results[0] is not None:
            assert np.array_equal(results[0], results[1], equal_nan=True)


def test_what_a_stage_raises_comes_out_and_the_step_can_be_made_again() -> None:
    folder = FIXTURES / "conformance" / "llama"
    first, second = stages(folder, 1, attend.Model(folder).decoder_layers, threads=1)
    behind, fails = first.session(), [False]

    def stage(step: StageStep) -> Any:
        states = step.run(behind)
        if fails[0]:
            raise ValueError("the network is gone")
        return states

    session = second.session(stage=stage)
    session.encode([[1, 2, 3]])
    with attend.Model(folder, threads=1) as whole:
        reference = whole.session()
        reference.encode([[1, 2, 3]])
    fails[0] = True
    with pytest.raises(ValueError, match="the network is gone"):
        session.decode_step([4])
    fails[0] = False
    assert np.array_equal(session.decode_step([5]), reference.decode_step([5]))
    narrow = second.session(stage=lambda step: np.zeros((1, 2), np.float32))
    with pytest.raises(attend.InvalidArgumentError, match="what stage returned"):
        narrow.encode([[1]])


def test_what_is_no_stage_is_refused() -> None:
    folder = FIXTURES / "conformance" / "llama"
    with attend.Model(folder) as whole:
        layers, width = whole.decoder_layers, whole.hidden_size
        assert (whole.first_layer, whole.whole_layers) == (0, layers)
        with pytest.raises(attend.InvalidArgumentError, match="reads tokens"):
            whole.session().encode(attend.States([np.zeros((1, width), np.float32)]))
        with pytest.raises(attend.InvalidArgumentError, match="no stage before it"):
            whole.session(stage=lambda step: None)
    for wrong in ((0, layers + 1), (1, 1), (layers, layers + 2), (2, 1)):
        with pytest.raises(attend.InvalidArgumentError, match="layers is"):
            attend.Model(folder, layers=wrong)
    first, second = stages(folder, 1, layers)
    with pytest.raises(attend.UnsupportedError, match=rf"layers \[0, 1\) of {layers}"):
        first.generate([[1, 2]])
    with pytest.raises(attend.InvalidArgumentError, match="reads the states of an earlier stage"):
        second.session().encode([[1, 2]])
    with pytest.raises(attend.UnsupportedError, match="embeddings are made by all"):
        first.embed(["a text"])
    with pytest.raises(attend.InvalidArgumentError, match="numbers, and the model"):
        second.session().encode(attend.States([np.zeros((1, width + 1), np.float32)]))
    with pytest.raises(attend.InvalidArgumentError, match="float32"):
        second.session().encode(attend.States([np.zeros((1, width))]))
    with pytest.raises(attend.UnsupportedError, match="prefix_cache_bytes"):
        second.session(stage=lambda step: None, prefix_cache_bytes=1 << 20)


@pytest.mark.parametrize("folder", [DEFAULT_MODEL, FIXTURES / "conformance" / "bert"], ids=["encoder-decoder", "bert"])
def test_models_that_cannot_be_divided_say_why(folder: Path) -> None:
    with pytest.raises(attend.UnsupportedError, match="cannot be divided: only the layers of a decoder"):
        attend.Model(folder, layers=(0, 1))


def test_a_tensor_that_no_stage_knows_is_refused(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    folder = FIXTURES / "conformance" / "llama"
    tensors = safetensors.load_file(folder / "model.safetensors")
    for name in ("config.json", "tokenizer.json"):
        if (folder / name).exists():
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    for strange in ("model.layers.0.self_attn.new.weight", "model.more.weight"):
        safetensors.save_file({**tensors, strange: np.zeros(2, np.float32)}, tmp_path / "model.safetensors")
        with pytest.raises(attend.InvalidFileError, match=strange):
            attend.Model(tmp_path, layers=(0, 1))


def test_a_stage_is_pickled_with_its_layers() -> None:
    import pickle

    folder = FIXTURES / "conformance" / "llama"
    with attend.Model(folder, layers=(1, 2)) as model:
        assert pickle.loads(pickle.dumps(model)).first_layer == 1
