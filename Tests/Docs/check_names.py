"""No public name without a page: declarations of the header, names of the Python package, commands of the program.

usage: check_names.py            the sources: comments, groups, and pages of the reference that have the names
       check_names.py FOLDER     the site that was built there: its pages have an anchor for each name
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

from pages import REPOSITORY

HEADER = (REPOSITORY / "include" / "attend.h").read_text(encoding="utf-8")
PACKAGE = REPOSITORY / "bindings" / "python" / "attend"
REFERENCE = REPOSITORY / "docs" / "reference"


#: Options that are given by name, whatever the call: docs/generation.md has them.
_GENERATION = {"max_new_tokens", "num_beams", "num_return_sequences", "stop_strings", "transcribe_stream"}


def _code() -> str:
    """The header with spaces in the places of its comments."""
    return re.sub(r"/\*.*?\*/", lambda comment: re.sub(r"[^\n]", " ", comment[0]), HEADER, flags=re.S)


def declarations() -> list[tuple[str, str, int]]:
    """What the header declares: (kind, name, place)."""
    code = re.sub(r"^#.*(?:\\\n.*)*", lambda line: re.sub(r"[^\n]", " ", line[0]), _code(), flags=re.M)
    patterns = {
        "function": r"^(?:ATTEND_MUST_CHECK )?(?:const )?\w[\w ]*?[ *](attend_\w+)\(",
        "callback": r"^typedef .*?\(\*(attend_\w+)\)",
        "struct": r"^typedef struct (attend_\w+)",
        "enum": r"^typedef enum (attend_\w+)",
    }
    found = [(kind, m[1], m.start()) for kind, text in patterns.items() for m in re.finditer(text, code, flags=re.M)]
    return sorted(found, key=lambda entry: entry[2])


def check_header() -> list[str]:
    """Declarations without a comment or outside of every group, and groups without a page."""
    bad = []
    for kind, name, place in declarations():
        before = HEADER[:place].rstrip()
        if not before.endswith("*/") or "/**" not in before[before.rfind("/*") :] or before.endswith("@} */"):
            bad.append(f"include/attend.h: {kind} {name} has no comment")
        if before.count("@defgroup") != before.count("@}") + 1:
            bad.append(f"include/attend.h: {kind} {name} is in no group")
    pages = "".join(path.read_text(encoding="utf-8") for path in (REFERENCE / "c").glob("*.rst"))
    for group in re.findall(r"@defgroup (\w+)", HEADER):
        if not re.search(rf"doxygengroup:: {group}$", pages, flags=re.M):
            bad.append(f"docs/reference/c: no page has the group {group}")
    return bad


def public_names() -> list[str]:
    """What `__all__` of the package names, and of its modules besides: `attend.Model`, `attend.maps.record`."""
    package = _all(PACKAGE / "__init__.py") or []
    found = [f"attend.{name}" for name in package]
    for path in sorted([*PACKAGE.glob("[a-z]*.py"), *PACKAGE.glob("[a-z]*/__init__.py")]):
        module = path.parent.name if path.stem == "__init__" else path.stem
        found += [f"attend.{module}.{name}" for name in _all(path) or [] if name not in package]
    return found


def _all(path: Path) -> list[str] | None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(statement.value))
    return None


def check_package() -> list[str]:
    """Public names that no page of the reference documents."""
    pages = "".join(path.read_text(encoding="utf-8") for path in (REFERENCE / "python").glob("*.rst"))
    single = set(re.findall(r"^\.\. auto(?:class|function|data):: (\S+)$", pages, flags=re.M))
    whole = set(re.findall(r"^\.\. automodule:: (\S+)\n   :members:", pages, flags=re.M))
    return [
        f"docs/reference/python: no page has {name}"
        for name in public_names()
        if name not in single and name.rpartition(".")[0] not in whole
    ]


def commands() -> list[str]:
    """The commands of the program, by their manual pages, which a test compares with the program."""
    return sorted(path.name.split(".")[1] for path in (REPOSITORY / "docs" / "man").glob("attend.*.1"))


def check_commands() -> list[str]:
    """Commands that stand in no table of the page, or have no page of their own."""
    page = (REPOSITORY / "docs" / "command-line.md").read_text(encoding="utf-8")
    bad = [f"docs/command-line.md: its table has no `{name}`" for name in commands() if f"\n| `{name}` |" not in page]
    pages = "".join(path.read_text(encoding="utf-8") for path in (REFERENCE / "commands").glob("*.rst"))
    return bad + [
        f"docs/reference/commands: no page has attend {name}"
        for name in commands()
        if f"attend.{name}.html" not in pages
    ]


def check_options() -> list[str]:
    """Fields of options and environment variables that the page lacks, and names on it that there are none of."""
    page = (REPOSITORY / "docs" / "options.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([A-Za-z_]+)`", page))
    bad = []
    for name, body in re.findall(r"^typedef struct (attend_\w*options) \{(.*?)^\}", _code(), flags=re.M | re.S):
        fields = re.findall(r"(\w+)(?:\[\d+\])?;", body)
        bad += [
            f"docs/options.md: it lacks {field} of {name}" for field in fields if field not in told | {"struct_size"}
        ]
        bad += [] if name in told else [f"docs/options.md: it lacks {name}"]
    read = r'(?:getenv|environment|environ\.get|environ\[|variables\.get)[(\[]?"([A-Z_]+)"'
    for folder, ending in (("Sources", "swift"), ("program/Sources", "swift"), ("bindings/python/attend", "py")):
        for path in (REPOSITORY / folder).rglob(f"*.{ending}"):
            names = re.findall(read, path.read_text(encoding="utf-8"))
            bad += [
                f"docs/options.md: it lacks the variable {name} of {path.name}" for name in names if name not in told
            ]
    arguments = {
        argument.arg
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for argument in (*node.args.args, *node.args.kwonlyargs)
    }
    manuals = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "docs" / "man").glob("*.1"))
    for table in re.findall(r"^\| C \| Python.*\n(?:\|.*\n)+", page, flags=re.M):
        for row in table.splitlines()[2:]:
            for name in re.findall(r"`(\w+)(?:=\w+)?`", row.split("|")[2]):
                bad += [] if name in arguments | _GENERATION else [f"docs/options.md: Python has no argument {name}"]
    for name in re.findall(r"`--([\w-]+)", page):
        bad += [] if f"Fl -{name}" in manuals else [f"docs/options.md: the program has no option --{name}"]
    return bad


def check_site(folder: Path) -> list[str]:
    """Names that no page of a site has an anchor for."""
    pages = {path: path.read_text(encoding="utf-8") for path in (folder / "reference").rglob("*.html")}
    anchors = {name for text in pages.values() for name in re.findall(r'id="([^"]+)"', text)}
    wanted = [(name, f"c.{name}") for _, name, _ in declarations()] + [(name, name) for name in public_names()]
    bad = [f"{folder}: no page has {name}" for name, anchor in wanted if anchor not in anchors]
    return bad + [
        f"{folder}: attend {name} has no page"
        for name in commands()
        if not any(f"attend {name}" in text for path, text in pages.items() if path.parent.name == "commands")
    ]


def main() -> int:
    """Tells which names have no page; 1 where one has none."""
    kinds = {"declarations": declarations(), "names of Python": public_names(), "commands": commands()}
    if len(sys.argv) > 1:
        bad = check_site(Path(sys.argv[1]))
    else:
        bad = check_header() + check_package() + check_commands() + check_options()
    bad += [f"only {len(names)} {kind} were found" for kind, names in kinds.items() if len(names) < 15]
    print(*(f"FAILED: {problem}" for problem in bad), sep="\n")
    print(", ".join(f"{len(names)} {kind}" for kind, names in kinds.items()), "were looked for")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
