import AttendBase
import AttendCheckpoints

/// The chat templates of a checkpoint folder, read once with its tokenizer.
///
/// The default one is chat_template.jinja, or else `chat_template` in tokenizer_config.json; others stand in
/// additional_chat_templates/ or, with their names, in tokenizer_config.json.
package struct ChatTemplates: Sendable {
  private let path: String
  private let templates: [String: Result<ChatTemplate, Failure>]

  /// Reads the folder. What is wrong with one template is thrown when that one is asked for. Throws `inputOutput`,
  /// `invalidFile`.
  package init(_ folder: HuggingFaceFolder) throws(Failure) {
    self.path = folder.path
    let tokens = try ChatTemplates.specialTokens(folder)
    var templates: [String: Result<ChatTemplate, Failure>] = [:]
    func add(_ text: String, _ name: String, _ file: String) {
      templates[name] = Result { () throws(Failure) in
        try ChatTemplate(text, file: file, specialTokens: tokens)
      }
    }
    let configuration = try folder.json("tokenizer_config.json")
    if let template = configuration?["chat_template"] {
      let file = folder.path(of: "tokenizer_config.json")
      if let text = template.string { add(text, "default", file) }
      for entry in template.kind == .array ? template.elements.map({ $0 }) : [] {
        if let name = entry["name"]?.string, let text = entry["template"]?.string { add(text, name, file) }
      }
    }
    for (name, file) in ChatTemplates.files(folder) {
      if let text = try folder.text(file) {
        add(String(decoding: text.bytes, as: UTF8.self), name, folder.path(of: file))
        withExtendedLifetime(text) {}
      }
    }
    self.templates = templates
  }

  /// Whether the folder has none.
  package var isEmpty: Bool { templates.isEmpty }

  /// The template called `name`, or where that is nil the default one, which is another one for tools where there is
  /// one ("tool_use").
  ///
  /// Throws `notFound` where there is none, `invalidFile` and `unsupported` where it is none.
  package func template(_ name: String?, hasTools: Bool) throws(Failure) -> ChatTemplate {
    let wanted = name ?? (hasTools && templates["tool_use"] != nil ? "tool_use" : "default")
    guard let template = templates[wanted] else {
      let known = templates.keys.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
      let others = known.isEmpty ? "" : "; there is \(known)"
      throw Failure(.notFound, "\(path) holds no chat template\(name.map { " \"\($0)\"" } ?? "")\(others)")
    }
    return try template.get()
  }

  /// The texts that templates know as `bos_token` and so on.
  private static func specialTokens(_ folder: HuggingFaceFolder) throws(Failure) -> [String: String] {
    var tokens: [String: String] = [:]
    for file in ["special_tokens_map.json", "tokenizer_config.json"] {
      let json = try folder.json(file)
      for key in ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"] {
        if let value = json?[key], let text = value.string ?? value["content"]?.string { tokens[key] = text }
      }
    }
    return tokens
  }

  /// The files of templates, by name.
  private static func files(_ folder: HuggingFaceFolder) -> [(name: String, file: String)] {
    let others = "additional_chat_templates"
    return [("default", "chat_template.jinja")]
      + folder.folder(others).names { $0.hasSuffix(".jinja") }.map {
        (String($0.dropLast(6)), "\(others)/\($0)")
      }
  }
}
