#!/usr/bin/env bash
# The commands of the pages write what stands there. usage: snippets.sh PROGRAM
. "$(dirname "$0")/common.bash"
mkdir "$work/bin"
ln -s "$(realpath "$attend")" "$work/bin/attend"
PATH=$work/bin:$PATH python3 Tests/Command/snippets.py "$work"
