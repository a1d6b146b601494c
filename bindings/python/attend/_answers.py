"""What sessions and models offer beside steps: answers and scores."""

from __future__ import annotations

import os
from operator import index
from typing import TYPE_CHECKING, Any, Iterator, SupportsIndex

from . import drawing, generation, scores, transcription
from ._progress import Progress
from .generation import LogitsProcessor, OnToken
from .scores import Normalization
from .transcription import Segment

if TYPE_CHECKING:
    from .drawing import Drawing
    from .model import Model
    from .session import Session


class Answers:
    """What generates and scores: a session with all that it holds, a model in a new session for each call."""

    def _answering(self) -> Session:
        """The session that a call is made in."""
        raise NotImplementedError

    def generate(
        self,
        inputs: Any,
        *,
        on_token: OnToken | None = None,
        logits_processor: LogitsProcessor | None = None,
        assistant_model: Model | None = None,
        progress: Progress | bool | None = None,
        images: Any = None,
        **options: Any,
    ) -> Any:
        """Answers: what a decoder goes on with behind prompts, what an encoder-decoder makes of sources.

        ``inputs``: one text or sequence of ids, which gives one ``Generation``; or several (any form that ``encode``
        takes, or a list of texts), which give a list of them in the order of the inputs. Texts get the special tokens
        of the tokenizer's template. A model that sees or hears in place of reading sources takes an ``Input`` or a list
        of them.

        ``images``: the pictures that prompts of a decoder have places for, each a ``Picture`` or what it is made of;
        of several prompts a list for each. A place is one placeholder token, or as many as the picture becomes.

        ``options`` are those of transformers' GenerationConfig by name (``max_new_tokens``, ``num_beams``,
        ``do_sample``, ``temperature``, ``stop_strings``, ...) and more, all in docs/generation.md; what is left out is
        as the checkpoint's generation_config.json says. A name that is no option is an InvalidArgumentError.

        ``on_token`` hears each token of greedy search and sampling as a ``TokenEvent``; returning False ends the call
        with CancelledError. ``logits_processor(scores, ids)`` changes the logits of a sequence, a view of
        ``[vocabulary]``, in place. ``assistant_model``, a smaller model with the same vocabulary, drafts what greedy
        search and sampling then confirm or drop: the answer is that without it. ``tools`` may be functions, which their
        type hints and docstrings describe (``json_schema``). ``progress`` is a callable that hears the share of
        requests that are finished, or True for a bar where tqdm is installed.

        All live sequences of a session are dropped, before and after. Errors: InvalidArgumentError, TypeError,
        NotFoundError (texts without a tokenizer), UnsupportedError (a model that generates nothing), InvalidStateError
        (the options forbid every token), CancelledError, BusyError, OutOfMemoryError. An exception that ends a call
        under way, Ctrl-C's too, carries what was finished: ``error.finished`` has the answers in the order of the
        inputs, None for the others.
        """
        return generation.generate(
            self._answering(), inputs, options, on_token, logits_processor, assistant_model, progress, images
        )

    def stream(self, prompt: Any, *, assistant_model: Model | None = None, **options: Any) -> Iterator[str]:
        """The text of one answer as it is written, piece by piece: ``for piece in session.stream("Once")``.

        Inputs, options and errors as of ``generate``; beams give nothing to stream. A session is busy until the
        stream has ended or was closed.
        """
        return generation.stream(self._answering(), prompt, options, assistant_model)

    def score(
        self,
        inputs: Any,
        targets: Any = None,
        *,
        window: SupportsIndex | None = None,
        stride: SupportsIndex | None = None,
        top_logprobs: SupportsIndex = 0,
        progress: Progress | bool | None = None,
    ) -> Any:
        """How probable texts are: log-probabilities of their tokens, their sum, the perplexity.

        Without ``targets`` a decoder scores ``inputs`` themselves, all tokens but the first, which follows on nothing.
        With them, it scores each target behind its input, and an encoder-decoder, which needs them, what it makes of
        its source. Inputs and targets are texts or ids: one input with one target, or with a list of them, which then
        share what is computed of the input; or a list of inputs, and a list with one or several targets for each. A
        single text gives one ``Score``, a list a list of them, in the order of the inputs.

        ``window``: tokens of a decoder's text that are read at once, by default as many as it has positions. A longer
        text is an error, unless ``stride`` says how many tokens lie from the beginning of one window to that of the
        next; each token is then scored in the first window that holds it. ``top_logprobs``: how many of the most
        probable tokens are told for each place. ``progress`` as in ``generate``.

        All live sequences of a session are dropped, before and after. Errors: InvalidArgumentError (what cannot be
        scored, by its number), TypeError, NotFoundError (texts without a tokenizer), UnsupportedError (a model that
        does not tell the next token), CancelledError, BusyError, OutOfMemoryError; ``error.finished`` as in
        ``generate``.
        """
        options = {"window": window, "stride": stride, "top_logprobs": top_logprobs}
        return scores.score(self._answering(), inputs, targets, options, progress)

    def multiple_choice(
        self,
        inputs: Any,
        choices: Any,
        *,
        normalization: Normalization = "sum",
        progress: Progress | bool | None = None,
    ) -> Any:
        """Which of several texts follows on an input, or is made of a source, most probably: a ``Choice``.

        ``inputs``: one text or sequence of ids, or a list of them, which gives a list. ``choices``: a list of texts or
        sequences of ids, the same for all inputs, or a list of such lists, one for each. They are compared by the
        ``"sum"`` of their log-probabilities or, which does not prefer short ones, by their ``"mean"``. Errors as of
        ``score``.
        """
        return scores.multiple_choice(self._answering(), inputs, choices, normalization, progress)

    def transcribe(
        self,
        sounds: Any,
        *,
        task: str | None = "transcribe",
        return_timestamps: bool | str = True,
        rate: SupportsIndex | None = None,
        progress: Progress | bool | None = None,
        **options: Any,
    ) -> Any:
        """What is said in a recording, by a Whisper: a ``Transcription``, or a list of those of several.

        ``sounds``: a path, the bytes of a file (WAV; other formats where libsndfile is installed), or samples,
        ``[samples]`` or ``[samples, channels]``, float or int16, ``rate`` of them in a second, by default 16000; or a
        list of such, whose windows of 30 s are decoded side by side.

        ``options`` are those of transformers' ``WhisperForConditionalGeneration.generate`` and of ``generate``:
        ``language`` (its code or its English name, or one for each recording; by default it is detected), ``prompt``
        (a text that might have been said before) or ``prompt_ids``, ``condition_on_prev_tokens``,
        ``prompt_condition_type``, ``temperature`` (one, or several to be tried in turn while a threshold is missed),
        ``compression_ratio_threshold``, ``logprob_threshold``, ``no_speech_threshold``, ``return_token_timestamps``,
        ``num_beams``, ``suppress_tokens``, ``max_new_tokens``, ...; all in docs/generation.md. ``task``:
        ``"transcribe"``, ``"translate"`` into English, or None: as the checkpoint says. ``return_timestamps``: whether
        the model writes times, which recordings beyond 30 s need; ``"word"``: each word has its own too. ``progress``
        is a callable that hears the share that is heard, or True for a bar where tqdm is installed.

        All live sequences of a session are dropped, before and after. Errors: InvalidArgumentError, TypeError,
        NotFoundError, InputOutputError, InvalidFileError (no sound), UnsupportedError (no Whisper; a library that is
        not installed), CancelledError, BusyError, OutOfMemoryError. An exception that ends a call under way, Ctrl-C's
        too, carries what there was by then: ``error.finished`` has a Transcription for each recording.
        """
        given = {"return_timestamps": return_timestamps, **({} if task is None else {"task": task}), **options}
        return transcription.transcribe(self._answering(), sounds, given, rate, progress)

    def transcribe_stream(
        self,
        sound: Any,
        *,
        task: str | None = "transcribe",
        return_timestamps: bool | str = True,
        rate: SupportsIndex | None = None,
        **options: Any,
    ) -> Iterator[Segment]:
        """The segments of a recording as they come: ``for segment in model.transcribe_stream("talk.wav")``.

        Arguments and errors as of ``transcribe``. A session is busy until the stream has ended or was closed.
        """
        given = {"return_timestamps": return_timestamps, **({} if task is None else {"task": task}), **options}
        return transcription.stream(self._answering(), sound, given, rate)

    def draw(
        self,
        text: str | bytes,
        *,
        seed: SupportsIndex = 0,
        candidates: SupportsIndex = 1,
        clip: Model | None = None,
        vqgan: str | os.PathLike[str] | None = None,
        temperature: float | None = None,
        top_k: SupportsIndex = 0,
        top_p: float | None = None,
        condition_scale: float | None = None,
        greedy: bool = False,
        progress: Progress | bool | None = None,
    ) -> Drawing:
        """Pictures of a text, by a DALL-E mini or mega, or a Janus: ``model.draw("a red circle").save("circle.png")``.

        ``candidates`` pictures are drawn side by side; ``clip``, a model that compares pictures with texts, ranks them,
        the best first. ``vqgan``: the folder of the VQGAN that paints, where the model has none of its own and it lies
        neither in the model's folder nor beside it as ``vqgan`` or ``vqgan_imagenet_f16_16384``. ``condition_scale``:
        how far a picture is led away from one of no text, by default as far as the model's own program does; 1: not at
        all. ``temperature``, ``top_k``, ``top_p`` and ``greedy`` are those of sampling. The same arguments give the
        same pictures. ``progress`` is a callable that hears the share that is done, or True for a bar where tqdm is
        installed.

        Gives a ``Drawing``: a sequence of ``DrawnPicture``, each with ``pixels``, ``tokens``, ``score`` and ``save``.
        All live sequences of a session are dropped, before and after. Errors: InvalidArgumentError, NotFoundError (no
        VQGAN), InvalidFileError, UnsupportedError (a model that draws no pictures), CancelledError, OutOfMemoryError,
        BusyError.
        """
        return drawing.draw(
            self._answering(),
            text,
            clip,
            progress,
            seed=index(seed),
            candidates=index(candidates),
            painter=vqgan,
            temperature=temperature,
            top_k=index(top_k),
            top_p=top_p,
            condition_scale=condition_scale,
            greedy=greedy,
        )

    def detect_language(self, sounds: Any, *, rate: SupportsIndex | None = None) -> Any:
        """The code of the language that is spoken in the first 30 s of a recording, or the list of those of several.

        Arguments and errors as of ``transcribe``; UnsupportedError for a model that knows one language.
        """
        return transcription.detect_language(self._answering(), sounds, rate)
