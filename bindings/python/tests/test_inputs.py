"""The forms of a batch: padded matrices with masks, tensors, encodings, what tokenizers of transformers return."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import attend
import numpy as np
import pytest
from conftest import DEFAULT_MODEL, FIXTURES

HELLO = [13, 10, 17, 17, 20, 0]
CAT = [8, 6, 25, 0]
PAD = 1  # of the default model, and its decoder's start token too
PADDED = [HELLO, CAT + [PAD] * 2]
MASK = [[1] * 6, [1] * 4 + [0] * 2]


def states(session: attend.Session, tokens: Any, **more: Any) -> np.ndarray:
    session.encode(tokens, **more)
    return np.concatenate(session.hidden_states())


@pytest.fixture
def expected(session: attend.Session) -> np.ndarray:
    return states(session, [HELLO, CAT])


@pytest.mark.parametrize("form", [list, np.array, lambda rows: np.array(rows, np.uint8)])
@pytest.mark.parametrize("mask", [list, np.array, lambda rows: np.array(rows, bool)])
def test_a_mask_leaves_padding_out(session: attend.Session, expected: np.ndarray, form: Any, mask: Any) -> None:
    assert np.array_equal(states(session, form(PADDED), attention_mask=mask(MASK)), expected)
    left, left_mask = [HELLO, [PAD] * 2 + CAT], [[1] * 6, [0] * 2 + [1] * 4]
    assert np.array_equal(states(session, form(left), attention_mask=mask(left_mask)), expected)
    assert [len(rows) for rows in session.hidden_states()] == [6, 4]


def test_a_mask_goes_with_a_ragged_list(session: attend.Session, expected: np.ndarray) -> None:
    masks = [[1] * 6, np.array([True] * 4 + [False])]
    assert np.array_equal(states(session, [HELLO, np.array(CAT + [PAD])], attention_mask=masks), expected)


@pytest.mark.parametrize(
    "mask, message",
    [
        ([[1, 1, 0, 1, 1, 1], [1] * 6], r"attention_mask\[0\]: position 2 is masked between others"),
        ([[1] * 6, [0, 1, 0, 0, 1, 0]], r"attention_mask\[1\]: position 2 "),
        ([[1] * 6, [2] * 6], r"attention_mask\[1\]: expected zeros and ones"),
        ([[1] * 6, [1] * 5], "attention_mask: their lengths"),
        ([[1] * 6], "attention_mask: their lengths"),
        (np.ones(12, int), "attention_mask: expected a list of sequences or a matrix"),
        (np.ones((2, 6, 1), int), "attention_mask"),
        ([[1] * 6, [0] * 6], "0"),  # an empty sequence
    ],
)
def test_a_mask_that_does_not_fit_is_an_error(session: attend.Session, mask: Any, message: str) -> None:
    with pytest.raises(attend.InvalidArgumentError, match=message):
        session.encode(PADDED, attention_mask=mask)
    with pytest.raises(TypeError):
        session.encode(PADDED, attention_mask=np.ones((2, 6)))


@pytest.mark.parametrize("form", [list, np.array, iter])
@pytest.mark.parametrize("rows", [PADDED, [CAT + [PAD]], [[PAD, PAD] + CAT, HELLO], [[PAD] * 6, HELLO]])
def test_padding_without_a_mask_is_an_error_that_says_what_to_do(
    session: attend.Session, form: Any, rows: list[list[int]]
) -> None:
    with pytest.raises(attend.InvalidArgumentError, match=r"padding id 1, .*attention_mask="):
        session.encode(form(rows))
    assert session.count == 0


def test_padding_ids_that_are_meant_are_read(session: attend.Session) -> None:
    meant = states(session, PADDED, attention_mask=np.ones((2, 6), int))
    assert len(meant) == 12
    assert np.array_equal(states(session, HELLO + CAT + [PAD] * 2, lengths=[6, 6]), meant)
    # Lists of different lengths are what padding would have made equal; a single id is no row that was filled up.
    assert len(states(session, [HELLO, CAT + [PAD]])) == 11
    assert len(states(session, [[PAD]])) == 1
    assert len(states(session, [CAT[:2] + [PAD] + CAT[2:]])) == 5


def test_a_padding_id_that_also_ends_texts_may_end_one() -> None:
    with attend.Model(FIXTURES / "conformance" / "llama") as model, model.session() as session:
        assert model.pad is not None
        if model.pad in model.eos_ids:
            session.encode([[5, 6, model.pad]])
            with pytest.raises(attend.InvalidArgumentError, match="attention_mask"):
                session.encode([[5, 6, model.pad, model.pad]])


def test_the_edges_of_texts_are_told_from_padding() -> None:
    from attend._batches import Padding

    def check(*rows: list[int], starts: bool = False) -> None:
        Padding(frozenset([2]), frozenset([2, 9]), frozenset([2])).check(np.array(rows, np.int32), starts)

    check([2, 5, 2], [5, 5, 5])
    for wrong in ([5, 2, 2], [2, 2, 5], [2, 2, 2]):
        with pytest.raises(attend.InvalidArgumentError, match="row 1"):
            check([5, 6, 7], wrong)


def test_decoding_takes_a_start_token_that_is_the_padding_id(session: attend.Session) -> None:
    session.encode([HELLO, CAT])
    expected = [rows.copy() for rows in session.decode([[PAD, 65, 55], [PAD, 73]])]
    session.encode([HELLO, CAT])
    found = session.decode([[PAD, 65, 55], [PAD, 73, PAD]], attention_mask=[[1, 1, 1], [1, 1, 0]])
    assert all(np.array_equal(a, b) for a, b in zip(found, expected)) and [len(rows) for rows in found] == [3, 2]
    session.encode([HELLO, CAT])
    assert [len(rows) for rows in session.decode([[PAD], [PAD]])] == [1, 1]
    with pytest.raises(attend.InvalidArgumentError, match="row 1 ends with 1 of the padding id 1"):
        session.decode([[PAD, 65, 55], [PAD, 73, PAD]])
    assert session.lengths == [1, 1]


class BatchEncoding(UserDict):  # type: ignore[type-arg]
    """As that of transformers: a mapping that gives its values as attributes too."""


@pytest.mark.parametrize("form", [list, np.array])
@pytest.mark.parametrize("kind", [dict, BatchEncoding])
def test_what_a_tokenizer_of_transformers_returns_is_taken(
    session: attend.Session, expected: np.ndarray, form: Any, kind: Any
) -> None:
    made = kind({"input_ids": form(PADDED), "attention_mask": form(MASK)})
    assert np.array_equal(states(session, made), expected)
    made["token_type_ids"] = form(np.zeros((2, 6), int).tolist())  # left out, for the model has no token types
    made["special_tokens_mask"] = form(MASK)
    assert np.array_equal(states(session, made), expected)
    one = [kind({"input_ids": form(ids), "attention_mask": form([1] * len(ids))}) for ids in (HELLO, CAT)]
    assert np.array_equal(states(session, one), expected)
    assert np.array_equal(states(session, one[1]), states(session, [CAT]))


def test_such_a_result_without_a_mask_or_with_more_than_is_known(session: attend.Session) -> None:
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        ({"input_ids": PADDED}, {}, "attention_mask="),
        ({"input_ids": PADDED, "attention_mask": MASK, "position_ids": MASK}, {}, "position_ids is not understood"),
        ({"attention_mask": MASK}, {}, "no input_ids among attention_mask"),
        ({"input_ids": PADDED, "attention_mask": MASK}, {"attention_mask": MASK}, "brings its own already"),
        ({"input_ids": PADDED, "attention_mask": MASK, "token_type_ids": MASK}, {"token_types": MASK}, "brings"),
    ]
    for tokens, more, message in wrong:
        with pytest.raises(attend.InvalidArgumentError, match=message):
            session.encode(tokens, **more)
    session.encode({"input_ids": PADDED}, attention_mask=MASK)
    session.encode({"input_ids": [HELLO, CAT]})


def test_encodings_bring_their_token_types() -> None:
    with attend.Model(FIXTURES / "conformance" / "bert") as model, model.session() as session:
        ids, types = [[5, 6, 7, 8], [9, 10]], [[0, 0, 1, 1], [0, 1]]
        expected = states(session, ids, token_types=types)
        assert not np.array_equal(states(session, ids), expected)
        made = [{"input_ids": i, "token_type_ids": t} for i, t in zip(ids, types)]
        assert np.array_equal(states(session, made), expected)
        padded = {
            "input_ids": [[5, 6, 7, 8], [9, 10, 0, 0]],
            "token_type_ids": [[0, 0, 1, 1], [0, 1, 0, 0]],
            "attention_mask": [[1] * 4, [1, 1, 0, 0]],
        }
        assert np.array_equal(states(session, padded), expected)
        assert np.array_equal(
            states(session, padded["input_ids"], token_types=padded["token_type_ids"], attention_mask=MASK_OF_FOUR),
            expected,
        )


MASK_OF_FOUR = np.array([[1] * 4, [1, 1, 0, 0]], bool)


def test_encodings_are_taken_as_they_are(model: attend.Model, session: attend.Session, expected: np.ndarray) -> None:
    encodings = [model.tokenizer.tokenize(word) for word in ("hello", "cat")]
    assert np.array_equal(states(session, encodings), expected)
    assert np.array_equal(states(session, iter(encodings)), expected)
    assert np.array_equal(states(session, [encodings[0], CAT]), expected)
    assert np.array_equal(states(session, encodings[1]), states(session, [CAT]))


def test_ids_that_are_no_integers_are_type_errors(session: attend.Session) -> None:
    wrong: list[Any] = [
        [[True, False]],
        [[5, True]],
        [[np.True_, 5]],
        [np.array([True])],
        np.ones((2, 3), bool),
        [[0.5]],
        [[5.0, 6.0]],
        np.ones((2, 3)),
        [[None]],
        [["5"]],
        "hello",
        b"hello",
        ["hello"],
        [5, 6],
        [5.0],
        5,
        None,
    ]
    for tokens in wrong:
        with pytest.raises(TypeError):
            session.encode(tokens)
    for tokens in (np.int32(5), np.array(5), np.array([5]), np.ones((1, 2, 3), int), [[[5]]], [[2**31]], [[2**64]]):
        with pytest.raises(attend.InvalidArgumentError):
            session.encode(tokens)
    session.encode([HELLO])
    for step in (True, [True], [1.0], "1", [[1]], 1, np.int32(1)):
        with pytest.raises((TypeError, attend.InvalidArgumentError)):
            session.decode_step(step)  # type: ignore[arg-type]
    assert session.lengths == [0]


def test_options_are_keyword_only_and_misspelt_ones_are_errors(model: attend.Model, session: attend.Session) -> None:
    calls: list[Any] = [
        lambda: attend.Model(DEFAULT_MODEL, "int8"),  # type: ignore[misc]
        lambda: model.session(1),  # type: ignore[misc]
        lambda: model.embed(["a"], "b"),  # type: ignore[misc]
        lambda: session.embed(["a"], "b"),  # type: ignore[misc]
        lambda: session.encode(PADDED, MASK),  # type: ignore[misc]
        lambda: session.decode([[1]], [1]),  # type: ignore[misc]
        lambda: session.encode(PADDED, attention_masks=MASK),  # type: ignore[call-arg]
        lambda: model.session(thread=1),  # type: ignore[call-arg]
        lambda: attend.Model(DEFAULT_MODEL, computing="int8"),  # type: ignore[call-arg]
        lambda: model.tokenizer.decode([5], True),  # type: ignore[misc]
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()


def test_numbers_of_numpy_are_numbers(model: attend.Model) -> None:
    with model.session(threads=np.int64(1)) as session:
        session.record_attentions()
        session.encode([HELLO])
        assert session.attentions("encoder", np.uint8(0))[0].shape[1:] == (6, 6)
        session.select([np.int32(0), np.int64(0)])
        assert session.count == 2
        assert model.tokenizer.token(np.int32(0)) == "</s>"
    with pytest.raises(TypeError, match="threads"):
        model.session(threads=1.0)  # type: ignore[arg-type]


def test_tensors_of_pytorch_are_taken(session: attend.Session, expected: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    for kind in (torch.int64, torch.int32, torch.int16, torch.uint8):
        assert np.array_equal(
            states(session, torch.tensor(PADDED, dtype=kind), attention_mask=torch.tensor(MASK, dtype=kind)), expected
        )
        assert np.array_equal(states(session, [torch.tensor(row, dtype=kind) for row in (HELLO, CAT)]), expected)
    assert np.array_equal(states(session, torch.tensor(HELLO + CAT), lengths=torch.tensor([6, 4])), expected)
    assert session.decode_step(torch.tensor([PAD, PAD])).shape == (2, 101)
    with pytest.raises(TypeError):
        session.encode(torch.tensor([[0.5]]))
    with pytest.raises(TypeError):
        session.encode(torch.tensor([[True]]))
    with pytest.raises(attend.InvalidArgumentError):
        session.encode(torch.tensor(HELLO))


def test_a_real_tokenizer_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.models.WordLevel({"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "c": 5}, unk_token="[PAD]")
    fast = tokenizers.Tokenizer(words)
    fast.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    fast.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=fast, pad_token="[PAD]")
    texts, pairs = ["a b c", "a"], ["b", "c b"]
    with attend.Model(FIXTURES / "conformance" / "bert") as model, model.session() as session:
        single = tokenizer(texts)
        expected = states(session, single["input_ids"])
        for tensors in (None, "np", "pt"):
            if tensors == "pt":
                pytest.importorskip("torch")
            for side in ("left", "right"):
                tokenizer.padding_side = side
                assert np.array_equal(states(session, tokenizer(texts, padding=True, return_tensors=tensors)), expected)
        assert np.array_equal(states(session, single), expected)
        assert np.array_equal(states(session, fast.encode_batch(texts)), expected)
        assert np.array_equal(states(session, tokenizer("a")), states(session, [[1, 3, 2]]))
        double = tokenizer(texts, pairs, padding=True, return_token_type_ids=True)
        ragged = tokenizer(texts, pairs, return_token_type_ids=True)
        wanted = states(session, ragged["input_ids"], token_types=ragged["token_type_ids"])
        assert np.array_equal(states(session, double), wanted)
        assert np.array_equal(states(session, fast.encode_batch(list(zip(texts, pairs)))), wanted)
