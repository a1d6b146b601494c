// Templates of every construct of Jinja and templates in the manner of today's models, against what transformers
// renders (Tests/Fixtures/chat/make.py); and how the work of a rendering grows.
import AttendBase
import AttendCheckpoints
import AttendTestSupport
import AttendTokenizers
import Testing

@Suite struct ChatFixtureTests {
  private static let tokens = ["bos_token": "<s>", "eos_token": "</s>"]

  private static func file(_ name: String) throws -> JSON {
    try JSON.file(Folder.repository + "/Tests/Fixtures/chat/" + name)
  }

  @Test func templatesRenderAsTransformersDoes() throws {
    let given = try Self.file("templates.json")
    let expected = try Self.file("expected.json").elements.map { $0 }
    let messages = try #require(given["messages"]), variables = try #require(given["variables"])
    var cases = try #require(given["templates"]).elements.map { ($0.string ?? "", messages, variables) }
    for own in try #require(given["own"]).elements {
      cases.append((own["template"]?.string ?? "", own["messages"] ?? messages, own["variables"] ?? variables))
    }
    try #require(cases.count == expected.count)
    for ((text, messages, variables), expected) in zip(cases, expected) {
      let rendered = try? ChatTemplate(text, file: "chat_template.jinja", specialTokens: Self.tokens).render(
        messages: messages, addGenerationPrompt: true, variables: variables)
      #expect(rendered == expected.string, "\(text)")
    }
  }

  @Test func templatesInTheMannerOfModelsRenderAsTransformersDoes() throws {
    let conversations = try Self.file("conversations.json").elements.map { $0 }
    let families = try Self.file("families.json").members.map { ($0.key.string ?? "", $0.value) }
    #expect(families.count >= 100)
    for (name, cases) in families {
      let file = try LoadedFile(Folder.repository + "/Tests/Fixtures/chat/families/" + name + ".jinja")
      let text = withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
      let template = try ChatTemplate(text, file: name, specialTokens: Self.tokens)
      for (index, expected) in cases.members.map({ (Int($0.key.string ?? "") ?? -1, $0.value) }) {
        try #require(conversations.indices.contains(index))
        let given = conversations[index]
        let rendered = try? template.render(
          messages: try #require(given["messages"]),
          addGenerationPrompt: given["add_generation_prompt"]?.bool ?? false, variables: given["variables"])
        #expect(rendered == expected.string, "\(name), conversation \(index)")
      }
    }
  }

  /// Steps for a message of `count` letters.
  private func steps(_ template: String, _ count: Int, letter: String) throws -> Int {
    let folder = try TemporaryFolder()
    let content = String(repeating: letter, count: count)
    try folder.write("messages.json", #"[{"role": "user", "content": "\#(content)"}]"#)
    let template = try ChatTemplate("{% set c = messages[0].content %}" + template, file: "chat_template.jinja")
    return try template.rendered(
      messages: try JSON.file(folder.path(of: "messages.json")), addGenerationPrompt: false
    ).steps
  }

  @Test(
    arguments: [
      "{{ c.split('a')|length }}", "{{ c.split('ab')|length }}", "{{ c.replace('a', 'bb') }}", "{{ c|e }}",
      "{{ c.count('aaaaaaab') }}", "{{ c.strip() }}", "{{ c.rsplit('a', 1)|length }}", "{{ c|upper|tojson }}",
      "{{ c.rfind('aab') }}", "{% for x in c %}{{ x }}{{ c[loop.index0] }}{% endfor %}", "{{ c|striptags }}",
      "{{ c|wordcount }}{{ c|title }}{{ c|indent }}", "{{ '%s' % c }}{{ '{}'.format(c) }}", "{{ c.splitlines() }}",
      "{{ c|truncate(10) }}{{ c|wordwrap(20) }}{{ c|urlencode }}", "{{ c|list|join('-') }}",
      "{{ c|urlize }}{{ c.swapcase() }}",
    ], ["a", "<", " ", "é"])
  func workIsLinearInTheMessage(_ template: String, _ letter: String) throws {
    let small = try steps(template, 2_000, letter: letter), large = try steps(template, 8_000, letter: letter)
    #expect(large < 5 * small, "\(small) steps, and \(large) for four times the letters")
  }

  @Test(arguments: [
    "{{ 'a' * 10 ** 10 }}", "{{ '{:>1000000000000}'.format(1) }}", "{{ '%1000000000s' % 1 }}",
    "{{ 10 ** 9999999 }}",
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "{{ 'a'.center(10 ** 12) }}",
    "{% set n = namespace(s='a') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
    "{% set n = namespace(l=[]) %}{% for i in range(999) %}{% set n.l = [n.l] %}{% endfor %}",
    "{{ [1]|batch(10 ** 12, 'x')|list }}", "{{ [1]|tojson(indent=10 ** 10) }}", "{{ [[1] * 99999] * 99999 }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{% macro f(a=f()) %}{% endmacro %}{{ f() }}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{{ 'a'.replace('', 'b' * 99999)|replace('b', 'c' * 9999) }}",
    String(repeating: "{% if 1 %}", count: 9_999), "{{ " + String(repeating: "(", count: 9_999),
    "{{ " + String(repeating: "-", count: 9_999) + "1 }}", "{{ 1" + String(repeating: " + 1", count: 9_999) + " }}",
    "{{ 1" + String(repeating: "|abs", count: 9_999) + " }}",
  ]) func whatNeedsTooMuchIsRefused(_ template: String) throws {
    let failure = #expect(throws: Failure.self) { try steps(template, 1, letter: "a") }
    #expect(failure?.code == .invalidFile && failure?.message.contains("budget") == true)
  }
}
