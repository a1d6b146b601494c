// Templates of conversations. The expected texts are those of Jinja 3.1 with trim_blocks and lstrip_blocks, as
// transformers sets it up.
import AttendBase
import AttendCheckpoints
import AttendTestSupport
import AttendTokenizers
import Testing

@Suite struct ChatTemplateTests {
  private func json(_ text: String) throws -> JSON {
    let folder = try TemporaryFolder()
    try folder.write("x.json", text)
    return try JSON.file(folder.path(of: "x.json"))
  }

  private func render(
    _ template: String,
    _ messages: String = #"[{"role": "user", "content": " Hé \"x\" "}, {"role": "assistant", "content": "b"}]"#,
    variables: String = "{}"
  ) throws -> String {
    let template = try ChatTemplate(
      template, file: "chat_template.jinja", specialTokens: ["bos_token": "<s>", "eos_token": "</s>"])
    return try template.render(messages: try json(messages), addGenerationPrompt: true, variables: try json(variables))
  }

  @Test(arguments: [
    (
      "{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 5 }} {{ 7 / 2 }} {{ 1.0 }} {{ 1 == 1.0 }}",
      "3 -4 2 32 3.5 1.0 True"
    ), ("{{ [1, 'x', 2.0, none, true] }} {{ {'a': \"it's\"} }}", "[1, 'x', 2.0, None, True] {'a': \"it's\"}"),
    ("{{ 'abc'[::-1] }}{{ 'abc'[1:] }}{{ [1, 2, 3][:-1] }}{{ 'héllo'|length }}", "cbabc[1, 2]5"),
    (
      "{{ 'a,b,,c'.split(',') }} {{ ' a b '.strip() }}|{{ 'xxay'.lstrip('x') }} {{ 'ab'.startswith('a') }} {{ "
        + "'A-b'.replace('-', '+').lower() }}",
      "['a', 'b', '', 'c'] a b|ay True a+b"
    ),
    (
      "{{ [3, 1, 2]|sort|join('-') }} {{ messages|map(attribute='role')|join(', ') }} {{ messages|selectattr('role', "
        + "'equalto', 'user')|list|length }}",
      "1-2-3 user, assistant 1"
    ),
    (
      "{{ {'b': 1, 'a': {'c': []}}|tojson }} {{ {'b': [1]}|tojson(indent=2) }}",
      "{\"b\": 1, \"a\": {\"c\": []}} {\n  \"b\": [\n    1\n  ]\n}"
    ),
    (
      "{{ x is defined }} {{ x|default('d') }} {{ ''|default('e', true) }} {{ none is none }} {{ 'a' in 'abc' }} {{ "
        + "'x' not in messages[0] }} {{ 5 is odd }}",
      "False d e True True True True"
    ),
    (
      "{% set ns = namespace(n=1) %}{% for i in range(4) %}{% if i == 2 %}{% continue %}{% endif %}{% set ns.n = ns.n "
        + "+ i %}{{ loop.index }}{{ ',' if not loop.last }}{% endfor %} {{ ns.n }}",
      "1,2,4 5"
    ),
    (
      "{% macro tag(name, body='none') %}<{{ name }}>{{ body|upper }}{% endmacro %}{{ tag('a', 'q') }}{{ tag('b') }}",
      "<a>Q<b>NONE"
    ),
    (
      "{% for k, v in {'b': 1, 'a': 2}.items() %}{{ k }}{{ v }}{% else %}none{% endfor %}{% for x in [] %}{% else "
        + "%}none{% endfor %}",
      "b1a2none"
    ), ("  {% if true %}\n  a\n  {% endif %}\nb {#- c -#}  d\n{{- ' e' -}}  \n f", "  a\nbd ef"),
    (
      "{% set x %} block {% endset %}[{{ x|trim }}]{% filter upper %}s{% endfilter %}{% raw %}{{ r }}{% endraw %}",
      "[block]S{{ r }}"
    ),
    (
      "{{ bos_token }}{{ messages[-1]['role'] }}{{ messages[0].content|trim }}{{ messages[0].get('no', 'd') }}",
      "<s>assistantHé \"x\"d"
    ),
  ]) func templatesRenderAsJinjaDoes(_ template: String, _ expected: String) throws {
    #expect(try render(template) == expected)
  }

  @Test func aTemplateOfTheFieldRendersAConversation() throws {
    let template = """
      {%- if messages[0]['role'] == 'system' %}
          {%- set system_message = messages[0]['content'] | trim + '\\n' %}
          {%- set messages = messages[1:] %}
      {%- else %}
          {%- set system_message = '' %}
      {%- endif %}
      {{- bos_token }}
      {%- for message in messages %}
          {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
              {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
          {%- endif %}
          {{- '<|' + message['role'] + '|>\\n' + (system_message if loop.first else '') + message['content'] | trim +
          eos_token + '\\n' }}
      {%- endfor %}
      {%- if add_generation_prompt %}
          {{- '<|assistant|>\\n' }}
      {%- endif %}
      """
    let messages =
      #"[{"role": "system", "content": "Be kind. "}, {"role": "user", "content": "Hi"}, {"role": "assistant", "#
      + #""content": " Hello"}, {"role": "user", "content": "Bye"}]"#
    #expect(
      try render(template, messages)
        == "<s><|user|>\nBe kind.\nHi</s>\n<|assistant|>\nHello</s>\n<|user|>\nBye</s>\n<|assistant|>\n")
    let failure = #expect(throws: Failure.self) { try render(template, #"[{"role": "assistant", "content": "x"}]"#) }
    #expect(failure?.code == .invalidArgument && failure?.message.contains("must alternate") == true)
  }

  @Test(arguments: [
    "{% include 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% extends 'x' %}", "{{ 'a'.encode() }}",
    "{{ lipsum() }}",
  ]) func whatIsBeyondIsNamed(_ template: String) throws {
    let failure = #expect(throws: Failure.self) { try render(template) }
    #expect(failure?.code == .unsupported && failure?.message.contains("chat_template.jinja") == true)
  }

  @Test(arguments: [
    "{% if %}", "{% for x in y %}", "{{ 1 +", "{{ 'a }}", "{% endif %}", "{{ a b }}", "{# x", "{{ x | nofilter }}",
    "{{ 1 is strange }}", "{% do 1 %}",
  ])
  func whatIsNoTemplateIsAnError(_ template: String) throws {
    let failure = #expect(throws: Failure.self) { try render(template) }
    #expect(failure?.code == .invalidFile)
  }

  @Test(arguments: [
    "{{ nothing.here }}", "{{ 1 / 0 }}", "{{ 'a' + 1 }}", "{{ range(10 ** 9)|list }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
  ]) func whatCannotBeComputedIsAnError(_ template: String) throws {
    #expect(throws: Failure.self) { try render(template) }
  }

  @Test func aFolderNamesItsTemplates() throws {
    let folder = try TemporaryFolder()
    let messages = try json(#"[{"role": "user", "content": "x"}]"#)
    func text(_ name: String? = nil, tools: Bool = false) throws -> String {
      let template = try ChatTemplates(HuggingFaceFolder(unchecked: folder.path)).template(name, hasTools: tools)
      let variables = try json(tools ? #"{"tools": [{}, {}]}"# : "{}")
      return try template.render(messages: messages, addGenerationPrompt: false, variables: variables)
    }
    #expect(throws: Failure.self) { try text() }
    try folder.write(
      "tokenizer_config.json",
      #"{"bos_token": {"content": "<b>"}, "chat_template": [{"name": "default", "template": "{{ bos_token }}d"}, "#
        + #"{"name": "tool_use", "template": "t{{ tools|length }}"}, {"name": "bad", "template": "{% if %}"}]}"#
    )
    #expect(try text() == "<b>d")
    #expect(try text(tools: true) == "t2")
    #expect(try text("default", tools: true) == "<b>d")
    #expect((#expect(throws: Failure.self) { try text("bad") })?.code == .invalidFile)
    #expect((#expect(throws: Failure.self) { try text("none") })?.code == .notFound)
    try folder.write("chat_template.jinja", "{{ messages[0].content }}{{ bos_token }}")
    #expect(try text() == "x<b>")
    // A tokenizer may be given as a file: the template stands beside it.
    try folder.write(
      "tokenizer.json", tokenizerJSON(#"{"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}"#))
    let beside = try Tokenizer(path: folder.path(of: "tokenizer.json")).chatTemplates.get()
    let written = try beside.template(nil, hasTools: false).render(messages: messages, addGenerationPrompt: false)
    #expect(written == "x<b>")
  }

  @Test func damagedTemplatesNeverTrap() throws {
    let template = Array(
      ("{%- for m in messages -%}{{ m['content'][1:] | trim ~ loop.index * 2 }}{% if m.role == \"user\" and not x is "
        + "defined %}{{ {'a': [1, 2]}|tojson }}{% endif %}{% endfor %}").unicodeScalars)
    var random = SplitMix(seed: 6)
    for _ in 0..<3_000 {
      var changed = template
      for _ in 0...random.below(3) {
        changed[random.below(changed.count)] =
          random.below(2) == 0 ? template[random.below(template.count)] : Unicode.Scalar(UInt8(random.below(128)))
      }
      if random.below(4) == 0 { changed = Array(changed.prefix(random.below(changed.count))) }
      _ = try? render(String(String.UnicodeScalarView(changed)))
    }
  }
}
