"""What ``Session`` offers beside steps: answers."""

from __future__ import annotations

from typing import Any, Iterator, cast

from . import generation
from ._progress import Progress
from .generation import LogitsProcessor, OnToken


class Answers:
    """The part of ``Session`` that generates."""

    def generate(
        self,
        inputs: Any,
        *,
        on_token: OnToken | None = None,
        logits_processor: LogitsProcessor | None = None,
        progress: Progress | bool | None = None,
        **options: Any,
    ) -> Any:
        """Answers: what a decoder goes on with behind prompts, what an encoder-decoder makes of sources.

        ``inputs``: one text or sequence of ids, which gives one ``Generation``; or several (any form that ``encode``
        takes, or a list of texts), which give a list of them in the order of the inputs. Texts get the special tokens
        of the tokenizer's template.

        ``options`` are those of transformers' GenerationConfig by name (``max_new_tokens``, ``num_beams``,
        ``do_sample``, ``temperature``, ``stop_strings``, ...) and more, all in docs/generation.md; what is left out is
        as the checkpoint's generation_config.json says. A name that is no option is an InvalidArgumentError.

        ``on_token`` hears each token of greedy search and sampling as a ``TokenEvent``; returning False ends the call
        with CancelledError. ``logits_processor(scores, ids)`` changes the logits of a sequence, a view of
        ``[vocabulary]``, in place. ``progress`` is a callable that hears the share of requests that are finished, or
        True for a bar where tqdm is installed.

        All live sequences are dropped, before and after. Errors: InvalidArgumentError, TypeError, NotFoundError (texts
        without a tokenizer), UnsupportedError (a model that generates nothing), InvalidStateError (the options forbid
        every token), CancelledError, BusyError, OutOfMemoryError.
        """
        return generation.generate(cast(Any, self), inputs, options, on_token, logits_processor, progress)

    def stream(self, prompt: Any, **options: Any) -> Iterator[str]:
        """The text of one answer as it is written, piece by piece: ``for piece in session.stream("Once")``.

        Inputs, options and errors as of ``generate``; beams give nothing to stream. The session is busy until the
        stream has ended or was closed.
        """
        return generation.stream(cast(Any, self), prompt, options)
