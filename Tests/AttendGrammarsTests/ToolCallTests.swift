import AttendBase
import AttendCheckpoints
import AttendGrammars
import Testing

@Suite struct ToolCallTests {
  private let tools = """
    [{"type": "function", "function": {"name": "weather", "description": "The weather", "parameters":
      {"type": "object", "properties": {"city": {"$ref": "#/$defs/city"}, "days": {"type": "integer", "minimum": 1}},
       "required": ["city"], "$defs": {"city": {"type": "string", "minLength": 1}}}}},
     {"type": "function", "function": {"name": "now"}}]
    """

  private func matcher(
    _ format: ToolCallFormat, _ content: ToolCalls.Content = .calls, several: Bool
  ) throws -> SchemaMatcher {
    let calls = try ToolCalls(SchemaMatcher.json(tools))
    let options = JSONSchema.Options(anyWhitespace: false, strict: true)
    return try SchemaMatcher(calls.grammar(format.form, content, several: several, options))
  }

  @Test func callsHaveTheArgumentsOfTheirFunction() throws {
    let one = try matcher(.json, several: false)
    #expect(try one.accepts(#"{"name": "weather", "arguments": {"city": "Oslo", "days": 3}}"#))
    #expect(try one.accepts(#"{"name": "now", "arguments": {}}"#))
    #expect(try !one.accepts(#"{"name": "weather", "arguments": {"days": 3}}"#))
    #expect(try !one.accepts(#"{"name": "weather", "arguments": {"city": "", "days": 3}}"#))
    #expect(try !one.accepts(#"{"name": "now", "arguments": {"city": "Oslo"}}"#))
    #expect(try !one.accepts(#"{"name": "then", "arguments": {}}"#))
  }

  @Test func formsAreThoseOfTheModels() throws {
    let now = #"{"name": "now", "arguments": {}}"#
    let hermes = try matcher(.hermes, several: true)
    let call = "<tool_call>\n\(now)\n</tool_call>"
    #expect(try hermes.accepts(call))
    #expect(try hermes.accepts(call + "\n" + call))
    #expect(try !hermes.accepts(now))
    let mistral = try matcher(.mistral, several: true)
    #expect(try mistral.accepts("[TOOL_CALLS][\(now), \(now)]"))
    #expect(try mistral.accepts("[TOOL_CALLS] [\(now)]"))
    #expect(try !mistral.accepts("[TOOL_CALLS][]"))
    #expect(try matcher(.llama3, several: false).accepts(#"{"name": "now", "parameters": {}}"#))
    #expect(throws: Failure.self) { try matcher(.llama3, several: true) }
  }

  @Test func namesStandBeforeTheArguments() throws {
    let tag = try matcher(.functionTag, several: true)
    #expect(try tag.accepts("<function=now>{}</function><function=weather>{\"city\": \"Oslo\"}</function>"))
    #expect(try !tag.accepts("<function=now>{\"city\": \"Oslo\"}</function>"))
    #expect(try !tag.accepts("<function=then>{}</function>"))
    let mistral = try matcher(.mistralNamed, several: true)
    #expect(try mistral.accepts("[TOOL_CALLS]now[ARGS]{}[TOOL_CALLS]weather[ARGS]{\"city\": \"O\", \"days\": 2}"))
    #expect(try !mistral.accepts("[TOOL_CALLS]weather[ARGS]{\"days\": 2}"))
  }

  /// What a grammar makes a model write is read back, in every format.
  @Test(arguments: ToolCallFormat.allCases) func whatIsWrittenIsRead(_ format: ToolCallFormat) throws {
    let form = format.form
    func call(_ name: String, _ arguments: String) -> String {
      if let middle = form.middle {
        let open = form.number.map { "\(form.open)12\($0)" } ?? form.open
        return open + (form.quotesName ? "\"\(name)\"" : name) + middle + arguments + form.close
      }
      let object = "{\"name\": \"\(name)\", \"\(form.arguments)\": \(arguments)}"
      return form.isArray ? object : form.open + object + form.close
    }
    var text = call("weather", #"{"city": "Oslo </tool_call>"}"#)
    if form.hasSeveral { text += (form.isArray ? ", " : form.separator) + call("now", "{}") }
    if form.isArray { text = form.open + "[" + text + "]" + form.close }
    text = form.begin + text + form.end
    #expect(try matcher(format, several: form.hasSeveral).accepts(text))
    #expect(try matcher(format, .both, several: form.hasSeveral).accepts(text))
    #expect(try !matcher(format, .text, several: form.hasSeveral).accepts(text))
    let read = try ToolCallReader.read(text, format)
    #expect(read.calls == Array([weather, ToolCall(name: "now", arguments: "{}")].prefix(form.hasSeveral ? 2 : 1)))
    #expect(read.problems.isEmpty && read.content.isEmpty)
  }

  @Test(arguments: [ToolCallFormat.hermes, .mistral, .llama3]) func textHoldsNoCalls(_ format: ToolCallFormat) throws {
    for content in [ToolCalls.Content.text, .both] {
      let either = try matcher(format, content, several: false)
      #expect(try either.accepts("It is {sunny} in Oslo: 3 < 4 <tool") && either.accepts(""))
      #expect(try !either.accepts(format.form.mark + "{"))
    }
    let text = "Let me see."
    let call = #"{"name": "now", "arguments": {}}"#
    #expect(try matcher(.hermes, .both, several: false).accepts("\(text)\n<tool_call>\n\(call)\n</tool_call>"))
    #expect(try !matcher(.hermes, .both, several: false).accepts("\(text)\n<tool_call>\n{}\n</tool_call>"))
    #expect(try !matcher(.llama3, .both, several: false).accepts("  {}"))
  }

  @Test(
    arguments: [
      ("{{ '<tool_call>' }}", ToolCallFormat.hermes), ("'[TOOL_CALLS]' ~ name ~ '[ARGS]'", .mistralNamed),
      ("'[TOOL_CALLS] ['", .mistral), ("<|python_tag|>", .llama3), ("<function={{ name }}>", .functionTag),
      ("<|tool_call|>", .granite), ("<tool_call>\n<function=f>\n<parameter=x>", nil), ("{{ content }}", nil),
      ("'<|START_ACTION|>[' ~ tool_name", .commandR7B), ("'Action:```json [{ \"tool_name\"'", .commandR),
      ("'<|channel|>commentary json<|message|>'", .harmony),
    ] as [(String, ToolCallFormat?)]) func templatesTellTheFormat(_ template: String, _ format: ToolCallFormat?)
  {
    #expect(ToolCallFormat.taught(by: template) == format)
  }

  @Test func aMessageIsJSON() throws {
    let text = "Look \"here\":\n<tool_call>\n{\"name\": \"now\", \"arguments\": {\"a\": [1]}}\n</tool_call>"
    let message = try SchemaMatcher.json(ToolCallReader.read(text).message)
    #expect(message["role"]?.string == "assistant" && message["content"]?.string == "Look \"here\":\n")
    let function = message["tool_calls"]?[0]?["function"]
    #expect(function?["name"]?.string == "now" && function?["arguments"]?["a"]?[0]?.int == 1)
    #expect(try SchemaMatcher.json(ToolCallReader.read("<tool_call>").message)["problems"]?.count == 1)
  }

  @Test(arguments: [
    "{}", "[{}]", #"[{"name": ""}]"#, #"[{"name": "a"}, {"name": "a"}]"#,
    #"[{"type": "retrieval", "function": {"name": "a"}}]"#,
  ]) func whatIsNoToolIsAnError(_ text: String) throws {
    #expect(throws: Failure.self) { try ToolCalls(SchemaMatcher.json(text)) }
  }

  // MARK: - Reading

  private let weather = ToolCall(name: "weather", arguments: #"{"city": "Oslo </tool_call>"}"#)

  @Test(arguments: [
    "Let me see.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo </tool_call>\"}}\n</tool_call>",
    #"{"name": "weather", "parameters": {"city": "Oslo </tool_call>"}}"#,
    #"<|python_tag|>{"name": "weather", "parameters": {"city": "Oslo </tool_call>"}}"#,
    #"[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Oslo </tool_call>"}}]"#,
    #"[TOOL_CALLS]weather[ARGS]{"city": "Oslo </tool_call>"}"#,
    #"{"function": {"name": "weather", "arguments": "{\"city\": \"Oslo </tool_call>\"}"}}"#,
    """
    <\u{FF5C}tool\u{2581}calls\u{2581}begin\u{FF5C}><\u{FF5C}tool\u{2581}call\u{2581}begin\u{FF5C}>function\
    <\u{FF5C}tool\u{2581}sep\u{FF5C}>weather
    ```json
    {"city": "Oslo </tool_call>"}
    ```<\u{FF5C}tool\u{2581}call\u{2581}end\u{FF5C}><\u{FF5C}tool\u{2581}calls\u{2581}end\u{FF5C}>
    """,
    """
    <\u{FF5C}tool\u{2581}call\u{2581}begin\u{FF5C}>weather<\u{FF5C}tool\u{2581}sep\u{FF5C}>\
    {"city": "Oslo </tool_call>"}<\u{FF5C}tool\u{2581}call\u{2581}end\u{FF5C}>
    """,
    """
    Action: ```json
    [
        {
            "tool_name": "weather",
            "parameters": {"city": "Oslo </tool_call>"}
        }
    ]```
    """,
    """
    <|START_THINKING|><|END_THINKING|><|START_ACTION|>[
        {"tool_call_id": "0", "tool_name": "weather", "parameters": {"city": "Oslo </tool_call>"}}
    ]<|END_ACTION|>
    """,
    #"<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Oslo </tool_call>"}"#,
    #" to=functions.weather<|channel|>commentary json<|message|>{"city": "Oslo </tool_call>"}<|call|>"#,
  ]) func callsAreReadBack(_ text: String) throws {
    let read = try ToolCallReader.read(text, text.hasPrefix("Let") ? .hermes : detected(text))
    #expect(read.calls == [weather], "\(read.problems)")
    #expect(read.problems.isEmpty)
    #expect(read.content == (text.hasPrefix("Let") ? "Let me see.\n" : ""))
  }

  /// The format of a text that is not told by its marks, of which the arguments above hold one.
  private func detected(_ text: String) -> ToolCallFormat? {
    let formats: [(String, ToolCallFormat)] = [
      ("{", .json), ("Action", .commandR), ("<|START", .commandR7B), ("<|channel|>", .harmony), (" to=", .harmony),
    ]
    return formats.first { text.hasPrefix($0.0) }?.1
  }

  /// Thoughts and answer are messages of their own; what the template writes between them is none of the text.
  @Test func messagesOfHarmonyAreTakenApart() throws {
    let thought = "<|channel|>analysis<|message|>It asks for the weather.<|end|><|start|>assistant"
    let call = "<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}"
    let answer = "<|channel|>final<|message|>It rains."
    let both = try ToolCallReader.read(thought + call)
    #expect(both.calls == [ToolCall(name: "now", arguments: "{}")] && both.problems.isEmpty)
    #expect(both.content == "It asks for the weather.")
    let text = try ToolCallReader.read(thought + answer)
    #expect(text.content == "It asks for the weather.\nIt rains." && text.calls.isEmpty && text.problems.isEmpty)
    let either = try matcher(.harmony, .both, several: false)
    #expect(try either.accepts(thought + call) && either.accepts(thought + answer))
    #expect(try !either.accepts(thought + call + call) && !either.accepts(thought + call.dropLast(2)))
    #expect(try ToolCallReader.read("<|channel|>commentary to=functions.now<|message|>{").problems.count == 1)
  }

  @Test func numbersAndNamesAreThoseOfTheTemplate() throws {
    let numbered = try matcher(.commandR7B, several: true)
    func call(_ number: String, _ name: String) -> String {
      "<|START_ACTION|>[\n    {\"tool_call_id\": \"\(number)\", \"tool_name\": \"\(name)\", "
        + "\"parameters\": {}}\n]<|END_ACTION|>"
    }
    #expect(try numbered.accepts(call("0", "now")) && numbered.accepts(call("17", "now")))
    #expect(try !numbered.accepts(call("", "now")) && !numbered.accepts(call("07", "now")))
    #expect(try !numbered.accepts(call("0", "then")) && !numbered.accepts(call("0", "weather")))
    let text = "<|START_RESPONSE|>It rains.<|END_RESPONSE|>"
    #expect(try matcher(.commandR7B, .both, several: true).accepts(text))
    #expect(try ToolCallReader.read(text, .commandR7B).content == "It rains.")
  }

  @Test func severalCallsAreRead() throws {
    let text = #"{"name": "a", "parameters": {}}; {"name": "b", "parameters": {"x": [1, "}"]}}"#
    #expect(try ToolCallReader.read(text, .llama3).calls.map(\.name) == ["a", "b"])
    #expect(try ToolCallReader.read(#"[{"name": "a"}, {"name": "b"}]"#).calls.map(\.name) == ["a", "b"])
  }

  @Test(arguments: [
    "<tool_call>{\"name\": \"a\"", "<tool_call>a</tool_call>", "[TOOL_CALLS][{\"name\": \"a\"}", "[TOOL_CALLS]",
    "{\"name\": \"a\", \"arguments\": 3}", "{\"arguments\": {}}", "{\"name\": \"a\", \"arguments\": \"{\"}",
    "[TOOL_CALLS]a[ARGS]", "<tool_call>{\"name\": \"a\"} and more</tool_call>", "<|python_tag|>print(1)",
  ]) func whatCannotBeReadIsReported(_ text: String) throws {
    let read = try ToolCallReader.read(text)
    #expect(read.calls.isEmpty)
    #expect(read.problems.count == 1)
  }

  @Test func textWithoutCallsIsContent() throws {
    let read = try ToolCallReader.read("It is sunny in Oslo.")
    #expect(read.calls.isEmpty && read.problems.isEmpty && read.content == "It is sunny in Oslo.")
  }
}
