import AttendBase
import AttendCheckpoints

/// The files of a checkpoint folder that have to do with its tokenizer.
///
/// Where several are there, the first of these counts: tokenizer.json; source.spm with vocab.json (Marian);
/// spiece.model, tokenizer.model, sentencepiece.model; vocab.txt (BERT); vocab.json with merges.txt (GPT-2 and its
/// kin); a file *.tiktoken.
struct TokenizerFolder {
  let files: HuggingFaceFolder

  init(_ files: HuggingFaceFolder) { self.files = files }
  init(path: String) { self.init(HuggingFaceFolder(unchecked: path)) }

  var path: String { files.path }
  func file(_ name: String) -> String { files.path(of: name) }
  func has(_ name: String) -> Bool { files.holds(name) }

  /// A file of JSON, or nil where it is not there.
  func json(_ name: String) throws(Failure) -> JSON? { try files.json(name) }

  func parts() throws(Failure) -> TokenizerParts {
    try UnicodeData.prepare()
    if let root = try json("tokenizer.json") { return try TokenizerJSON(root: root).parts() }
    let settings = try TokenizerSettings(self)
    if has("source.spm") {
      guard has("vocab.json") else {
        throw Failure(.notFound, "\(path) holds source.spm, and not the vocab.json that goes with it")
      }
      return try marianParts(settings)
    }
    for name in ["spiece.model", "tokenizer.model", "sentencepiece.model"] where has(name) {
      if let text = try files.text(name) { return try TokenizerParts.modelFile(text.bytes, text.path, settings) }
    }
    if has("vocab.txt") { return try TokenizerParts.bert(file("vocab.txt"), settings) }
    if has("vocab.json"), has("merges.txt") { return try bytePairParts(settings) }
    if let name = files.firstName(where: { $0.hasSuffix(".tiktoken") }) {
      return try TokenizerParts.tiktoken(file(name), settings)
    }
    throw Failure(
      .notFound,
      "\(path) holds no tokenizer (tokenizer.json, source.spm, spiece.model, tokenizer.model, vocab.txt, vocab.json "
        + "and merges.txt, *.tiktoken)"
    )
  }
}

extension TokenizerParts {
  /// A file *.model or *.spm: SentencePiece, or text that is tiktoken's.
  static func modelFile(_ path: String, _ settings: TokenizerSettings) throws(Failure) -> TokenizerParts {
    let mapped = try MappedFile(path)
    defer { withExtendedLifetime(mapped) {} }
    return try modelFile(mapped.bytes, path, settings)
  }

  /// The same of the content of such a file.
  static func modelFile(
    _ bytes: UnsafeRawBufferPointer, _ path: String, _ settings: TokenizerSettings
  ) throws(Failure) -> TokenizerParts {
    // tiktoken's lines are printable; a SentencePiece file starts with the tag of its first piece, a line feed.
    if !bytes.isEmpty, bytes.prefix(16).allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return try tiktoken(path, settings) }
    return try sentencePiece(try SentencePieceFile(bytes, file: path), settings)
  }

  /// Finds the tokenizer of a folder, or reads the file given by the rules of its name.
  init(path: String) throws(Failure) {
    if try HuggingFaceFolder.isModel(path) {
      try self.init(TokenizerFolder(try HuggingFaceFolder(path)))
      return
    }
    try UnicodeData.prepare()
    if path.hasSuffix(".model") || path.hasSuffix(".spm") {
      self = try TokenizerParts.modelFile(path, TokenizerSettings())
    } else if path.hasSuffix(".tiktoken") {
      self = try TokenizerParts.tiktoken(path, TokenizerSettings())
    } else if path.hasSuffix(".txt") {
      self = try TokenizerParts.bert(path, TokenizerSettings())
    } else {
      self = try TokenizerJSON(root: try JSON.file(path)).parts()
    }
    let folder = path.contains("/") ? String(path[..<path.lastIndex(of: "/")!]) : "."
    readBeside(TokenizerFolder(path: folder))
  }

  /// Finds the tokenizer of a folder.
  init(_ folder: TokenizerFolder) throws(Failure) {
    self = try folder.parts()
    readBeside(folder)
  }

  /// Reads what stands beside the vocabulary. What is wrong with it is told to those who ask for it.
  private mutating func readBeside(_ folder: TokenizerFolder) {
    settings = Result { () throws(Failure) in try TokenizerSettings(folder) }
    chatTemplates = Result { () throws(Failure) in try ChatTemplates(folder.files) }
  }
}

/// The files beside a vocabulary that speak of it: tokenizer_config.json, special_tokens_map.json, added_tokens.json,
/// config.json.
struct TokenizerSettings {
  /// tokenizer_class without its ending "Fast", or else what model_type stands for; empty where neither is known.
  var tokenizerClass = ""
  private(set) var configuration: JSON?
  private(set) var specialTokens: JSON?
  private var addedTokens: JSON?

  init() {}

  init(_ folder: TokenizerFolder) throws(Failure) {
    configuration = try folder.json("tokenizer_config.json")
    specialTokens = try folder.json("special_tokens_map.json")
    addedTokens = try folder.json("added_tokens.json")
    var name = configuration?["tokenizer_class"]?.string ?? ""
    if name.hasSuffix("Fast") { name.removeLast(4) }
    if name.isEmpty || name == "PreTrainedTokenizer", let type = try folder.json("config.json")?["model_type"]?.string {
      name = TokenizerSettings.classes[type] ?? ""
    }
    tokenizerClass = name
  }

  private static let classes = [
    "roberta": "RobertaTokenizer", "bart": "BartTokenizer", "longformer": "LongformerTokenizer", "led": "LEDTokenizer",
    "clip": "CLIPTokenizer", "clip_text_model": "CLIPTokenizer", "t5": "T5Tokenizer", "mt5": "T5Tokenizer",
    "umt5": "T5Tokenizer", "llama": "LlamaTokenizer", "mistral": "LlamaTokenizer", "mixtral": "LlamaTokenizer",
    "gemma": "GemmaTokenizer", "gemma2": "GemmaTokenizer", "bert": "BertTokenizer", "marian": "MarianTokenizer",
    "gpt2": "GPT2Tokenizer", "dallebart": "BartTokenizer",
  ]

  func bool(_ key: String, default value: Bool) -> Bool { configuration?[key]?.bool ?? value }
  /// The setting, or nil where it is null or not there.
  func optionalBool(_ key: String) -> Bool? { configuration?[key]?.bool }
  func int(_ key: String) -> Int? { configuration?[key]?.int }

  /// The files that name special tokens, the one that counts first: as transformers reads them, special_tokens_map.json
  /// where tokenizer_config.json is of the time before it listed all added tokens.
  var stating: [JSON?] {
    configuration?["added_tokens_decoder"] == nil ? [specialTokens, configuration] : [configuration]
  }

  /// The text of a special token such as "cls_token".
  func token(_ key: String, default value: String? = nil) -> [UInt8]? {
    for json in stating {
      guard let found = json?[key] else { continue }
      if let text = found.withUTF8({ Array($0) }) ?? found["content"]?.withUTF8({ Array($0) }) { return text }
    }
    return value.map { Array($0.utf8) }
  }

  /// The token of this text as the files spell it out with its flags, where they do.
  private func flags(of content: [UInt8]) -> JSON? {
    for key in TokenizerSettings.specialKeys where token(key) == content {
      for json in stating { if let found = json?[key] { return found.kind == .object ? found : nil } }
    }
    return nil
  }

  /// Makes the texts of `special` added tokens, and those that added_tokens.json and tokenizer_config.json list, where
  /// the vocabulary or the list gives them an id.
  func added(special: [[UInt8]], _ vocabulary: Vocabulary) throws(Failure) -> AddedTokenList {
    var texts = TextList(for: "the special tokens")
    for text in special { try texts.append(text) }
    let tokens = AddedTokenList()
    try add(to: tokens, special: texts, vocabulary)
    return tokens
  }

  /// The same behind others.
  func add(to tokens: AddedTokenList, special: borrowing TextList, _ vocabulary: Vocabulary) throws(Failure) {
    let specialTexts = try TokenMap(capacity: special.count), listed = try TokenMap(capacity: 0)
    for index in 0..<special.count { try specialTexts.insert(special[index], 0) }
    try TokenizerSettings.forEachMember(of: addedTokens) { key, value throws(Failure) in
      guard let id = value.int, id >= 0, id < Vocabulary.limit else {
        throw value.invalid("a token id should be a number from 0 to \(Vocabulary.limit - 1)")
      }
      guard let content = key.utf8, !content.isEmpty else { return }
      let isSpecial = specialTexts.find(content) >= 0
      try tokens.append(content, AddedToken(id: Int32(id), isNormalized: !isSpecial, isSpecial: isSpecial))
      if listed.find(content) < 0 { try listed.insert(content, Int32(id)) }
    }
    for index in 0..<special.count where !special[index].isEmpty {
      let known = vocabulary.id(special[index])
      let id = known >= 0 ? known : listed.find(special[index])
      if id >= 0 {
        try tokens.append(
          special[index], AddedToken(id: id, flags: flags(of: Array(special[index])), isSpecial: true))
      }
    }
    try TokenizerSettings.forEachMember(of: configuration?["added_tokens_decoder"]) { key, json throws(Failure) in
      guard let id = key.string.flatMap({ Int($0) }), id >= 0, id < Vocabulary.limit,
        let content = json["content"]?.utf8, !content.isEmpty
      else { throw json.invalid("an added token should have an id from 0 to \(Vocabulary.limit - 1) and its content") }
      let isSpecial = json["special"]?.bool ?? false
      try tokens.append(content, AddedToken(id: Int32(id), flags: json, isSpecial: isSpecial))
    }
  }

  private static func forEachMember(
    of json: JSON?, _ body: (_ key: JSON, _ value: JSON) throws(Failure) -> Void
  ) throws(Failure) {
    guard let json else { return }
    for (key, value) in json.members { try body(key, value) }
    withExtendedLifetime(json) {}
  }

  private static let specialKeys = [
    "unk_token", "bos_token", "eos_token", "pad_token", "cls_token", "sep_token", "mask_token",
  ]

  /// All special tokens that the files name.
  var namedSpecials: [[UInt8]] { TokenizerSettings.specialKeys.compactMap { token($0) } }
}

extension AddedToken {
  /// A token with the flags of an object of transformers; nil: none of them.
  fileprivate init(id: Int32, flags: JSON?, isSpecial: Bool) {
    self.init(
      id: id, singleWord: flags?["single_word"]?.bool ?? false,
      stripsLeft: flags?["lstrip"]?.bool ?? false, stripsRight: flags?["rstrip"]?.bool ?? false,
      isNormalized: flags?["normalized"]?.bool ?? !isSpecial, isSpecial: isSpecial)
  }
}

extension Vocabulary {
  /// The id of a token that a template needs.
  func required(_ token: [UInt8], in file: String) throws(Failure) -> Int32 {
    let id = self.id(token)
    guard id >= 0 else {
      throw Failure(.invalidFile, "\(file) lacks the token \"\(String(decoding: token, as: UTF8.self))\"")
    }
    return id
  }
}
