import AttendBase

/// GPT-2's splitting, and its spelling of bytes as letters.
struct ByteLevel: PreTokenizer {
  /// A space is put in front of a piece that does not begin with one.
  let prefixSpace: Bool
  /// GPT-2's expression, or nil: pieces stay whole.
  let regex: Regex?
  /// The model takes plain bytes: no letters are written.
  let keepsBytes: Bool

  /// Radford et al. 2019, encoder.py.
  static let pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  func apply(_ text: inout PreTokenizedText) throws(Failure) {
    if prefixSpace { try text.prepend([0x20], by: "the pre-tokenizer ByteLevel") { $0[0] != 0x20 } }
    if let regex { try text.split(at: regex, .isolated) }
    if !keepsBytes {
      try text.rewritePieces(by: "the pre-tokenizer ByteLevel") { writer, range in
        while writer.position < range.upperBound { writer.spellNextAsBytes() }
      }
    }
  }
}

extension PreTokenizedText {
  /// Puts scalars in front of the pieces of text that `wants` them.
  mutating func prepend(
    _ scalars: [UInt32], by component: StaticString, where wants: (UnsafeBufferPointer<UInt8>) -> Bool
  ) throws(Failure) {
    let isWanted = text.bytes.withUnsafeBufferPointer { bytes in
      pieces.contains { $0.token < 0 && wants(UnsafeBufferPointer(rebasing: bytes[Int($0.start)..<Int($0.end)])) }
    }
    guard isWanted else { return }
    try rewritePieces(by: component) { writer, range in
      if wants(UnsafeBufferPointer(rebasing: writer.source[range])) { writer.prepend(scalars) }
      writer.keep(range.upperBound - writer.position)
    }
  }
}
