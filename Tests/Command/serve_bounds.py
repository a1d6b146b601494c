"""What a server refuses, and how it ends. usage: serve_bounds.py PROGRAM WORK"""

import contextlib
import json
import pathlib
import signal
import socket
import sys
import threading
import time
from typing import Any

from serving import Server, serve, talker

program, work = sys.argv[1:]
HELLO = [{"role": "user", "content": "Hello"}]
LONG = {"messages": HELLO, "max_tokens": 900, "temperature": 1, "logit_bias": {"0": -100, "1": -100, "2": -100}}


def refused(server: Server, status: int, word: str, path: str = "/v1/chat/completions", **fields: Any) -> None:
    answer = server.ask(path, {**({"messages": HELLO} if "chat" in path else {}), **fields})
    error = answer.json["error"]
    assert answer.status == status and set(error) == {"message", "type", "param", "code"}, answer.body
    assert word in error["message"] or word in (error["code"], error["param"]), (word, error)


def raw(server: Server, text: str, wait: float = 10) -> str:
    """What comes back for bytes, until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(text.encode())
        found = b""
        with contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                found += piece
        return found.decode()


def test_requests(server: Server) -> None:
    refused(server, 400, "Unrecognized request argument supplied: temprature", temprature=1)
    refused(server, 400, "temperature", temperature=3)
    refused(server, 400, "a string", temperature="hot")
    refused(server, 400, "stop", stop=[1])
    refused(server, 400, "n", n=0)
    refused(server, 400, "max_tokens", max_tokens=100000)
    refused(server, 400, "context_length_exceeded", max_tokens=1024)
    refused(server, 400, "context_length_exceeded", messages=[{"role": "user", "content": "x" * 2000}])
    refused(server, 400, "messages", messages=[])
    refused(server, 400, "messages[0].role", messages=[{"role": "nobody", "content": "x"}])
    refused(server, 400, "top_logprobs", top_logprobs=3)
    refused(server, 400, "stream_options", stream_options={"include_usage": True})
    refused(server, 400, "response_format", response_format={"type": "xml"})
    refused(server, 400, "tool_choice", tool_choice="required")
    refused(server, 400, "logit_bias", logit_bias={"x": 1})
    refused(server, 400, "functions", functions=[{"name": "f"}])
    refused(server, 404, "model_not_found", model="gpt-4o")
    refused(server, 400, "prompt", "/v1/completions", prompt={"a": 1})
    refused(server, 400, "suffix", "/v1/completions", prompt="a", suffix="b")
    refused(server, 404, "unknown_url", "/v1/nothing")
    refused(server, 400, "input", "/v1/embeddings", input=[])
    for body in (b"{", b"[1]", b'{"messages": [' + b"[" * 5000):
        answer = server.ask("/v1/chat/completions", body, Content_Type="application/json")
        assert answer.status == 400 and answer.json["error"]["code"] == "invalid_json", answer.body
    assert server.ask("/v1/chat/completions", b"{}", Content_Type="text/plain").status == 415
    assert server.ask("/v1/chat/completions", method="GET").status == 405
    assert server.ask("/v1/audio/transcriptions", b"x", Content_Type="multipart/form-data; boundary=b").status == 400
    assert server.ask("/v1/models", Origin="http://example.com").status == 403


def test_http(server: Server) -> None:
    assert raw(server, "nonsense\r\n\r\n").startswith("HTTP/1.1 400")
    assert raw(server, f"GET /health HTTP/1.1\r\nHost: x\r\nA: {'x' * 40000}\r\n\r\n").startswith("HTTP/1.1 431")
    head = "POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    assert raw(server, head + "Content-Length: 999999999\r\n\r\n").startswith("HTTP/1.1 413")
    chunk = "10000\r\n" + "x" * 65536 + "\r\n"
    assert " 413 " in raw(server, head + "Transfer-Encoding: chunked\r\n\r\n" + chunk * 40)
    begin = time.monotonic()
    assert " 408 " in raw(server, head + "Content-Length: 10\r\n\r\nabc")
    assert 1 < time.monotonic() - begin < 8
    two = "GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert raw(server, two).count("200 OK") == 2
    assert " 405 " in raw(server, two.replace("GET", "HEAD"))


def test_hanging_up(server: Server) -> None:
    """A client that leaves ends its request, streamed or not."""
    for streams in (True, False):
        before = server.metric("attend_generated_tokens_total")
        connection = server.connect()
        body = json.dumps({**LONG, "stream": streams, "n": 8})
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        if streams:
            connection.getresponse().read(200)
        else:
            time.sleep(0.05)
        assert connection.sock is not None or streams
        connection.close()
        end = time.monotonic() + 20
        while server.metric("attend_running") or server.metric("attend_cached_tokens"):
            assert time.monotonic() < end, "it runs on"
            time.sleep(0.02)
        assert server.metric("attend_generated_tokens_total") - before < 8 * 900
    text = server.ask("/metrics").body.decode()
    assert 'endpoint="/v1/chat/completions",status="499"} 2' in text, text


def test_queue(server: Server) -> None:
    statuses: list[int] = []

    def ask() -> None:
        answer = server.ask("/v1/chat/completions", {**LONG, "n": 4})
        assert answer.status == 200 or int(answer.headers["retry-after"]) > 0
        statuses.append(answer.status)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) >= 4 and statuses.count(429) == 16 - statuses.count(200) > 0, statuses


def test_keys() -> None:
    file = pathlib.Path(work) / "keys"
    file.write_text("first\nsecond\n")
    with serve(
        program, "-m", "models/g2p-en", "--api-key-file", str(file), "--cors", "http://a.b", ATTEND_API_KEY="third"
    ) as server:
        assert server.ask("/health").status == 200
        for key in ("first", "second", "third"):
            assert server.ask("/v1/models", Authorization=f"Bearer {key}").status == 200
        for shown in ("Bearer firs", "Bearer firstx", "first", ""):
            answer = server.ask("/v1/models", Authorization=shown)
            assert answer.status == 401 and answer.json["error"]["code"] == "invalid_api_key", answer.body
        origin = {"Origin": "http://a.b"}
        asked = server.ask("/v1/models", method="OPTIONS", **origin)
        assert asked.status == 204 and asked.headers["access-control-allow-origin"] == "http://a.b", asked.headers
        found = server.ask("/v1/models", Authorization="Bearer first", **origin)
        assert found.headers["access-control-allow-origin"] == "http://a.b"
        assert server.ask("/v1/models", Authorization="Bearer first", Origin="http://c.d").status == 403


def ask_long(server: Server, found: list[int]) -> None:
    found.append(server.ask("/v1/chat/completions", {**LONG, "n": 16}).status)


def test_ends(model: str) -> None:
    """Running requests are finished, for as long as there is; then clients are told."""
    for number, grace, wanted in ((signal.SIGINT, "60", 200), (signal.SIGTERM, "0.05", 503)):
        with serve(program, "-m", f"talker={model}", "--grace", grace) as server:
            found: list[int] = []
            thread = threading.Thread(target=ask_long, args=(server, found))
            thread.start()
            while not server.metric("attend_running"):
                time.sleep(0.01)
            assert server.end(number) == 0
            thread.join()
            assert found == [wanted], (found, wanted)


def test_time(model: str) -> None:
    with serve(program, "-m", f"talker={model}", "--request-timeout", "0.05") as server:
        answer = server.ask("/v1/chat/completions", {**LONG, "n": 16})
        assert answer.status == 504 and answer.json["error"]["code"] == "timeout", answer.body
        events = server.ask("/v1/chat/completions", {**LONG, "n": 16, "stream": True})
        assert "timeout" in events.body.decode()


model = str(talker(pathlib.Path(work) / "bounded"))
limits = ["--max-body", "2000000", "--idle-timeout", "2", "--max-requests", "4"]
with serve(program, "-m", f"talker={model}", *limits) as server:
    for test in (test_requests, test_http, test_hanging_up, test_queue):
        test(server)
        print(test.__name__)
test_keys()
test_ends(model)
test_time(model)
