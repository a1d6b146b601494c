import AttendBase

/// SentencePiece's decoding (its sentencepiece_processor.cc): bytes and pieces are joined, "▁" becomes a space, and the
/// one in front of the text vanishes.
struct SentencePieceDecoder: Decoder {
  /// A space in front of the text is the one that encoding put there.
  let dropsPrefix: Bool
  /// Encoding leaves no space at the start: each piece loses one until there is some text.
  let dropsAllSpaces: Bool

  static let letter: [UInt8] = [0xE2, 0x96, 0x81]

  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) {
    var run = SentencePieceRun(self)
    try tokens.rewrite { _, token, result throws(Failure) in try run.add(token, to: &result, &budget) }
    try run.finish(&tokens)
    try tokens.fuse()
  }
}

/// Pieces on their way to become one text.
private struct SentencePieceRun: ~Copyable {
  private let decoder: SentencePieceDecoder
  private var bytes = GrowingList<UInt8>(for: "the bytes of tokens")  // of tokens that may be one character
  private var piece = TextReplacer()
  private var isAtStart: Bool
  private var isEmpty = true

  init(_ decoder: SentencePieceDecoder) {
    self.decoder = decoder
    isAtStart = decoder.dropsPrefix || decoder.dropsAllSpaces
  }

  mutating func add(
    _ token: UnsafeBufferPointer<UInt8>, to text: inout TextList, _ budget: inout DecodingBudget
  ) throws(Failure) {
    if let byte = ByteFallbackDecoder.byte(token) { return try bytes.append(byte) }
    try finish(&text)
    var rest = token
    if isAtStart, isEmpty, token.starts(with: SentencePieceDecoder.letter) {
      rest = UnsafeBufferPointer(rebasing: token[SentencePieceDecoder.letter.count...])
      isAtStart = decoder.dropsAllSpaces
    }
    try piece.set(rest)
    try piece.replace(
      TextPattern(bytes: SentencePieceDecoder.letter), by: [0x20], "SentencePiece's decoder", &budget)
    try text.write(piece.result)
    if !piece.result.isEmpty { isEmpty = false }
  }

  /// Writes the characters of a run of bytes, and U+FFFD for each byte that belongs to none.
  mutating func finish(_ text: inout TextList) throws(Failure) {
    let run = UnsafeRawBufferPointer(bytes.elements)
    var place = 0
    while place < run.count {
      let length = UTF8Text.sequence(run, at: place)
      if length > 0 {
        try text.write(UnsafeBufferPointer(rebasing: bytes.elements[place..<place + length]))
      } else {
        try text.write(UTF8Text.replacement)
      }
      place += max(length, 1)
      isEmpty = false
    }
    bytes.removeAll()
  }

  /// Begins another text.
  mutating func restart() {
    isAtStart = decoder.dropsPrefix || decoder.dropsAllSpaces
    isEmpty = true
  }
}

/// Marian's decoding: as SentencePiece's between special tokens, each of which gets a space behind it; no spaces around
/// the whole.
struct MarianDecoder: Decoder {
  let special: Set<[UInt8]>

  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) {
    var run = SentencePieceRun(SentencePieceDecoder(dropsPrefix: true, dropsAllSpaces: true))
    try tokens.rewrite { _, token, result throws(Failure) in
      guard special.contains(where: { $0.elementsEqual(token) }) else {
        return try run.add(token, to: &result, &budget)
      }
      try run.finish(&result)
      run.restart()
      try result.write(token)
      try result.write(0x20)
    }
    try run.finish(&tokens)
    try tokens.fuse()
    try tokens.rewrite { _, text, result throws(Failure) in
      var rest = text[...].drop { $0 == 0x20 }
      while rest.last == 0x20 { rest.removeLast() }
      try result.append(UnsafeBufferPointer(rebasing: rest))
    }
  }
}

/// Tokens are bytes: they are joined, and what is not UTF-8 becomes U+FFFD.
struct BytesDecoder: Decoder {
  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) { try tokens.repair() }
}
