"""The tasks on texts that sessions and models offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence, SupportsIndex

from . import tasks
from ._progress import Progress

if TYPE_CHECKING:
    from .session import Session


class TextTasks:
    """What texts are asked. All live sequences of a session are dropped, before and after.

    Errors: InvalidArgumentError (the text is named), TypeError, UnsupportedError (the checkpoint has no head for the
    task, which is named), those of the tokenizer, CancelledError, BusyError, OutOfMemoryError.
    """

    def _answering(self) -> Session:
        """The session that a call is made in."""
        raise NotImplementedError

    def _done(self, session: Session) -> None:
        """A call has ended in a session, without an error."""
        raise NotImplementedError

    def find_entities(
        self,
        texts: Any,
        *,
        aggregation: str = "none",
        ignored_labels: Sequence[str] = ("O",),
        max_length: SupportsIndex | None = None,
        stride: SupportsIndex | None = None,
        progress: Progress | bool | None = None,
    ) -> Any:
        """The entities of a text, a list of ``Entity``; of a list of texts, a list of such lists.

        ``aggregation``: ``"none"``, each token by itself; ``"simple"``, neighbours of one class are an entity;
        ``"first"``, ``"average"``, ``"max"``, the same of whole words. ``ignored_labels`` are left out. ``max_length``:
        the most tokens that are read at once, to which longer texts are cut, or with ``stride`` in windows of which
        they are read that share so many tokens; without either a text that the model cannot read is an error.
        """
        session = self._answering()
        return tasks.find_entities(session, texts, aggregation, ignored_labels, max_length, stride, progress)

    def answer(
        self,
        questions: Any,
        contexts: Any,
        *,
        top_k: SupportsIndex = 1,
        max_answer_length: SupportsIndex = 15,
        max_length: SupportsIndex | None = None,
        stride: SupportsIndex | None = None,
        allow_no_answer: bool = False,
        within_words: bool = False,
        progress: Progress | bool | None = None,
    ) -> Any:
        """The answers to a question that a text holds, a list of ``AnswerSpan``, the best first; of lists, a list.

        A question may be asked of several texts, and a text several questions. ``top_k``: how many answers are given.
        ``max_answer_length``: tokens of an answer at most. ``max_length``: tokens of question and text that are read at
        once, by default 384 or as many as the model reads; longer texts are read in windows that share ``stride``
        tokens, by default 128 or half of that. ``allow_no_answer``: that there is none is an answer too, an empty one.
        ``within_words``: answers begin and end between tokens, for languages that write no spaces.
        """
        return tasks.answer(
            self._answering(),
            questions,
            contexts,
            top_k,
            max_answer_length,
            max_length,
            stride,
            allow_no_answer,
            within_words,
            progress,
        )

    def fill(
        self,
        texts: Any,
        *,
        top_k: SupportsIndex = 5,
        targets: Sequence[str] | str | None = None,
        max_length: SupportsIndex | None = None,
        progress: Progress | bool | None = None,
    ) -> Any:
        """Tokens for the masked places of a text: of each place a list of ``Filling``, the best first.

        ``top_k``: how many are told of each place. ``targets``: texts whose tokens alone may fill places.
        ``max_length``: the most tokens of a text, which longer ones are cut to. Of a list of texts, a list.
        """
        return tasks.fill(self._answering(), texts, top_k, targets, max_length, progress)

    def classify_zero_shot(
        self,
        texts: Any,
        labels: Sequence[str],
        *,
        hypothesis_template: str | None = None,
        multi_label: bool = False,
        max_length: SupportsIndex | None = None,
        progress: Progress | bool | None = None,
    ) -> Any:
        """How well labels fit a text, by a model of entailment: a tuple of ``Class``; of a list of texts, a list.

        ``hypothesis_template``: the hypothesis about a label, with ``{}`` in its place, by default "This example is
        {}.". ``multi_label``: each label is judged by itself. ``max_length``: the most tokens of a text with a
        hypothesis; longer texts lose their end.
        """
        session = self._answering()
        return tasks.classify_zero_shot(session, texts, labels, hypothesis_template, multi_label, max_length, progress)
