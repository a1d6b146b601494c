// A folder in the layout of sentence-transformers: what makes a vector of a text, written down as a list of modules.
import AttendBase

/// modules.json and what belongs to it, as sentence-transformers saves it (Reimers and Gurevych 2019,
/// arXiv:1908.10084): the folder of the transformer, and what comes behind it. The modules are read by who implements
/// them.
package struct SentenceFolder {
  /// A module behind the transformer.
  package struct Module {
    /// The last part of its type: "Pooling".
    package let kind: String
    /// The type as the file spells it.
    package let type: String
    /// Its folder, which need not exist for modules without settings.
    package let folder: HuggingFaceFolder

    /// Its config.json; an empty object where it has none.
    package func configuration() throws(Failure) -> Configuration {
      if let configuration = try folder.configuration("config.json") { return configuration }
      let (empty, file) = (StaticString("{}"), folder.path(of: "config.json"))
      return try Configuration(
        try JSON.parse(UnsafeRawBufferPointer(start: empty.utf8Start, count: empty.utf8CodeUnitCount), file: file))
    }
  }

  /// The path of modules.json.
  package let file: String
  /// The folder of the transformer: its configuration, weights and tokenizer. Often the folder itself.
  package let transformer: HuggingFaceFolder
  package let modules: [Module]
  /// The longest sequence that a text becomes; nil: the tokenizer says it.
  package let longest: Int?
  /// Whether texts become lower case before they are tokenized.
  package let lowercases: Bool
  /// Texts to be put before a text, by name.
  package let prompts: [String: String]
  /// The name of the one that is used where the caller asks for none.
  package let defaultPrompt: String?
  /// The number of components of an embedding that are kept; nil: all.
  package let longestEmbedding: Int?

  /// Reads modules.json; nil where the folder holds none.
  ///
  /// Throws `invalidFile` and `inputOutput`, and `unsupported` where the first module is no transformer that reads
  /// text, or another kind of model than one of sentence embeddings was saved.
  package init?(_ folder: HuggingFaceFolder) throws(Failure) {
    guard let json = try folder.json("modules.json") else { return nil }
    file = json.file
    var modules: [Module] = []
    for entry in json.elements { modules.append(try SentenceFolder.module(entry, in: folder)) }
    guard let first = modules.first else { throw Failure(.invalidFile, "\(file) is not a list of modules") }
    guard first.kind == "Transformer" else {
      throw Failure(.unsupported, "\(file): the first module, \(first.type), is not implemented")
    }
    transformer = first.folder
    self.modules = Array(modules.dropFirst())
    (longest, lowercases) = try SentenceFolder.settings(of: first.folder)
    let whole = try folder.configuration("config_sentence_transformers.json")
    try whole?.require("model_type", "SentenceTransformer")
    longestEmbedding = try whole?.optionalSize("truncate_dim")
    (prompts, defaultPrompt) = try whole.map(SentenceFolder.prompts) ?? ([:], nil)
  }

  private static func module(_ json: JSON, in folder: HuggingFaceFolder) throws(Failure) -> Module {
    let entry = try Configuration(json)
    let (type, path) = (try entry.string("type"), try entry.string("path"))
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard !path.hasPrefix("/"), !parts.contains(".."), !path.utf8.contains(0) else {
      throw entry.invalid("path", "is \(path.debugDescription), which is no folder of the model's")
    }
    guard type.hasPrefix("sentence_transformers."), let kind = type.split(separator: ".").last else {
      throw Failure(.unsupported, "\(entry.path): the module \(type) is not implemented")
    }
    return Module(kind: String(kind), type: type, folder: folder.folder(path))
  }

  /// The names that the transformer's settings have had.
  private static let settingsNames = ["bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"]
    .map { "sentence_\($0)_config.json" }

  /// The transformer's settings for its sequences. They are refused where something else than its last
  /// hidden states is asked for.
  private static func settings(
    of transformer: HuggingFaceFolder
  ) throws(Failure) -> (longest: Int?, lowercases: Bool) {
    guard let name = settingsNames.first(where: transformer.holds),
      let settings = try transformer.configuration(name)
    else { return (nil, false) }
    try settings.require("transformer_task", "feature-extraction")
    try settings.require("module_output_name", "token_embeddings")
    for key in ["query_length", "document_length", "query_expansion", "processing_kwargs"] {
      guard let value = settings.json[key], !value.isNull, value.bool != false, value.kind != .object || value.count > 0
      else { continue }
      throw Failure(.unsupported, "\(settings.path): \(key) is not implemented")
    }
    if let modalities = try settings.child("modality_config") {
      guard let text = try modalities.child("text") else {
        throw Failure(.unsupported, "\(settings.path): a modality_config without text is not implemented")
      }
      try text.require("method", "forward")
      try text.require("method_output_name", "last_hidden_state")
    }
    return (try settings.optionalSize("max_seq_length"), try settings.boolean("do_lower_case", default: false))
  }

  private static func prompts(_ settings: Configuration) throws(Failure) -> ([String: String], String?) {
    var prompts: [String: String] = [:]
    if let texts = try settings.child("prompts") {
      for (name, text) in texts.json.members {
        guard let name = name.string, let text = text.string else {
          throw settings.invalid("prompts", "holds something else than texts")
        }
        prompts[name] = text
      }
    }
    let name = try settings.optionalString("default_prompt_name")
    if let name, prompts[name] == nil {
      throw settings.invalid("default_prompt_name", "is \"\(name)\", which is not among the prompts")
    }
    return (prompts, name)
  }
}

extension Configuration {
  /// Throws `unsupported`, naming key and value, unless a key is absent or holds this text.
  package func require(_ key: String, _ implemented: String) throws(Failure) {
    if let value = try optionalString(key), value != implemented {
      throw Failure(.unsupported, "\(path): \(key) \"\(value)\" is not implemented")
    }
  }
}
