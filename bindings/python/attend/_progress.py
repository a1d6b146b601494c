"""Long calls: what they report while they run, and how Python stops them."""

from __future__ import annotations

import ctypes
import queue
import threading
from typing import Any, Callable, Generator, Iterator, TypeVar

from . import _declarations as c
from ._library import check, library

#: Hears the fraction of a call that is done. Returning False stops the call with CancelledError.
Progress = Callable[[float], object]

_Result = TypeVar("_Result")
_Piece = TypeVar("_Piece")
#: Bytes of text below which nobody waits long: a thread costs a thousandth of what they take.
_LONG = 1 << 18
_OneArgument = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_double)


class Watch:
    """The progress callback of a model or session.

    It hears signals (Ctrl-C), tells the user's callable how far a call is, and carries the exceptions of both past the
    C code in between.

    Python delivers a signal to the main thread when it runs Python code there, and a call into C runs none. This
    callback does, so that a KeyboardInterrupt is raised in it, kept, the call stopped, and ``check`` raises it where
    the call was made.
    """

    def __init__(self, progress: Progress | None) -> None:
        if progress is not None and not callable(progress):
            raise TypeError(f"progress: expected something to call, found {type(progress).__name__}")
        self.every = progress
        # By thread: another thread that hears BusyError must not take what the one that computes has raised.
        self._raised: dict[int, BaseException] = {}
        self._progress: dict[int, Progress] = {}
        listener = _listen(progress, self._progress, self._raised)
        next(listener)
        # The call comes through a C function, `send`, since a signal that waits is raised at the very beginning of a
        # Python function, where no `try` of its own could catch it; a generator goes on inside of its `try`. `send`
        # takes one argument: of those that the library passes the second, a context, stays in its register unread.
        self._thunk = _OneArgument(listener.send)
        self.callback = ctypes.cast(self._thunk, c.ProgressCallback)

    def call(self, function: object, *arguments: object, progress: Progress | None = None) -> None:
        """Makes a call that returns ``attend_error *``; ``progress`` hears of it in place of the one for all calls."""
        if progress is None:
            error = function(*arguments)  # type: ignore[operator]
        else:
            if not callable(progress):
                raise TypeError(f"progress: expected something to call, found {type(progress).__name__}")
            thread = threading.get_ident()
            self._progress[thread] = progress
            try:
                error = function(*arguments)  # type: ignore[operator]
            finally:
                del self._progress[thread]
        if not self._raised:
            check(error)
            return
        problem = self._raised.pop(threading.get_ident(), None)
        if problem is None:
            check(error)
            return
        if error is not None:
            library.attend_error_free(error)
        raise problem


def interruptible(size: int, body: Callable[[], _Result], options: c.TokenizeOptions | None = None) -> _Result:
    """What ``body`` gives, which reads ``size`` bytes of text.

    A long one runs on a thread of its own, so that the main thread, the only one that hears signals, hears them
    meanwhile. Where one ends the waiting, a call with ``options`` is cancelled and ends soon; any other goes on behind
    it. Its result is dropped when it comes.
    """
    if size < _LONG or threading.current_thread() is not threading.main_thread():
        return body()
    is_waiting = True
    if options is not None:
        options.progress = c.ProgressCallback(lambda fraction, context: is_waiting)
    outcomes: queue.SimpleQueue[tuple[_Result | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            outcomes.put((body(), None))
        except BaseException as problem:
            outcomes.put((None, problem))

    try:
        threading.Thread(target=work, name="attend", daemon=True).start()
        result, problem = outcomes.get()
    finally:
        is_waiting = False
    if problem is not None:
        raise problem
    return result  # type: ignore[return-value]


def streamed(name: str, work: Callable[[Callable[[_Piece | None], bool]], None]) -> Iterator[_Piece]:
    """What ``work`` gives piece by piece, computed on a thread of its own while the caller reads.

    ``work`` is called with a function that takes a piece, or None for none, and tells whether more are wanted: a stream
    that is closed, or no longer referred to, ends the computing.
    """
    pieces: queue.SimpleQueue[_Piece | BaseException | None] = queue.SimpleQueue()
    closed = threading.Event()

    def hear(piece: _Piece | None) -> bool:
        if piece is not None:
            pieces.put(piece)
        return not closed.is_set()

    def run() -> None:
        try:
            work(hear)
            pieces.put(None)
        except BaseException as problem:
            pieces.put(problem)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        while True:
            piece = pieces.get()
            if piece is None:
                return
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        closed.set()
        thread.join()


def _listen(
    every: Progress | None, by_thread: dict[int, Progress], raised: dict[int, BaseException]
) -> Generator[bool, float, None]:
    """Takes fractions, yields whether to go on. It refers to no Watch, which would keep itself alive through it."""
    answer = True
    while True:
        try:
            while True:
                fraction = yield answer
                progress = by_thread.get(threading.get_ident(), every)
                answer = progress is None or progress(fraction) is not False
        except GeneratorExit:
            return
        except BaseException as problem:  # an interrupt from the keyboard too
            raised[threading.get_ident()] = problem
            answer = False


class Bar:
    """A progress callback: the user's, a bar of tqdm where it is installed, or none."""

    def __init__(self, progress: Progress | bool | None, count: int) -> None:
        self._progress, self._count = progress, count
        self._bar: Any = None

    def __enter__(self) -> Progress | None:
        if callable(self._progress):
            return self._progress
        if not self._progress:
            return None
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return None
        self._bar = tqdm(total=self._count)
        return self._move

    def _move(self, fraction: float) -> bool:
        self._bar.n = int(fraction * self._count)
        self._bar.refresh()
        return True

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._bar is not None:
            if kind is None:
                self._bar.n = self._count
            self._bar.close()
