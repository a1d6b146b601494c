#!/usr/bin/env bash
# Classes, entities, answers and masked words, against the results of transformers' pipelines. usage: tasks.sh PROGRAM
. "$(dirname "$0")/common.bash"
python3 Tests/Command/tasks.py "$attend" "$work"

# A text for all questions; the wrong checkpoint; a pair that is missing.
printf 'Ada wrote the first program in London.' > "$work/about"
status 0 "$attend" answer -m Tests/Fixtures/tasks/answers --about "$work/about" "Who wrote?" "Where?"
[ "$(wc -l < "$work/out")" -eq 2 ] || fail "two answers were wanted"
status 1 "$attend" answer -m Tests/Fixtures/tasks/answers "Who?"
says 'there is no field "context"'
status 1 "$attend" label -m Tests/Fixtures/tasks/topics "no head for it"
status 1 "$attend" fill -m Tests/Fixtures/tasks/masked "no place here"
says "argument 1: "
status 0 "$attend" fill -m Tests/Fixtures/tasks/masked --top-k 2 "the [MASK] wrote"
[ "$(grep -o '(0\.' "$work/out" | wc -l)" -eq 2 ] || fail "two words were wanted: $(cat "$work/out")"
