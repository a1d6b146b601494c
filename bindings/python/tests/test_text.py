"""Text around the model: offsets, text that appears while it is made, conversations."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import attend
import numpy as np
import pytest
from conftest import DEFAULT_MODEL


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level tokenizer without merges: one token a byte, so that characters come in pieces."""
    letters = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in letters]
    spelled = {byte: chr(byte) for byte in letters} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    folder = tmp_path_factory.mktemp("byte-level")
    (folder / "tokenizer.json").write_text(
        json.dumps(
            {
                "version": "1.0",
                "added_tokens": [],
                "normalizer": None,
                "pre_tokenizer": {
                    "type": "ByteLevel",
                    "add_prefix_space": False,
                    "trim_offsets": False,
                    "use_regex": True,
                },
                "post_processor": None,
                "decoder": {"type": "ByteLevel"},
                "model": {"type": "BPE", "vocab": {spelled[byte]: byte for byte in range(256)}, "merges": []},
            }
        )
    )
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "bos_token": "<s>",
                "chat_template": "{{ bos_token }}{% for m in messages %}"
                "[{{ m['role'] }}] {{ m['content'] | trim }}\n{% endfor %}"
                "{% if add_generation_prompt %}[{{ name }}]{% endif %}",
            }
        )
    )
    return folder


def test_offsets_are_characters_and_bytes(byte_level: Path) -> None:
    with attend.Tokenizer(byte_level) as tokenizer:
        encoding = tokenizer.tokenize("né€")
        assert encoding.ids.tolist() == list("né€".encode())
        assert encoding.byte_offsets.shape == (6, 2) and encoding.offsets.shape == (6, 2)
        assert encoding.offsets.tolist() == [[0, 1], [1, 2], [1, 2], [2, 3], [2, 3], [2, 3]]
        assert not encoding.special.any() and not encoding.token_types.any()


def test_tokens_of_the_template_are_marked() -> None:
    with attend.Tokenizer(DEFAULT_MODEL) as tokenizer:
        encoding = tokenizer.tokenize("hi")
        assert encoding.special.tolist() == [False, False, True]
        assert encoding.offsets.tolist() == [[0, 1], [1, 2], [0, 0]]


def test_bytes_that_are_not_text_count_as_replacement_characters(byte_level: Path) -> None:
    with attend.Tokenizer(byte_level) as tokenizer:
        assert tokenizer.decode(tokenizer.encode(b"a\xffb")) == "a\ufffdb"


def test_a_stream_gives_whole_characters_and_in_the_end_the_whole_text(byte_level: Path) -> None:
    text = "Grüße, 世界 👩‍🚀!"
    with attend.Tokenizer(byte_level) as tokenizer:
        stream = tokenizer.stream()
        pieces = [stream.add(int(token)) for token in tokenizer.encode(text)]
        assert "".join(pieces) + stream.finish() == text
        assert all("\ufffd" not in piece for piece in pieces)
        assert pieces[2] == "" and pieces[3] == "ü"
        with pytest.raises(attend.InvalidArgumentError):
            stream.add(256)
        assert stream.add(65) + stream.finish() == "A"


def test_a_stream_outlives_the_tokenizer_it_came_from(byte_level: Path) -> None:
    tokenizer = attend.Tokenizer(byte_level)
    stream = tokenizer.stream()
    tokenizer.close()
    assert stream.add(66) + stream.finish() == "B"


def test_a_conversation_is_written_by_the_template(byte_level: Path) -> None:
    with attend.Tokenizer(byte_level) as tokenizer:
        messages = [{"role": "user", "content": " hello "}, {"role": "assistant", "content": "hé"}]
        assert tokenizer.chat(messages) == "<s>[user] hello\n[assistant] hé\n"
        assert (
            tokenizer.chat(messages[:1], add_generation_prompt=True, variables={"name": "me"})
            == "<s>[user] hello\n[me]"
        )


def test_a_folder_without_a_template_says_so() -> None:
    with attend.Tokenizer(DEFAULT_MODEL) as tokenizer, pytest.raises(attend.NotFoundError, match="chat template"):
        tokenizer.chat([{"role": "user", "content": "x"}])


def test_a_template_that_refuses_gives_its_words(byte_level: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(byte_level, tmp_path / "refusing")
    (folder / "chat_template.jinja").write_text("{{ raise_exception('roles must alternate') }}")
    with (
        attend.Tokenizer(folder) as tokenizer,
        pytest.raises(attend.InvalidArgumentError, match="roles must alternate"),
    ):
        tokenizer.chat([])
    (folder / "chat_template.jinja").write_text("{% include 'other' %}")
    with attend.Tokenizer(folder) as tokenizer, pytest.raises(attend.UnsupportedError, match="include"):
        tokenizer.chat([])


def test_the_arrays_of_an_encoding_keep_its_memory() -> None:
    with attend.Tokenizer(DEFAULT_MODEL) as tokenizer:
        offsets = tokenizer.tokenize("attention").offsets
    assert np.array_equal(offsets[:-1], [[i, i + 1] for i in range(9)])
