"""Two texts in one sequence, truncation and its windows, batches, the numbers of a tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterator

import attend
import numpy as np
import pytest
from conftest import FIXTURES

FIVE, TWO = "w3 w4 w5 w6 w7", "w8 w9"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tokenizer that reads words, w3 as 3, with [CLS] and [SEP], which are 1 and 2, around texts."""
    vocabulary = {"[CLS]": 1, "[SEP]": 2, "w0": 0, **{f"w{id}": id for id in range(3, 60)}}
    processor = {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]}
    model = {"type": "WordLevel", "unk_token": "w0", "vocab": vocabulary}
    split = {"type": "WhitespaceSplit"}
    data = {"pre_tokenizer": split, "added_tokens": [], "post_processor": processor, "model": model}
    (tmp_path / "tokenizer.json").write_text(json.dumps(data))
    return tmp_path


@pytest.fixture
def tokenizer(folder: Path) -> Iterator[attend.Tokenizer]:
    with attend.Tokenizer(folder) as tokenizer:
        yield tokenizer


def test_a_pair_is_joined_by_the_template(tokenizer: attend.Tokenizer) -> None:
    assert tokenizer.encode("w3 w4", pair="w5").tolist() == [1, 3, 4, 2, 5, 2]
    encoding = tokenizer.tokenize("w3 w4", pair=b" w5")
    assert encoding.token_types.tolist() == [0, 0, 0, 0, 1, 1]
    assert encoding.sequence_ids.tolist() == [-1, 0, 0, -1, 1, -1]
    assert encoding.offsets.tolist() == [[0, 0], [0, 2], [3, 5], [0, 0], [1, 3], [0, 0]]
    assert len(encoding) == 6 and encoding.attention_mask.tolist() == [1] * 6 and encoding.overflow == []
    assert "6 tokens" in repr(encoding)


def test_a_second_text_must_be_named(tokenizer: attend.Tokenizer) -> None:
    for function in (tokenizer.encode, tokenizer.tokenize, tokenizer.encode_batch):
        with pytest.raises(TypeError, match="positional"):
            function("w3", "w4")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="pair"):
        tokenizer.encode("w3", pair=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="text"):
        tokenizer.encode(["w3"])  # type: ignore[arg-type]


def windows(encoding: attend.Encoding) -> list[list[int]]:
    return [part.ids.tolist() for part in [encoding, *encoding.overflow]]


def test_windows_are_those_of_the_reference(tokenizer: attend.Tokenizer) -> None:
    cut = tokenizer.tokenize(FIVE, max_length=5, stride=1)
    assert windows(cut) == [[1, 3, 4, 5, 2], [1, 5, 6, 7, 2]]
    cut = tokenizer.tokenize(FIVE, max_length=5, truncation_side="left")
    assert windows(cut) == [[1, 5, 6, 7, 2], [1, 3, 4, 2]]
    cut = tokenizer.tokenize(TWO, pair=FIVE, max_length=8, truncation="only_second", stride=2)
    assert windows(cut) == [[1, 8, 9, 2, 3, 4, 5, 2], [1, 8, 9, 2, 4, 5, 6, 2], [1, 8, 9, 2, 5, 6, 7, 2]]
    assert cut.overflow[1].offsets.tolist()[4:7] == [[6, 8], [9, 11], [12, 14]]
    assert cut.overflow[0].overflow == []


def test_windows_outlive_what_they_came_from(tokenizer: attend.Tokenizer) -> None:
    last = tokenizer.tokenize(FIVE, max_length=3).overflow[-1].ids
    tokenizer.close()
    assert last.tolist() == [1, 7, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_length": 6, "truncation": "none"}, "5 tokens"),
        ({"max_length": 6, "truncation": "only_second"}, "second text"),
        ({"max_length": 1}, "max_length is 1"),
        ({"max_length": 0}, "max_length: 0"),
        ({"max_length": 5, "stride": 3}, "stride is 3"),
        ({"stride": -1}, "stride: -1"),
        ({"truncation": "shortest_first"}, "longest_first, only_first, only_second, none"),
        ({"truncation_side": "middle"}, "middle"),
    ],
)
def test_options_that_leave_no_way_are_named(tokenizer: attend.Tokenizer, options: Any, message: str) -> None:
    with pytest.raises(attend.InvalidArgumentError, match=message):
        tokenizer.encode(FIVE, **options)


def test_a_batch_is_its_texts_on_any_number_of_threads(tokenizer: attend.Tokenizer) -> None:
    texts = [" ".join(f"w{3 + (i + j) % 50}" for j in range(i % 13)) for i in range(300)]
    pairs = texts[::-1]
    for threads in (0, 1, 3):
        batch = tokenizer.encode_batch(texts, pairs=pairs, max_length=9, stride=1, threads=threads)
        for encoding, text, pair in zip(batch, texts, pairs):
            assert windows(encoding) == windows(tokenizer.tokenize(text, pair=pair, max_length=9, stride=1))
    assert [encoding.ids.tolist() for encoding in tokenizer.encode_batch(["w3", b"w4"])] == [[1, 3, 2], [1, 4, 2]]
    assert tokenizer.encode_batch([]) == []


def test_what_fails_in_a_batch_is_named(tokenizer: attend.Tokenizer) -> None:
    with pytest.raises(attend.InvalidArgumentError, match="text 2: "):
        tokenizer.encode_batch(["w3", "w4", FIVE, FIVE], max_length=5, truncation="none")
    with pytest.raises(attend.InvalidArgumentError, match="pairs"):
        tokenizer.encode_batch(["w3", "w4"], pairs=["w5"])
    with pytest.raises(TypeError, match="texts"):
        tokenizer.encode_batch("w3")
    with pytest.raises(TypeError, match=r"texts\[1\]"):
        tokenizer.encode_batch(["w3", None])  # type: ignore[list-item]


def test_special_ids_are_those_of_the_files(folder: Path) -> None:
    names = {"cls_token": "[CLS]", "sep_token": {"content": "[SEP]"}, "mask_token": "w9", "pad_token": None}
    settings = {**names, "model_max_length": 512, "truncation_side": "left", "unk_token": "w0"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = attend.Tokenizer(folder)
    assert (tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id, tokenizer.unk_id) == (1, 2, 9, 0)
    assert tokenizer.pad_id is None and tokenizer.bos_id is None and tokenizer.eos_id is None
    assert tokenizer.model_max_length == 512 and tokenizer.truncation_side == "left"
    assert tokenizer.encode(FIVE, max_length=4).tolist() == [1, 6, 7, 2]


def test_the_vocabulary_is_whole(tokenizer: attend.Tokenizer) -> None:
    vocabulary = tokenizer.vocabulary()
    assert len(vocabulary) == len(tokenizer) == 60 and vocabulary["w59"] == 59
    assert all(tokenizer.id(token) == id for token, id in vocabulary.items())
    assert tokenizer.model_max_length is None and tokenizer.truncation_side == "right"


def test_a_session_takes_encodings(tokenizer: attend.Tokenizer) -> None:
    batch = tokenizer.encode_batch(["w3", "w4 w5"], pairs=["w6 w7", "w8"])
    tokens, types = [part.ids for part in batch], [part.token_types for part in batch]
    with attend.Model(FIXTURES / "conformance" / "bert") as model, model.session() as session:
        session.encode(batch)
        states = session.hidden_states().copy()
        session.encode(tokens, token_types=types)
        assert np.array_equal(states, session.hidden_states())


def test_chats_are_lists_of_messages(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("[CLS] {{ messages[0].content }}{% if tools %} w7{% endif %}{{ more }}")
    tokenizer = attend.Tokenizer(folder)
    message = {"role": "user", "content": "w5"}
    assert tokenizer.chat([message], tools=[{"name": "f"}], variables={"more": " w8"}) == "[CLS] w5 w7 w8"
    assert tokenizer.encode_chat([message], variables={"more": " w9"}).tolist() == [1, 5, 9]
    for wrong in ("hi", b"hi", message):
        with pytest.raises(TypeError, match="list of messages"):
            tokenizer.chat(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="add_generation_promt"):
        tokenizer.chat([message], add_generation_promt=True)  # type: ignore[call-arg]
    with pytest.raises(attend.InvalidArgumentError, match="tools"):
        tokenizer.chat([message], tools=[], variables={"tools": []})
