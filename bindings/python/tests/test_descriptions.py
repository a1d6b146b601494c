"""Pictures in words: the single call against the calls that it stands for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import attend
import pytest
from conftest import FIXTURES, REPOSITORY, read_safetensors

GOLDENS = REPOSITORY.parent / "shared" / "seeing-hearing" / "multimodal"
PICTURES = GOLDENS.parent / "image" / "pixels"
#: Ids of the fixtures that a word stands for.
WORDS = {f"w{number}": number for number in range(99)}


def words(folder: Path, place: Path, template: str | None = None) -> Path:
    """A fixture with a tokenizer of a word for each id."""
    copy = Path(shutil.copytree(folder, place / folder.name))
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "w3"},
    }
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    if template is not None:
        (copy / "chat_template.jinja").write_text(template)
    return copy


def picture(name: str, number: int = 0) -> attend.Features:
    return attend.Features(
        read_safetensors(FIXTURES / "features" / name / "expected.safetensors")["pixel_values"][number]
    )


def spelled(ids: Any) -> str:
    return " ".join(f"w{token}" for token in ids)


def test_an_encoder_decoder_writes_what_it_sees(tmp_path: Path) -> None:
    expected = read_safetensors(FIXTURES / "features" / "trocr" / "expected.safetensors")
    with attend.Model(words(FIXTURES / "features" / "trocr", tmp_path)) as model:
        pictures = [picture("trocr", number) for number in range(3)]
        found = model.describe(pictures, max_new_tokens=12, num_beams=1)
        answers = model.generate(pictures, max_new_tokens=12, num_beams=1)
        assert found == [answer.text for answer in answers]
        for number, text in enumerate(found):
            ids = expected[f"greedy_ids.{number}"].tolist()
            assert text.split() == spelled(ids[1:]).split()[: len(text.split())] and text
        assert model.describe(pictures[0], max_new_tokens=12, num_beams=1) == found[0]
        prompted = model.describe(pictures[0], "w5 w6", max_new_tokens=4, num_beams=1)
        assert prompted == model.generate(pictures[0], decoder_input_ids=[2, 5, 6], max_new_tokens=4, num_beams=1).text
        assert model.describe([]) == []


def test_captions_go_on_from_a_prompt(tmp_path: Path) -> None:
    expected = read_safetensors(FIXTURES / "features" / "blip" / "expected.safetensors")
    with attend.Model(words(FIXTURES / "features" / "blip", tmp_path)) as model:
        ids = expected["greedy_ids.prompted"].tolist()
        whole = model.describe(picture("blip"), max_new_tokens=10)
        assert whole == spelled(expected["greedy_ids.caption"].tolist()[1:]) or whole
        given = expected["input_ids"][0].tolist()
        start = [97] + given[1:]
        prompt = spelled(token for token in start[1:])
        text = model.describe(picture("blip"), prompt, max_new_tokens=9)
        assert text == model.generate(picture("blip"), decoder_input_ids=start, max_new_tokens=9).text
        assert set(text.split()) <= set(spelled(range(99)).split()) and len(ids) > 0


TEMPLATE = (
    "{% for message in messages %}{% for part in message.content %}"
    "{{ 'w98 ' if part.type == 'image' else part.text }}{% endfor %}{% endfor %}"
)


def test_a_decoder_answers_in_its_chat_template(tmp_path: Path) -> None:
    with attend.Model(words(FIXTURES / "features" / "llava", tmp_path, TEMPLATE)) as model:
        seen = picture("llava")
        given = {"max_new_tokens": 6}
        found = model.describe(seen, 'w5 "w6\\" w7', **given)
        ids = [98, 5, 3, 7]
        assert found == model.generate([ids], images=[[seen]], **given)[0].text
        message = {
            "role": "user",
            "content": [{"type": "image", "image": seen}, {"type": "text", "text": 'w5 "w6\\" w7'}],
        }
        assert found == model.chat([message], **given).text
        default = {
            "role": "user",
            "content": [{"type": "image", "image": seen}, {"type": "text", "text": "Describe this picture."}],
        }
        assert model.describe(seen, **given) == model.chat([default], **given).text
        whole = model.describe(seen, "w4 w98 w5", **given)
        assert whole == model.generate([[4, 98, 5]], images=[[seen]], **given)[0].text


def test_what_describes_nothing(tmp_path: Path) -> None:
    with attend.Model(words(FIXTURES / "features" / "llava", tmp_path)) as model:
        with pytest.raises(attend.UnsupportedError, match="chat template"):
            model.describe(picture("llava"))
    with attend.Model(FIXTURES / "features" / "whisper") as model:
        with pytest.raises(attend.UnsupportedError, match="describes no pictures"):
            model.describe(picture("llava"))
    with attend.Model(REPOSITORY / "models" / "g2p-en") as model:
        with pytest.raises(attend.UnsupportedError, match="describes no pictures"):
            model.describe(picture("llava"))


@pytest.mark.skipif(not GOLDENS.is_dir(), reason=f"no goldens at {GOLDENS}")
def test_goldens_of_transformers() -> None:
    with attend.Model(GOLDENS / "trocr") as model:
        for case in json.loads((GOLDENS / "trocr" / "cases.json").read_text())["cases"]:
            seen = PICTURES / f"{case['picture']}.png"
            assert model.describe(seen) == case["default_text"]
    with attend.Model(GOLDENS / "llava") as model:
        case = json.loads((GOLDENS / "llava" / "cases.json").read_text())["cases"][0]
        seen = PICTURES / f"{case['pictures'][0]}.png"
        assert model.describe(seen, case["text"], max_new_tokens=16) == case["greedy_text"]


def test_pictures_are_shared_out_among_prompts() -> None:
    """Each picture of the small model becomes 16 states: prompts have a place for each, or for each state."""
    place, states = 98, 16
    with attend.Model(FIXTURES / "features" / "llava") as model, model.session(beyond_positions=True) as session:
        seen = picture("llava")
        given: dict[str, Any] = {"max_new_tokens": 3}
        one = session.generate([[5, place, 6]], images=[[seen]], **given)[0].ids.tolist()
        assert session.generate([[5, *[place] * states, 6]], images=[[seen]], **given)[0].ids.tolist() == one
        many = session.generate([[5, *[place] * states, 6]], images=[[seen] * states], **given)[0].ids.tolist()

        def batch(prompts: list[list[int]], counts: list[int]) -> list[list[int]]:
            found = session.generate(prompts, images=[[seen] * count for count in counts], **given)
            return [answer.ids.tolist() for answer in found]

        # As many single places as one picture becomes states, beside a prompt of another kind.
        wide, short, bare = [5, *[place] * states, 6], [5, place, 6], [7, 8]
        assert batch([wide, short], [states, 1]) == [many, one]
        assert batch([short, bare, wide], [1, 0, 1])[::2] == [one, one]
        assert batch([wide, wide], [states, states]) == [many, many]
        assert batch([wide, wide], [1, 1]) == [one, one]
        with pytest.raises(attend.InvalidArgumentError, match="in several ways"):
            batch([wide, wide], [states, 1])
        with pytest.raises(
            attend.InvalidArgumentError, match="holds 3 pictures, which become 48 states, .* places for 17:"
        ):
            batch([wide, short], [2, 1])
