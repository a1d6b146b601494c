"""What the endpoints answer. usage: serve_answers.py PROGRAM WORK"""

import base64
import json
import math
import pathlib
import re
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from serving import Server, serve, talker

program, work = sys.argv[1:]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"days": {"type": "integer", "minimum": 1, "maximum": 9}, "city": {"enum": ["Oslo", "Rome"]}},
            "required": ["days", "city"],
            "additionalProperties": False,
        },
    },
}
HELLO = [{"role": "user", "content": "Hello"}]


def chat(server: Server, **fields: Any) -> Any:
    answer = server.ask("/v1/chat/completions", {"model": "talker", "messages": HELLO, **fields})
    assert answer.status == 200, answer.body
    return answer


def test_models(server: Server) -> None:
    assert server.ask("/health").json == {"status": "ok"}
    names = [model["id"] for model in server.ask("/v1/models").json["data"]]
    assert names == ["g2p-en", "talker", "topics", "rank", "numbers-en", "smolvlm"], names
    assert server.ask("/v1/models/g2p-en").json["object"] == "model"
    assert server.ask("/v1/models/none").json["error"]["code"] == "model_not_found"


def test_completions(server: Server) -> None:
    request = {"model": "g2p-en", "prompt": ["hello", "attention"]}
    found = server.ask("/v1/completions", request).json
    assert [choice["text"] for choice in found["choices"]] == ["HH EH1 L OW0", "AH0 T EH1 N SH AH0 N"], found
    assert [choice["finish_reason"] for choice in found["choices"]] == ["stop", "stop"]
    assert found["usage"]["prompt_tokens"] == 16 and found["object"] == "text_completion", found
    ids = server.ask("/tokenize", {"model": "g2p-en", "content": "hello"}).json["tokens"]
    assert server.ask("/detokenize", {"model": "g2p-en", "tokens": ids}).json["content"].startswith("h")
    assert server.ask("/v1/completions", {**request, "prompt": ids}).json["choices"][0]["text"] == "HH EH1 L OW0"
    streamed = server.ask("/v1/completions", {**request, "prompt": "hello", "stream": True}).events
    assert "".join(event["choices"][0]["text"] for event in streamed) == "HH EH1 L OW0"
    told = server.ask("/v1/completions", {**request, "prompt": "hello", "logprobs": 2}).json["choices"][0]["logprobs"]
    assert len(told["tokens"]) == len(told["token_logprobs"]) == 4 and len(told["top_logprobs"][0]) == 2, told
    stopped = server.ask("/v1/completions", {**request, "prompt": "hello", "stop": [" L", "never"]}).json["choices"][0]
    assert stopped["text"] == "HH EH1" and stopped["finish_reason"] == "stop", stopped
    cut = server.ask("/v1/completions", {"model": "talker", "prompt": "hello", "max_tokens": 2}).json
    assert cut["choices"][0]["finish_reason"] == "length" and cut["usage"]["completion_tokens"] == 2, cut
    echo = server.ask("/v1/completions", {"model": "talker", "prompt": "ab", "echo": True, "max_tokens": 1}).json
    assert echo["choices"][0]["text"].startswith("ab"), echo


def test_chat(server: Server) -> None:
    whole = chat(server, max_tokens=40, temperature=1, seed=5, n=2, logprobs=True, top_logprobs=3).json
    assert whole["object"] == "chat.completion" and len(whole["choices"]) == 2, whole
    first, second = [choice["message"]["content"] for choice in whole["choices"]]
    assert first != second
    assert chat(server, max_tokens=40, temperature=1, seed=5, n=2).json["choices"][1]["message"]["content"] == second
    for choice in whole["choices"]:
        told = choice["logprobs"]["content"]
        ordinary = [entry["token"] for entry in told if not re.fullmatch(r"<\d>", entry["token"])]
        assert "".join(ordinary) == choice["message"]["content"]
        assert all(len(entry["top_logprobs"]) == 3 and entry["logprob"] <= 0 for entry in told)
        assert bytes(told[0]["bytes"]).decode() == told[0]["token"]
    options = {"include_usage": True}
    streamed = chat(server, max_tokens=40, temperature=1, seed=5, n=2, stream=True, stream_options=options).events
    usage = streamed.pop()
    assert usage["usage"] == whole["usage"] and usage["choices"] == [], usage
    assert all(event["usage"] is None for event in streamed)
    texts = ["", ""]
    for event in streamed:
        (choice,) = event["choices"]
        texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts == [first, second]
    assert [event["choices"][0]["delta"].get("role") for event in streamed[:2]] == ["assistant"] * 2
    same = chat(server, max_tokens=5, temperature=0, n=3).json["choices"]
    assert len({choice["message"]["content"] for choice in same}) == 1 and len(same) == 3


def test_stops(server: Server) -> None:
    text = chat(server, max_tokens=60, temperature=1, seed=2).json["choices"][0]["message"]["content"]
    stop = text[20:23]
    wanted = text[: text.index(stop)]
    for streams in (False, True):
        answer = chat(server, max_tokens=60, temperature=1, seed=2, stop=stop, stream=streams)
        if streams:
            choices = [event["choices"][0] for event in answer.events]
            found, finish = "".join(c["delta"].get("content", "") for c in choices), choices[-1]["finish_reason"]
        else:
            (choice,) = answer.json["choices"]
            found, finish = choice["message"]["content"], choice["finish_reason"]
        assert (found, finish) == (wanted, "stop"), (found, wanted)


def test_forms(server: Server) -> None:
    schema = {"type": "object", "properties": {"b": {"type": "boolean"}, "a": {"enum": [1, 2]}}, "required": ["b", "a"]}
    schema["additionalProperties"] = False
    form = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    text = chat(server, max_tokens=200, response_format=form).json["choices"][0]["message"]["content"]
    assert list(json.loads(text)) == ["b", "a"], text
    biased = chat(server, max_tokens=3, logit_bias={"36": 100}).json["choices"][0]["message"]["content"]
    assert len(set(biased)) == 1 and len(biased) == 3, biased


def test_tools(server: Server) -> None:
    asked: dict[str, Any] = {"tools": [TOOL], "max_tokens": 300, "parallel_tool_calls": False}
    for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
        (found,) = chat(server, tool_choice=choice, **asked).json["choices"]
        assert found["finish_reason"] == "tool_calls" and found["message"]["content"] is None, found
        (call,) = found["message"]["tool_calls"]
        arguments = json.loads(call["function"]["arguments"])
        assert call["function"]["name"] == "weather" and arguments["city"] in ("Oslo", "Rome"), call
        deltas = [event["choices"][0] for event in chat(server, tool_choice=choice, stream=True, **asked).events]
        (streamed,) = [each for choice in deltas for each in choice["delta"].get("tool_calls", [])]
        assert streamed["index"] == 0 and json.loads(streamed["function"]["arguments"]) == arguments, streamed
        assert deltas[-1]["finish_reason"] == "tool_calls"
    talk = [*HELLO, {"role": "assistant", "content": None, "tool_calls": [call]}]
    talk.append({"role": "tool", "tool_call_id": call["id"], "content": "sunny"})
    answer = server.ask("/v1/chat/completions", {"model": "talker", "messages": talk, "tools": [TOOL], "max_tokens": 4})
    assert answer.status == 200 and answer.json["choices"][0]["finish_reason"] == "length", answer.body
    (free,) = chat(server, tools=[TOOL], tool_choice="none", max_tokens=9).json["choices"]
    assert "tool_calls" not in free["message"]


def test_pictures(server: Server) -> None:
    picture = base64.b64encode(pathlib.Path("models/shapes-en/scene.png").read_bytes()).decode()
    parts = [{"type": "text", "text": "What is this?"}]
    parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}})
    request = {"model": "smolvlm", "messages": [{"role": "user", "content": parts}], "max_tokens": 4, "temperature": 0}
    answer = server.ask("/v1/chat/completions", request)
    assert answer.status == 200 and answer.json["usage"]["completion_tokens"] == 4, answer.body
    streamed = server.ask("/v1/chat/completions", {**request, "stream": True}).events
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in streamed)
    assert text == answer.json["choices"][0]["message"]["content"]
    parts[1]["image_url"] = {"url": "https://example.com/a.png"}
    refused = server.ask("/v1/chat/completions", request)
    assert refused.status == 400 and "https://example.com/a.png" in refused.json["error"]["message"], refused.body


def test_embeddings(server: Server) -> None:
    request = {"model": "topics", "input": ["paris is far", "the weather"]}
    found = server.ask("/v1/embeddings", request).json
    vectors = [row["embedding"] for row in found["data"]]
    command = [program, "embed", "-m", "Tests/Fixtures/tasks/topics", *request["input"], "--format", "jsonl"]
    wanted = [json.loads(row)["embedding"] for row in subprocess.check_output(command, text=True).splitlines()]
    assert vectors == wanted and found["usage"]["prompt_tokens"] > 4, found["usage"]
    packed = server.ask("/v1/embeddings", {**request, "encoding_format": "base64", "dimensions": 4}).json["data"][1]
    assert struct.unpack("<4f", base64.b64decode(packed["embedding"])) == tuple(
        struct.unpack("<4f", struct.pack("<4f", *vectors[1][:4]))
    )
    ids = server.ask("/tokenize", {"model": "topics", "content": "paris is far"}).json["tokens"]
    assert server.ask("/v1/embeddings", {**request, "input": ids}).json["data"][0]["embedding"] == vectors[0]
    long = {**request, "input": "paris " * 2000}
    assert server.ask("/v1/embeddings", long).json["error"]["code"] == "context_length_exceeded"
    assert server.ask("/v1/embeddings", {**long, "truncate": True}).status == 200


def test_rerank(server: Server) -> None:
    request = {"query": "paris", "documents": ["the weather", {"text": "paris is far"}, "london"], "top_n": 2}
    for model in ("rank", "topics"):
        answer = server.ask("/v1/rerank", {**request, "model": model, "return_documents": True})
        if model == "topics":  # A classifier of several topics ranks nothing.
            assert answer.status == 400, answer.body
            continue
        results = answer.json["results"]
        scores = [result["relevance_score"] for result in results]
        assert len(results) == 2 and scores == sorted(scores, reverse=True), results
        assert results[0]["document"]["text"] in ("the weather", "paris is far", "london")


def test_transcriptions(server: Server) -> None:
    sound = pathlib.Path("models/numbers-en/date.wav").read_bytes()
    text = "friday twenty seven november two thousand and twenty six"

    def ask(path: str = "transcriptions", **fields: str) -> Any:
        body = b"".join(
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in {"model": "numbers-en", **fields}.items()
        )
        body += b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        body += sound + b"\r\n--x--\r\n"
        return server.ask(f"/v1/audio/{path}", body, Content_Type="multipart/form-data; boundary=x")

    assert ask().json == {"text": text}
    assert ask(response_format="text").body.decode() == text + "\n"
    assert ask(response_format="srt").body.decode().startswith("1\n00:00:00,000 -->")
    assert ask(response_format="vtt").body.decode().startswith("WEBVTT")
    verbose = ask(response_format="verbose_json", **{"timestamp_granularities[]": "word"}).json
    assert verbose["text"] == text and [word["word"] for word in verbose["words"]] == text.split(), verbose
    assert math.isclose(verbose["duration"], (len(sound) - 44) / 32000, abs_tol=0.01), verbose["duration"]
    events = ask(stream="true").events
    assert events[-1] == {"type": "transcript.text.done", "text": text}
    assert "".join(event["delta"] for event in events[:-1]).strip() == text, events
    assert ask(response_format="nonsense").json["error"]["param"] == "response_format"
    assert ask("translations").status == 400


def test_bits(server: Server) -> None:
    """What is answered does not depend on what else is asked."""
    requests = [{"max_tokens": 10 + 7 * i, "temperature": 1.5, "seed": i, "top_p": 0.9} for i in range(24)]
    alone = [chat(server, **request).json["choices"] for request in requests]
    with ThreadPoolExecutor(24) as threads:
        together = list(threads.map(lambda request: chat(server, **request).json["choices"], requests))
    assert alone == together


def test_metrics(server: Server) -> None:
    assert server.metric("attend_requests_total") > 50
    assert server.metric("attend_generated_tokens_total") > 500
    assert server.metric("attend_first_token_seconds_count") > 50
    assert server.metric("attend_resident_bytes") > 1e6
    assert server.metric("attend_running") == server.metric("attend_waiting") == 0
    assert server.metric("attend_cached_tokens") == 0


models = {
    "g2p-en": "models/g2p-en",
    "talker": str(talker(pathlib.Path(work) / "talker")),
    "topics": "Tests/Fixtures/tasks/topics",
    "rank": "Tests/Fixtures/tasks/rank",
    "numbers-en": "models/numbers-en",
    "smolvlm": "Tests/Fixtures/features/smolvlm",
}
with serve(program, *[f"--model={name}={path}" for name, path in models.items()]) as server:
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test(server)
            print(name)
    assert server.end() == 0
