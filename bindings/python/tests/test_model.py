"""Models: what they tell, how loading fails, callbacks, closing."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import attend
import numpy as np
import pytest
from conftest import DEFAULT_MODEL


def test_the_default_model_describes_itself(model: attend.Model) -> None:
    assert model.kind is attend.Kind.ENCODER_DECODER
    assert (model.family, model.compute) == ("marian", "float32")
    assert model.kernels == attend.kernels_name()
    assert model.threads >= 1
    assert (model.vocab_size, model.hidden_size, model.encoder_layers, model.decoder_layers) == (101, 128, 4, 4)
    assert (model.encoder_positions, model.decoder_positions) == (64, 64)
    assert model.config == json.loads((DEFAULT_MODEL / "config.json").read_text())
    assert model.generation_config == json.loads((DEFAULT_MODEL / "generation_config.json").read_text())
    assert (
        model.decoder_start,
        model.eos,
        model.eos_ids,
        model.pad,
        model.bos,
        model.forced_bos,
        model.forced_eos,
    ) == (1, 0, (0,), 1, None, None, 0)
    assert 1_850_000 < model.parameters < 1_900_000
    assert model.weight_bytes >= 4 * model.parameters


def test_tensors_are_those_of_the_file_in_the_order_of_their_names(model: attend.Model) -> None:
    data = (DEFAULT_MODEL / "model.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    stored = {name: entry for name, entry in header.items() if name != "__metadata__"}
    assert [tensor.name for tensor in model.tensors] == sorted(stored)
    for tensor in model.tensors:
        assert tensor.dtype == {"F16": "float16", "F32": "float32"}[stored[tensor.name]["dtype"]]
        assert list(tensor.shape) == stored[tensor.name]["shape"]


def test_a_model_without_generation_config_has_none(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    (folder / "generation_config.json").unlink()
    with attend.Model(folder) as model:
        assert model.generation_config is None
        assert model.forced_eos == 0  # then config.json says it


def test_a_model_without_tokenizer_loads_and_says_so(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    (folder / "tokenizer.json").unlink()
    with attend.Model(folder) as model, pytest.raises(attend.NotFoundError, match="tokenizer.json"):
        _ = model.tokenizer


def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_MODEL, tmp_path / "model"))


def test_a_missing_folder_is_a_file_not_found() -> None:
    with pytest.raises(FileNotFoundError, match="nowhere") as caught:
        attend.Model("/nowhere/at-all")
    assert isinstance(caught.value, attend.NotFoundError)
    assert caught.value.code == attend.ErrorCode.NOT_FOUND


def test_broken_json_is_an_invalid_file(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    (folder / "config.json").write_text('{"model_type": ')
    with pytest.raises(attend.InvalidFileError, match="config.json") as caught:
        attend.Model(folder)
    assert isinstance(caught.value, ValueError) and caught.value.code == 50


def test_an_unknown_family_lists_the_known_ones(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    (folder / "config.json").write_text('{"model_type": "mamba"}')
    with pytest.raises(attend.UnsupportedError) as caught:
        attend.Model(folder)
    assert isinstance(caught.value, NotImplementedError)
    for name in ("mamba", "marian", "bart", "mbart", "pegasus", "m2m_100"):
        assert name in str(caught.value)


def test_wrong_arguments_are_value_errors() -> None:
    for arguments in ({"compute": "float99"}, {"threads": -1}, {"threads": 2**32}, {"kernels": "a\0b"}):
        with pytest.raises(ValueError):
            attend.Model(DEFAULT_MODEL, **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NUL"):
        attend.Model("models\0")


def test_unknown_kernels_are_unsupported() -> None:
    with pytest.raises(attend.UnsupportedError, match="abacus"):
        attend.Model(DEFAULT_MODEL, kernels="abacus")


def test_progress_rises_to_one() -> None:
    seen: list[float] = []
    attend.Model(DEFAULT_MODEL, progress=seen.append).close()
    assert seen == sorted(seen) and 0 <= seen[0] and seen[-1] == 1 and seen.count(1) == 1


def test_returning_false_cancels_the_loading() -> None:
    with pytest.raises(attend.CancelledError) as caught:
        attend.Model(DEFAULT_MODEL, progress=lambda fraction: False)
    assert caught.value.code == attend.ErrorCode.CANCELLED


@pytest.mark.parametrize("moment", [0.0, 1.0])
def test_an_exception_in_the_progress_callback_comes_out(moment: float) -> None:
    class Mine(Exception):
        pass

    def stop(fraction: float) -> None:
        if fraction >= moment:
            raise Mine("at", fraction)

    with pytest.raises(Mine):
        attend.Model(DEFAULT_MODEL, progress=stop)


def test_closing_twice_is_allowed_and_use_after_close_is_an_error() -> None:
    model = attend.Model(DEFAULT_MODEL)
    tokenizer = model.tokenizer
    session = model.session()
    model.close()
    model.close()
    assert model.closed and model.vocab_size == 101
    for use in (lambda: model.session(), lambda: model.tokenizer, lambda: model.tensors, lambda: model.__enter__()):
        with pytest.raises(attend.InvalidStateError, match="closed"):
            use()
    # What was made from it goes on.
    assert tokenizer.id("</s>") == 0
    session.encode([[5, 9, 0]])
    assert session.decode_step([1]).shape == (1, 101)
    session.close()


def test_the_log_hears_of_a_model_and_then_no_more() -> None:
    lines: list[tuple[int, str]] = []
    attend.set_log(lambda level, line: lines.append((level, line)))
    try:
        attend.Model(DEFAULT_MODEL).close()
    finally:
        attend.set_log(None)
    count = len(lines)
    assert any(level == attend.LogLevel.INFO for level, _ in lines)
    assert all("\n" not in line for _, line in lines)
    attend.Model(DEFAULT_MODEL).close()
    assert len(lines) == count


def test_the_log_can_go_to_the_logging_module(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "attend"):
        attend.set_log(logging.getLogger("attend"))
        try:
            attend.Model(DEFAULT_MODEL).close()
        finally:
            attend.set_log(None)
    assert any(record.levelno == logging.INFO and record.name == "attend" for record in caplog.records)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str], session: attend.Session) -> None:
    session.encode([[5, 9, 0]])
    session.decode_step([1])
    with pytest.raises(attend.AttendError):
        attend.Model("/nowhere")
    assert capfd.readouterr() == ("", "")


def test_errors_carry_codes_and_unknown_codes_stay_numbers() -> None:
    from attend.errors import error

    for code in attend.ErrorCode:
        raised = error(code, "why")
        assert raised.code == code and str(raised) == "why" and type(raised) is not attend.AttendError
    unknown = error(77, "new")
    assert type(unknown) is attend.AttendError and unknown.code == 77
    assert isinstance(error(20, ""), MemoryError) and isinstance(error(40, ""), OSError)


def test_types_of_the_attributes_are_plain(model: attend.Model) -> None:
    assert all(type(value) is int for value in (model.vocab_size, model.eos, model.threads, *model.eos_ids))
    assert not isinstance(model.vocab_size, np.generic)
