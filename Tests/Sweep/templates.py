"""Chat templates at random: sound ones, nested ones, wasteful ones and nonsense, with conversations likewise."""

from __future__ import annotations

import random
from collections.abc import Iterator

from cases import Case, Place, replace

TOKENIZER = {
    "version": "1.0",
    "model": {"type": "WordLevel", "vocab": {"<unk>": 0, "a": 1}, "unk_token": "<unk>"},
}
NAMES = ["messages", "m", "loop", "x", "ns", "tools", "bos_token", "missing", "range", "dict", "namespace", "cycler"]
FILTERS = """trim upper lower title capitalize length list string int float abs round first last join sort unique
reverse map select reject selectattr rejectattr batch slice groupby tojson default replace truncate wordwrap indent
center format urlencode xmlattr dictsort items sum min max random escape safe striptags filesizeformat attr
pprint""".split()
TESTS = "defined none string number mapping sequence iterable odd even true false integer float callable in".split()
METHODS = """strip lstrip rstrip split rsplit splitlines upper lower title replace startswith endswith find count join
format removeprefix zfill center ljust encode items keys values get index pop append""".split()
CONSTANTS = ["0", "1", "-1", "3", "1.5", "1e300", "9223372036854775807", "99999999999999999999999", "true", "none"]
WASTEFUL = [
    "{{ 'a' * 1000000000000 }}",
    "{{ [0] * 99999999999 }}",
    "{% for i in range(1000000000) %}{% endfor %}",
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{{ 9 ** 9 ** 9 ** 9 }}",
    "{{ '{:>9999999999}'.format('a') }}",
    "{{ '%99999999999d' % 1 }}",
    "{{ 'a'|center(99999999999) }}",
    "{{ ('a' * 100000)|replace('a', 'b' * 100000) }}",
    "{% set ns = namespace(s='a') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(64) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% macro f(a=f()) %}{% endmacro %}{{ f() }}",
    "{% macro f(n) %}{{ f(n + 1) if n < 99999999 }}{% endmacro %}{{ f(0) }}",
    "{{ messages[0].content.split('') }}",
    "{{ range(99999999999)|list }}",
    "{{ 1 // 0 }}{{ 1 % 0 }}",
    "{{ (-9223372036854775807 - 1) // -1 }}",
    "{{ 'a'[9223372036854775807:-9223372036854775808:-9223372036854775808] }}",
    "{{ 1|round(99999999999) }}{{ 1.5|round(-99999999999) }}",
    "{{ [1]|batch(99999999999)|list }}{{ [1]|slice(99999999999)|list }}",
    "{{ {'a': 1}|tojson(indent=99999999999) }}",
]


def expression(chance: random.Random, depth: int) -> str:
    """An expression, most of them with a meaning."""
    if depth <= 0 or chance.random() < 0.2:
        return chance.choice([*NAMES, *CONSTANTS, "'text'", '"é\\n"', "[]", "{}", "()"])

    def sub() -> str:
        return expression(chance, depth - 1)

    return chance.choice(
        [
            lambda: f"{sub()} {chance.choice(['+', '-', '*', '/', '//', '%', '**', '~'])} {sub()}",
            lambda: f"{sub()} {chance.choice(['==', '!=', '<', '<=', '>', '>=', 'in', 'not in', 'and', 'or'])} {sub()}",
            lambda: f"({sub()})",
            lambda: f"{chance.choice(['not ', '-', '+'])}{sub()}",
            lambda: f"{sub()}|{chance.choice(FILTERS)}",
            lambda: f"{sub()}|{chance.choice(FILTERS)}({sub()}, {sub()})",
            lambda: f"{sub()} is {chance.choice(['', 'not '])}{chance.choice(TESTS)}",
            lambda: f"({sub()}).{chance.choice(METHODS)}({sub()})",
            lambda: f"({sub()})[{sub()}]",
            lambda: f"({sub()})[{sub()}:{sub()}:{sub()}]",
            lambda: f"{sub()} if {sub()} else {sub()}",
            lambda: f"[{sub()}, {sub()}]",
            lambda: f"{{{sub()}: {sub()}}}",
            lambda: f"{chance.choice(NAMES)}({sub()}, *[{sub()}], a={sub()})",
        ]
    )()


def block(chance: random.Random, depth: int) -> str:
    """A piece of a template."""
    if depth <= 0 or chance.random() < 0.2:
        return chance.choice(["text ", "\r\n", "{{ m.content }}", f"{{{{ {expression(chance, 2)} }}}}", "{# no #}"])
    body, value = block(chance, depth - 1), expression(chance, 3)
    return chance.choice(
        [
            f"{{%- if {value} %}}{body}{{% else -%}}{body}{{% endif %}}",
            f"{{% for m in {value} %}}{body}{{{{ loop.index }}}}{{% else %}}{body}{{% endfor %}}",
            f"{{% for m in messages %}}{body}{{% endfor %}}",
            f"{{% set x = {value} %}}{body}",
            f"{{% set x %}}{body}{{% endset %}}",
            f"{{% macro f(a, b={value}) %}}{body}{{% endmacro %}}{{{{ f({value}) }}}}",
            f"{{% call(y) f(1) %}}{body}{{% endcall %}}",
            f"{{% filter {chance.choice(FILTERS)} %}}{body}{{% endfilter %}}",
            f"{{% with x = {value} %}}{body}{{% endwith %}}",
            f"{{% raw %}}{body}{{% endraw %}}",
            f"{body}{block(chance, depth - 1)}",
        ]
    )


def deep(chance: random.Random) -> str:
    """Something nested without end."""
    count = chance.choice([100, 3000, 100000])
    left, right = chance.choice(
        [
            ("(", ")"),
            ("[", "]"),
            ("not ", ""),
            ("-", ""),
            ("{1:", "}"),
            ("1+", ""),
            ("a if ", ""),
            ("2**", ""),
            ("x|", ""),
        ]
    )
    return chance.choice(
        [
            "{{ " + left * count + "1" + right * count + " }}",
            "{% if 1 %}" * count + "x" + "{% endif %}" * count,
            "{% for i in [1] %}" * count + "x" + "{% endfor %}" * count,
            "{{ x" + ".a" * count + " }}",
            "{{ x" + "[0]" * count + " }}",
            "{{ x" + "|upper" * count + " }}",
        ]
    )


def messages(chance: random.Random) -> object:
    """A conversation, now and then a strange one."""
    text = chance.choice(["Hi", "é" * 1000, "a b " * 20000, "<&>\"'", "{{ x }}", ""])
    turn: dict[str, object] = {"role": chance.choice(["user", "assistant", "system", "tool"]), "content": text}
    if chance.random() < 0.2:
        call = {"function": {"name": "f", "arguments": {"a": chance.choice([1.0, 10**30, None, [], {"b": 1}])}}}
        turn["tool_calls"] = [call]
    if chance.random() < 0.05:
        nested: object = 1
        for _ in range(chance.choice([10, 400, 900])):
            nested = [nested]
        turn["content"] = nested
    return [turn] * chance.choice([0, 1, 2, 30])


def cases(place: Place, chance: random.Random, count: int) -> Iterator[Case]:
    """`count` templates, and those that waste."""
    made = [block(chance, 4) for _ in range(count)] + [deep(chance) for _ in range(count // 10)] + WASTEFUL
    for template in made:
        if chance.random() < 0.1:
            cut = chance.randrange(len(template) + 1)
            template = template[:cut] + chance.choice(["", "{%", "}}", "{{", "|", "\x00", "'"]) + template[cut + 1 :]
        folder = place.new()
        replace(folder / "tokenizer.json", TOKENIZER)
        replace(folder / "tokenizer_config.json", {"bos_token": "<s>"})
        replace(folder / "chat_template.jinja", template)
        replace(folder / "messages.json", messages(chance))
        yield Case("templates", template[:200].replace("\n", " "), "chat", folder, extra=folder / "messages.json")
