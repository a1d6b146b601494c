"""The contenders: who they are, and what each can be asked to do. Importing this package imports none of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from workloads import Cell


@dataclass(frozen=True)
class Contender:
    """One way to do the work, run in a process of its own."""

    name: str
    #: The module of this package with its `Runner`.
    module: str
    #: Tasks and compute types that it is entered for.
    tasks: tuple[str, ...]
    computes: tuple[str, ...]
    #: Types in which it may be the best, or in which it is the only one: --short leaves it out of the others.
    short: tuple[str, ...] = ("float32", "bfloat16", "int8", "int4")
    #: Added to the environment of its process.
    environment: dict[str, str] = field(default_factory=dict)
    #: It has no float32, or draws by chance: its ids are shown, and nothing is demanded of them.
    loose: bool = False

    def enters(self, cell: Cell, short: bool = False) -> bool:
        return (
            cell.workload.task in self.tasks
            and cell.compute in self.computes
            and (cell.compute in self.short or not short)
        )


OURS = "attend"

_ALL = ("translate", "embed", "prompt", "decode")
_MEDIA = ("see", "look", "hear", "transcribe")

CONTENDERS = (
    Contender(OURS, "native", _ALL, ("float32", "bfloat16", "int8", "int4")),
    Contender("CTranslate2", "ct2", _ALL, ("float32", "bfloat16", "int8")),
    # CTranslate2 chooses its own loops and the library for its products by the maker of the CPU; told to, it takes
    # AVX-512 anywhere.
    Contender(
        "CTranslate2 AVX512", "ct2", _ALL, ("float32", "bfloat16", "int8"), environment={"CT2_FORCE_CPU_ISA": "AVX512"}
    ),
    Contender("ONNX Runtime", "onnx_runtime", ("embed",), ("float32", "int8")),
    Contender("PyTorch", "pytorch", _ALL, ("float32", "bfloat16"), short=("bfloat16",)),
    Contender("llama.cpp", "llama", ("prompt", "decode"), ("float32", "bfloat16", "int8", "int4")),
    # The same, and others, where pictures and sounds are given.
    Contender(OURS, "native_media", _MEDIA, ("float32", "int8")),
    Contender("ONNX Runtime", "onnx_media", ("see", "look", "hear"), ("float32", "int8")),
    Contender("PyTorch", "pytorch_media", _MEDIA, ("float32",)),
    Contender("OpenVINO", "openvino_runtime", ("embed", "see"), ("float32", "int8")),
    Contender("faster-whisper", "faster_whisper", ("transcribe",), ("float32", "int8")),
    Contender("whisper.cpp", "whisper_cpp", ("transcribe",), ("float32", "int8"), loose=True),
)

#: Everybody's name, once.
NAMES = tuple(dict.fromkeys(contender.name for contender in CONTENDERS))
