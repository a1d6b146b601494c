import AttendBase

/// SentencePiece's model of words (its word_model.cc): the letter "▁" begins a word, also where white space is a
/// suffix, and each word is one token. Unknown words in a row are one.
final class SentencePieceWords: TokenizerModel {
  let vocabulary: Vocabulary
  private let unknown: Int32?
  private let fallback: ByteTokens
  private let source: String
  private static let letter = TextPattern(bytes: [0xE2, 0x96, 0x81])

  init(_ vocabulary: Vocabulary, unknown: Int32?, byteFallback: Bool, source: String) throws(Failure) {
    self.vocabulary = vocabulary
    self.unknown = unknown
    self.source = source
    fallback = byteFallback ? try ByteTokens(of: vocabulary) : ByteTokens()
  }

  func tokenize(_ text: PreTokenizedText, into tokens: inout TokenList) throws(Failure) {
    try forEachPiece(text, &tokens) { bytes, range, tokens throws(Failure) in
      var start = range.lowerBound, followsUnknown = false
      func add(_ end: Int) throws(Failure) {
        guard end > start else { return }
        followsUnknown = try append(bytes, start..<end, followsUnknown, &tokens)
        start = end
      }
      try SentencePieceWords.letter.forEachMatch(in: bytes, range) { match throws(Failure) in
        try add(match.lowerBound)
      }
      try add(range.upperBound)
    }
  }

  /// Appends a word; `followsUnknown`: the last token may grow. Returns whether it may now.
  private func append(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ followsUnknown: Bool, _ tokens: inout TokenList
  ) throws(Failure) -> Bool {
    let word = UnsafeBufferPointer(rebasing: bytes[range])
    let known = vocabulary.id(word)
    guard let id = known >= 0 ? known : unknown else {
      throw Failure(.invalidFile, "\(source): the vocabulary names no unknown token, and the text needs it")
    }
    let start = Int32(truncatingIfNeeded: range.lowerBound), end = Int32(truncatingIfNeeded: range.upperBound)
    if id == unknown, fallback.cover(word) {
      for byte in word { try tokens.append(ModelToken(id: fallback[byte], start: start, end: end)) }
      return false
    }
    if id == unknown, followsUnknown {
      tokens[tokens.count - 1].end = end
    } else {
      try tokens.append(ModelToken(id: id, start: start, end: end))
    }
    return id == unknown
  }
}

/// The tokens <0x00> to <0xFF>, which spell what a vocabulary lacks.
struct ByteTokens: Sendable {
  /// By byte, -1 where there is none; nil: none at all.
  private let ids: AlignedBuffer?  // [256] Int32

  /// No tokens.
  init() { ids = nil }

  /// Throws `outOfMemory`.
  init(of vocabulary: Vocabulary) throws(Failure) {
    let ids = try AlignedBuffer(256, of: Int32.self, for: "the tokens of bytes")
    let hexadecimal = Array("0123456789ABCDEF".utf8)
    for byte in 0..<256 {
      let name = Array("<0x".utf8) + [hexadecimal[byte >> 4], hexadecimal[byte & 15]] + Array(">".utf8)
      ids.pointer(to: Int32.self)[byte] = vocabulary.id(name)
    }
    self.ids = ids
  }

  var isEmpty: Bool { ids == nil }

  /// -1 where there is none.
  subscript(byte: UInt8) -> Int32 { ids.map { $0.pointer(to: Int32.self)[Int(byte)] } ?? -1 }

  /// Whether there is a token for each of the bytes.
  func cover(_ bytes: some Sequence<UInt8>) -> Bool { !isEmpty && bytes.allSatisfy { self[$0] >= 0 } }
}
