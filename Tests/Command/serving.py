"""A server of the program's for tests: started on a free port, asked with the standard library, ended by a signal."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

FIXTURES = pathlib.Path("Tests/Fixtures")
#: A template that offers functions, and teaches by its marks how calls are written.
TEMPLATE = (
    "{% for t in tools or [] %}[{{ t.function.name }}]{% endfor %}{% for m in messages %}{{ m.role }}:{{ m.content }};"
    "{% endfor %}{% if add_generation_prompt %}>{% endif %}{# <tool_call> #}"
)


def talker(folder: pathlib.Path) -> pathlib.Path:
    """A random model whose tokens are characters, with a template for chats."""
    shutil.copytree(FIXTURES / "conformance/llama", folder, ignore=shutil.ignore_patterns("expected.*"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 1024}))
    letters = iter(["\u0120", *map(chr, range(33, 127)), *(["\u010a"] * 99)])
    vocabulary = {f"<{index}>" if index < 3 else next(letters): index for index in range(99)}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [{"id": index, "content": f"<{index}>", "special": True} for index in range(3)],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    return folder


class Answer:
    """A status, headers, and a body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The events of a stream, without its end mark."""
        parts = self.body.decode().split("\n\n")
        assert parts.pop() == "" and all(part.startswith("data: ") for part in parts), self.body
        return [json.loads(part[6:]) for part in parts if part != "data: [DONE]"]


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def ask(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> Answer:
        connection = self.connect()
        sent = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if isinstance(body, (dict, list)):
            headers.setdefault("Content-Type", "application/json")
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method or ("GET" if body is None else "POST"), path, sent, names)
        try:
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = self.ask("/metrics").body.decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{name}[ {{]", line))

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextlib.contextmanager
def serve(program: str, *arguments: str, **environment: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [program, "serve", "--port", "0", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )
    try:
        port = None
        while port is None:
            line = process.stderr.readline() if process.stderr else ""
            assert line, f"the server did not start: {process.wait()}"
            found = re.search(r"http://.*:(\d+)", line)
            port = int(found[1]) if found else None
        yield Server(process, port)
    finally:
        process.kill()
        process.wait()


def until(condition: Any, seconds: float = 30) -> None:
    """Waits until something is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
