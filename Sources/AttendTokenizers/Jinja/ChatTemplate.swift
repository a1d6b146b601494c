import AttendBase
import AttendCheckpoints
import Glibc

/// Turns a conversation into the text that a model was trained on, by the template of its checkpoint. Immutable.
///
/// Templates are those of Hugging Face: Jinja with the filters, tests and methods that models use. What is beyond is
/// `unsupported` and named.
package final class ChatTemplate: @unchecked Sendable {
  // Nodes hold literals alone: no part of a parsed template changes.
  private let nodes: [JinjaNode]
  private let file: String
  private let specialTokens: [String: JinjaValue]

  /// The template in `text`; `file` is for messages. `specialTokens` are variables such as "bos_token".
  package init(_ text: String, file: String, specialTokens: [String: String] = [:]) throws(Failure) {
    self.file = file
    self.specialTokens = specialTokens.mapValues { .string($0) }
    nodes = try JinjaParser.parse(text, file: file)
  }

  /// The template of a checkpoint folder: chat_template.jinja, or else `chat_template` in tokenizer_config.json, where
  /// of several the one called `name`, or else "default", counts. Throws `notFound` where there is none, `invalidFile`,
  /// `unsupported`.
  package convenience init(folder path: String, name: String? = nil) throws(Failure) {
    let folder = TokenizerFolder(path: path)
    let configuration = try folder.json("tokenizer_config.json")
    var tokens: [String: String] = [:]
    for key in ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"] {
      if let value = configuration?[key], let text = value.string ?? value["content"]?.string { tokens[key] = text }
    }
    if name == nil, folder.has("chat_template.jinja") {
      let file = folder.file("chat_template.jinja")
      let mapped = try MappedFile(file)
      try self.init(String(decoding: mapped.bytes, as: UTF8.self), file: file, specialTokens: tokens)
      return
    }
    let template = configuration?["chat_template"]
    let text =
      template?.string ?? template?.elements.first { $0["name"]?.string == name ?? "default" }?["template"]?.string
    guard let text else { throw Failure(.notFound, "\(path) holds no chat template\(name.map { " \"\($0)\"" } ?? "")") }
    try self.init(text, file: folder.file("tokenizer_config.json"), specialTokens: tokens)
  }

  /// The text of a conversation. `messages` is a list of objects, each with its "role" and "content" or whatever else
  /// the template reads; `variables` is an object whose members the template sees too ("tools", "documents", ...), or
  /// nil.
  ///
  /// Throws `invalidArgument` where the template refuses the conversation (raise_exception), with its words, or meets
  /// values that it has no use for; `unsupported` for what is beyond this interpreter.
  package func render(messages: JSON, addGenerationPrompt: Bool, variables: JSON? = nil) throws(Failure) -> String {
    guard messages.kind == .array else { throw Failure(.invalidArgument, "messages should be a list") }
    var names = specialTokens
    for member in variables?.members.map({ $0 }) ?? [] { names[member.key.string ?? ""] = JinjaValue(member.value) }
    names["messages"] = JinjaValue(messages)
    names["add_generation_prompt"] = .bool(addGenerationPrompt)
    for name in ["tools", "documents"] where names[name] == nil { names[name] = JinjaValue.none }
    return try JinjaInterpreter.render(nodes, file: file, variables: names)
  }
}
