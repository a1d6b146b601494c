import AttendBase

/// A token of the model: its id and the bytes of the text that it stands for.
struct ModelToken {
  var id: Int32
  var start: Int32
  var end: Int32
  /// It was found in the text as an added token.
  var isAdded = false
}

/// What turns pieces of text into tokens. Immutable.
protocol TokenizerModel: Sendable {
  var vocabulary: Vocabulary { get }

  /// Appends the tokens of each piece; those of added tokens are appended as they are. Throws `invalidFile` where a
  /// piece needs an unknown token that the file does not name.
  func tokenize(_ text: PreTokenizedText, into tokens: inout [ModelToken]) throws(Failure)
}

extension TokenizerModel {
  /// Calls `body` with each piece of text.
  @inline(__always) func forEachPiece(
    _ text: PreTokenizedText, _ tokens: inout [ModelToken],
    _ body: (UnsafeBufferPointer<UInt8>, Range<Int>, inout [ModelToken]) throws(Failure) -> Void
  ) throws(Failure) {
    try text.text.bytes.withUnsafeBufferPointer { bytes throws(Failure) in
      for piece in text.pieces {
        if piece.token >= 0 {
          tokens.append(ModelToken(id: piece.token, start: piece.start, end: piece.end, isAdded: true))
        } else {
          try body(bytes, Int(piece.start)..<Int(piece.end), &tokens)
        }
      }
    }
  }
}
