import AttendBase
import AttendCheckpoints
import AttendGrammars

/// The functions that an answer may call: the options tools, tool_choice, parallel_tool_calls (by OpenAI's names) and
/// tool_format.
package struct ToolOptions: Sendable {
  /// What an answer must be.
  package enum Choice: Sendable, Equatable {
    /// Whatever the model writes; tool_choice is not given.
    case free
    /// Text without a call.
    case none
    /// Text; what begins as a call is a valid one.
    case auto
    /// A call.
    case required
    /// A call of this function.
    case function(String)
  }

  /// The tools as they were given, for the chat template.
  package let json: JSON
  package let choice: Choice
  /// How the model writes calls; nil: as its chat template says.
  package let format: ToolCallFormat?
  private let calls: ToolCalls
  private let several: Bool?

  /// Nil where no tools are given. Throws `invalidArgument`.
  init?(_ reader: OptionReader) throws(Failure) {
    let choice = try ToolOptions.choice(reader.json("tool_choice"))
    let several = try reader.boolean("parallel_tool_calls")
    let format = try ToolOptions.format(reader)
    guard let json = reader.json("tools"), !json.isNull else {
      for name in ["tool_choice", "parallel_tool_calls"] where reader.isAsked(name) {
        throw Failure(.invalidArgument, "\(name) is set, and there are no tools")
      }
      return nil
    }
    var calls = try ToolCalls(json)
    if case .function(let name) = choice {
      do throws(Failure) { try calls.keep(only: name) } catch {
        throw Failure(error.code, "tool_choice: \(error.message)")
      }
    }
    if choice == .required, calls.tools.isEmpty {
      throw Failure(.invalidArgument, "tool_choice is \"required\", and tools is empty")
    }
    (self.json, self.choice, self.format, self.calls, self.several) = (json, choice, format, calls, several)
  }

  private static func format(_ reader: OptionReader) throws(Failure) -> ToolCallFormat? {
    guard let name = try reader.string("tool_format") else { return nil }
    guard let format = ToolCallFormat(rawValue: name) else {
      throw Failure(.invalidArgument, "tool_format is \"\(name)\"; known are \(ToolCallFormat.known)")
    }
    return format
  }

  /// "none", "auto", "required", the name of a function, or `{"type": "function", "function": {"name": ...}}`.
  private static func choice(_ json: JSON?) throws(Failure) -> Choice {
    guard let json, !json.isNull else { return .free }
    switch json.string {
    case "none": return .none
    case "auto": return .auto
    case "required": return .required
    case let name?: return .function(name)
    case nil:
      guard let name = (json["function"] ?? json)["name"]?.string else {
        throw Failure(
          .invalidArgument,
          "tool_choice is \(json.excerpt), expected \"none\", \"auto\", \"required\" or a function by its name")
      }
      return .function(name)
    }
  }

  /// The language of the answer for a model that writes calls as `taught`; nil: any text.
  func constraint(taught: ToolCallFormat?) throws(Failure) -> GenerationOptions.Constraint? {
    guard choice != .free else { return nil }
    guard let format = format ?? taught else {
      throw Failure(
        .unsupported,
        "tool_choice is set, and the model's chat template has none of the known marks of calls: tool_format says how "
          + "it writes them, as one of \(ToolCallFormat.known)")
    }
    let content: ToolCalls.Content =
      switch choice {
      case .none: .text
      case .auto: calls.tools.isEmpty ? .text : .both
      default: .calls
      }
    return .calls(
      Language(
        calls: calls, tools: String(decoding: json.source, as: UTF8.self), choice: choice, format: format,
        content: content, several: several ?? format.form.hasSeveral))
  }

  /// The language of answers with calls.
  package struct Language: Sendable, Equatable {
    fileprivate let calls: ToolCalls
    fileprivate let tools: String
    fileprivate let choice: Choice
    let format: ToolCallFormat
    fileprivate let content: ToolCalls.Content
    fileprivate let several: Bool

    func grammar() throws(Failure) -> Grammar {
      let options = JSONSchema.Options(anyWhitespace: false, strict: true)
      return try calls.grammar(format.form, content, several: several, options)
    }

    package static func == (one: Language, other: Language) -> Bool {
      (one.tools, one.choice, one.format, one.content, one.several)
        == (other.tools, other.choice, other.format, other.content, other.several)
    }
  }
}
