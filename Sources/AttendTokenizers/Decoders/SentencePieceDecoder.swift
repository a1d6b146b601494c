import AttendBase

/// SentencePiece's decoding: bytes and pieces are joined, "▁" becomes a space, and the one in front of the text
/// vanishes.
struct SentencePieceDecoder: Decoder {
  /// A space in front of the text is the one that encoding put there.
  let dropsPrefix: Bool
  /// Encoding leaves no space at the start, so all of them vanish.
  let dropsAllSpaces: Bool

  func decode(_ tokens: inout [[UInt8]]) throws(Failure) {
    try ByteFallbackDecoder().decode(&tokens)
    var text = try Array(tokens.joined()).replacing(TextPattern(bytes: [0xE2, 0x96, 0x81]), by: [0x20])
    if dropsAllSpaces {
      text.removeFirst(text.prefix { $0 == 0x20 }.count)
    } else if dropsPrefix, text.first == 0x20 {
      text.removeFirst()
    }
    tokens = [text]
  }
}

/// Marian's decoding: as SentencePiece's between special tokens, each of which gets a space behind it; no spaces around
/// the whole.
struct MarianDecoder: Decoder {
  let special: Set<[UInt8]>

  func decode(_ tokens: inout [[UInt8]]) throws(Failure) {
    var text: [UInt8] = []
    var run: [[UInt8]] = []
    let decoder = SentencePieceDecoder(dropsPrefix: true, dropsAllSpaces: true)
    func flush() throws(Failure) {
      try decoder.decode(&run)
      text += run.joined()
      run = []
    }
    for token in tokens {
      if special.contains(token) {
        try flush()
        text += token + [0x20]
      } else {
        run.append(token)
      }
    }
    try flush()
    let start = text.prefix { $0 == 0x20 }.count
    let end = text.count - text.reversed().prefix { $0 == 0x20 }.count
    tokens = [start < end ? Array(text[start..<end]) : []]
  }
}

/// Tokens are bytes: they are joined, and what is not UTF-8 becomes U+FFFD.
struct BytesDecoder: Decoder {
  func decode(_ tokens: inout [[UInt8]]) throws(Failure) { tokens = [UTF8Text.repaired(Array(tokens.joined()))] }
}
