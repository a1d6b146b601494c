"""Runs the `console` blocks of a page: lines behind `$ ` are commands, the others what they write.

usage: snippets.py PAGE WORK      commands run in the root of the repository; /tmp in them is WORK
"""

import re
import subprocess
import sys

page, work = sys.argv[1:]
blocks = re.findall(r"^```console\n(.*?)^```$", open(page, encoding="utf-8").read(), re.M | re.S)
commands = 0
for block in blocks:
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        lines = part.split("\n")
        count = 1
        while lines[count - 1].endswith("\\"):
            count += 1
        command, expected = "\n".join(lines[:count]), "\n".join(lines[count:]).rstrip("\n")
        found = subprocess.run(["bash", "-c", command.replace("/tmp/", f"{work}/")], capture_output=True, text=True)
        written = (found.stdout + found.stderr).rstrip("\n").replace(f"{work}/", "/tmp/")
        if written != expected:
            sys.exit(f"FAILED: {command}\nwrote:\n{written}\nand not:\n{expected}")
        commands += 1
print(commands, "commands write what the page says")
sys.exit(commands < 10)
