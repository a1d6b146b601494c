#!/bin/sh
# The spelling example writes what the model's cases say, for words from the standard input and from arguments, in greedy search and with beams.
# usage: spell.sh PROGRAM        in the root of the repository
set -eu
program=$1 cases=models/g2p-en/cases.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n 's/^"word": "\(.*\)",$/\1/p' $cases > "$work/words"
sed -n 's/^"phonemes": "\(.*\)",$/\1/p' $cases | paste "$work/words" - > "$work/expected"
[ "$(wc -l < "$work/expected")" -eq 34 ] || { echo "FAILED: $cases was not understood"; exit 1; }

"$program" < "$work/words" > "$work/all" 2> "$work/speed"
diff "$work/expected" "$work/all"
# shellcheck disable=SC2046 # the words hold no spaces
"$program" -o '{"num_beams": 4}' $(cat "$work/words") 2>> "$work/speed" | cut -f 1 | diff "$work/words" -
[ "$(grep -cE '^34 words in [0-9.]+ s, [0-9]+ words per second, ' "$work/speed")" -eq 2 ] || { echo "FAILED:"; cat "$work/speed"; exit 1; }
if "$program" -m /nowhere cat > "$work/all" 2> "$work/error"; then echo "FAILED: a missing model was found"; exit 1; fi
grep -q '^spell: .*/nowhere' "$work/error"
