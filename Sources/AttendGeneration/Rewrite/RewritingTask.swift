import AttendBase
import AttendCheckpoints
import AttendLayers
import AttendModels
import AttendTokenizers

/// What an encoder-decoder is to make of texts: a text before each, tokens of languages, and options of generation that
/// hold where a call is silent. They are what config.json says in `task_specific_params`.
package struct RewritingTask {
  /// The text before each source; empty where there is none.
  package private(set) var prefix = ""
  /// What the task says of generation; nil: nothing.
  package private(set) var parameters: Configuration?
  private let languages: Languages
  /// The token of the source's language; nil: as the tokenizer writes it.
  private var sourceToken: Int32?
  /// The token of the target's language, where it stands before the source.
  private var leadingToken: Int32?

  /// A task by its name in `task_specific_params`: "summarization", "translation_en_to_de". One that stands there not
  /// is `invalidArgument` where it `mustExist`, with the names that there are; otherwise it says nothing.
  package init(_ name: String, of model: Model, mustExist: Bool = false) throws(Failure) {
    guard model.blueprint.kind == .encoderDecoder, model.head?.tellsNextToken == true else {
      throw Failure(
        .unsupported,
        "this checkpoint is of a \(model.blueprint.family) model, which is no encoder-decoder that writes texts: "
          + "\(name) needs one")
    }
    languages = Languages(try model.tokenizer.get())
    let tasks = try RewritingTask.tasks(of: model)
    if let task = tasks?[name] {
      try read(task, forcing: nil)
    } else if mustExist {
      throw RewritingTask.unknown(name, in: tasks, model.configText.path)
    }
  }

  private static func unknown(_ name: String, in tasks: JSON?, _ path: String) -> Failure {
    var known: [String] = []
    if let tasks { for (key, _) in tasks.members where known.count < listed { known.append(key.string ?? "") } }
    let names = known.isEmpty ? "it names none" : "there are \(known.joined(separator: ", "))"
    return Failure(.invalidArgument, "\(path): task_specific_params has no task '\(name)'; \(names)")
  }

  /// A translation. Languages are named as the tokenizer spells them, or as the pairs of `task_specific_params` do;
  /// nil: as the tokenizer writes sources, and as the checkpoint says.
  package init(translating model: Model, from source: String?, to target: String?) throws(Failure) {
    try self.init("translation", of: model)
    guard source != nil || target != nil else { return }
    let tasks = try RewritingTask.tasks(of: model)
    if let task = try RewritingTask.pair(in: tasks, source, target) {
      try read(task, forcing: nil)
      return
    }
    if let source { sourceToken = try languages.token(source, "src_lang") }
    guard let target else { return }
    let (token, isInSource) = try languages.target(target)
    if isInSource {
      leadingToken = token
    } else if model.generation.decoderStart != Int(token) {
      try read(tasks?["translation"], forcing: token)
    }
  }

  /// Tasks that an error lists.
  private static let listed = 20

  private static func tasks(of model: Model) throws(Failure) -> JSON? {
    let text = model.configText
    return try JSON.parse(text.bytes, file: text.path, owner: text)["task_specific_params"]
  }

  /// The task "translation_X_to_Y" of a pair; nil where there are none of that kind.
  private static func pair(in tasks: JSON?, _ source: String?, _ target: String?) throws(Failure) -> JSON? {
    guard let tasks else { return nil }
    var (first, count, pairs) = (JSON?.none, 0, [String]())
    for (key, task) in tasks.members {
      guard let name = key.string, name.hasPrefix("translation_") else { continue }
      let words = name.dropFirst("translation_".utf8.count).split(separator: "_")
      guard let to = words.firstIndex(of: "to"), to > 0, to + 1 < words.count else { continue }
      let (from, into) = (words[..<to].joined(separator: "_"), words[(to + 1)...].joined(separator: "_"))
      if pairs.count < listed { pairs.append("\(from) to \(into)") }
      guard source ?? from == from, target ?? into == into else { continue }
      first = first ?? task
      count += 1
    }
    guard !pairs.isEmpty else { return nil }
    guard count == 1 else {
      let asked = "src_lang \(source.map { "'\($0)'" } ?? "none") and tgt_lang \(target.map { "'\($0)'" } ?? "none")"
      throw Failure(
        .invalidArgument,
        "\(asked) name \(count == 0 ? "none" : "\(count)") of what the model translates: "
          + pairs.joined(separator: ", "))
    }
    return first
  }

  /// Takes what a task says, and `token` as the first of the output, where there is one.
  private mutating func read(_ task: JSON?, forcing token: Int32?) throws(Failure) {
    prefix = task?["prefix"]?.string ?? ""
    let text = ParameterText()
    try text.write("{")
    if let task {
      for (key, value) in task.members where !key.equals("prefix") {
        try text.write(text.isFresh ? "" : ", ")
        try text.write(key.source)
        try text.write(": ")
        try text.write(value.source)
      }
    }
    if let token { try text.write("\(text.isFresh ? "" : ", ")\"forced_bos_token_id\": \(token)") }
    try text.write("}")
    parameters = try Configuration(try JSON.parse(text.bytes, file: "task_specific_params", owner: text))
  }

  /// The ids of a source, of those that the tokenizer gives to it.
  package func ids(_ encoding: Encoding) throws(Failure) -> GrowingList<Int32> {
    var ids = GrowingList<Int32>(for: "a source")
    if let sourceToken {
      ids = try languages.mark(encoding.ids.buffer, with: sourceToken)
    } else {
      try ids.append(contentsOf: encoding.ids.buffer)
    }
    if let leadingToken { try ids.insert(leadingToken, at: 0) }
    return ids
  }

  /// Tokens that a source may have besides those of its encoding.
  package var addedCount: Int { (sourceToken == nil ? 0 : 1) + (leadingToken == nil ? 0 : 1) }
}

/// The text of an object in the making.
private final class ParameterText: @unchecked Sendable {
  private var list = GrowingList<UInt8>(for: "the parameters of a task")

  /// Whether no member stands in it.
  var isFresh: Bool { list.count <= 1 }
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(list.elements) }

  func write(_ text: String) throws(Failure) { for byte in text.utf8 { try list.append(byte) } }
  func write(_ text: UnsafeRawBufferPointer) throws(Failure) { for byte in text { try list.append(byte) } }
}
