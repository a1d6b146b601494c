import AttendBase
import AttendCheckpoints
import Synchronization

/// Turns text into token ids and back, as the files of a checkpoint say. Immutable: any number of threads may use it at
/// once.
package final class Tokenizer: Sendable {
  let model: any TokenizerModel
  let normalizer: (any Normalizer)?
  let preTokenizer: (any PreTokenizer)?
  let postProcessor: PostProcessor
  let decoder: (any Decoder)?
  let added: AddedVocabulary
  /// The statements of the files beside the tokenizer, or why they cannot be read.
  package let info: Result<TokenizerInfo, Failure>
  /// The chat templates beside the tokenizer, or why they cannot be read.
  package let chatTemplates: Result<ChatTemplates, Failure>
  /// As in `Truncation`.
  let firstKeepsOddToken: Bool
  /// The file that the tokenizer comes from, for messages.
  let source: String
  private let targetParts: (@Sendable () throws(Failure) -> TokenizerParts)?
  private let targets = Mutex<Result<Tokenizer, Failure>?>(nil)

  /// The longest source text, in bytes.
  package static let maximalLength = 1 << 27

  init(_ parts: TokenizerParts) throws(Failure) {
    model = parts.model
    normalizer = parts.normalizer
    preTokenizer = parts.preTokenizer
    postProcessor = parts.postProcessor
    firstKeepsOddToken = parts.firstKeepsOddToken
    decoder = parts.decoder
    chatTemplates = parts.chatTemplates
    source = parts.source
    targetParts = parts.targets
    let added = try AddedVocabulary(parts.addedTokens, normalizer: parts.normalizer)
    self.added = added
    info = parts.settings.map { settings in
      TokenizerInfo(
        settings, parts, id: { $0.withUnsafeBufferPointer { Tokenizer.id(of: $0, parts.model.vocabulary, added) } },
        isSpecial: { added.isSpecial(Int($0)) })
    }
  }

  /// Reads the tokenizer of a checkpoint folder, or a tokenizer file.
  ///
  /// Throws `notFound` where a folder holds none, `inputOutput`, `invalidFile`, and `unsupported`, which names the
  /// component and the file.
  package convenience init(path: String) throws(Failure) { try self.init(try TokenizerParts(path: path)) }

  /// Reads the tokenizer of a checkpoint folder; `lowercasing`: texts become lower case before anything else. Throws as
  /// above.
  package convenience init(_ folder: HuggingFaceFolder, lowercasing: Bool) throws(Failure) {
    var parts = try TokenizerParts(TokenizerFolder(folder))
    if lowercasing {
      parts.normalizer = NormalizerSequence(parts: [Lowercase()] + (parts.normalizer.map { [$0] } ?? []))
    }
    try self.init(parts)
  }

  /// One more than the largest id.
  package var size: Int { max(model.vocabulary.size, added.size) }

  /// The tokenizer of targets, the texts that an encoder-decoder writes (`text_target` in transformers): itself but
  /// where they are split by a file of their own (Marian), which is read when it is first asked for.
  package func ofTargets() throws(Failure) -> Tokenizer {
    guard let targetParts else { return self }
    let made = targets.withLock { known -> Result<Tokenizer, Failure> in
      if let known { return known }
      let made = Result { () throws(Failure) in try Tokenizer(try targetParts()) }
      known = made
      return made
    }
    return try made.get()
  }

  /// The bytes of a token as the file spells it, with a NUL behind them, as long as the tokenizer lives; nil where
  /// there is none.
  package func token(_ id: Int32) -> UnsafeRawBufferPointer? {
    (added.token(Int(id)) ?? model.vocabulary.token(Int(id))).map { UnsafeRawBufferPointer($0) }
  }

  /// The id of a token spelled as in the file.
  package func id(of token: UnsafeRawBufferPointer) -> Int32? {
    Tokenizer.id(of: token.assumingMemoryBound(to: UInt8.self), model.vocabulary, added)
  }

  private static func id(
    of token: UnsafeBufferPointer<UInt8>, _ vocabulary: Vocabulary, _ added: AddedVocabulary
  ) -> Int32? {
    let id = added.id(token) ?? vocabulary.id(token)
    return id >= 0 ? id : nil
  }

  /// Whether decoding leaves the token out by default.
  package func isSpecial(_ id: Int32) -> Bool { added.isSpecial(Int(id)) }
}

/// The parts of a tokenizer, as one of the readers of files found them.
struct TokenizerParts {
  var model: any TokenizerModel
  var normalizer: (any Normalizer)?
  var preTokenizer: (any PreTokenizer)?
  var postProcessor = PostProcessor()
  var firstKeepsOddToken = false
  /// Truncation and padding of tokenizer.json, as far as they count.
  var truncationSide: TokenizeOptions.Side?
  var padToken: [UInt8]?
  /// The files beside the tokenizer.
  var settings: Result<TokenizerSettings, Failure> = .success(TokenizerSettings())
  var chatTemplates: Result<ChatTemplates, Failure>
  var decoder: (any Decoder)?
  var addedTokens = AddedTokenList()
  /// Reads the parts of the tokenizer of targets; nil: they are split like sources.
  var targets: (@Sendable () throws(Failure) -> TokenizerParts)?
  var source: String

  init(model: any TokenizerModel, source: String) {
    self.model = model
    self.source = source
    chatTemplates = .failure(Failure(.notFound, "\(source) holds no chat template"))
  }
}

/// The added tokens of a tokenizer and the two searches for them: in the source, and in the normalized text.
final class AddedVocabulary: Sendable {
  /// Ids by content.
  private let contents: Vocabulary
  /// Spellings by id: what is looked for in the text, and what decoding gives.
  private let spellings: Vocabulary
  /// By id: whether decoding leaves the token out.
  private let special: TextStorage<Bool>
  let inSource: AddedTokenMatcher
  let inNormalized: AddedTokenMatcher

  init(_ tokens: AddedTokenList, normalizer: (any Normalizer)?) throws(Failure) {
    contents = try Vocabulary(capacity: tokens.count)
    let spellings = try Vocabulary(capacity: tokens.count)
    let specialTexts = try TokenMap(capacity: tokens.count)
    var last = GrowingList<Int>(for: "the added tokens")  // by id, the index of the token that is listed last
    for index in 0..<tokens.count {
      let (token, text) = (tokens[index], tokens.text(index))
      try contents.insert(text, id: Int(token.id), source: "added tokens")
      if token.isSpecial { try specialTexts.insert(text, 0) }
      while last.count <= Int(token.id) { try last.append(-1) }
      last[Int(token.id)] = index
    }
    // A token that is listed again counts as listed last, but remains special: whether decoding skips it is asked of
    // its spelling, so that one which normalization changed is kept.
    var special = GrowingList<Bool>(for: "the added tokens")
    let plain = try UniqueTokens(), normalized = try UniqueTokens()
    for id in last.elements.indices {
      try special.append(false)
      guard last[id] >= 0 else { continue }
      let token = tokens[last[id]]
      var text = try AlignedText(tokens.text(last[id]), base: 0)
      if token.isNormalized { try normalizer?.normalize(&text) }
      special[id] = try text.bytes.withUnsafeBufferPointer { spelling throws(Failure) in
        try spellings.insert(spelling, id: id, source: "added tokens")
        try (token.isNormalized ? normalized : plain).append(spelling, token)
        return specialTexts.find(spelling) >= 0
      }
    }
    self.spellings = spellings
    self.special = TextStorage(special)
    inSource = try AddedTokenMatcher(plain.list)
    inNormalized = try AddedTokenMatcher(normalized.list)
  }

  var size: Int { spellings.size }
  func token(_ id: Int) -> UnsafeBufferPointer<UInt8>? { spellings.token(id) }
  func id(_ token: UnsafeBufferPointer<UInt8>) -> Int32? {
    let id = contents.id(token)
    return id >= 0 ? id : nil
  }
  func isSpecial(_ id: Int) -> Bool { special.indices.contains(id) && special[id] }
}

/// Tokens to look for, each under a spelling of its own: of those that are spelled alike, the first counts.
private struct UniqueTokens {
  let list = AddedTokenList()
  private let seen: TokenMap

  init() throws(Failure) { seen = try TokenMap(capacity: 0) }

  func append(_ spelling: UnsafeBufferPointer<UInt8>, _ token: AddedToken) throws(Failure) {
    guard seen.find(spelling) < 0 else { return }
    try seen.insert(spelling, 0)
    try list.append(spelling, token)
  }
}
