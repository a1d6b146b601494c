import AttendBase

/// A token of the model: its id and the bytes of the text that it stands for.
struct ModelToken {
  var id: Int32
  var start: Int32
  var end: Int32
  /// It was found in the text as an added token.
  var isAdded = false
}

/// The tokens of a text, as long as the text asks.
typealias TokenList = GrowingList<ModelToken>

/// A model that turns pieces of text into tokens. Immutable.
protocol TokenizerModel: Sendable {
  var vocabulary: Vocabulary { get }
  /// Whether tokens that go on with a word are spelled with a prefix of their own, as "##" of WordPiece.
  var marksContinuations: Bool { get }

  /// Appends the tokens of each piece; those of added tokens are appended as they are. Throws `invalidFile` where a
  /// piece needs an unknown token that the file does not name, and `outOfMemory`.
  func tokenize(_ text: PreTokenizedText, into tokens: inout TokenList) throws(Failure)
}

extension TokenizerModel {
  var marksContinuations: Bool { false }

  /// Calls `body` with each piece of text.
  @inline(__always) func forEachPiece(
    _ text: PreTokenizedText, _ tokens: inout TokenList,
    _ body: (UnsafeBufferPointer<UInt8>, Range<Int>, inout TokenList) throws(Failure) -> Void
  ) throws(Failure) {
    var watch = TextWatch(text.text.cancellation)
    try text.text.bytes.withUnsafeBufferPointer { bytes throws(Failure) in
      for piece in text.pieces {
        try watch.pass(Int(piece.start))
        if piece.token >= 0 {
          try tokens.append(ModelToken(id: piece.token, start: piece.start, end: piece.end, isAdded: true))
        } else {
          try body(bytes, Int(piece.start)..<Int(piece.end), &tokens)
        }
      }
    }
  }
}
