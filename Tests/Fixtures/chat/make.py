"""Writes what transformers renders: expected.json for the cases of templates.json, and families.json for the
conversations of conversations.json by the templates in families/, which are in the manner of today's models.

Needs transformers (the fixtures here are of 5.24) and jinja2. Run it in this folder.
"""

import json
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template

try:
    from transformers.utils.chat_template_utils import _normalize_chat_messages as normalized
except ImportError:
    from transformers.tokenization_utils_base import _normalize_chat_messages as normalized

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def render(template, messages, variables, add_generation_prompt=True):
    """The text, or None where transformers raises an error."""
    options = {**TOKENS, **variables}
    try:
        texts, _ = render_jinja_template(
            conversations=[normalized(messages)],
            tools=options.pop("tools", None),
            documents=options.pop("documents", None),
            chat_template=template,
            add_generation_prompt=add_generation_prompt,
            **options,
        )
    except Exception:
        return None
    return texts[0]


def selection(template, conversations, first):
    """What two conversations render to, and one that is refused, from number `first` on."""
    texts, refused = {}, {}
    for index in range(first, first + len(conversations)):
        index %= len(conversations)
        case = conversations[index]
        text = render(template, case["messages"], case["variables"], case["add_generation_prompt"])
        (refused if text is None else texts)[str(index)] = text
        if len(texts) >= 2 and refused:
            break
    return dict([*list(texts.items())[:2], *list(refused.items())[:1]])


def families():
    conversations = json.loads(Path("conversations.json").read_text())
    expected = {}
    for number, file in enumerate(sorted(Path("families").iterdir())):
        expected[file.stem] = selection(file.read_bytes().decode(), conversations, number)
    Path("families.json").write_text(json.dumps(expected, indent=1) + "\n")


def main():
    given = json.loads(Path("templates.json").read_text())
    shared = [(template, given["messages"], given["variables"]) for template in given["templates"]]
    own = [(case["template"], case["messages"], case["variables"]) for case in given["own"]]
    expected = [render(*case) for case in shared + own]
    Path("expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    families()


if __name__ == "__main__":
    main()
