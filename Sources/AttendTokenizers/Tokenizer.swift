import AttendBase
import AttendCheckpoints

/// Turns text into token ids and back, as the files of a checkpoint say. Immutable: any number of threads may use it at
/// once.
package final class Tokenizer: Sendable {
  let model: any TokenizerModel
  let normalizer: (any Normalizer)?
  let preTokenizer: (any PreTokenizer)?
  let postProcessor: PostProcessor
  let decoder: (any Decoder)?
  let added: AddedVocabulary
  /// What the files beside the tokenizer state, or why they cannot be read.
  package let info: Result<TokenizerInfo, Failure>
  /// The chat templates beside the tokenizer, or why they cannot be read.
  package let chatTemplates: Result<ChatTemplates, Failure>
  /// As in `Truncation`.
  let firstKeepsOddToken: Bool
  /// The file that the tokenizer comes from, for messages.
  let source: String

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

/// What a tokenizer is made of, as one of the readers of files found it.
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
  var addedTokens: [AddedToken] = []
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
  private let special: Set<Int32>
  let inSource: AddedTokenMatcher
  let inNormalized: AddedTokenMatcher

  init(_ tokens: [AddedToken], normalizer: (any Normalizer)?) throws(Failure) {
    contents = Vocabulary(capacity: tokens.count)
    for token in tokens { try contents.insert(token.content, id: Int(token.id), source: "added tokens") }
    // A token that is listed again counts as listed last, but remains special.
    var last: [Int32: AddedToken] = [:]
    for token in tokens { last[token.id] = token }
    let kept = last.values.sorted { $0.id < $1.id }
    var spelled: [[UInt8]] = []
    for token in kept {
      var text = try token.content.withUnsafeBufferPointer { bytes throws(Failure) in
        try AlignedText(bytes, base: 0)
      }
      if token.isNormalized { try normalizer?.normalize(&text) }
      spelled.append(Array(text.bytes))
    }
    spellings = Vocabulary(capacity: kept.count)
    for (token, text) in zip(kept, spelled) { try spellings.insert(text, id: Int(token.id), source: "added tokens") }
    // Whether decoding skips a token is asked of its spelling: one that normalization changed is kept.
    let specialTexts = Set(tokens.filter(\.isSpecial).map(\.content))
    special = Set(zip(kept, spelled).filter { specialTexts.contains($1) }.map(\.0.id))
    func matcher(_ isNormalized: Bool) throws(Failure) -> AddedTokenMatcher {
      let chosen = zip(kept, spelled).filter { $0.0.isNormalized == isNormalized }
      var seen: Set<[UInt8]> = []  // of tokens that are spelled alike, the first counts
      let texts: [[UInt8]] = chosen.map { seen.insert($0.1).inserted ? $0.1 : [] }
      return try AddedTokenMatcher(chosen.map(\.0), spelled: texts)
    }
    inSource = try matcher(false)
    inNormalized = try matcher(true)
  }

  var size: Int { spellings.size }
  func token(_ id: Int) -> UnsafeBufferPointer<UInt8>? { spellings.token(id) }
  func id(_ token: UnsafeBufferPointer<UInt8>) -> Int32? {
    let id = contents.id(token)
    return id >= 0 ? id : nil
  }
  func isSpecial(_ id: Int) -> Bool { Int32(exactly: id).map { special.contains($0) } ?? false }
}
