"""Runs the `console` blocks of the pages: lines behind `$ ` are commands, the others what they write.

usage: snippets.py WORK      commands run in the root of the repository; /tmp in them is WORK
"""

import re
import subprocess
import sys

sys.path.insert(0, "Tests/Docs")
from pages import all_blocks  # noqa: E402

work = sys.argv[1]
commands = 0
for block in all_blocks():
    if block.language != "console" or not block.runs:
        continue
    for part in re.split(r"^\$ ", block.source.removesuffix("\n"), flags=re.M)[1:]:
        lines = part.split("\n")
        count = 1
        while lines[count - 1].endswith("\\"):
            count += 1
        command, expected = "\n".join(lines[:count]), "\n".join(lines[count:]).rstrip("\n")
        found = subprocess.run(["bash", "-c", command.replace("/tmp/", f"{work}/")], capture_output=True, text=True)
        written = (found.stdout + found.stderr).rstrip("\n").replace(f"{work}/", "/tmp/")
        if written != expected:
            sys.exit(f"FAILED: {block.place}: {command}\nwrote:\n{written}\nand not:\n{expected}")
        commands += 1
print(commands, "commands write what the pages say")
sys.exit(commands < 30)
