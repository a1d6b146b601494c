"""What sessions and models offer beside steps: answers and scores."""

from __future__ import annotations

import os
from operator import index
from typing import TYPE_CHECKING, Any, Iterator, SupportsIndex

from . import classification, drawing, generation, regions, scores, transcription
from ._progress import Progress
from ._task_methods import TextTasks
from .generation import LogitsProcessor, OnToken
from .listening import SpeechStream
from .scores import Normalization
from .transcription import Segment

if TYPE_CHECKING:
    from .drawing import Drawing
    from .model import Model
    from .regions import Located


class Answers(TextTasks):
    """What generates and scores: a session with all that it holds, a model in a new session for each call."""

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
        session = self._answering()
        found = generation.generate(
            session, inputs, options, on_token, logits_processor, assistant_model, progress, images
        )
        self._done(session)
        return found

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
        """What is said in a recording: a ``Transcription``, or a list of those of several.

        ``sounds``: a path, the bytes of a file (WAV; other formats where libsndfile is installed), a ``Sound``, or
        samples, ``[samples]`` or ``[samples, channels]``, float or int16, of which ``rate`` make a second; or a list of
        such, whose windows are heard side by side.

        Of models with CTC (wav2vec2, HuBERT, WavLM, ...) ``options`` are those of transformers' pipelines and of
        pyctcdecode: ``return_timestamps`` (``"word"``, or ``"char"`` for characters too), ``chunk_length_s``,
        ``stride_length_s``, ``beam_width``, ``language_model`` (the path of a file in the ARPA format), ``alpha``,
        ``beta``, ``hotwords``, ``hotword_weight``, ...; of a Moonshine ``chunk_length_s`` and those of ``generate``.

        Of a Whisper they are those of transformers' ``WhisperForConditionalGeneration.generate`` and of ``generate``:
        ``language`` (its code or its English name, or one for each recording; by default it is detected), ``prompt``
        (a text that might have been said before) or ``prompt_ids``, ``condition_on_prev_tokens``,
        ``prompt_condition_type``, ``temperature`` (one, or several to be tried in turn while a threshold is missed),
        ``compression_ratio_threshold``, ``logprob_threshold``, ``no_speech_threshold``, ``return_token_timestamps``,
        ``num_beams``, ``suppress_tokens``, ``max_new_tokens``, ...; all in docs/generation.md. ``task``:
        ``"transcribe"``, ``"translate"`` into English, or None: as the checkpoint says. ``return_timestamps``: whether
        the model writes times, which recordings beyond 30 s need; ``"word"``: each word has its own too. ``progress``
        is a callable that hears the share that is heard, or True for a bar where tqdm is installed.

        All live sequences of a session are dropped, before and after. Errors: InvalidArgumentError, TypeError,
        NotFoundError, InputOutputError, InvalidFileError (no sound), UnsupportedError (a model that does not
        transcribe; a library that is not installed), CancelledError, BusyError, OutOfMemoryError. An exception that
        ends a call under way, Ctrl-C's too, carries what there was by then: ``error.finished`` has a Transcription for
        each recording.
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

    def listen(
        self,
        rate: SupportsIndex,
        *,
        task: str | None = "transcribe",
        return_timestamps: bool | str = True,
        **options: Any,
    ) -> SpeechStream:
        """A stream that is fed pieces of samples, of which ``rate`` make a second, and gives the segments that are
        settled: ``with model.listen(16000) as stream: stream.feed(samples)``.

        A Whisper decodes what is not settled again with every second that is heard (``step_s``), and settles what two
        results in a row agree on. Models with CTC and Moonshine give what ``transcribe`` would give for the whole
        recording with the same windows (``chunk_length_s``, here by default 6 s, of a Moonshine 10 s). Options and
        errors as of ``transcribe``.
        """
        given = {"return_timestamps": return_timestamps, **({} if task is None else {"task": task}), **options}
        return SpeechStream(self._answering(), rate, given)

    def detect_language(self, sounds: Any, *, rate: SupportsIndex | None = None) -> Any:
        """The code of the language that is spoken in the first 30 s of a recording, or the list of those of several.

        Arguments and errors as of ``transcribe``; UnsupportedError for a model that knows one language.
        """
        return transcription.detect_language(self._answering(), sounds, rate)

    def classify(
        self,
        inputs: Any,
        pairs: Any = None,
        *,
        top_k: SupportsIndex | None = None,
        function: str | None = None,
        max_length: SupportsIndex | None = None,
        progress: Progress | bool | None = None,
    ) -> Any:
        """The classes of a text, a picture or a sound, the best first: a tuple of ``Class``; of a list, a list of them.

        ``inputs``: texts, or an ``Input`` each (``Picture``, ``Sound``, ``Features``). ``pairs``: a second text for
        each (entailment, rerankers). ``top_k``: how many classes are told, by default all. ``function``: how logits
        become scores, ``"softmax"``, ``"sigmoid"``, ``"none"``, or ``"cross-encoder"``, as sentence-transformers'
        CrossEncoder does; by default as config.json's problem_type says, and where it says nothing a softmax, or of a
        single class a sigmoid: what transformers' pipelines do.
        ``max_length``: the most tokens of a text, which longer ones are cut to; without it one that the model cannot
        read is an error.

        All live sequences of a session are dropped, before and after. Errors: InvalidArgumentError, TypeError,
        NotFoundError, InvalidFileError, UnsupportedError (a model without a head that classifies), CancelledError,
        BusyError, OutOfMemoryError.
        """
        return classification.classify(self._answering(), inputs, pairs, top_k, function, max_length, progress)

    def describe(
        self, pictures: Any, prompt: str | None = None, *, progress: Progress | bool | None = None, **options: Any
    ) -> Any:
        """What is seen in a picture, in words: a text, or a list of those of several.

        ``pictures``: a ``Picture`` or what one is made of, or a list of them. Encoder-decoders (BLIP, TrOCR, Donut)
        write what they make of it, behind ``prompt`` where there is one. Decoders that see (LLaVA, Qwen2-VL, ...)
        answer to ``prompt``, by default "Describe this picture.", in their chat template; a prompt with a place for the
        picture is taken as it is. ``options`` and errors are those of ``generate``.
        """
        return generation.describe(self._answering(), pictures, prompt, options, progress)

    def locate(
        self, picture: Any, task: str, text: str = "", *, size: tuple[int, int] | None = None, **options: Any
    ) -> Located:
        """What is where in a picture, as a Florence-2 tells it: the text that it writes and its regions, in pixels.

        ``task`` is one of ``attend.regions.KINDS``: ``"<OD>"``, ``"<OCR_WITH_REGION>"``, ...; ``text`` is what it is
        asked with, a caption or a region, which ``attend.regions.spell`` writes. ``size``: width and height of the
        picture, where it is a file. ``options`` and errors are those of ``generate``.
        """
        return regions.locate(self._answering(), picture, task, text, size, options)
