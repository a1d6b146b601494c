#!/usr/bin/env bash
# Vectors of texts, and the search among them. usage: vectors.sh PROGRAM
. "$(dirname "$0")/common.bash"
model=Tests/Fixtures/tasks/topics # an encoder: the mean of its states is a vector too
printf 'the first program\nweather in London\nswimming and running\nparis is far\n' > "$work/corpus"

"$attend" embed -m $model -i "$work/corpus" --format jsonl > "$work/vectors.jsonl"
"$attend" embed -m $model -i "$work/corpus" --batch-size 1 > "$work/vectors"
status 0 "$attend" embed -m $model -i "$work/corpus" --npy "$work/vectors.npy"
"$attend" search -m $model --corpus "$work/corpus" --index "$work/index" --top-k 2 --format jsonl \
  "weather in London" "paris is far" > "$work/found.jsonl"
"$attend" search -m $model --corpus "$work/corpus" --index "$work/index" --top-k 2 --format jsonl \
  "weather in London" "paris is far" | diff "$work/found.jsonl" -
[ -s "$work/index" ] || fail "no index was kept"
python3 - "$work" <<'P'
import ast, json, struct, sys

work = sys.argv[1]
rows = [json.loads(line) for line in open(f"{work}/vectors.jsonl")]
vectors = [row["embedding"] for row in rows]
width = len(vectors[0])
assert len(rows) == 4 and width > 1
plain = [[float(number) for number in line.split()] for line in open(f"{work}/vectors")]
assert plain == vectors, "a batch of one gives other vectors"
data = open(f"{work}/vectors.npy", "rb").read()
assert data[:8] == b"\x93NUMPY\x01\x00"
length = struct.unpack("<H", data[8:10])[0]
header = ast.literal_eval(data[10 : 10 + length].decode())
assert header == {"descr": "<f4", "fortran_order": False, "shape": (4, width)} and (10 + length) % 64 == 0
numbers = struct.unpack(f"<{4 * width}f", data[10 + length :])
single = lambda number: struct.unpack("<f", struct.pack("<f", number))[0]
assert [single(x) for vector in vectors for x in vector] == list(numbers)

norm = lambda a: sum(x * x for x in a) ** 0.5
cosine = lambda a, b: sum(x * y for x, y in zip(a, b)) / norm(a) / norm(b)
found = [json.loads(line) for line in open(f"{work}/found.jsonl")]
assert len(found) == 4 and [row["rank"] for row in found] == [1, 2, 1, 2]
for row in found:
    query = next(v for r, v in zip(rows, vectors) if r["text"] == row["query"])
    scores = sorted((cosine(query, v) for v in vectors), reverse=True)
    assert abs(row["score"] - scores[row["rank"] - 1]) < 1e-4, (row, scores)
    assert rows[row["number"]]["text"] == row["text"]
    assert row["rank"] > 1 or row["text"] == row["query"]
P
printf 'another text\n' >> "$work/corpus"
status 0 "$attend" search -m $model --corpus "$work/corpus" --index "$work/index" --top-k 1 "another text"
says "made anew"
grep -q $'\tanother text$' "$work/out" || fail "the new text is not found: $(cat "$work/out")"
status 1 "$attend" search -m $model --corpus /nowhere query
says "/nowhere: No such file or directory"
status 2 "$attend" search -m $model --corpus "$work/corpus" --top-k 0 query
