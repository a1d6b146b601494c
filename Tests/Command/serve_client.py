"""The server as the client of OpenAI's meets it. usage: serve_client.py PROGRAM WORK"""

import json
import pathlib
import sys

try:
    import openai
except ImportError:
    print("SKIPPED: there is no package openai")
    sys.exit(77)
from serving import serve, talker

program, work = sys.argv[1:]
hello = [{"role": "user", "content": "Hello"}]
models = {"talker": talker(pathlib.Path(work) / "talker"), "topics": "Tests/Fixtures/tasks/topics"}
models["numbers-en"] = "models/numbers-en"
with serve(program, *[f"--model={name}={path}" for name, path in models.items()], "--api-key", "key") as server:
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="key", max_retries=0)
    assert [model.id for model in client.models.list()] == list(models)
    options = {"model": "talker", "messages": hello, "max_tokens": 20, "temperature": 1, "seed": 4}
    whole = client.chat.completions.create(**options).choices[0].message.content
    pieces = [chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(**options, stream=True)]
    assert "".join(pieces) == whole
    parameters = {
        "type": "object",
        "properties": {"a": {"enum": [1]}},
        "required": ["a"],
        "additionalProperties": False,
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    called = client.chat.completions.create(**{**options, "max_tokens": 99}, tools=[tool], tool_choice="required")
    assert json.loads(called.choices[0].message.tool_calls[0].function.arguments) == {"a": 1}
    assert client.completions.create(model="talker", prompt="a", max_tokens=3).usage.completion_tokens == 3
    one = client.embeddings.create(model="topics", input="paris").data[0].embedding
    two = client.embeddings.create(model="topics", input="paris", encoding_format="float").data[0].embedding
    assert max(abs(a - b) for a, b in zip(one, two, strict=True)) < 1e-6
    with open("models/numbers-en/date.wav", "rb") as file:
        text = client.audio.transcriptions.create(model="numbers-en", file=file).text
    assert text == "friday twenty seven november two thousand and twenty six"
    try:
        client.chat.completions.create(**{**options, "temperature": 3})
        raise AssertionError("no error")
    except openai.BadRequestError as error:
        assert error.param == "temperature", error
