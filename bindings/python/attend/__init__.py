"""Run transformer checkpoints inside your program.

    import attend

    with attend.Model("models/g2p-en") as model, model.session() as session:
        session.encode([model.tokenizer.encode("hello")])
        logits = session.decode_step([model.decoder_start])    # float32, (1, vocabulary)

Model loads a checkpoint folder and is immutable; Session holds the sequences that are being read and written and
belongs to one thread at a time; Tokenizer turns text into ids and back. Failures are subclasses of AttendError and
carry ``code``.
"""

from ._caches import PrefixCache
from ._described import Kind, TensorInfo
from ._encodings import Encoding
from ._placement import MappedWeights
from ._runtime import LogLevel, kernels_name, set_log, version
from ._similarity import Similarity
from ._version import __version__
from .classification import Class
from .drawing import Drawing, DrawnPicture
from .errors import (
    AttendError,
    BusyError,
    CancelledError,
    ErrorCode,
    InputOutputError,
    InternalError,
    InvalidArgumentError,
    InvalidFileError,
    InvalidStateError,
    LibraryNotFoundError,
    NotFoundError,
    OutOfMemoryError,
    UnsupportedError,
)
from .generation import Alternative, Generation, Hypothesis, TokenEvent
from .inputs import Features, Input, Picture, SeenPictures, Sound
from .listening import SpeechStream
from .model import Model
from .pipelines import pipeline
from .regions import Located, Region
from .scheduler import Request, Scheduler, SchedulerStats
from .scores import Choice, Score
from .search import Hits, SearchIndex
from .session import Session
from .stages import StageStep, States
from .tasks import AnswerSpan, Entity, Filling
from .tokenizer import TextStream, Tokenizer
from .tools import Message, ToolCall, json_schema
from .transcription import Segment, Transcription, Word

__all__ = [
    "Alternative",
    "AnswerSpan",
    "AttendError",
    "BusyError",
    "CancelledError",
    "Choice",
    "Class",
    "Drawing",
    "DrawnPicture",
    "Encoding",
    "Entity",
    "ErrorCode",
    "Features",
    "Filling",
    "Generation",
    "Hits",
    "Hypothesis",
    "Input",
    "InputOutputError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidFileError",
    "InvalidStateError",
    "Kind",
    "LibraryNotFoundError",
    "Located",
    "LogLevel",
    "MappedWeights",
    "Message",
    "Model",
    "NotFoundError",
    "OutOfMemoryError",
    "Picture",
    "PrefixCache",
    "Region",
    "Request",
    "Scheduler",
    "SchedulerStats",
    "Score",
    "SearchIndex",
    "SeenPictures",
    "Segment",
    "Session",
    "Sound",
    "SpeechStream",
    "StageStep",
    "States",
    "Similarity",
    "TensorInfo",
    "TextStream",
    "TokenEvent",
    "Tokenizer",
    "ToolCall",
    "Transcription",
    "UnsupportedError",
    "Word",
    "__version__",
    "json_schema",
    "kernels_name",
    "pipeline",
    "set_log",
    "version",
]
