"""The ctypes declarations are the header: every function, argument, struct, field, enum, number, both ways."""

from __future__ import annotations

import re
import shutil
import subprocess
from ctypes import (
    POINTER,
    c_bool,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_uint32,
    c_uint64,
    c_void_p,
    sizeof,
)
from pathlib import Path
from typing import Any

import attend
import pytest
from attend import _declarations as c
from attend import _version
from attend.generation import FINISH_REASONS
from conftest import REPOSITORY

HEADER = REPOSITORY / "include" / "attend.h"


def code() -> str:
    """The header without comments and preprocessor lines."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    text = re.sub(r"\\\n", " ", text)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    return re.sub(r"_Static_assert\(.*?\);", "", text).replace("ATTEND_MUST_CHECK", "")


def functions() -> dict[str, tuple[str, list[str]]]:
    """name: (result type, argument types)"""
    found = {}
    for result, name, arguments in re.findall(r"([\w \*]+?)(attend_\w+)\s*\(([^()]*)\)\s*;", code()):
        types = [re.sub(r"\w+$", "", part.strip()).strip() for part in arguments.split(",")]
        found[name] = (result.strip(), [] if arguments.strip() == "void" else types)
    return found


def structs() -> dict[str, list[tuple[str, str]]]:
    """name: [(type, field), ...]"""
    found = {}
    for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", code(), flags=re.S):
        fields = [re.fullmatch(r"(.+?)(\w+(?:\[\d+\])?)", line.strip()) for line in body.split(";") if line.strip()]
        found[name] = [(match[1].strip(), match[2]) for match in fields if match]
    return found


def enums() -> dict[str, dict[str, int]]:
    return {
        name: {constant: int(value) for constant, value in re.findall(r"(\w+)\s*=\s*(\d+)", body)}
        for name, body in re.findall(r"typedef enum (\w+) \{(.*?)\} \1;", code(), flags=re.S)
    }


def allowed(text: str) -> list[Any]:
    """The ctypes types that may stand for a type of the header."""
    plain = text.replace("const ", "").strip()
    simple = {
        "void": [None],
        "bool": [c_bool],
        "double": [c_double],
        "int32_t": [c_int32],
        "uint32_t": [c_uint32],
        "uint64_t": [c_uint64],
        "int64_t": [c_int64],
        "int64_t *": [c_void_p],
        "size_t": [c_size_t],
        "ptrdiff_t": [c_ssize_t],
        "size_t *": [POINTER(c_size_t), c_void_p],
        "char *": [c_char_p, c_void_p],
        "char **": [POINTER(c_char_p)],
        "float": [c_float],
        "float *": [c_void_p, POINTER(c_float)],
        "int32_t *": [c_void_p, POINTER(c_int32)],
        "void *": [c_void_p],
        "attend_log_callback": [c.LogCallback],
        "attend_progress_callback": [c.ProgressCallback],
        "attend_text_callback": [c.TextCallback],
        "attend_token_callback": [c.TokenCallback],
        "attend_logits_callback": [c.LogitsCallback],
        "attend_done_callback": [c.DoneCallback],
        "attend_stage_callback": [c.StageCallback],
        "uint8_t *": [c_void_p],
        "double *": [c_void_p, POINTER(c_double)],
        "attend_segment_callback": [c.SegmentCallback],
    }
    if plain in simple:
        return simple[plain]
    if plain in enums():
        return [c_int]
    if plain.endswith("**"):
        return [POINTER(c.Handle)]
    name = plain.rstrip("* ")
    if plain in c.STRUCTS:
        return [c.STRUCTS[plain]]
    if name in c.STRUCTS:
        return [POINTER(c.STRUCTS[name]), c_void_p] if "const" in text else [POINTER(c.STRUCTS[name])]
    assert plain.endswith("*") and name not in structs(), f"no ctypes type for {text!r}"
    return [c.Handle]


def test_the_header_is_read() -> None:
    assert len(functions()) >= 39 and len(structs()) >= 8 and len(enums()) >= 5


def test_every_function_of_the_header_is_declared_and_no_other() -> None:
    assert set(c.PROTOTYPES) == set(functions())


@pytest.mark.parametrize("name", sorted(c.PROTOTYPES))
def test_prototypes_are_those_of_the_header(name: str) -> None:
    result, arguments = functions()[name]
    declared_result, declared_arguments = c.PROTOTYPES[name]
    assert declared_result in allowed(result)
    assert len(declared_arguments) == len(arguments)
    for declared, text in zip(declared_arguments, arguments):
        assert declared in allowed(text), text


def test_every_struct_of_the_header_is_declared_and_no_other() -> None:
    assert set(c.STRUCTS) == set(structs())


@pytest.mark.parametrize("name", sorted(c.STRUCTS))
def test_structs_have_the_fields_of_the_header(name: str) -> None:
    declared = list(c.STRUCTS[name]._fields_)
    fields = structs()[name]
    assert [field[0] for field in declared] == [re.sub(r"\[.*", "", field) for _, field in fields]
    for (field, kind), (text, spelled) in zip(declared, fields):
        match = re.search(r"\[(\d+)\]", spelled)
        plain = allowed(text)
        assert kind in ([one * int(match[1]) for one in plain] if match else plain), field


def test_sizes_and_offsets_are_those_of_the_compiler(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    lines = ["#include <attend.h>", "#include <stdio.h>", "int main(void) {"]
    wanted = []
    for name, struct in c.STRUCTS.items():
        lines.append(f'printf("%zu\\n", sizeof({name}));')
        wanted.append(sizeof(struct))
        for field in struct._fields_:
            lines.append(f'printf("%zu\\n", offsetof({name}, {field[0]}));')
            wanted.append(getattr(struct, field[0]).offset)
    source = tmp_path / "sizes.c"
    source.write_text("\n".join(lines + ["return 0; }"]))
    subprocess.run([compiler, "-I", str(HEADER.parent), str(source), "-o", str(tmp_path / "sizes")], check=True)
    printed = subprocess.run([str(tmp_path / "sizes")], check=True, capture_output=True, text=True).stdout
    assert [int(line) for line in printed.split()] == wanted


def test_enums_have_the_numbers_of_the_header() -> None:
    def numbers(name: str, prefix: str) -> dict[str, int]:
        return {constant[len(prefix) :]: value for constant, value in enums()[name].items()}

    assert {code.name: code.value for code in attend.ErrorCode} == numbers("attend_error_code", "ATTEND_ERROR_")
    assert {kind.name: kind.value for kind in attend.Kind} == numbers("attend_model_kind", "ATTEND_KIND_")
    assert {level.name: level.value for level in attend.LogLevel} == numbers("attend_log_level", "ATTEND_LOG_")
    assert {name.upper(): value for value, name in c.TYPE_NAMES.items()} == numbers(
        "attend_element_type", "ATTEND_TYPE_"
    )
    assert {name.upper(): value for name, value in c.COMPUTE.items()} == numbers(
        "attend_compute_type", "ATTEND_COMPUTE_"
    )
    assert {name.upper(): value for name, value in c.ATTENTION.items()} == numbers(
        "attend_attention_kind", "ATTEND_ATTENTION_"
    )
    assert {name.upper(): value for name, value in c.LOGITS.items()} == numbers("attend_logits_kind", "ATTEND_LOGITS_")
    assert {name.upper(): value for name, value in c.KEY_VALUES.items()} == numbers(
        "attend_key_value_type", "ATTEND_KEY_VALUE_"
    )
    assert {name.upper(): value for name, value in c.PLACEMENTS.items()} == numbers(
        "attend_weight_placement", "ATTEND_WEIGHTS_"
    )
    assert {name.upper(): value for name, value in c.TRUNCATION.items()} == numbers(
        "attend_truncation", "ATTEND_TRUNCATION_"
    )
    assert {name.upper(): value for name, value in c.VERDICT.items()} == numbers("attend_verdict", "ATTEND_VERDICT_")
    assert {name.upper(): value for value, name in FINISH_REASONS.items()} == numbers(
        "attend_finish_reason", "ATTEND_FINISH_"
    )
    assert {"DEFAULT": 0} | {name.upper(): value for name, value in c.SIDE.items()} == numbers(
        "attend_side", "ATTEND_SIDE_"
    )


def test_the_version_is_that_of_the_header_and_of_the_library() -> None:
    parts = [
        re.search(rf"#define ATTEND_VERSION_{part} (\d+)", HEADER.read_text()) for part in ("MAJOR", "MINOR", "PATCH")
    ]
    assert attend.__version__ == ".".join(match[1] for match in parts if match)
    assert attend.version() == attend.__version__
    assert _version.number("1.2.3") == 10203
