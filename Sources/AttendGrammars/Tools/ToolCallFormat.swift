import AttendBase

/// The ways in which models write that they want functions called. The raw values are those of the option
/// `tool_format`.
package enum ToolCallFormat: String, Sendable, CaseIterable {
  /// `<tool_call>`, an object and `</tool_call>` on lines of their own: Hermes, Qwen, Granite 4.
  case hermes
  /// `{"name", "parameters"}`, maybe behind `<|python_tag|>`: Llama 3.
  case llama3
  /// `[TOOL_CALLS]` and an array: Mistral up to its third tokenizer.
  case mistral
  /// `[TOOL_CALLS]name[ARGS]` and the arguments, for each call: Mistral from its eleventh tokenizer on.
  case mistralNamed = "mistral_named"
  /// DeepSeek V3 and R1: the type and the name before a block of code, between marks in letters of its own.
  case deepSeek = "deepseek"
  /// DeepSeek V3.1: the name, a mark and the arguments.
  case deepSeekNamed = "deepseek_named"
  /// `<function=name>` and the arguments, closed by `</function>`: Functionary 3.1, Llama 3.1 with functions of one's
  /// own.
  case functionTag = "function_tag"
  /// `<|tool_call|>` and an array: Granite 3, Phi 4.
  case granite
  /// `Action:` and a block of code with an array: Command R and R+.
  case commandR = "command_r"
  /// `<|START_ACTION|>` and an array whose calls are numbered: Command R7B and A.
  case commandR7B = "command_r7b"
  /// A message to `functions.name` on the channel "commentary", which ends the answer: gpt-oss.
  case harmony
  /// An object, or an array of them, and nothing else.
  case json
}

extension ToolCallFormat {
  /// How calls are spelled.
  package struct Form: Sendable, Equatable {
    /// What stands before all calls, and behind them.
    package var begin = ""
    package var end = ""
    /// What stands before each call, and behind it.
    package var open = ""
    package var close = ""
    /// What stands between the number of a call, which is written behind `open`, and its name; nil: there is no number.
    package var number: String?
    /// What stands between the name of a function and its arguments; nil: an object holds both.
    package var middle: String?
    /// Whether a name before `middle` is a JSON string.
    package var quotesName = false
    /// What stands between two calls.
    package var separator = ""
    /// The key of the arguments in an object that holds both.
    package var arguments = "arguments"
    /// Whether the calls are an array between `open` and `close`, rather than each between its own.
    package var isArray = false
    /// Whether a call ends the answer.
    package var isLast = false
    /// Special tokens in the text around calls, which are none of it.
    package var around: [String] = []

    /// Whether several calls can be told apart.
    package var hasSeveral: Bool { !isLast && (isArray || !open.isEmpty) }

    /// The text with which calls begin: what text around them does not hold. Empty: they begin like an object.
    package var mark: String {
      var text = begin.isEmpty ? open : begin
      while text.utf8.last.map({ " \n".utf8.contains($0) }) ?? false { text.removeLast() }
      return text
    }

    /// All that is not JSON, for finding the special tokens in it.
    var frame: [String] { [begin, open, number ?? "", middle ?? "", close, separator, end] + around }
  }

  package var form: Form {
    switch self {
    case .hermes: Form(open: "<tool_call>\n", close: "\n</tool_call>", separator: "\n")
    case .llama3: Form(arguments: "parameters")
    case .mistral: Form(open: "[TOOL_CALLS]", isArray: true)
    case .mistralNamed: Form(open: "[TOOL_CALLS]", middle: "[ARGS]")
    case .deepSeek:
      Form(
        begin: DeepSeekMarks.allBegin, end: DeepSeekMarks.allEnd,
        open: DeepSeekMarks.begin + "function" + DeepSeekMarks.separator, close: "\n```" + DeepSeekMarks.end,
        middle: "\n```json\n", separator: "\n")
    case .deepSeekNamed:
      Form(
        begin: DeepSeekMarks.allBegin, end: DeepSeekMarks.allEnd, open: DeepSeekMarks.begin, close: DeepSeekMarks.end,
        middle: DeepSeekMarks.separator)
    case .functionTag: Form(open: "<function=", close: "</function>", middle: ">")
    case .granite: Form(open: "<|tool_call|>", isArray: true)
    case .commandR:
      Form(
        begin: "Action: ```json\n[\n", end: "\n]```", open: "    {\n        \"tool_name\": ", close: "\n    }",
        middle: ",\n        \"parameters\": ", quotesName: true, separator: ",\n")
    case .commandR7B:
      Form(
        begin: "<|START_ACTION|>[\n", end: "\n]<|END_ACTION|>", open: "    {\"tool_call_id\": \"", close: "}",
        number: "\", \"tool_name\": ", middle: ", \"parameters\": ", quotesName: true, separator: ",\n",
        around: ["<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"])
    case .harmony:
      Form(
        open: HarmonyMarks.channel + "commentary " + HarmonyMarks.recipient,
        middle: " <|constrain|>json" + HarmonyMarks.message, isLast: true,
        around: [HarmonyMarks.start, HarmonyMarks.end])
    case .json: Form()
    }
  }

  /// The names of all, for messages.
  package static var known: String { allCases.map(\.rawValue).joined(separator: ", ") }

  /// The format that a chat template teaches, by its marks; nil: none of those that are known.
  package static func taught(by template: String) -> ToolCallFormat? {
    func has(_ mark: String) -> Bool { template.holds(mark) }
    if has("[TOOL_CALLS]") { return has("[ARGS]") ? .mistralNamed : .mistral }
    if has(DeepSeekMarks.begin) { return has("```json") ? .deepSeek : .deepSeekNamed }
    // Qwen's coders put a tag for each parameter between these marks, which is another language.
    if has("<tool_call>") { return has("<parameter=") || has("<arg_key>") ? nil : .hermes }
    if has("<|tool_call|>") { return .granite }
    if has("<|START_ACTION|>") { return .commandR7B }
    if has("Action:"), has("tool_name") { return .commandR }
    if has(HarmonyMarks.channel), has(HarmonyMarks.message) { return .harmony }
    if has("<function=") { return .functionTag }
    if has("<|python_tag|>") || has("\"parameters\": dictionary") { return .llama3 }
    return nil
  }

  /// Whether a token spelled so is a part of how this format marks calls.
  package func marks(with token: String) -> Bool { !token.isEmpty && form.frame.contains { $0.holds(token) } }

  /// Whether a token spelled so tells a reader of calls, in any format.
  package static func isRead(_ token: String) -> Bool {
    token == "<|python_tag|>" || allCases.contains { $0.marks(with: token) }
  }
}

/// The marks of OpenAI's "harmony" format: an answer is made of messages, of which each has a channel and maybe a
/// recipient.
enum HarmonyMarks {
  static let start = "<|start|>assistant"
  static let channel = "<|channel|>"
  static let recipient = "to=functions."
  static let message = "<|message|>"
  static let end = "<|end|>"
  static let callEnd = "<|call|>"
}

/// The marks of DeepSeek's calls.
enum DeepSeekMarks {
  static let begin = mark("tool\u{2581}call\u{2581}begin")
  static let end = mark("tool\u{2581}call\u{2581}end")
  static let separator = mark("tool\u{2581}sep")
  static let allBegin = mark("tool\u{2581}calls\u{2581}begin")
  static let allEnd = mark("tool\u{2581}calls\u{2581}end")

  private static func mark(_ name: String) -> String { "<\u{FF5C}\(name)\u{FF5C}>" }
}

extension String {
  /// Whether the bytes of another text stand somewhere in this one.
  fileprivate func holds(_ part: String) -> Bool {
    let (bytes, wanted) = (Array(utf8), Array(part.utf8))
    guard wanted.count <= bytes.count else { return false }
    return (0...bytes.count - wanted.count).contains { bytes[$0...].starts(with: wanted) }
  }
}
