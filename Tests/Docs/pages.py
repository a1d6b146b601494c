"""The pages of the repository, their fenced blocks, and what is said about these in comments before them.

A block is run by a test, or says in a comment before it, which no reader sees, why not:

    <!-- before: CODE -->     CODE is put before the block: what the reader has by then
    <!-- not run: REASON -->  it cannot be run here; its syntax is checked where a language is named
    <!-- run by: FILE -->     a test of its own, FILE, runs it
    <!-- part of: FILE -->    its lines stand in FILE, one behind another

A page may say `<!-- LANGUAGE run by: FILE -->` of all its blocks in a language, and `<!-- one program -->` where its
blocks in Python are one program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>[^\s`]*)[^\n`]*$")
_MARK = re.compile(r"^<!--\s*(before|not run|run by|part of): *\n?(.*?)\s*-->$", re.S)


@dataclass
class Block:
    """A fenced block of a page."""

    page: Path
    line: int  #: of the fence, from 1
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)
    #: The block of text right behind a program: what it writes.
    output: Block | None = None
    #: The program that a block of text is the output of.
    program: Block | None = None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"

    @property
    def source(self) -> str:
        """What runs: the block behind what a comment puts before it."""
        before = self.marks.get("before", "")
        return f"{before}\n{self.text}" if before else self.text

    @property
    def runs(self) -> bool:
        """Whether the tests of all pages run it, as nothing else is said of it."""
        return not self.marks.keys() - {"before"}


def pages() -> list[Path]:
    """Every page in Markdown that people read."""
    found = [*REPOSITORY.glob("*.md")]
    for folder in ("docs", "bindings", "models", "benchmarks", "program"):
        found += (REPOSITORY / folder).rglob("*.md")
    return sorted(
        path for path in found if not {".build", "build", "Package"} & set(path.parts[len(REPOSITORY.parts) :])
    )


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page in their order, with what comments say of them."""
    text = page.read_text(encoding="utf-8")
    whole = {language: file for language, file in re.findall(r"^<!-- (\w+) run by: (\S+) -->$", text, flags=re.M)}
    found: list[Block] = []
    comment: list[str] = []
    marks: dict[str, str] = {}
    gap = True  # whether something else than empty lines stands behind the last block
    for number, line, body in _parts(text.split("\n")):
        if body is None:
            if line.startswith("<!--") or comment:
                comment.append(line)
                if line.endswith("-->") and (mark := _MARK.match("\n".join(comment))):
                    marks[mark[1]] = mark[2]
                if line.endswith("-->"):
                    comment = []
            elif line.strip():
                gap, marks = True, {}
            continue
        block = Block(page, number, line, body, marks)
        if line in whole and not marks:
            block.marks["run by"] = whole[line]
        previous = found[-1] if found else None
        if line == "text" and previous and not gap and previous.language in ("python", "c"):
            previous.output, block.program = block, previous
        found.append(block)
        gap, marks = False, {}
    return found


def _parts(lines: list[str]) -> Iterator[tuple[int, str, str | None]]:
    """Lines outside of blocks, ``(number, line, None)``, and blocks, ``(number, language, text)``."""
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            yield number + 1, lines[number], None
            number += 1
            continue
        end = number + 1
        while end < len(lines) and lines[end].strip() != fence["fence"]:
            end += 1
        body = [line.removeprefix(fence["indent"]) for line in lines[number + 1 : end]]
        yield number + 1, fence["language"], "".join(f"{line}\n" for line in body)
        number = end + 1


def is_one_program(page: Path) -> bool:
    """Whether the page says that its blocks in Python are one program."""
    return "<!-- one program -->" in page.read_text(encoding="utf-8")


def all_blocks() -> list[Block]:
    """The blocks of all pages."""
    return [block for page in pages() for block in blocks(page)]
