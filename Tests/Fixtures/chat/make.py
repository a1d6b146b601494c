"""Writes expected.json: what transformers renders for the cases of templates.json.

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


def render(template, messages, variables):
    """The text, or None where transformers raises an error."""
    options = {**TOKENS, **variables}
    try:
        texts, _ = render_jinja_template(
            conversations=[normalized(messages)],
            tools=options.pop("tools", None),
            documents=options.pop("documents", None),
            chat_template=template,
            add_generation_prompt=True,
            **options,
        )
    except Exception:
        return None
    return texts[0]


def main():
    given = json.loads(Path("templates.json").read_text())
    shared = [(template, given["messages"], given["variables"]) for template in given["templates"]]
    own = [(case["template"], case["messages"], case["variables"]) for case in given["own"]]
    expected = [render(*case) for case in shared + own]
    Path("expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
