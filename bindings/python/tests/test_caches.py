"""Beginnings of prompts that are kept, sessions that go on elsewhere, keys and values in fewer bits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import attend
import numpy as np
import pytest
from attend._caches import KeyValueType
from conftest import DEFAULT_MODEL, FIXTURES

LLAMA = FIXTURES / "conformance" / "llama"


def text(count: int, seed: int = 0) -> list[int]:
    return [(i * i + 7 * i + 11 * seed) % 90 + 3 for i in range(count)]


def read(session: attend.Session, prompt: list[int]) -> tuple[int, np.ndarray]:
    """How much of a prompt was found, and the logits of its last token."""
    if session.count:
        session.select([])
    found = session.add_prompt(prompt)
    return found, session.decode([prompt[found:]], logits="last").copy()


def test_a_kept_prefix_gives_the_same_bits() -> None:
    with attend.Model(LLAMA) as model:
        session = model.session(beyond_positions=True, prefix_cache_bytes=1 << 20)
        plain = model.session(beyond_positions=True)
        first, other = text(70), text(70) + text(20, 1)
        assert read(session, first)[0] == 0
        session.keep_prefix(0, first)
        found, logits = read(session, other)
        assert found == 64 and session.lengths == [90]
        assert np.array_equal(logits, read(plain, other)[1])
        cache = session.prefix_cache
        assert (cache.lookups, cache.hits, cache.tokens) == (2, 1, 64) and 0 < cache.bytes <= 1 << 20
        session.clear_prefix_cache()
        assert session.prefix_cache.bytes == 0
        assert plain.prefix_cache == attend.PrefixCache(0, 0, 0, 0)


def test_what_cannot_be_kept_is_named(session: attend.Session) -> None:
    with attend.Model(LLAMA) as model:
        decoder = model.session(prefix_cache_bytes=1 << 20)
        with pytest.raises(attend.InvalidStateError):
            decoder.keep_prefix(0, [1])
        read(decoder, [3, 4])
        with pytest.raises(attend.InvalidArgumentError, match="count is 3; live sequence 0 has read 2 tokens"):
            decoder.keep_prefix(0, [3, 4, 5])
        with pytest.raises(attend.InvalidArgumentError, match="prefix_cache_bytes"):
            model.session(prefix_cache_bytes=-1)
        with pytest.raises(attend.InvalidArgumentError, match="prefix_cache_bytes"):
            model.session(prefix_cache_bytes=2**64 - 1)
        with pytest.raises(attend.InvalidArgumentError, match="key_value_type: 'int5' is not one of"):
            model.session(key_value_type="int5")  # type: ignore[arg-type]
    with pytest.raises(attend.UnsupportedError):
        session.add_prompt([1])


def test_a_saved_session_goes_on_in_another_process(tmp_path: Path) -> None:
    with attend.Model(DEFAULT_MODEL) as model:
        session = model.session()
        session.encode([[13, 10, 17, 17, 20, 0], [8, 6, 25, 0]])
        session.decode_step([1, 1])
        session.save_file(tmp_path / "kept")
        saved = session.save([1, 0])
        logits = session.decode_step([5, 6]).copy()
        program = (
            "import sys, attend, numpy as np\n"
            "session = attend.Model(sys.argv[1]).session()\n"
            "session.restore_file(sys.argv[2])\n"
            "np.save(sys.argv[3], session.decode_step([5, 6]))\n"
        )
        arguments = [str(DEFAULT_MODEL), str(tmp_path / "kept"), str(tmp_path / "logits.npy")]
        subprocess.run([sys.executable, "-c", program, *arguments], check=True)
        assert np.array_equal(np.load(tmp_path / "logits.npy"), logits)
        other = model.session()
        other.restore(saved)
        other.restore(saved)
        assert other.count == 4 and other.lengths == [1, 1, 1, 1]
        assert np.array_equal(other.decode_step([6, 5, 6, 5]), logits[[1, 0, 1, 0]])


def test_what_is_damaged_or_of_another_model_is_refused(tmp_path: Path) -> None:
    with attend.Model(DEFAULT_MODEL) as model, attend.Model(LLAMA) as llama:
        session = model.session()
        with pytest.raises(attend.InvalidStateError):
            session.save()
        session.encode([[8, 6, 25, 0]])
        saved = session.save()
        other = model.session()
        for damaged in (b"", saved[:-1], saved[: len(saved) // 2], saved + b"\0", b"x" + saved[1:]):
            with pytest.raises(attend.InvalidFileError, match="the saved session"):
                other.restore(damaged)
        with pytest.raises(attend.InvalidArgumentError, match="marian"):
            llama.session().restore(saved)
        with pytest.raises(attend.InvalidArgumentError, match="type of keys and values"):
            model.session(key_value_type="int8").restore(saved)
        with pytest.raises(attend.InvalidArgumentError, match=r"indices\[0\] is 1"):
            session.save([1])
        with pytest.raises(attend.NotFoundError, match="nowhere"):
            session.save_file(tmp_path / "nowhere" / "kept")
        with pytest.raises(attend.NotFoundError, match="nowhere"):
            session.restore_file(tmp_path / "nowhere")
        assert other.count == 0 and session.count == 1


@pytest.mark.parametrize("name", ["bfloat16", "int8", "int4"])
def test_fewer_bits_take_less_memory(name: KeyValueType) -> None:
    with attend.Model(DEFAULT_MODEL) as model:
        words = [[t % 25 + 3 for t in text(60, seed)] for seed in range(40)]

        def run(session: attend.Session) -> tuple[np.ndarray, int]:
            session.encode(words)
            return session.decode([[t % 90 + 5 for t in text(60)]] * 40, logits="last").copy(), session.memory

        (plain, most), (rounded, less) = run(model.session()), run(model.session(key_value_type=name))
        assert less < most
        assert 0 < np.abs(plain - rounded).mean() < 0.2 * plain.std()
