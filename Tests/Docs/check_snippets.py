"""No snippet without a test: every fenced block of every page is run by one, or says why it is not.

usage: check_snippets.py     tells each block that is neither, and how many there are of each kind
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import textwrap
from collections import Counter

from pages import REPOSITORY, Block, all_blocks

#: What runs the blocks of which nothing is said.
RUN = {
    "python": "bindings/python/tests/test_snippets.py",
    "c": "bindings/python/tests/test_snippets.py",
    "console": "Tests/Command/snippets.py",
}
#: Words of a reason, at least.
_REASON = 3


def how(block: Block) -> str:
    """What tests a block, or raises ValueError."""
    marks = block.marks
    if "run by" in marks:
        test = REPOSITORY / marks["run by"]
        if not test.is_file() or block.page.name not in test.read_text(encoding="utf-8"):
            raise ValueError(f"{marks['run by']} is no file that names {block.page.name}")
        return "a test of its own"
    if "part of" in marks:
        _check_part(block, marks["part of"])
        return "part of a file"
    if "not run" in marks:
        if len(marks["not run"].split()) < _REASON:
            raise ValueError(f"no reason: {marks['not run']!r}")
        check_syntax(block)
        return "not run, with a reason"
    if block.language in RUN or block.program:
        check_syntax(block)  # also of those whose libraries are not installed here
        return "run"
    if block.language == "sh":
        for line in _commands(block.text):
            check_command(line)
        return "commands and options that exist"
    if re.fullmatch(r"\{[\w:-]+\}", block.language):
        return "a directive of the site"
    raise ValueError(f"nothing runs a block of {block.language or 'no language'}, and no comment says why")


def _check_part(block: Block, name: str) -> None:
    lines = iter((REPOSITORY / name).read_text(encoding="utf-8").split("\n"))
    for line in filter(None, map(str.strip, block.text.split("\n"))):
        if not any(line == other.strip() for other in lines):
            raise ValueError(f"{name} does not have, behind the lines before it, the line {line!r}")


def check_syntax(block: Block) -> None:
    """Raises ValueError or SyntaxError where a block cannot be what its language says."""
    if block.language in ("python", "py"):
        ast.parse(textwrap.dedent(block.text))
    elif block.language == "json":
        json.loads(block.text)
    elif block.language in ("sh", "console"):
        text = (
            re.sub(r"^\$ ", "", block.text, flags=re.M) if block.language == "sh" else "\n".join(_prompts(block.text))
        )
        found = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        if found.returncode:
            raise ValueError(found.stderr)


def _prompts(text: str) -> list[str]:
    return re.findall(r"^\$ (.*(?:(?<=\\)\n.*)*)", text, flags=re.M)


def _commands(text: str) -> list[str]:
    """The command lines of a block, joined where they go on, without comments."""
    lines = text.replace("\\\n", " ").split("\n")
    return [line for line in (re.sub(r"\s+#.*$", "", line).strip() for line in lines) if line and line[0] != "#"]


def check_command(line: str) -> None:
    """Raises ValueError where a command line of the program names a command or an option that there is none of."""
    words = shlex.split(line)
    if words[0] != "attend":
        if not (REPOSITORY / words[0]).is_file():
            raise ValueError(f"{words[0]} is neither the program nor a file of the repository")
        return
    manual = REPOSITORY / "docs" / "man" / (f"attend.{words[1]}.1" if not words[1].startswith("-") else "attend.1")
    if not manual.is_file():
        raise ValueError(f"there is no command attend {words[1]}")
    known = set(re.findall(r"-[\w-]+", re.sub(r"\bFl -?", "-", manual.read_text(encoding="utf-8"))))
    for word in words[1:]:
        option = re.match(r"--?([a-z][\w-]*)", word)
        if option and f"-{option[1]}" not in known:
            raise ValueError(f"attend {words[1]} has no option {word}")


def main() -> int:
    """How many blocks there are of each kind; 1 where one is neither run nor marked."""
    kinds: Counter[str] = Counter()
    bad = []
    for block in all_blocks():
        try:
            kinds[how(block)] += 1
        except (ValueError, SyntaxError) as error:
            bad.append(f"FAILED: {block.place}: {error}")
    print(*bad, *(f"{count:4} {kind}" for kind, count in kinds.most_common()), sep="\n")
    return int(bool(bad) or kinds["run"] < 40)


if __name__ == "__main__":
    sys.exit(main())
