"""What a user of the package may write: mypy --strict must accept every line, and refuse those that it is told of."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Iterator, Mapping

import attend
import attend.maps
import attend.plot
import attend.view
import numpy as np
import numpy.typing as npt


class Tensor:
    """As of PyTorch: numpy can make an array of it."""

    def __array__(self, dtype: Any = None) -> Any:
        return np.ones((2, 3), np.int64)


def words() -> Iterator[str]:
    yield "hello"


def use(folder: Path, tensor: Tensor, made: Mapping[str, Any]) -> None:
    for path in (folder, str(folder), bytes(folder)):
        attend.Model(path).close()
    attend.set_log(logging.getLogger("attend"))
    attend.set_log(lambda level, line: print(level, line))
    attend.set_log(None)
    heard: list[float] = []
    with attend.Model(folder, compute="int8", threads=np.int64(2), progress=heard.append) as model:
        vectors: npt.NDArray[np.float32] = model.embed(words(), prompt="query: ", progress=print)
        print(vectors.shape, model.kind is attend.Kind.ENCODER, model.eos_ids, model.pad)
        model.embed(["text", b"bytes"])
        model.embed(5)  # type: ignore[arg-type]
        batches(model, tensor, made)
        attention(model, folder)
        calls(model)


def attention(model: attend.Model, folder: Path) -> None:
    found = attend.maps.record(model, "text", num_beams=4)
    weights: npt.NDArray[np.float32] = found.cross.words().without_special().map(layer=3)
    print(weights.shape, found.encoder.entropy().mean(), [step.key for step in attend.maps.best_path(weights)])
    attend.plot.heads(found.encoder).savefig("file.svg")
    attend.plot.alignment(found.cross, layer=0, style="soft").set_title("title")
    attend.view.View(found, title="Title").save(folder / "page.html")
    attend.maps.record(model)  # type: ignore[call-arg]


def weather(city: str, days: int = 1) -> str:
    """The weather to come.

    Args:
        city: The city
        days: For how many days
    """
    return f"{city}: rain for {days} days"


def calls(model: attend.Model) -> None:
    messages: list[Mapping[str, Any]] = [{"role": "user", "content": "Will it rain in Oslo?"}]
    reply = model.chat(messages, tools=[weather, {"type": "function"}], tool_choice=weather, assistant_model=model)
    for call in reply.tool_calls:
        print(weather(**call.arguments))
    if reply.message is not None:
        messages += [reply.message.to_dict()]
    schema: dict[str, Any] = attend.json_schema(weather)
    print(schema, "".join(model.stream("Once", assistant_model=model, num_assistant_tokens=3)))
    model.translate(["hello"], src_lang="en", tgt_lang="de")
    model.chat(messages, tools=3)  # type: ignore[arg-type]


def batches(model: attend.Model, tensor: Tensor, made: Mapping[str, Any]) -> None:
    with model.session(threads=1, progress=lambda fraction: fraction < 0.5) as session:
        session.encode([[1, 2], [3]])
        session.encode([(1, 2), np.array([3])])
        session.encode([np.array([1, 2], np.uint8), [np.int32(3)]])
        session.encode(np.ones((2, 3), np.int64), attention_mask=np.ones((2, 3), bool))
        session.encode([[1, 2], [3, 0]], attention_mask=[[1, 1], [True, False]])
        session.encode([1, 2, 3], lengths=[2, 1])
        session.encode(tensor)
        session.encode([tensor, tensor], token_types=[tensor, tensor])
        session.encode(made)
        session.encode([made, made])
        session.encode(model.tokenizer.tokenize(word) for word in words())
        session.encode([model.tokenizer.tokenize("hello"), [1, 2]])
        session.encode([[0.5]])  # type: ignore[list-item]
        session.encode("hello")  # type: ignore[arg-type]
        logits: npt.NDArray[np.float32] = session.decode_step([model.decoder_start])
        session.decode_step(logits.argmax(axis=1))
        session.decode_step(logits.argmax(axis=1).tolist())
        rows: list[npt.NDArray[np.float32]] = session.decode([[1, 2], [3]])
        last: npt.NDArray[np.float32] = session.decode([[1, 2], []], logits="last")
        session.decode([1, 2, 3], lengths=[2, 1], logits="none")
        session.decode([[1]], logits="first")  # type: ignore[call-overload]
        session.add([[1, 2], np.array([3])])
        session.truncate(0, np.int64(1))
        session.cancel()
        session.select([0, 0])
        session.select(np.array([0]))
        session.encode([[1]], mask=[[1]])  # type: ignore[call-overload]
        print(rows, last, session.logits(), session.pooled(), session.hidden_states(), session.count, session.lengths)
        session.record_attentions()
        print(session.attentions("encoder", 0)[0].shape)
