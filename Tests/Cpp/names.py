"""Every function that attend.h declares is called by attend.hpp, and by the tests of it.

usage: names.py OBJECTS     object files of the tests, separated by semicolons; in the root of the repository
"""

import re
import subprocess
import sys
from pathlib import Path


def code(path: Path) -> str:
    """A header without comments and macros."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.S)
    return re.sub(r"^#.*?(?<!\\)$", "", text, flags=re.M | re.S)


include = Path("include")
declared = set(re.findall(r"\b(attend_[a-z0-9_]+)\s*\((?!\*)", code(include / "attend.h")))
headers = [include / "attend.hpp", *sorted((include / "attend").glob("*.hpp"))]
named = set(re.findall(r"\battend_[a-z0-9_]+", " ".join(map(code, headers))))
# What the tests never reach is never instantiated, and its calls are in no object file.
objects = sys.argv[1].split(";")
symbols = subprocess.run(["nm", "-u", *objects], capture_output=True, text=True, check=True).stdout
called = set(re.findall(r"\battend_[a-z0-9_]+", symbols))

failed = [f"{name} is not in the headers for C++" for name in sorted(declared - named)]
failed += [f"{name} is called by no test" for name in sorted(declared - called)]
print(*failed, sep="\n", end="\n" if failed else "")
print(f"{len(declared)} functions of attend.h")
sys.exit(bool(failed) or len(declared) < 170)
