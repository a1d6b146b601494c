"""Attention maps with their tokens: what is recorded, and what is computed of it."""

from __future__ import annotations

import itertools
from pathlib import Path

import attend
import numpy as np
import pytest
from attend import maps
from conftest import FIXTURES, Case, read_safetensors

MARIAN = FIXTURES / "conformance" / "marian"


def attention(weights: np.ndarray, kind: str = "decoder") -> maps.Attention:
    """Layers of the caller's own, ``[layers, heads, queries, keys]``, with tokens that are named by their places."""
    queries, keys = weights.shape[2:]
    return maps.Attention.of(weights, [f"q{i}" for i in range(queries)], [f"k{i}" for i in range(keys)], kind)


def random_rows(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Rows that sum to 1."""
    rows = np.random.default_rng(seed).exponential(size=shape) ** 2
    return (rows / rows.sum(axis=-1, keepdims=True)).astype(np.float32)


# Recording


def test_an_encoder_decoder_leaves_the_maps_of_its_calls(model: attend.Model, session: attend.Session) -> None:
    found = maps.record(model, "attention")
    assert found.cross.queries.texts == ("AH0", "T", "EH1", "N", "SH", "AH0", "N", "</s>")
    assert found.cross.keys.texts == (*"attention", "</s>")
    assert found.decoder.queries.texts == ("<pad>", "AH0", "T", "EH1", "N", "SH", "AH0", "N")
    read = [model.decoder_start, *(model.tokenizer.id(text) for text in found.cross.queries.texts[:-1])]
    session.record_attentions()
    session.encode([model.tokenizer.encode("attention")])
    for layer in range(model.encoder_layers):
        assert np.array_equal(found.encoder.layers[layer], session.attentions("encoder", layer)[0])
    session.decode([read])
    for layer in range(model.decoder_layers):
        assert np.array_equal(found.decoder.layers[layer], session.attentions("decoder", layer)[0])
        assert np.array_equal(found.cross.layers[layer], session.attentions("cross", layer)[0])


def test_a_target_is_read_as_it_would_have_been_generated(model: attend.Model) -> None:
    generated = maps.record(model, "hello", num_beams=4)
    ids = model.generate("hello", num_beams=4).ids
    given = maps.record(model, "hello", target=ids)
    assert given.cross.queries.texts == generated.cross.queries.texts
    for own, other in zip(generated.cross.layers, given.cross.layers):
        assert np.array_equal(own, other)


def test_a_decoder_reads_its_prompt_or_goes_on(decoder: attend.Model) -> None:
    prompt = maps.record(decoder, "abc").decoder
    assert prompt.keys.texts == ("a", "b", "c")
    longer = maps.record(decoder, "abc", target="de").decoder
    assert longer.keys.texts == ("a", "b", "c", "d", "e")
    for own, other in zip(prompt.layers, longer.layers):
        assert np.array_equal(own, other[:, :3, :3]) and not other[:, :3, 3:].any()
    ids = decoder.generate("abc", max_new_tokens=4, eos_token_id=None).ids
    generated = maps.record(decoder, "abc", max_new_tokens=4, eos_token_id=None).decoder
    assert len(generated.keys) == 7
    assert generated.keys.texts == maps.Tokens.read(decoder, [*decoder.tokenizer.encode("abc"), *ids]).texts


def test_steps_are_the_maps_of_one_call(model: attend.Model, decoder: attend.Model) -> None:
    whole = maps.record(model, "hello")
    session = model.session()
    steps = maps.Steps(session)
    source = model.tokenizer.encode("hello")
    session.encode([source])
    steps.take()
    read, written, token = [], [], model.decoder_start
    while token != model.eos:
        read.append(token)
        token = int(session.decode_step([token])[0].argmax())
        written.append(token)
        steps.take()
    found = steps.maps(read=read, source=source, written=written)
    for own, other in zip(found, whole):
        assert (own.kind, own.queries.texts, own.keys.texts) == (other.kind, other.queries.texts, other.keys.texts)
        for one, two in zip(own.layers, other.layers):
            assert np.array_equal(one, two)
    session = decoder.session()
    steps = maps.Steps(session)
    session.encode([decoder.tokenizer.encode("ab")])
    steps.take()
    for token in decoder.tokenizer.encode("cd"):
        session.decode_step([int(token)])
        steps.take()
    (own,), (other,) = steps.maps(), maps.record(decoder, "abcd")
    assert own.keys.texts == ("0", "1", "2", "3") and np.array_equal(own.layers[1], other.layers[1])


def test_every_family_leaves_the_maps_of_the_reference(case: Case) -> None:
    names = [name for name in case.expected if name.split(".")[0] in ("attentions", "encoder_attentions")]
    if not names:
        pytest.skip("the case has no attention maps")
    with attend.Model(case.folder) as model:
        is_pair = model.kind is attend.Kind.ENCODER_DECODER
        kept = case.mask[0]
        if case.types is not None:
            pytest.skip("token types come with an encoding")
        found = maps.record(model, case.sources[0], target=[5, 6, 7] if is_pair else None)
        assert found.kinds == (("encoder", "decoder", "cross") if is_pair else (model.kind.name.lower(),))
        for own in found:
            assert len(own.layers) == (model.encoder_layers if own.kind == "encoder" else model.decoder_layers)
        for name in names:
            own = next(iter(found)).layers[int(name.split(".")[1])]
            np.testing.assert_allclose(own, case.expected[name][0][:, kept][:, :, kept], rtol=0, atol=1e-5)
        if len(set(len(layer) for own in found for layer in own.layers)) == 1:
            sums = maps.rollout(found).map(-1).sum(axis=1)
            assert (sums < 1 + 1e-5).all() and (sums > (0 if is_pair else 1 - 1e-5)).all()


@pytest.mark.parametrize(("name", "input"), [("vit", "pixel_values"), ("trocr", "pixel_values"), ("whisper", None)])
def test_places_of_pictures_and_sounds_are_numbered(name: str, input: str | None) -> None:
    folder = FIXTURES / "features" / name
    features = attend.Features(read_safetensors(folder / "expected.safetensors")[input or "input_features"][0])
    with attend.Model(folder) as model, model.session() as session:
        is_pair = model.kind is attend.Kind.ENCODER_DECODER
        found = maps.record(model, features, **({"max_new_tokens": 4} if is_pair else {}))
        session.record_attentions()
        session.encode(features)
        assert np.array_equal(found.encoder.layers[1], session.attentions("encoder", 1)[0])
        places = tuple(str(place) for place in range(len(found.encoder.keys)))
        assert found.encoder.keys.texts == places and (not is_pair or found.cross.keys.texts == places)
        with pytest.raises(attend.InvalidArgumentError, match="float32"):
            maps.record(model, np.zeros((3, 4), np.float32))


def test_what_cannot_be_recorded_is_said(model: attend.Model, bare: Path, decoder: attend.Model) -> None:
    with attend.Model(bare) as encoder:
        (found,) = maps.record(encoder, "w5 w6")
        assert found.kind == "encoder" and found.keys.texts == ("[CLS]", "w5", "w6", "[SEP]")
        for options in ({"target": "w7"}, {"num_beams": 4}):
            with pytest.raises(attend.InvalidArgumentError, match="target|num_beams"):
                maps.record(encoder, "w5", **options)  # type: ignore[arg-type]
    with pytest.raises(attend.InvalidArgumentError, match="num_beams: nothing is generated"):
        maps.record(model, "hello", target="HH", num_beams=4)
    with pytest.raises(attend.InvalidArgumentError, match="float64"):
        maps.record(model, [0.5, 1.5])
    with pytest.raises(attend.InvalidStateError, match="no maps of kind cross; gpt2 left decoder"):
        maps.record(decoder, "abc").cross.map()
    steps = maps.Steps(decoder.session())
    for call in (steps.take, steps.maps):
        with pytest.raises(attend.InvalidStateError):
            call()
    with attend.Model(MARIAN) as wordless:
        found = next(iter(maps.record(wordless, [13, 10, 0], target=[5, 6])))
        assert found.keys.texts == ("13", "10", "0") and found.keys.special.tolist() == [False, False, True]


# Tokens and words


def test_pieces_are_joined_to_words() -> None:
    tokens = maps.Tokens(
        ("un", "believ", "able", ".", "</s>"), np.array([0, 0, 0, 0, 1], bool), np.array([0, 0, 0, 1, 2], np.int32)
    )
    assert tokens.word_texts == ("unbelievable", ".", "</s>")
    assert tokens.word_special.tolist() == [False, False, True]
    kept = tokens.chosen(np.array([0, 1, 1, 0, 1], bool))
    assert kept.texts == ("believ", "able", "</s>") and kept.words.tolist() == [0, 0, 1]
    weights = random_rows((2, 3, 5, 5))
    own = maps.Attention("encoder", tuple(weights), tokens, tokens).words()
    assert own.keys.texts == tokens.word_texts
    for head in range(3):
        rows = weights[1, head]
        expected = np.stack([rows[:3].mean(axis=0), rows[3], rows[4]])
        expected = np.stack([expected[:, :3].sum(axis=1), expected[:, 3], expected[:, 4]], axis=1)
        np.testing.assert_allclose(own.map(1, head), expected, rtol=0, atol=1e-6)
    left = own.without_special(renormalize=True)
    assert left.keys.texts == ("unbelievable", ".")
    np.testing.assert_allclose(left.map(0, 2).sum(axis=1), 1, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("pieces", "starts"),
    [
        (["The", " cat", "s", " don", "'", "t", "."], [1, 1, 0, 1, 1, 1, 1]),
        (["na", "\u00ef", "ve", " ", "x"], [1, 0, 0, 1, 1]),
        (["", "", "\U0001f600", " \u65e5", "", "\u672c"], [1, 0, 0, 1, 1, 0]),
        (["don</w>", "na", "ve</w>", "y"], [1, 1, 0, 1]),
        (["<s>", "a", "", "</s>", "b"], [1, 1, 1, 1, 1]),
    ],
)
def test_a_word_begins_at_a_space_and_at_signs(pieces: list[str], starts: list[int]) -> None:
    from attend.maps._tokens import _starts

    special = [piece.startswith("<") for piece in pieces]
    assert [int(start) for start in _starts(pieces, special)] == starts


def test_shapes_that_do_not_fit_are_errors() -> None:
    with pytest.raises(attend.InvalidArgumentError, match="2 queries, 3 keys.*1, 2, 2"):
        maps.Attention.of(np.zeros((2, 2)), ["a", "b"], ["a", "b", "c"])
    with pytest.raises(attend.InvalidArgumentError, match="dimensions"):
        maps.Attention.of(np.zeros(2), ["a", "b"], ["a"])
    with pytest.raises(attend.InvalidArgumentError, match="one more"):
        maps.Tokens(("a", "b"), np.zeros(2, bool), np.array([0, 2], np.int32))
    with pytest.raises(attend.InvalidArgumentError, match="layer is 2; there are 2"):
        attention(random_rows((2, 1, 3, 3))).map(2)
    with pytest.raises(attend.InvalidArgumentError, match="cross-attention"):
        attention(random_rows((2, 1, 3, 3)), "cross").distance()


# Statistics


def test_entropy_and_distance_are_those_of_their_definitions() -> None:
    weights = random_rows((2, 3, 4, 6))
    own = attention(weights * 0.5)  # as with sinks: rows are normalized
    for layer, head in itertools.product(range(2), range(3)):
        rows = weights[layer, head].astype(np.float64)
        entropy = np.mean([-sum(p * np.log(p) for p in row) for row in rows])
        distance = np.mean([sum(p * abs(2 + i - j) for j, p in enumerate(row)) for i, row in enumerate(rows)])
        assert own.entropy()[layer, head] == pytest.approx(entropy, abs=1e-5)
        assert own.distance()[layer, head] == pytest.approx(distance, abs=1e-5)
    sharp = attention(np.eye(4, dtype=np.float32)[None, None])
    assert sharp.entropy()[0, 0] == 0 and sharp.distance()[0, 0] == 0
    uniform = attention(np.full((1, 1, 4, 4), 0.25, np.float32))
    assert uniform.entropy()[0, 0] == pytest.approx(np.log(4))


# Rollout and flow


def mixed(layer: np.ndarray) -> np.ndarray:
    """A layer of Abnar and Zuidema, with the residual connection."""
    return 0.5 * layer.mean(axis=0) + 0.5 * np.eye(layer.shape[1])


def test_rollout_is_the_product_of_the_layers() -> None:
    weights = random_rows((3, 2, 5, 5)).astype(np.float64)
    found = maps.rollout(attention(weights))
    expected = np.eye(5)
    for layer in range(3):
        expected = mixed(weights[layer]) @ expected
        np.testing.assert_allclose(found.map(layer), expected, rtol=0, atol=1e-6)


def test_rollout_goes_through_an_encoder_decoder(model: attend.Model) -> None:
    recorded = maps.record(model, "attention")
    states = np.eye(10)
    for layer in recorded.encoder.layers:
        states = mixed(layer) @ states
    of_source, of_target = np.zeros((8, 10)), np.eye(8)
    found = maps.rollout(recorded)
    assert found.keys.texts == recorded.cross.keys.texts and len(found.layers) == model.decoder_layers
    for index, (own, across) in enumerate(zip(recorded.decoder.layers, recorded.cross.layers)):
        of_source, of_target = mixed(own) @ of_source, mixed(own) @ of_target
        of_source, of_target = 0.5 * of_source + 0.5 * across.mean(axis=0) @ states, 0.5 * of_target
        np.testing.assert_allclose(of_source.sum(axis=1) + of_target.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(found.map(index), of_source, rtol=0, atol=1e-6)


def least_cut(mixes: list[np.ndarray], source: int, sink: int) -> float:
    """The flow by its dual: the least capacity of all cuts between the last layer's place and the first's."""
    size, levels = mixes[0].shape[0], len(mixes)
    best = np.inf
    for sides in itertools.product([False, True], repeat=size * (levels - 1)):
        inside = np.zeros((levels + 1, size), bool)
        inside[1:levels] = np.reshape(sides, (levels - 1, size))
        inside[levels, source] = True
        inside[0] = True  # tokens besides the sink lead nowhere
        inside[0, sink] = False
        cut = sum(
            mixes[level - 1][i, j]
            for level in range(1, levels + 1)
            for i in range(size)
            for j in range(size)
            if inside[level, i] and not inside[level - 1, j]
        )
        best = min(best, cut)
    return float(best)


@pytest.mark.parametrize("seed", range(3))
def test_flow_is_the_largest_that_the_layers_let_through(seed: int) -> None:
    weights = random_rows((4, 1, 3, 3), seed).astype(np.float64)
    weights = np.where(weights < 0.1, 0, weights)
    weights /= weights.sum(axis=-1, keepdims=True)
    found = maps.flow(attention(weights)).map()
    mixes = [mixed(layer) for layer in weights]
    for query, key in itertools.product(range(3), range(3)):
        assert found[query, key] == pytest.approx(least_cut(mixes, query, key), abs=1e-6)


def test_flow_takes_ways_back() -> None:
    """The widest path first takes an edge that the largest flow must do without."""
    network = np.zeros((2, 4, 4))
    from attend.maps._graph import _Flows

    network[0, 0, [0, 1]] = 1.0, 0.8
    network = np.concatenate([network, np.zeros((1, 4, 4))])
    network[1, 0, [0, 1]] = 1.0, 0.8
    network[1, 1, 0] = 0.8
    network[2, [0, 1], 3] = 1.0, 0.8
    assert _Flows(list(network), 0, np.array([3])).maximal() == pytest.approx([1.8])


def test_flow_of_a_decoder_reaches_no_later_token(decoder: attend.Model) -> None:
    (found,) = maps.record(decoder, "abcde")
    flow, rollout = maps.flow(found).map(), maps.rollout(found).map(-1)
    for map in (flow, rollout):
        assert not np.triu(map, 1).any() and np.tril(map).min() >= 0 and map.max() <= 1 + 1e-6
    assert (flow >= rollout - 1e-6).all()  # what rollout sends is a flow
    cut = maps.Attention("decoder", tuple(layer[:, 2:] for layer in found.layers), maps.Tokens.numbered(3), found.keys)
    with pytest.raises(attend.InvalidArgumentError, match="3 queries and 5 keys"):
        maps.rollout(cut)


# Alignment


@pytest.mark.parametrize("seed", range(5))
def test_the_best_path_is_the_best_of_all(seed: int) -> None:
    weights = random_rows((4, 5), seed)
    paths = itertools.combinations_with_replacement(range(5), 4)  # all that never go back
    best = max(paths, key=lambda keys: np.prod([weights[query, key] for query, key in enumerate(keys)]))
    assert tuple(step.key for step in maps.best_path(weights)) == best
    free = maps.best_path(weights, monotonic=False)
    assert [step.key for step in free] == weights.argmax(axis=1).tolist()
    assert [step.weight for step in free] == pytest.approx(weights.max(axis=1).tolist())
    with pytest.raises(attend.InvalidArgumentError, match="queries, keys"):
        maps.best_path(weights[0])


@pytest.mark.parametrize("name", ["llava", "idefics3", "florence2"])
def test_pictures_beside_a_prompt(name: str) -> None:
    folder = FIXTURES / "features" / name
    expected = read_safetensors(folder / "expected.safetensors")
    ids = expected["input_ids"][0]
    images = [attend.Features(picture) for picture in expected["pixel_values"]]
    with attend.Model(folder) as model, model.session() as session:
        session.record_attentions()
        if model.kind is attend.Kind.ENCODER_DECODER:
            session.encode([ids], images=images)
            found = maps.record(model, ids, images=images, target=[13, 14])
            np.testing.assert_array_equal(found.encoder.layers[0], session.attentions("encoder", 0)[0])
            assert found.cross.layers[0].shape[1:] == (2, len(ids)) and not found.pictures
            assert len(maps.record(model, ids, images=images, max_new_tokens=3).cross.queries) == 3
            return
        found = maps.record(model, ids, images=images)
        whole = model.generate(ids, images=images, max_new_tokens=1)[0].prompt_ids  # with all that a picture becomes
        session.encode([whole], images=images)
        np.testing.assert_array_equal(found.decoder.layers[-1], session.attentions("decoder", 1)[0])
        assert len(found.pictures) == len(images) and all(own.kind == "vision" for own in found.pictures)
        for own, tower in zip(found.pictures, session.attentions("vision", 0), strict=True):
            np.testing.assert_array_equal(own.layers[0], tower)
        longer = maps.record(model, ids, images=images, max_new_tokens=3, eos_token_id=None).decoder
        assert longer.layers[0].shape[1] == len(found.decoder.queries) + 3
        if name == "llava":  # a place is one token, too
            place = int(np.bincount(ids).argmax())
            short = [int(token) for at, token in enumerate(ids) if token != place or ids[at - 1] != place]
            np.testing.assert_array_equal(
                maps.record(model, short, images=images).decoder.layers[0], found.decoder.layers[0]
            )  # fmt: skip


def test_windows_are_not_one_map() -> None:
    expected = read_safetensors(FIXTURES / "features" / "swin" / "expected.safetensors")
    with (
        attend.Model(FIXTURES / "features" / "swin") as model,
        pytest.raises(attend.UnsupportedError, match="within windows"),
    ):
        maps.record(model, attend.Features(expected["pixel_values"][0]))
