#!/usr/bin/env bash
# Texts in all forms, in and out, with some that fail. usage: texts.sh PROGRAM
. "$(dirname "$0")/common.bash"
model=models/g2p-en
translate() { "$attend" translate -m $model -q --max-new-tokens 40 "$@"; }

# The model's own cases, from a file, a pipe and arguments.
sed -n 's/^"word": "\(.*\)",$/\1/p' $model/cases.json > "$work/words"
sed -n 's/^"phonemes": "\(.*\)",$/\1/p' $model/cases.json > "$work/expected"
[ "$(wc -l < "$work/expected")" -eq 34 ] || fail "$model/cases.json was not understood"
translate -i "$work/words" | diff "$work/expected" -
translate < "$work/words" | diff "$work/expected" -
translate --batch-size 5 -i - < "$work/words" | diff "$work/expected" -
mapfile -t words < "$work/words"
translate "${words[@]}" -o "$work/written"
diff "$work/expected" "$work/written"

# Forms.
same jsonl '{"text": "hello", "translation": "HH EH1 L OW0"}' "$(translate hello --format jsonl --num-beams 1 | sed 's/, "score": [^}]*//')"
same csv $'text,translation\nhello,HH EH1 L OW0' "$(translate hello --format csv --num-beams 1 | cut -d , -f 1,2)"
printf '[{"word": "hello", "n": 1}, {"word": "attention"}]' > "$work/words.json"
translate -i "$work/words.json" --field word --format json > "$work/out.json"
python3 - "$work/out.json" <<'P'
import json, sys
rows = json.load(open(sys.argv[1]))
assert [(row["text"], row["translation"]) for row in rows] == [("hello", "HH EH1 L OW0"), ("attention", "AH0 T EH1 N SH AH0 N")], rows
P
printf 'id,word\n1,hello\n2,"attention"\n' > "$work/words.csv"
same "from CSV" $'HH EH1 L OW0\nAH0 T EH1 N SH AH0 N' "$(translate -i "$work/words.csv" --field word)"
printf 'id\tword\n1\thello\n' > "$work/words.tsv"
same "from TSV" "HH EH1 L OW0" "$(translate -i "$work/words.tsv" --field word)"
same "a list" "[]" "$(translate --format json -i /dev/null)"
status 0 "$attend" translate -m $model hello --num-beams 4 --set num_return_sequences=2
[ "$(tr '\t' '\n' < "$work/out" | wc -l)" -eq 2 ] || fail "two sequences were wanted: $(cat "$work/out")"

# Inputs that fail: the others are done, the row has its error, the list names the place.
printf '"hello"\nnonsense\n{"other": 1}\n{"text": "attention"}\n' > "$work/mixed.jsonl"
status 1 "$attend" translate -m $model -i "$work/mixed.jsonl"
same "what can be done" $'HH EH1 L OW0\nAH0 T EH1 N SH AH0 N' "$(cat "$work/out")"
says "2 inputs failed:"
says "$work/mixed.jsonl:2: this is not JSON"
says "$work/mixed.jsonl:3: there is no field \"text\""
printf 'hello\n%s\nattention\n' "$(printf 'a%.0s' $(seq 5000))" > "$work/long"
status 1 "$attend" translate -m $model -i "$work/long" -i /nowhere/else
same "a line for each text" $'HH EH1 L OW0\n\nAH0 T EH1 N SH AH0 N' "$(cat "$work/out")"
says "$work/long:2: "
says "/nowhere/else: No such file or directory"
status 1 "$attend" translate -m $model -i "$work/long" --format jsonl
grep -q '"error": ' "$work/out" || fail "no error in the row: $(cat "$work/out")"
printf 'a,b\n1\n' > "$work/short.csv"
status 1 "$attend" translate -m $model -i "$work/short.csv" --field a
says "$work/short.csv:2: 1 cells for 2 columns"
status 1 "$attend" translate -m $model -i "$work/words.csv" --field nothing
says 'there is no column "nothing" among id, word'
status 1 "$attend" translate -m $model --set no_such_option=1 hello
says "no_such_option"
status 1 "$attend" translate -m $model --target fr hello

# A summary is a text of a whole file; the spelling model makes one of a word.
printf 'hello' > "$work/word"
same "a summary" "HH EH1 L OW0" "$("$attend" summarize -m $model -i "$work/word" --max-new-tokens 20)"

# No colours and no bars where nobody sees them.
status 0 "$attend" translate -m $model -i "$work/words"
[ ! -s "$work/err" ] || fail "something was written to stderr: $(cat "$work/err")"
