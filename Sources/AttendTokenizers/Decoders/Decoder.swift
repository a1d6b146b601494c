/// What turns the spellings of tokens into text: each decoder changes the list of strings, which are joined at the end.
/// Immutable.
protocol Decoder: Sendable {
  /// Strings are UTF-8, and remain so.
  func decode(_ tokens: inout [[UInt8]])
}

/// One after another.
struct DecoderSequence: Decoder {
  let parts: [any Decoder]

  func decode(_ tokens: inout [[UInt8]]) { for part in parts { part.decode(&tokens) } }
}
