import AttendBase
import AttendCheckpoints
import AttendTokenizers

/// The rules by which texts become the sequences that are embedded: what is put before them, and where they end.
package struct TextRules: Sendable {
  /// The longest sequence, with the special tokens; nil: no limit.
  package let longest: Int?
  /// Whether texts are filled up to that with padding.
  private let fills: Bool
  private let prompts: [String: String]
  private let defaultPrompt: String?

  /// As the folder of the transformer, and the one around it where there is one, say. `positions` are those of the
  /// model; nil: it does not say. `length` is that of the texts of its training, all filled up to it; nil: they were
  /// not.
  init(
    _ folder: HuggingFaceFolder, _ sentence: SentenceFolder?, _ config: Configuration, positions: Int?,
    filledTo length: Int? = nil
  ) throws(Failure) {
    fills = length != nil
    var longest = sentence?.longest
    if let tokenizer = try folder.configuration("tokenizer_config.json") {
      longest = longest ?? TextRules.limit(tokenizer, "model_max_length")
    }
    self.longest = [longest, positions, length, TextRules.limit(config, "max_position_embeddings")].compactMap {
      $0
    }.min()
    prompts = sentence?.prompts ?? [:]
    defaultPrompt = sentence?.defaultPrompt
  }

  /// A limit that a key states; numbers beyond all sequences, and others that are no size, stand for none.
  private static func limit(_ config: Configuration, _ key: String) -> Int? {
    config.json[key]?.int.flatMap { (1...Configuration.maximalInteger).contains($0) ? $0 : nil }
  }

  /// The text of the prompt of a name, or of the one that the folder uses without being asked; empty where there is
  /// none. As in sentence-transformers, "query" and "document" may be asked for everywhere. Throws `invalidArgument`
  /// for another name that the folder does not have.
  package func prompt(named name: String?) throws(Failure) -> String {
    guard let name = name ?? defaultPrompt else { return "" }
    if let prompt = prompts[name] { return prompt }
    guard ["query", "document"].contains(name) else {
      let known = prompts.keys.sorted().joined(separator: ", ")
      throw Failure(
        .invalidArgument,
        "there is no prompt named \"\(name)\"; \(prompts.isEmpty ? "the model has none" : "known are \(known)")")
    }
    return ""
  }

  /// The sequences of `count` texts, each behind the prompt, cut to the limit between its special tokens. `text` gives
  /// the text of a number.
  ///
  /// Throws what `text` and tokenizing throw, and `invalidArgument` for a text that becomes no token, or of which the
  /// limit leaves none behind the prompt.
  package func tokenize(
    _ count: Int, prompt: String, _ tokenizer: Tokenizer,
    _ text: (_ index: Int) throws(Failure) -> UnsafeRawBufferPointer
  ) throws(Failure) -> TokenizedTexts {
    var result = TokenizedTexts()
    try result.lengths.reserve(count)
    if !prompt.isEmpty { result.prompt = try TextRules.promptLength(prompt, tokenizer) }
    let options = TokenizeOptions(maximalLength: longest)
    let padding = try fills ? TextRules.padding(tokenizer) : nil
    var bytes = GrowingList<UInt8>(for: "a text behind its prompt")
    for byte in prompt.utf8 { try bytes.append(byte) }
    for index in 0..<count {
      var text = try text(index)
      if !prompt.isEmpty {
        bytes.resize(to: prompt.utf8.count, filling: 0)
        try bytes.reserve(text.count)
        for byte in text { try bytes.append(byte) }
        text = UnsafeRawBufferPointer(bytes.elements)
      }
      let encoding = try tokenizer.encode(text, options)
      guard encoding.count > result.prompt else {
        let reason =
          result.prompt == 0
          ? "becomes no token" : "has \(encoding.count) tokens, none of them behind the prompt's \(result.prompt)"
        throw Failure(.invalidArgument, "text \(index) \(reason)")
      }
      try result.append(encoding, filledTo: padding == nil ? 0 : longest ?? 0, with: padding ?? 0)
    }
    return result
  }

  /// The id that texts are filled up with.
  private static func padding(_ tokenizer: Tokenizer) throws(Failure) -> Int32 {
    guard let id = try tokenizer.info.get().pad else {
      throw Failure(
        .unsupported, "texts of this model are filled up with padding, and its tokenizer has no token for that")
    }
    return id
  }

  /// The number of tokens of a prompt at the beginning of a text: all but a special token at its end.
  private static func promptLength(_ prompt: String, _ tokenizer: Tokenizer) throws(Failure) -> Int {
    let encoding = try Array(prompt.utf8).withUnsafeBufferPointer { (bytes) throws(Failure) in
      try tokenizer.encode(UnsafeRawBufferPointer(bytes))
    }
    return encoding.count - (encoding.ids.last.map(tokenizer.isSpecial) == true ? 1 : 0)
  }
}

/// Texts as sequences, end to end.
package struct TokenizedTexts: ~Copyable {
  /// `[sum of lengths]`
  package fileprivate(set) var ids = GrowingList<Int32>(for: "the tokens of the texts")
  /// `[sum of lengths]`
  package fileprivate(set) var types = GrowingList<Int32>(for: "the token types of the texts")
  /// `[texts]`
  package fileprivate(set) var lengths = GrowingList<Int>(for: "the lengths of the texts")
  /// The number of tokens of each that belong to a prompt.
  package fileprivate(set) var prompt = 0

  fileprivate mutating func append(
    _ encoding: Encoding, filledTo length: Int, with padding: Int32
  ) throws(Failure) {
    for id in encoding.ids { try ids.append(id) }
    for type in encoding.typeIDs { try types.append(type) }
    for _ in encoding.count..<max(length, encoding.count) {
      try ids.append(padding)
      try types.append(0)
    }
    try lengths.append(max(length, encoding.count))
  }
}
