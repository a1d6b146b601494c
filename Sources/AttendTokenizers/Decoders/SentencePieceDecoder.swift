import AttendBase

/// SentencePiece's decoding (its sentencepiece_processor.cc): bytes and pieces are joined, "▁" becomes a space, and the
/// one in front of the text vanishes.
struct SentencePieceDecoder: Decoder {
  /// A space in front of the text is the one that encoding put there.
  let dropsPrefix: Bool
  /// Encoding leaves no space at the start: each piece loses one until there is some text.
  let dropsAllSpaces: Bool

  static let letter: [UInt8] = [0xE2, 0x96, 0x81]

  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    var text: [UInt8] = []
    var run: [UInt8] = []  // of bytes that may be one character
    var isAtStart = dropsPrefix || dropsAllSpaces
    for token in tokens {
      if let byte = ByteFallbackDecoder.byte(token) {
        run.append(byte)
        continue
      }
      SentencePieceDecoder.flush(&run, into: &text)
      var piece = token
      if isAtStart, text.isEmpty, piece.starts(with: SentencePieceDecoder.letter) {
        piece.removeFirst(SentencePieceDecoder.letter.count)
        isAtStart = dropsAllSpaces
      }
      text += try piece.replacing(
        TextPattern(bytes: SentencePieceDecoder.letter), by: [0x20], "SentencePiece's decoder", &budget)
    }
    SentencePieceDecoder.flush(&run, into: &text)
    tokens = [text]
  }

  /// Appends the characters of a run of bytes, and U+FFFD for each byte that belongs to none.
  private static func flush(_ run: inout [UInt8], into text: inout [UInt8]) {
    run.withUnsafeBytes { bytes in
      var place = 0
      while place < bytes.count {
        let length = UTF8Text.sequence(bytes, at: place)
        text += length > 0 ? Array(bytes[place..<place + length]) : UTF8Text.replacement
        place += max(length, 1)
      }
    }
    run = []
  }
}

/// Marian's decoding: as SentencePiece's between special tokens, each of which gets a space behind it; no spaces around
/// the whole.
struct MarianDecoder: Decoder {
  let special: Set<[UInt8]>

  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    var text: [UInt8] = []
    var run: [[UInt8]] = []
    let decoder = SentencePieceDecoder(dropsPrefix: true, dropsAllSpaces: true)
    func flush() throws(Failure) {
      try decoder.decode(&run, &budget)
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
  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    tokens = [UTF8Text.repaired(Array(tokens.joined()))]
  }
}
