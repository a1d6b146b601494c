#!/usr/bin/env bash
# Sounds and pictures. usage: media.sh PROGRAM
. "$(dirname "$0")/common.bash"
sound=models/numbers-en/date.wav
said="friday twenty seven november two thousand and twenty six"
transcribe() { "$attend" transcribe -m models/numbers-en "$@"; }

same "a transcript" "$said" "$(transcribe $sound)"
same "of a pipe" "$said" "$(transcribe - < $sound)"
transcribe $sound --format srt -o "$work/date.srt"
grep -q -- '-->' "$work/date.srt" && [ "$(head -n 1 "$work/date.srt")" = 1 ] || fail "$(cat "$work/date.srt")"
transcribe $sound --format vtt | head -n 1 | grep -q '^WEBVTT$' || fail "no WebVTT"
transcribe $sound --words --format json | python3 -c '
import json, sys
found = json.load(sys.stdin)
words = [word for segment in found["segments"] for word in segment["words"]]
assert [word["word"].strip() for word in words] == sys.argv[1].split(), words
assert all(a["start"] <= a["end"] <= b["end"] for a, b in zip(words, words[1:])), words
' "$said"
cp $sound "$work/copy.wav"
mkdir "$work/texts"
status 1 "$attend" transcribe -m models/numbers-en $sound README.md "$work/copy.wav" /nowhere/a.wav --output-folder "$work/texts"
says "2 inputs failed:"
says "README.md: "
same "the others" "$said $said" "$(echo $(cat "$work/texts/date.txt" "$work/texts/copy.txt"))"
status 2 "$attend" transcribe -m models/numbers-en $sound $sound -o "$work/one"
status 1 "$attend" transcribe -m models/g2p-en $sound

picture=models/shapes-en/scene.png
seen="a large yellow star at the top and a small red ring on the left and a large green triangle at the bottom right on blue"
same "a description" "$seen" "$("$attend" describe -m models/shapes-en $picture)"
status 1 "$attend" describe -m models/shapes-en $picture README.md - --format csv
says "README.md: "
same "as CSV" "$picture,$seen" "$(sed -n 2p "$work/out")"
status 1 "$attend" describe -m models/g2p-en $picture

cp -r Tests/Fixtures/features/vit-image-classification "$work/vit"
status 1 "$attend" classify -m "$work/vit" --files $picture
says "preprocessor_config.json"
echo '{"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 32}}' > "$work/vit/preprocessor_config.json"
status 1 "$attend" classify -m "$work/vit" --files $picture Tests/Fixtures/pictures/tall.png /nowhere.png --top-k 2 --format jsonl
says "/nowhere.png does not exist"
python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert [len(row.get("classes", [])) for row in rows] == [2, 2, 0] and "error" in rows[2], rows
assert all(row["label"] == row["classes"][0]["label"] for row in rows[:2]), rows' "$work/out"

draw() { status 0 "$attend" draw -m Tests/Fixtures/drawing/dalle-mega-scan --painter Tests/Fixtures/drawing/vqgan "$@"; }
draw "a b" -o "$work/a.png" --seed 3 --candidates 2
same "the pictures" "$work/a.png"$'\n'"$work/a-2.png" "$(cat "$work/out")"
[ "$(head -c 4 "$work/a.png" | tail -c 3)" = PNG ] || fail "this is no PNG"
draw "a b" -o "$work/b.png" --seed 3 --candidates 2
cmp "$work/a.png" "$work/b.png"
cmp "$work/a-2.png" "$work/b-2.png"
draw "a b" -o "$work/c.png" --seed 4
cmp -s "$work/a.png" "$work/c.png" && fail "another seed gives the same picture"
status 1 "$attend" draw -m models/g2p-en "a b" -o "$work/d.png"
