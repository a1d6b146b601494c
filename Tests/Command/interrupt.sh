#!/usr/bin/env bash
# Ctrl-C in the middle: exit code 130, and what is done is there, row for row. usage: interrupt.sh PROGRAM
. "$(dirname "$0")/common.bash"
sed -n 's/^"word": "\(.*\)",$/\1/p' models/g2p-en/cases.json > "$work/words"
sed -n 's/^"phonemes": "\(.*\)",$/\1/p' models/g2p-en/cases.json > "$work/expected"
for _ in $(seq 2000); do cat "$work/words"; done > "$work/many"
for _ in $(seq 2000); do cat "$work/expected"; done > "$work/answers"

# Several times, for where it comes is left to chance: among the rows of a batch, or, with batches of one, between them.
for size in 17 1 17 1 17 1; do for format in text json; do
  # A shell gives the commands it starts in the background no Ctrl-C; env gives it back.
  env --default-signal=INT "$attend" translate -m models/g2p-en -i "$work/many" --batch-size $size --max-new-tokens 40 --format $format > "$work/out" &
  program=$!
  for _ in $(seq 600); do
    [ "$(wc -l < "$work/out")" -ge 34 ] && break
    sleep 0.05
  done
  kill -INT $program
  code=0
  wait $program || code=$?
  [ "$code" -eq 130 ] || fail "exit code $code"
  count=$(wc -l < "$work/out")
  [ "$count" -ge 34 ] && [ "$count" -lt 68000 ] || fail "$count lines were written"
  if [ $format = text ]; then
    # The answer in line n is that to line n.
    head -n "$count" "$work/answers" | diff - "$work/out"
  else
    python3 -c '
import json, sys
rows = json.load(open(sys.argv[1]))
words, expected = [open(f"{sys.argv[2]}/{name}").read().splitlines() for name in ("words", "expected")]
for place, row in enumerate(rows):
    assert row["text"] == words[place % 34] and row["translation"] == expected[place % 34], (place, row)' "$work/out" "$work"
  fi
done; done

# While the program stands still in writing, into a pipe that is full: what it began to write it writes whole.
mkfifo "$work/pipe"
env --default-signal=INT "$attend" translate -m models/g2p-en -i "$work/many" --max-new-tokens 40 --format json > "$work/pipe" &
program=$!
python3 -c '
import array, fcntl, json, os, signal, sys, termios, time
pipe = os.open(sys.argv[1], os.O_RDONLY)
filled, before = array.array("i", [0]), -1
while filled[0] < 32_768 or filled[0] != before:
    before = filled[0]
    time.sleep(0.3)
    fcntl.ioctl(pipe, termios.FIONREAD, filled)
os.kill(int(sys.argv[2]), signal.SIGINT)
time.sleep(0.3)
rows = json.load(open(pipe))
words, expected = [open(f"{sys.argv[3]}/{name}").read().splitlines() for name in ("words", "expected")]
for place, row in enumerate(rows):
    assert row["text"] == words[place % 34] and row["translation"] == expected[place % 34], (place, row)
assert 34 < len(rows) < 68_000, len(rows)' "$work/pipe" "$program" "$work"
code=0
wait $program || code=$?
[ "$code" -eq 130 ] || fail "exit code $code"
