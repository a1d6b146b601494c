"""How probable texts are, and which of several: what ``Model.score`` and ``Model.multiple_choice`` give."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from . import _declarations as c
from . import _score_declarations as s
from ._arrays import Float32Array, Int32Array, Texts, copied, number
from ._batches import RaggedBatch, split
from ._library import Owned, check, library
from ._progress import Bar, Progress
from .errors import InvalidArgumentError, attach_finished
from .generation import Alternative, alternatives, is_one

if TYPE_CHECKING:
    from .session import Session

Normalization = Literal["sum", "mean"]


@dataclass(frozen=True)
class Score:
    """How probable a text is."""

    ids: Int32Array  #: the tokens that were scored, ``[tokens]``
    log_probabilities: Float32Array  #: of each, in nats, ``[tokens]``
    sum: float  #: of the log-probabilities
    perplexity: float  #: exp(-sum / tokens); NaN where nothing was scored
    is_greedy: bool  #: whether each token was the most probable one
    alternatives: tuple[tuple[Alternative, ...], ...] = ()  #: of each token, with ``top_logprobs``


@dataclass(frozen=True)
class Choice:
    """Which of several continuations a context is most probably followed by."""

    index: int  #: the place of the most probable one
    choice: Any  #: the most probable one, as it was given
    probabilities: npt.NDArray[np.float64]  #: softmax over the sums or means of log-probabilities, ``[choices]``
    scores: tuple[Score, ...]  #: of each choice


class _Call:
    """Texts with their contexts, one for each text, and what came of them."""

    def __init__(self, session: Session, texts: list[Any], contexts: list[Any] | None) -> None:
        self._session, self._texts, self._contexts = session, texts, contexts
        self._native: Owned | None = None

    def run(self, options: Mapping[str, Any], progress: Progress | bool | None) -> None:
        """Makes the call; what is scored where it fails can be asked for all the same."""
        fields = {name: number(value, name) for name, value in options.items() if value is not None}
        for name in ("window", "stride"):
            if fields.get(name) == 0:
                raise InvalidArgumentError(f"{name} is 0; leave it out, or give 1 or more")
        handle, struct = c.Handle(), s.ScoreOptions(**fields)
        with Bar(progress, len(self._texts)) as listener:
            function, keep, arguments = self._arguments()
            try:
                self._session._watch.call(
                    function, *arguments, ctypes.byref(struct), ctypes.byref(handle), progress=listener
                )
            finally:
                del keep
                if handle.value is not None:
                    self._native = Owned(handle.value, library.attend_scores_free)
                self._session._lengths = None

    def _arguments(self) -> tuple[Any, Any, tuple[Any, ...]]:
        """The function, what must live as long as the call, and the arguments."""
        native = self._session._open()
        if isinstance(self._texts[0], (str, bytes)):
            texts = Texts(self._texts)
            contexts = None if self._contexts is None else Texts(self._contexts, "inputs")
            before = (None, None) if contexts is None else (contexts.texts, contexts.lengths.ctypes.data)
            arguments = (native, *before, texts.texts, texts.lengths.ctypes.data, texts.lengths.size)
            return library.attend_score_texts, (texts, contexts), arguments
        batch, behind = RaggedBatch(self._texts), None if self._contexts is None else RaggedBatch(self._contexts)
        if behind is not None and not behind.tokens.size:
            behind = None  # contexts without tokens are none
        address = None if behind is None else ctypes.byref(behind.struct)
        return library.attend_score, (batch, behind), (native, address, ctypes.byref(batch.struct))

    def score(self, index: int) -> Score | None:
        """The score of a text; None where the call failed before."""
        found = s.TextScore()
        if self._native is None:
            return None
        error = library.attend_scores_get(self._native, index, ctypes.byref(found))
        if error is not None:
            library.attend_error_free(error)
            return None
        count, width = found.count, found.alternative_count
        others = alternatives(found.alternatives, count * width) if found.alternatives and width else ()
        return Score(
            ids=copied(found.ids, (count,), np.int32),
            log_probabilities=copied(found.log_probabilities, (count,), np.float32),
            sum=float(found.sum),
            perplexity=float(found.perplexity),
            is_greedy=bool(found.is_greedy),
            alternatives=tuple(others[i : i + width] for i in range(0, count * width, width)) if width else (),
        )

    def probabilities(self, first: int, count: int, normalization: int) -> npt.NDArray[np.float64]:
        """Softmax over the scores of neighbouring texts."""
        found = np.empty(count, np.float64)
        assert self._native is not None
        check(library.attend_scores_probabilities(self._native, first, count, normalization, found.ctypes.data))
        return found


def score(
    session: Session, inputs: Any, targets: Any, options: Mapping[str, Any], progress: Progress | bool | None
) -> Any:
    """``Session.score``"""
    one = is_one(inputs)
    contexts = _sequences(inputs, session)
    if targets is None:
        return _run(session, contexts, None, [None] * len(contexts), options, progress, one)
    groups = [targets] if one else list(targets)
    if len(groups) != len(contexts):
        raise InvalidArgumentError(f"targets: {len(groups)} are given for {len(contexts)} inputs")
    texts, before, counts = _flat(contexts, groups, session)
    return _run(session, texts, before, counts, options, progress, one)


def multiple_choice(
    session: Session, inputs: Any, choices: Any, normalization: str, progress: Progress | bool | None
) -> Any:
    """``Session.multiple_choice``"""
    if normalization not in s.NORMALIZATION:
        raise InvalidArgumentError(f"normalization: {normalization!r} is not one of {', '.join(s.NORMALIZATION)}")
    one = is_one(inputs)
    contexts = _sequences(inputs, session)
    choices = choices if hasattr(choices, "__array__") else list(choices)
    # The same choices for all inputs, or a list of them for each.
    groups = [choices] * len(contexts) if one or all(map(is_one, choices)) else choices
    if len(groups) != len(contexts):
        raise InvalidArgumentError(f"choices: {len(groups)} lists are given for {len(contexts)} inputs")
    for index, group in enumerate(groups):
        if is_one(group) or len(group) == 0:
            raise InvalidArgumentError(f"choices[{index}]: expected a list of choices")
    if not contexts:
        return []
    texts, before, _ = _flat(contexts, groups, session)
    call = _Call(session, texts, before)
    starts = np.cumsum([0, *map(len, groups)]).tolist()

    def choice(place: int) -> Choice | None:
        first, count = starts[place], len(groups[place])
        scores = [call.score(first + index) for index in range(count)]
        known = [each for each in scores if each is not None]
        if len(known) < count:
            return None
        probabilities = call.probabilities(first, count, s.NORMALIZATION[normalization])
        best = int(probabilities.argmax())
        return Choice(best, groups[place][best], probabilities, tuple(known))

    try:
        call.run({}, progress)
    except BaseException as problem:
        attach_finished(problem, [choice(place) for place in range(len(contexts))])
        raise
    found = [choice(place) for place in range(len(contexts))]
    return found[0] if one else found


def _run(
    session: Session,
    texts: list[Any],
    contexts: list[Any] | None,
    counts: list[int | None],
    options: Mapping[str, Any],
    progress: Progress | bool | None,
    one: bool,
) -> Any:
    """Scores texts, of which ``counts`` tells how many belong to each input; None: one that stands in no list."""
    call = _Call(session, texts, contexts)

    def results() -> list[Any]:
        found, first = [], 0
        for count in counts:
            some = [call.score(first + index) for index in range(1 if count is None else count)]
            found.append(some[0] if count is None else some)
            first += len(some)
        return found

    if texts:
        try:
            call.run(options, progress)
        except BaseException as problem:
            attach_finished(problem, results())
            raise
    found = results()
    return found[0] if one else found


def _flat(
    contexts: list[Any], groups: Sequence[Any], session: Session
) -> tuple[list[Any], list[Any], list[int | None]]:
    """Targets end to end with the context of each, and how many each input has; None: one that is in no list."""
    texts: list[Any] = []
    before: list[Any] = []
    counts: list[int | None] = []
    for context, group in zip(contexts, groups):
        some = _sequences(group, session)
        texts += some
        before += [context] * len(some)
        counts.append(None if is_one(group) else len(some))
    kinds = {isinstance(each, (str, bytes)) for each in texts + before}
    if len(kinds) > 1:
        raise TypeError("inputs and targets: expected texts or ids, found both")
    return texts, before, counts


def _sequences(inputs: Any, session: Session) -> list[Any]:
    """One or several texts, or sequences of ids in any form that ``encode`` takes, as a list."""
    if isinstance(inputs, (str, bytes)):
        return [inputs]
    if is_one(inputs):
        inputs = [inputs]
    elif not hasattr(inputs, "__array__") and not isinstance(inputs, Mapping):
        inputs = list(inputs)
        if not inputs or isinstance(inputs[0], (str, bytes)):
            return inputs  # type: ignore[no-any-return]
    batch = RaggedBatch(inputs, None, None, None, session._rules)
    return split(batch.tokens, batch.lengths)  # type: ignore[arg-type]
