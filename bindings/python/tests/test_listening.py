"""Speech while it is spoken: the same segments in pieces of any size, and those of the whole recording where that is
promised.
"""

from __future__ import annotations

from typing import Any

import attend
import numpy as np
import pytest
from test_ctc import RATE, folder, model, samples  # noqa: F401
from test_transcription import small, wave  # noqa: F401

SIZES = [1, 137, 1600, 5000, 10**6]


def pieces(sound: np.ndarray, size: int) -> list[np.ndarray]:
    return [sound[start : start + size] for start in range(0, len(sound), size)]


def heard(of: attend.Model, sound: np.ndarray, size: int, rate: int = RATE, **options: Any) -> list[attend.Segment]:
    with of.listen(rate, **options) as stream:
        return list(stream.hear(pieces(sound, size)))


def essence(segments: Any) -> list[Any]:
    return [(each.start, each.end, each.text, each.tokens.tolist(), each.words) for each in segments]


OPTIONS: dict[str, Any] = {"chunk_length_s": 0.5, "pause_s": 0.005, "return_timestamps": "word"}


@pytest.mark.parametrize("size", SIZES[1:])
def test_ctc_gives_what_the_whole_recording_gives(model: attend.Model, size: int) -> None:  # noqa: F811
    sound = samples(1.3)
    whole = model.transcribe(sound, rate=RATE, **OPTIONS)
    assert len(whole) > 2
    assert essence(heard(model, sound, size, **OPTIONS)) == essence(whole)


def test_segments_come_as_soon_as_they_are_settled(model: attend.Model) -> None:  # noqa: F811
    sound = samples(1.3)
    with model.listen(RATE, **OPTIONS) as stream:
        found = [stream.feed(piece) for piece in pieces(sound, 1600)]
        assert found[0] == () and sum(map(len, found)) > 0
        rest = stream.finish()
        texts = [each.text for segments in [*found, rest] for each in segments]
        assert texts == [each.text for each in model.transcribe(sound, rate=RATE, **OPTIONS)]
        with pytest.raises(attend.InvalidStateError, match="over"):
            stream.feed(sound)
        with pytest.raises(attend.InvalidStateError, match="over"):
            stream.finish()


def test_other_rates_and_channels(model: attend.Model) -> None:  # noqa: F811
    sound = np.repeat(samples(1.0), 2)
    whole = model.transcribe(sound, rate=2 * RATE, **OPTIONS)
    assert essence(heard(model, sound, 777, 2 * RATE, **OPTIONS)) == essence(whole)
    both = np.stack([sound, sound], axis=1)
    assert essence(heard(model, both, 777, 2 * RATE, **OPTIONS)) == essence(whole)
    integers = (sound * 32767).astype(np.int16)
    assert essence(heard(model, integers, 777, 2 * RATE, **OPTIONS)) == essence(
        model.transcribe(integers, rate=2 * RATE, **OPTIONS)
    )


def test_a_session_is_free_between_pieces(model: attend.Model) -> None:  # noqa: F811
    one, other = samples(0.9, 1), samples(0.9, 2)
    with model.session() as session:
        streams = [session.listen(RATE, **OPTIONS) for _ in range(2)]
        found: list[list[attend.Segment]] = [[], []]
        for parts in zip(pieces(one, 3000), pieces(other, 3000)):
            for stream, own, piece in zip(streams, found, parts):
                own.extend(stream.feed(piece))
        for stream, own in zip(streams, found):
            own.extend(stream.finish())
    for own, sound in zip(found, (one, other)):
        assert essence(own) == essence(model.transcribe(sound, rate=RATE, **OPTIONS))


def test_nothing_is_said(model: attend.Model) -> None:  # noqa: F811
    with model.listen(RATE) as stream:
        assert stream.feed(np.zeros(0, np.float32)) == () and stream.finish() == ()
    with model.listen(RATE) as stream:
        assert stream.feed(np.zeros(5, np.float32)) == () and stream.finish() == ()


def test_bad_pieces_and_options(model: attend.Model) -> None:  # noqa: F811
    with pytest.raises(attend.InvalidArgumentError, match="rate"):
        model.listen(0)
    with pytest.raises(attend.InvalidArgumentError, match="step_s is no option"):
        model.listen(RATE, step_s=1)
    with model.listen(RATE) as stream:
        with pytest.raises(TypeError):
            stream.feed(np.zeros(5, np.int64))
        with pytest.raises(attend.InvalidArgumentError, match="sample 3"):
            stream.feed(np.array([0, 0, 0, np.nan], np.float32))
        with pytest.raises(attend.InvalidStateError):
            stream.finish()


def test_a_stream_that_is_cancelled_is_over(model: attend.Model) -> None:  # noqa: F811
    with model.session() as session, session.listen(RATE, **OPTIONS) as stream:
        session.cancel()
        with pytest.raises(attend.CancelledError) as caught:
            stream.feed(samples(1.0))
        assert isinstance(caught.value.finished, list)
        with pytest.raises(attend.InvalidStateError):
            stream.feed(samples(1.0))
        session.transcribe(samples(0.2), rate=RATE)


WHISPER: dict[str, Any] = {"max_new_tokens": 20, "language": "en"}


@pytest.mark.parametrize("size", SIZES[1:])
def test_whisper_gives_the_same_in_pieces_of_any_size(small: attend.Model, size: int) -> None:  # noqa: F811
    sound = wave(9, 2)
    first = heard(small, sound, 4000, step_s=0.5, **WHISPER)
    assert len(first) > 1
    assert essence(heard(small, sound, size, step_s=0.5, **WHISPER)) == essence(first)
    starts = [each.start for each in first]
    assert starts == sorted(starts)


def test_a_short_whisper_stream_is_the_short_recording(small: attend.Model) -> None:  # noqa: F811
    """Without a step before its end nothing is settled by agreement, and all is heard at once."""
    sound = wave(2, 3)
    given = heard(small, sound, 4000, step_s=30, **WHISPER)
    whole = small.transcribe(sound, rate=RATE, **WHISPER)
    assert [each.tokens.tolist() for each in given] == [each.tokens.tolist() for each in whole]


def test_what_two_hypotheses_agree_on_is_settled(small: attend.Model) -> None:  # noqa: F811
    """With small steps segments come before a window is full, each with the tokens of some hypothesis of its window."""
    sound = wave(9, 2)
    with small.listen(RATE, step_s=0.25, **WHISPER) as stream:
        early = 0
        for number, piece in enumerate(pieces(sound, 4000)):
            for segment in stream.feed(piece):
                assert segment.end <= (number + 1) * 0.25 + 3
                early += 1
        assert early + len(stream.finish()) > 1


def test_whisper_needs_timestamps(small: attend.Model) -> None:  # noqa: F811
    with pytest.raises(attend.InvalidArgumentError, match="return_timestamps"):
        small.listen(RATE, return_timestamps=False)
    with pytest.raises(attend.InvalidArgumentError, match="step_s"):
        small.transcribe(wave(1), rate=RATE, step_s=1)
    with pytest.raises(attend.InvalidArgumentError, match="language"):
        small.listen(RATE, language=["en", "de"])
