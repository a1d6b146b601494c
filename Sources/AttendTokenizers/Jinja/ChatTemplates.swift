import AttendBase
import AttendCheckpoints
import Glibc

/// The chat templates of a checkpoint folder, read once with its tokenizer.
///
/// The default one is chat_template.jinja, or else `chat_template` in tokenizer_config.json; others stand in
/// additional_chat_templates/ or, with their names, in tokenizer_config.json.
package struct ChatTemplates: Sendable {
  private let path: String
  private let templates: [String: Result<ChatTemplate, Failure>]

  /// Reads the folder at `path`, or the one that a file stands in. What is wrong with one template is thrown when that
  /// one is asked for. Throws `inputOutput`, `invalidFile`.
  package init(path: String) throws(Failure) {
    var status = stat()
    let isFolder = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    let folder = TokenizerFolder(path: isFolder ? path : ChatTemplates.folder(of: path))
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
      let file = folder.file("tokenizer_config.json")
      if let text = template.string { add(text, "default", file) }
      for entry in template.kind == .array ? template.elements.map({ $0 }) : [] {
        if let name = entry["name"]?.string, let text = entry["template"]?.string { add(text, name, file) }
      }
    }
    for (name, file) in ChatTemplates.files(folder) { add(try ChatTemplates.text(of: file), name, file) }
    self.templates = templates
  }

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

  private static func folder(of file: String) -> String {
    guard let slash = file.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == file.startIndex ? "/" : String(file[..<slash])
  }

  /// The texts that templates know as `bos_token` and so on.
  private static func specialTokens(_ folder: TokenizerFolder) throws(Failure) -> [String: String] {
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
  private static func files(_ folder: TokenizerFolder) -> [(name: String, file: String)] {
    var files: [(name: String, file: String)] = []
    if folder.has("chat_template.jinja") { files.append(("default", folder.file("chat_template.jinja"))) }
    guard let entries = opendir(folder.file("additional_chat_templates")) else { return files }
    defer { closedir(entries) }
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name.hasSuffix(".jinja") else { continue }
      files.append((String(name.dropLast(6)), folder.file("additional_chat_templates/" + name)))
    }
    return files
  }

  private static func text(of file: String) throws(Failure) -> String {
    let file = try LoadedFile(file)
    return withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
  }
}
