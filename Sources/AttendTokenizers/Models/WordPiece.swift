import AttendBase

/// Each piece of text is read from left to right, each time the longest token that fits (Wu et al. 2016,
/// arXiv:1609.08144). A piece that cannot be read so is one unknown token.
final class WordPiece: TokenizerModel {
  let vocabulary: Vocabulary
  private let unknown: Int32
  /// Longer pieces, in scalars, are unknown.
  private let maximalLength: Int
  /// Tokens that begin a piece, and those that go on, without their prefix.
  private let first: DoubleArray
  private let following: DoubleArray
  private let source: String
  let marksContinuations: Bool

  init(_ vocabulary: Vocabulary, unknown: [UInt8], prefix: [UInt8], maximalLength: Int, source: String) throws(Failure)
  {
    self.vocabulary = vocabulary
    self.unknown = vocabulary.id(unknown)
    self.maximalLength = maximalLength
    self.source = source
    marksContinuations = !prefix.isEmpty
    var first = GrowingList<DoubleArray.Key>(for: DoubleArray.purpose)
    var following = GrowingList<DoubleArray.Key>(for: DoubleArray.purpose)
    for id in 0..<vocabulary.size {
      // Of equal spellings the last id counts, as in the vocabulary.
      guard let token = vocabulary.token(id), !token.isEmpty, vocabulary.id(token) == Int32(id) else { continue }
      try first.append(DoubleArray.Key(token, Int32(id)))
      if token.count > prefix.count, token.starts(with: prefix) {
        try following.append(DoubleArray.Key(UnsafeBufferPointer(rebasing: token[prefix.count...]), Int32(id)))
      }
    }
    self.first = try DoubleArray(first)
    self.following = try DoubleArray(following)
  }

  func tokenize(_ text: PreTokenizedText, into tokens: inout TokenList) throws(Failure) {
    try tokens.reserve(text.text.bytes.count / 3)
    try forEachPiece(text, &tokens) { bytes, range, tokens throws(Failure) in
      let count = tokens.count
      guard !isTooLong(bytes, range), try read(bytes, range, &tokens) else {
        tokens.removeAll(from: count)
        guard unknown >= 0 else {
          throw Failure(.invalidFile, "\(source): the vocabulary holds no unknown token, and the text needs it")
        }
        try tokens.append(
          ModelToken(
            id: unknown, start: Int32(truncatingIfNeeded: range.lowerBound),
            end: Int32(truncatingIfNeeded: range.upperBound)))
        return
      }
    }
  }

  private func isTooLong(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> Bool {
    guard range.count > maximalLength else { return false }
    return range.count { !UTF8Text.isContinuation(bytes[$0]) } > maximalLength
  }

  /// False where no token fits.
  private func read(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ tokens: inout TokenList
  ) throws(Failure) -> Bool {
    var position = range.lowerBound
    while position < range.upperBound {
      let trie = position == range.lowerBound ? first : following
      guard let (id, length) = trie.longestPrefix(bytes, position..<range.upperBound) else { return false }
      try tokens.append(
        ModelToken(
          id: id, start: Int32(truncatingIfNeeded: position), end: Int32(truncatingIfNeeded: position + length)))
      position += length
    }
    return true
  }
}
