#!/usr/bin/env bash
# Help with examples, exit codes, completions, manual pages. usage: usage.sh PROGRAM
. "$(dirname "$0")/common.bash"
commands="run translate summarize classify label answer fill embed search transcribe describe draw attention tokenize
  inspect bench serve"

status 0 "$attend" --help
for command in $commands; do
  grep -qE "^  $command " "$work/out" || fail "attend --help does not list $command"
done
for command in $commands; do
  status 0 "$attend" help "$command"
  grep -q EXAMPLES "$work/out" || fail "attend help $command has no examples"
  status 2 "$attend" "$command" --no-such-option
  [ -f "docs/man/attend.$command.1" ] || fail "there is no docs/man/attend.$command.1"
done
status 0 "$attend" --version
same "the version" "$(sed -nE 's/^#define ATTEND_VERSION_(MAJOR|MINOR|PATCH) //p' include/attend.h | paste -sd .)" \
  "$(cat "$work/out")"

# The manual pages have the options that the commands have.
for command in $commands; do
  "$attend" help "$command" | grep -oE '^  (-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u > "$work/options"
  grep -oE '^\.(It|Op) .*' "docs/man/attend.$command.1" | grep -oE 'Fl -[a-z-]+' | sed 's/Fl /-/' | sort -u > "$work/paged"
  diff "$work/options" "$work/paged" || fail "docs/man/attend.$command.1 is not that of the program (docs/building.md)"
done

# Wrong command lines.
status 2 "$attend" no-such-command
status 2 "$attend" translate hello
says "--model"
status 2 "$attend" tokenize -m models/g2p-en --decode --ids 1
status 2 "$attend" classify -m models/g2p-en --hypothesis "{}" text
status 2 "$attend" transcribe -m models/numbers-en
status 2 "$attend" translate -m models/g2p-en --set num_beams hello
status 2 "$attend" bench -m models/g2p-en --length 0

# What cannot be done at all.
status 1 "$attend" translate -m /nowhere hello
says "/nowhere"
status 1 "$attend" embed -m models/g2p-en hello
status 1 "$attend" translate -m models/g2p-en -o "$work/no/folder" hello
says "$work/no/folder: No such file or directory"
ATTEND_MODEL=models/g2p-en status 0 "$attend" translate hello

for shell in bash zsh fish; do
  status 0 "$attend" --generate-completion-script "$shell"
  for command in $commands; do grep -q "$command" "$work/out" || fail "$shell does not complete $command"; done
  if [ "$shell" != fish ] && command -v "$shell" > /dev/null; then "$shell" -n "$work/out"; fi
done
