"""The commands classify, label, answer and fill against what transformers' pipelines gave.

usage: tasks.py PROGRAM WORK
"""

import json
import subprocess
import sys

attend, work = sys.argv[1:]
cases = json.load(open("Tests/Fixtures/tasks/expected.json"))
checked = 0


def run(folder, command, rows, *options):
    """The rows that a command makes of rows of JSON Lines."""
    with open(f"{work}/rows.jsonl", "w") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))
    line = [attend, command, "-m", f"Tests/Fixtures/tasks/{folder}", "-i", f"{work}/rows.jsonl", "--format", "jsonl"]
    found = subprocess.run([*line, *options], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    found = [json.loads(row) for row in found.stdout.splitlines()]
    assert len(found) == len(rows)
    return found


def longest(folder):
    """The tokens at which pipelines cut a text."""
    return str(json.load(open(f"Tests/Fixtures/tasks/{folder}/tokenizer_config.json"))["model_max_length"])


def check(task, options, command, compare, *arguments, pairs=False):
    """Runs the cases of a task with these options, folder by folder."""
    global checked
    chosen = [c for c in cases if c["task"] == task and c["options"] == options]
    chosen = [c for c in chosen if pairs == (isinstance(c["input"], dict) and "text_pair" in c["input"])]
    assert chosen, (task, options)
    for folder in sorted({c["folder"] for c in chosen}):
        here = [c for c in chosen if c["folder"] == folder]
        limit = ["--max-length", longest(folder)] if command == "label" else []
        for case, row in zip(here, run(folder, command, [c["input"] for c in here], *arguments, *limit)):
            compare(case["result"], row)
            checked += 1


def near(a, b):
    assert abs(a - b) < 1e-4, (a, b)


def same_class(result, row):
    best = result[0] if isinstance(result, list) else result
    assert row["label"] == best["label"], (result, row)
    near(row["score"], best["score"])


def same_labels(result, row):
    assert [c["label"] for c in row["classes"]] == result["labels"], (result, row)
    for told, score in zip(row["classes"], result["scores"]):
        near(told["score"], score)


def same_entities(result, row):
    spans = [(e["label"], e["start"], e["end"]) for e in row["entities"]]
    assert spans == [(e["entity_group"], e["start"], e["end"]) for e in result], (result, row)
    for a, b in zip(result, row["entities"]):
        near(a["score"], b["score"])


def same_words(result, row):
    masks = result if isinstance(result[0], list) else [result]
    assert len(masks) == len(row["masks"])
    for expected, told in zip(masks, row["masks"]):
        assert [w["word"] for w in told] == [w["token_str"] for w in expected], (result, row)
        for a, b in zip(expected, told):
            near(a["score"], b["score"])


def same_answer(result, row):
    assert [row[key] for key in ("answer", "start", "end")] == [result[key] for key in ("answer", "start", "end")]
    near(result["score"], row["score"])


check("text-classification", {}, "classify", same_class)
check("text-classification", {}, "classify", same_class, "--pair", "text_pair", pairs=True)
for strategy in "simple", "first", "average", "max":
    options = {"aggregation_strategy": strategy}
    check("token-classification", options, "label", same_entities, "--aggregation", strategy)
check("fill-mask", {}, "fill", same_words)
for options in {json.dumps(c["options"]) for c in cases if c["task"] == "zero-shot-classification"}:
    options = json.loads(options)
    if set(options) == {"candidate_labels"}:
        labels = ",".join(options["candidate_labels"])
        check("zero-shot-classification", options, "classify", same_labels, "--labels", labels, "--top-k", "0")
for options in {json.dumps(c["options"]) for c in cases if c["task"] == "question-answering"}:
    options = json.loads(options)
    if set(options) == {"max_seq_len"}:
        length = str(options["max_seq_len"])
        check("question-answering", options, "answer", same_answer, "--field", "question", "--max-length", length)
print(checked, "results are the same")
assert checked >= 60
