#!/usr/bin/env bash
# The snippets of docs/command-line.md, docs/serve.md and README.md write what stands there. usage: snippets.sh PROGRAM
. "$(dirname "$0")/common.bash"
mkdir "$work/bin"
ln -s "$(realpath "$attend")" "$work/bin/attend"
PATH=$work/bin:$PATH python3 Tests/Command/snippets.py "$work" docs/command-line.md docs/serve.md README.md
