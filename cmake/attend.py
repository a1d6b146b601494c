#!python
"""Runs the program `attend` inside the package, which is found and not imported: that takes no time."""

import importlib.util
import os
import sys

found = importlib.util.find_spec("attend")
if found is None or found.origin is None:
    sys.exit(f"attend: the package attend is not installed for {sys.executable}")
program = os.path.join(os.path.dirname(found.origin), "bin", "attend")
try:
    os.execv(program, ["attend", *sys.argv[1:]])
except OSError as problem:
    sys.exit(f"attend: {program}: {problem.strerror}")
