import AttendBase

/// Each piece of text is one token.
final class WordLevel: TokenizerModel {
  let vocabulary: Vocabulary
  private let unknown: Int32
  private let source: String

  /// `unknown` is the token for pieces that the vocabulary lacks.
  init(_ vocabulary: Vocabulary, unknown: [UInt8], source: String) {
    self.vocabulary = vocabulary
    self.unknown = vocabulary.id(unknown)
    self.source = source
  }

  func tokenize(_ text: PreTokenizedText, into tokens: inout TokenList) throws(Failure) {
    try forEachPiece(text, &tokens) { bytes, range, tokens throws(Failure) in
      var id = vocabulary.id(UnsafeBufferPointer(rebasing: bytes[range]))
      if id < 0 { id = unknown }
      guard id >= 0 else {
        throw Failure(.invalidFile, "\(source): the vocabulary holds no unknown token, and the text needs it")
      }
      try tokens.append(
        ModelToken(
          id: id, start: Int32(truncatingIfNeeded: range.lowerBound), end: Int32(truncatingIfNeeded: range.upperBound)))
    }
  }
}
