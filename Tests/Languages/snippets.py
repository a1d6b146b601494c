"""The programs of a page are what runs, and print what stands below them.

usage: snippets.py PAGE LANGUAGE PROGRAM FILE       the block is in the file, of which the program was built
       snippets.py PAGE cpp COMPILER ARGUMENT...    each block is compiled
In the root of the repository. A block of a language is followed by one of `text`, its output.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

page, language, program, *others = sys.argv[1:]
text = Path(page).read_text(encoding="utf-8")
lines = r"((?:(?!```).*\n)*)"
blocks = re.findall(rf"^```{language}\n{lines}```\n```text\n{lines}```$", text, re.M)
if not blocks:
    sys.exit(f"{page} shows no program in {language}")
for source, expected in blocks:
    with tempfile.TemporaryDirectory() as work:
        run = program
        if language == "cpp":
            file, run = Path(work) / "snippet.cpp", f"{work}/snippet"
            file.write_text(source)
            subprocess.run([program, *others, str(file), "-o", run, "-lattend", "-pthread"], check=True)
        elif source not in Path(others[0]).read_text(encoding="utf-8"):
            sys.exit(f"FAILED: {others[0]} is not what {page} shows")
        found = subprocess.run([run], capture_output=True, text=True)
    if (found.returncode, found.stdout, found.stderr) != (0, expected, ""):
        sys.exit(f"FAILED: {page}\nwrote:\n{found.stdout}{found.stderr}and not:\n{expected}")
print(len(blocks), "programs write what the page says")
