import AttendBase

/// What turns the spellings of tokens into text: each decoder changes the list of strings, which are joined at the end.
/// Immutable.
protocol Decoder: Sendable {
  /// Strings are UTF-8, and remain so.
  func decode(_ tokens: inout [[UInt8]]) throws(Failure)
}

/// One after another.
struct DecoderSequence: Decoder {
  let parts: [any Decoder]

  func decode(_ tokens: inout [[UInt8]]) throws(Failure) { for part in parts { try part.decode(&tokens) } }
}
