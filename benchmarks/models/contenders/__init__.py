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
    #: Added to the environment of its process.
    environment: dict[str, str] = field(default_factory=dict)

    def enters(self, cell: Cell) -> bool:
        return cell.workload.task in self.tasks and cell.compute in self.computes


OURS = "attend"

_GENERATE = ("translate", "prompt", "decode")
_ALL = ("translate", "embed", "prompt", "decode")

CONTENDERS = (
    Contender(OURS, "native", _ALL, ("float32", "bfloat16", "int8", "int4")),
    Contender("CTranslate2", "ct2", _ALL, ("float32", "bfloat16", "int8")),
    # By default CTranslate2 takes AVX2 code on CPUs that are not Intel's, and its vectorised loops differ between the two.
    Contender("CTranslate2 AVX512", "ct2", _ALL, ("float32", "bfloat16", "int8"), {"CT2_FORCE_CPU_ISA": "AVX512"}),
    Contender("ONNX Runtime", "onnx_runtime", ("embed",), ("float32", "int8")),
    Contender("PyTorch", "pytorch", _ALL, ("float32", "bfloat16")),
    Contender("llama.cpp", "llama", ("prompt", "decode"), ("float32", "bfloat16", "int8", "int4")),
)
