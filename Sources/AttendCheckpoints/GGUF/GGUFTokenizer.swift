// The tokenizer in the metadata of a GGUF file, as the files that other models have beside them.
import AttendBase

/// `tokenizer.ggml.*`: tokens, their kinds, merges and scores. One thread at a time.
struct GGUFTokenizer {
  let metadata: GGUFMetadata
  /// The `model_type` of the configuration.
  let modelType: String

  init(_ metadata: GGUFMetadata, _ modelType: String) { (self.metadata, self.modelType) = (metadata, modelType) }

  /// The algorithm, by what `tokenizer.ggml.model` calls it.
  enum Kind: String {
    case bytePairs = "gpt2"
    case wordPiece = "bert"
    case sentencePiece = "llama"
    case unigram = "t5"

    /// Whether it becomes a tokenizer.json, and not a model of SentencePiece.
    var isJSON: Bool { self == .bytePairs || self == .wordPiece }
  }

  /// nil: the file holds no tokenizer, or one of another kind.
  var kind: Kind? { ((try? metadata.text(key("model"))) ?? nil).flatMap { Kind(rawValue: $0) } }

  func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }

  /// The kinds of tokens.
  enum TokenType: Int {
    case normal = 1, unknown, control, userDefined, unused, byte
  }

  /// The kind of a token.
  func type(_ id: Int, _ types: GGUFMetadata.Entry?) throws(Failure) -> TokenType {
    guard let types else { return .normal }
    guard id < types.count ?? 0, let number = metadata.integer(types, id), let type = TokenType(rawValue: number) else {
      throw metadata.invalid(key("token_type"), "says of token \(id) nothing that is known; 1 to 6 are")
    }
    return type
  }

  func tokens() throws(Failure) -> GGUFMetadata.Entry {
    guard let tokens = try metadata.array(key("tokens"), ofTexts: true) else {
      throw metadata.invalid(key("tokens"), "is missing")
    }
    return tokens
  }

  func types() throws(Failure) -> GGUFMetadata.Entry? { try metadata.array(key("token_type"), ofTexts: false) }

  /// The id of a special token, and its text.
  func special(_ name: String) throws(Failure) -> (id: Int, text: String)? {
    guard let id = try metadata.size(key("\(name)_token_id")) else { return nil }
    var found: String?
    try metadata.forEachText(try tokens()) { (index, text) throws(Failure) in
      if index == id { found = String(decoding: text, as: UTF8.self) }
    }
    guard let found else {
      throw metadata.invalid(key("\(name)_token_id"), "is \(id); there are not so many tokens")
    }
    return (id, found)
  }

  /// The name of the pre-tokenizer.
  func preTokenizer() throws(Failure) -> String { try metadata.text(key("pre")) ?? "default" }

  // MARK: What stands around a text

  /// The tokens before and behind every text: what the file says, or what llama.cpp does where it says nothing.
  func ends() throws(Failure) -> (first: (id: Int, text: String)?, last: (id: Int, text: String)?) {
    guard let kind else { return (nil, nil) }
    let pre = try preTokenizer()
    let isEncoder = kind == .wordPiece || pre == "roberta-bpe"
    let startsByDefault = kind == .sentencePiece || isEncoder || GGUFPreTokenizer.startsTexts(pre)
    let starts = try metadata.boolean(key("add_bos_token")) ?? startsByDefault
    let ends = try metadata.boolean(key("add_eos_token")) ?? (kind == .unigram)
    let separates = try metadata.boolean(key("add_sep_token")) ?? isEncoder
    var first: (id: Int, text: String)?, last: (id: Int, text: String)?
    if starts {
      first = try special("bos")
      if kind == .wordPiece || first == nil { first = try special("cls") ?? first }
    }
    if separates {
      last = try special("seperator")  // as GGUF spells it
      if last == nil { last = try special("eos") }
    } else if ends {
      last = try special("eos")
    }
    return (first, last)
  }

  // MARK: tokenizer_config.json

  func writeSettings(_ text: inout GGUFTextBuilder) throws(Failure) {
    let (first, last) = try ends()
    let name = kind == .unigram && ["t5", "umt5"].contains(modelType) ? "T5Tokenizer" : "LlamaTokenizer"
    let isJSON = kind?.isJSON == true
    try text.append("{\"tokenizer_class\": \"\(isJSON ? "PreTrainedTokenizerFast" : name)\", \"extra_ids\": 0")
    try text.append(", \"add_bos_token\": \(first != nil), \"add_eos_token\": \(last != nil)")
    let names = [
      ("bos", "bos"), ("eos", "eos"), ("unknown", "unk"), ("padding", "pad"), ("seperator", "sep"), ("cls", "cls"),
      ("mask", "mask"),
    ]
    for (own, other) in names {
      guard let token = try special(own) else { continue }
      try text.append(", \"\(other)_token\": ")
      try text.quote(token.text)
    }
    try writeTemplates(&text)
    try text.append("}")
  }

  /// The chat template, or several with their names.
  private func writeTemplates(_ text: inout GGUFTextBuilder) throws(Failure) {
    let single = try metadata.text("tokenizer.chat_template")
    guard let names = try metadata.array("tokenizer.chat_templates", ofTexts: true) else {
      guard let single else { return }
      try text.append(", \"chat_template\": ")
      return try text.quote(single)
    }
    try text.append(", \"chat_template\": [")
    var isFirst = true
    func write(_ name: String, _ template: String, _ text: inout GGUFTextBuilder) throws(Failure) {
      try text.append("\(isFirst ? "" : ", "){\"name\": ")
      isFirst = false
      try text.quote(name)
      try text.append(", \"template\": ")
      try text.quote(template)
      try text.append("}")
    }
    if let single { try write("default", single, &text) }
    var listed: [String] = []
    try metadata.forEachText(names) { (index, name) in
      if index < 64 { listed.append(String(decoding: name, as: UTF8.self)) }
    }
    for name in listed {
      if let template = try metadata.text("tokenizer.chat_template.\(name)") { try write(name, template, &text) }
    }
    try text.append("]")
  }

  // MARK: tokenizer.model

  /// A model of SentencePiece: pieces with scores and kinds, whose numbers are the same in GGUF.
  func writeSentencePiece(_ text: inout GGUFTextBuilder) throws(Failure) {
    let tokens = try tokens(), types = try types()
    let scores = try metadata.array(key("scores"), ofTexts: false)
    if let scores, scores.count != tokens.count {
      throw metadata.invalid(key("scores"), "has \(scores.count ?? 0) numbers for \(tokens.count ?? 0) tokens")
    }
    var message = GrowingList<UInt8>(for: "a piece of a tokenizer")
    var hasBytes = false
    try metadata.forEachText(tokens) { (id, piece) throws(Failure) in
      let type = try type(id, types)
      hasBytes = hasBytes || type == .byte
      message.removeAll()
      try Protobuf.append(1, GGUFTokenizer.escaped(piece, type), to: &message)
      let score = scores.flatMap { metadata.number($0, id) } ?? 0
      try Protobuf.append(2, float: Float(score), to: &message)
      try Protobuf.append(3, UInt64(type.rawValue), to: &message)
      try Protobuf.append(1, UnsafeRawBufferPointer(message.elements), to: &text.bytes)
    }
    message.removeAll()
    try Protobuf.append(3, kind == .unigram ? 1 : 2, to: &message)
    try Protobuf.append(35, hasBytes ? 1 : 0, to: &message)
    try Protobuf.append(2, UnsafeRawBufferPointer(message.elements), to: &text.bytes)
    message.removeAll()
    if let map = try metadata.array(key("precompiled_charsmap"), ofTexts: false), let count = map.count {
      guard map.type == .uint8 || map.type == .int8 else {
        throw metadata.invalid(key("precompiled_charsmap"), "is no array of bytes")
      }
      let bytes = metadata.file.bytes[map.start..<map.start + count]
      try Protobuf.append(2, UnsafeRawBufferPointer(rebasing: bytes), to: &message)
    }
    try Protobuf.append(3, try metadata.boolean(key("add_space_prefix")) ?? true ? 1 : 0, to: &message)
    try Protobuf.append(4, try metadata.boolean(key("remove_extra_whitespaces")) ?? false ? 1 : 0, to: &message)
    try Protobuf.append(3, UnsafeRawBufferPointer(message.elements), to: &text.bytes)
  }

  /// The piece as SentencePiece has it: converters write spaces in the tokens that users defined.
  private static func escaped(_ piece: UnsafeRawBufferPointer, _ type: TokenType) -> [UInt8] {
    guard type == .userDefined, piece.contains(UInt8(ascii: " ")) else { return Array(piece) }
    return piece.flatMap { $0 == UInt8(ascii: " ") ? [0xE2, 0x96, 0x81] : [$0] }
  }
}

/// Fields of protocol buffers (https://protobuf.dev/programming-guides/encoding).
private enum Protobuf {
  static func append(_ field: UInt64, _ value: UInt64, to message: inout GrowingList<UInt8>) throws(Failure) {
    try append(variable: field << 3, to: &message)
    try append(variable: value, to: &message)
  }

  static func append(_ field: UInt64, float value: Float, to message: inout GrowingList<UInt8>) throws(Failure) {
    try append(variable: field << 3 | 5, to: &message)
    for shift in stride(from: 0, to: 32, by: 8) {
      try message.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt32(shift)))
    }
  }

  static func append(
    _ field: UInt64, _ bytes: some Collection<UInt8>, to message: inout GrowingList<UInt8>
  ) throws(Failure) {
    try append(variable: field << 3 | 2, to: &message)
    try append(variable: UInt64(bytes.count), to: &message)
    for byte in bytes { try message.append(byte) }
  }

  private static func append(variable value: UInt64, to message: inout GrowingList<UInt8>) throws(Failure) {
    var rest = value
    while rest >= 128 {
      try message.append(UInt8(truncatingIfNeeded: rest & 127) | 128)
      rest >>= 7
    }
    try message.append(UInt8(rest))
  }
}
