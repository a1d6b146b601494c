#!/usr/bin/env bash
# Tokens, attention maps, what is in a checkpoint, how fast it is. usage: tokens.sh PROGRAM
. "$(dirname "$0")/common.bash"
model=models/g2p-en

same tokens "h e l l o </s>" "$("$attend" tokenize -m $model hello)"
ids=$("$attend" tokenize -m $model --ids hello attention)
same "there and back" $'hello\nattention' "$(echo "$ids" | "$attend" tokenize -m $model --decode | tr -d ' ')"
same count $'6\n10' "$("$attend" tokenize -m $model --count hello attention)"
same "without the template" "h e l l o" "$("$attend" tokenize -m $model --special hello)"
status 1 "$attend" tokenize -m $model --decode "1 x 2" "$(head -n 1 <<< "$ids")"
says 'argument 1: "x" is no id'
[ "$(sed -n 2p "$work/out" | tr -d ' ')" = hello ] || fail "the others are not done"
"$attend" tokenize -m $model hello --format json | python3 -c '
import json, sys
(row,) = json.load(sys.stdin)
assert row["count"] == 6 and row["offsets"][1] == [1, 2] and len(row["ids"]) == 6, row'

"$attend" attention -m $model attention --format json | python3 -c '
import json, sys
found = json.load(sys.stdin)
assert found["keys"] == [*"attention", "</s>"] and found["queries"][:3] == ["AH0", "T", "EH1"], found
assert len(found["weights"]) == len(found["queries"])
assert all(abs(sum(row) - 1) < 1e-3 for row in found["weights"])'
for style in heatmap alignment; do
  status 0 "$attend" attention -m $model 'attention' --style $style --layer 3 --head 0 -o "$work/map.svg"
  python3 -c '
import sys, xml.dom.minidom
found = xml.dom.minidom.parse(sys.argv[1])
texts = [text.firstChild.data for text in found.getElementsByTagName("text")]
assert "AH0" in texts and texts.count("t") == 3, texts
marks = {name: found.getElementsByTagName(name).length for name in ("rect", "line")}
assert marks["rect"] == 1 + 8 * 10 if sys.argv[2] == "heatmap" else marks["line"] > 7, marks' "$work/map.svg" $style
done
status 0 "$attend" attention -m Tests/Fixtures/tasks/topics "paris is far" --format json
for kind in encoder decoder; do status 0 "$attend" attention -m $model attention --kind $kind --format json; done
status 1 "$attend" attention -m $model attention --layer 9
says "--layer 9: there are 4, from 0 on"
status 1 "$attend" attention -m Tests/Fixtures/tasks/topics "paris" --kind cross

status 0 "$attend" inspect -m $model
grep -q '^family: marian$' "$work/out" && grep -q '^runs: true$' "$work/out" || fail "$(cat "$work/out")"
"$attend" inspect -m $model --format json --tensors | python3 -c '
import json, sys
found = json.load(sys.stdin)
assert found["parameters"] > 1_800_000 and found["encoder"]["layers"] == 4 and found["tokenizer"]["size"] > 50, found
assert any(name.endswith("embed_tokens.weight") or "shared" in name for name in found["tensors"]), found["tensors"]'
mkdir "$work/broken"
echo '{"model_type": "no-such-family"}' > "$work/broken/config.json"
status 1 "$attend" inspect -m "$work/broken"
grep -q '^runs: false$' "$work/out" && grep -q '^reason: .*no-such-family' "$work/out" || fail "$(cat "$work/out")"
status 1 "$attend" inspect -m /nowhere --format json
grep -q '"runs": false' "$work/out" || fail "$(cat "$work/out")"

status 0 "$attend" bench -m $model --length 8 --tokens 4 --batch 2 --repeat 1 --format json
python3 -c '
import json, sys
rows = {row["what"]: row for row in json.load(open(sys.argv[1]))}
assert set(rows) == {"load", "read", "write", "weights", "session"}, rows
assert all(row["value"] > 0 for row in rows.values()), rows' "$work/out"
