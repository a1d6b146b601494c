"""Every option of transformers' GenerationConfig is understood, or refused by its name; none is passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attend
import pytest
from conftest import lettered

#: Values other than the default that are understood, with what they need beside them.
UNDERSTOOD: dict[str, tuple[Any, dict[str, Any]]] = {
    "max_length": (40, {}),
    "max_new_tokens": (4, {}),
    "min_length": (6, {}),
    "min_new_tokens": (3, {}),
    "early_stopping": (True, {"num_beams": 2}),
    "max_time": (60.0, {}),
    "stop_strings": (["a"], {}),
    "do_sample": (True, {}),
    "num_beams": (3, {}),
    "temperature": (0.5, {"do_sample": True}),
    "top_k": (3, {"do_sample": True}),
    "top_p": (0.5, {"do_sample": True}),
    "min_p": (0.1, {"do_sample": True}),
    "top_h": (0.5, {"do_sample": True}),
    "typical_p": (0.5, {"do_sample": True}),
    "epsilon_cutoff": (0.01, {"do_sample": True}),
    "eta_cutoff": (0.01, {"do_sample": True}),
    "repetition_penalty": (1.5, {}),
    "encoder_repetition_penalty": (1.5, {}),
    "length_penalty": (0.5, {"num_beams": 2}),
    "no_repeat_ngram_size": (2, {}),
    "encoder_no_repeat_ngram_size": (2, {}),
    "bad_words_ids": ([[5]], {}),
    "renormalize_logits": (True, {}),
    "forced_bos_token_id": (5, {}),
    "forced_eos_token_id": (2, {}),
    "exponential_decay_length_penalty": ([2, 1.1], {}),
    "suppress_tokens": ([5], {}),
    "begin_suppress_tokens": ([5], {}),
    "sequence_bias": ([[[5], 1.5]], {}),
    "guidance_scale": (1.5, {}),
    "num_return_sequences": (2, {"do_sample": True}),
    "output_scores": (True, {}),
    "pad_token_id": (1, {}),
    "bos_token_id": (1, {}),
    "eos_token_id": (3, {}),
    "prompt_lookup_num_tokens": (3, {}),
    "max_matching_ngram_size": (3, {"prompt_lookup_num_tokens": 3}),
    "penalty_alpha": (0.5, {"top_k": 3}),
    "diversity_penalty": (0.5, {"num_beams": 4, "num_beam_groups": 2}),
    "num_beam_groups": (2, {"num_beams": 4}),
    "force_words_ids": ([[5]], {"num_beams": 2}),
    # What is returned or computed otherwise, and makes no other text.
    "return_dict_in_generate": (True, {}),
    "low_memory": (True, {}),
    "disable_compile": (True, {}),
    "_from_model_config": (True, {}),
    "transformers_version": ("5.0", {}),
}
#: Values that are refused; the error names the option.
REFUSED: dict[str, Any] = {
    "use_mtp": True,
    "use_cache": False,
    "cache_implementation": "static",
    "cache_config": {"nbits": 4},
    "max_cache_len": 10,
    "remove_invalid_values": True,
    "token_healing": True,
    "watermarking_config": {"bias": 2.0},
    "output_attentions": True,
    "output_hidden_states": True,
    "output_logits": True,
    "decoder_start_token_id": 3,  # of a decoder
    "is_assistant": True,
    "num_assistant_tokens": 3,  # there is no assistant model
    "num_assistant_tokens_schedule": "heuristic",
    "assistant_confidence_threshold": 0.5,  # likewise
    "assistant_early_exit": 2,
    "assistant_lookbehind": 3,
    "target_lookbehind": 3,
    "assistant_ensemble_weight": 0.5,
    "speculation_type": "dflash",
    "compile_config": {"mode": "default"},
    "continuous_batching_config": {"block_size": 2},
    "dola_layers": "high",
    "constraints": [[5]],
    "prefill_chunk_size": 2,
}
#: What a checkpoint may not say, for it would be answered wrongly.
MEANT = ["assistant_ensemble_weight", "constraints", "dola_layers", "token_healing", "watermarking_config"]


def names() -> list[str]:
    """The options of the transformers that is here, or of those that were looked at."""
    try:
        from transformers import GenerationConfig
    except ImportError:
        return [*UNDERSTOOD, *REFUSED]
    return [*vars(GenerationConfig())]


def test_all_options_are_known_here() -> None:
    transformers = pytest.importorskip("transformers")
    known = {*UNDERSTOOD, *REFUSED}
    missing = set(vars(transformers.GenerationConfig())) - known
    assert not missing, f"transformers {transformers.__version__} has options that nobody has looked at: {missing}"


@pytest.mark.parametrize("name", names())
def test_an_option_is_understood_or_refused(decoder: attend.Model, name: str) -> None:
    if name in REFUSED:
        with pytest.raises(attend.InvalidArgumentError, match=name):
            decoder.generate("abcab", **{name: REFUSED[name]})
    else:
        value, others = UNDERSTOOD[name]
        assert decoder.generate("abcab", **{name: value, **others}).ids.size > 0
        assert decoder.generate("abcab", **{name: None}).ids.size > 0


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_checkpoint_says_the_same(decoder: attend.Model, tmp_path: Path, name: str) -> None:
    value, others = UNDERSTOOD[name]
    folder = lettered(tmp_path / "gpt2", "gpt2")
    config = json.loads((folder / "config.json").read_text())
    (folder / "generation_config.json").write_text(
        json.dumps({"eos_token_id": config["eos_token_id"], **others, name: value})
    )
    prompt = "abcab"
    with attend.Model(folder) as model:
        assert model.generate(prompt).ids.tolist() == decoder.generate(prompt, **others, **{name: value}).ids.tolist()


@pytest.mark.parametrize("name", MEANT)
def test_a_checkpoint_is_not_answered_wrongly(tmp_path: Path, name: str) -> None:
    folder = lettered(tmp_path / "gpt2", "gpt2")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 2, name: REFUSED[name]}))
    with attend.Model(folder) as model:
        with pytest.raises(attend.UnsupportedError, match=rf"generation_config\.json: {name} is"):
            model.generate("ab")


def test_whole_configurations_are_taken(decoder: attend.Model) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GenerationConfig(max_new_tokens=4, do_sample=True, top_k=5, pad_token_id=1)
    assert decoder.generate("ab", **config.to_diff_dict()).ids.size <= 4


def test_biases_by_token(decoder: attend.Model) -> None:
    for name, pairs, mapping in (
        ("sequence_bias", [[[5], 9.0], [[5, 7], 9.0]], {(5,): 9.0, (5, 7): 9.0}),
        ("logit_bias", [[5, 9.0], [7, -1.0]], {5: 9.0, 7: -1.0}),
    ):
        expected = decoder.generate("ab", max_new_tokens=6, **{name: pairs}).ids.tolist()
        assert decoder.generate("ab", max_new_tokens=6, **{name: mapping}).ids.tolist() == expected
        assert expected != decoder.generate("ab", max_new_tokens=6).ids.tolist()


@pytest.mark.parametrize("count", [0, 2**31, 2**63, -1])
@pytest.mark.parametrize(
    "name, others",
    [
        ("num_beams", {}),
        ("num_return_sequences", {"do_sample": True}),
        ("max_new_tokens", {}),
        ("num_beam_groups", {"num_beams": 2}),
        ("max_length", {}),
    ],
)
def test_counts_out_of_range(decoder: attend.Model, name: str, others: dict[str, Any], count: int) -> None:
    with pytest.raises(attend.InvalidArgumentError, match=rf"{name}.* {count}\b"):
        decoder.generate("ab", **others, **{name: count})


@pytest.mark.parametrize("name", ["no_repeat_ngram_size", "min_new_tokens", "top_logprobs", "prompt_lookup_num_tokens"])
def test_counts_from_0(decoder: attend.Model, name: str) -> None:
    assert decoder.generate("ab", max_new_tokens=2, **{name: 0}).ids.size > 0
    for count in (2**31, -1):
        with pytest.raises(attend.InvalidArgumentError, match=rf"{name}.* {count}\b"):
            decoder.generate("ab", **{name: count})


def test_tokens_that_are_out_of_range(model: attend.Model, decoder: attend.Model) -> None:
    for place, prefix in ((1, [1, 101]), (0, [101]), (2, [1, 5, 2**31 - 1])):
        text = rf"decoder_input_ids names token {prefix[place]} in entry {place}; the vocabulary has {model.vocab_size}"
        with pytest.raises(attend.InvalidArgumentError, match=text):
            model.generate("hello", decoder_input_ids=prefix)
    with pytest.raises(attend.InvalidArgumentError, match=r"decoder_start_token_id names token 101; the vocabulary"):
        model.generate("hello", decoder_start_token_id=101)
    with pytest.raises(attend.InvalidArgumentError, match="negative_prompt_ids .*token 5000"):
        decoder.generate("ab", guidance_scale=2.0, negative_prompt_ids=[3, 5000])


def test_prefixes_are_for_decoders_that_read_a_source(decoder: attend.Model, bare: Path) -> None:
    with pytest.raises(attend.InvalidArgumentError, match="decoder_input_ids is set, and the model is a decoder"):
        decoder.generate("ab", decoder_input_ids=[3])
    with attend.Model(bare) as encoder:
        with pytest.raises(attend.UnsupportedError, match="bert model: it has no decoder"):
            encoder.generate("w7", decoder_input_ids=[3])


def test_a_schema_that_no_value_meets(decoder: attend.Model) -> None:
    with pytest.raises(attend.InvalidArgumentError, match="json_schema: no value meets the schema"):
        decoder.generate("ab", json_schema={"type": "integer", "minimum": 3, "maximum": 2})


def test_a_last_token_that_the_language_does_not_allow(tmp_path: Path) -> None:
    """BART's forced_eos_token_id does not end a text that is not finished, and its length does."""
    folder = lettered(tmp_path / "bart", "bart")
    config = json.loads((folder / "config.json").read_text())
    forced = {"forced_eos_token_id": config["eos_token_id"], "forced_bos_token_id": config["bos_token_id"]}
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **forced}))
    with attend.Model(folder) as model:
        for options in ({}, {"num_beams": 2}, {"do_sample": True}):
            found = model.generate("ab", regex="[a-c]{12}", max_new_tokens=8, **options)
            assert found.finish_reason == "length" and len(found.ids) == 8
            assert found.ids[0] == config["bos_token_id"] and found.text is not None
            assert len(found.text) == 7 and set(found.text) <= set("abc")
            found = model.generate("ab", regex="[a-c]{4}", max_new_tokens=8, **options)
            assert found.finish_reason in ("end", "grammar") and len(found.text or "") == 4
