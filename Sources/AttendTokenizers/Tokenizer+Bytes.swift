import AttendBase

extension Tokenizer {
  /// Appends the bytes that a token stands for in the middle of a text, where it is spelled otherwise in the file:
  /// letters of bytes undone, "▁" a space, <0x0A> a byte, a space in front of WordPiece's words. At the beginning of a
  /// text (`isFirst`) the decoder may spell it otherwise: most leave out the space. Of special tokens and of ids that
  /// are none, nothing. A token may end inside a character, so these need not be UTF-8.
  ///
  /// Throws `unsupported` for a decoder whose text is not its tokens' one after another.
  package func appendBytes(
    of id: Int32, to bytes: inout GrowingList<UInt8>, isFirst: Bool = false
  ) throws(Failure) {
    guard let token = token(id), !isSpecial(id) else { return }
    var text = Array(token)
    if let decoder {
      try decoder.spellOut(&text, isFirst)
    } else if !isFirst {
      text.insert(0x20, at: 0)
    }
    for byte in text { try bytes.append(byte) }
  }
}

extension Decoder {
  /// Turns a token into what it adds to a text in the middle of which, or at the beginning of which, it stands.
  func spellOut(_ token: inout [UInt8], _ isFirst: Bool) throws(Failure) {
    switch self {
    case let sequence as DecoderSequence: try sequence.spellOutParts(&token, isFirst)
    case is ByteLevelDecoder: token = try ByteLetters.bytes(token)
    case is ByteFallbackDecoder: token = ByteFallbackDecoder.byte(of: token).map { [$0] } ?? token
    case let decoder as SentencePieceDecoder:
      try SentencePieceDecoder.spellOut(&token, isFirst && (decoder.dropsPrefix || decoder.dropsAllSpaces))
    case is MarianDecoder:
      try SentencePieceDecoder.spellOut(&token, false)
      if isFirst { token = Array(token.drop { $0 == 0x20 }) }
    case is FuseDecoder, is BytesDecoder: break
    case is CTCDecoder:
      throw Failure(.unsupported, "tokens of a CTC decoder have no bytes of their own, which a grammar needs")
    default: try spellOutAlone(&token, isFirst)
    }
  }

  /// The same for decoders that treat tokens one by one: with another token behind it, and one before it if it is not
  /// the first, whose texts are taken away.
  private func spellOutAlone(_ token: inout [UInt8], _ isFirst: Bool) throws(Failure) {
    var budget = DecodingBudget(for: token.count)
    var tokens = TextList(for: "the bytes of a token")
    for text in isFirst ? [token, []] : [[], token, []] { try tokens.append(text) }
    try decode(&tokens, &budget)
    token = Array(tokens[isFirst ? 0 : 1])
  }
}

extension DecoderSequence {
  /// What comes behind `Fuse` works on the text as a whole. Of that, what is taken from its start is known.
  fileprivate func spellOutParts(_ token: inout [UInt8], _ isFirst: Bool) throws(Failure) {
    var isWhole = false
    for part in parts {
      if part is FuseDecoder {
        isWhole = true
      } else if !isWhole {
        try part.spellOut(&token, isFirst)
      } else if isFirst, let strip = part as? StripDecoder {
        try StripDecoder(content: strip.content, start: strip.start, stop: 0).spellOut(&token, isFirst)
      }
    }
  }
}

extension SentencePieceDecoder {
  /// Turns a piece into its text, without the letter in front if `drops`.
  fileprivate static func spellOut(_ token: inout [UInt8], _ drops: Bool) throws(Failure) {
    if let byte = ByteFallbackDecoder.byte(of: token) { return token = [byte] }
    if drops, token.starts(with: letter) { token.removeFirst(letter.count) }
    try MetaspaceDecoder(replacement: letter, dropsInFirst: false).spellOut(&token, false)
  }
}

extension ByteLetters {
  /// The bytes that a token stands for, or itself where it does not consist of their letters.
  fileprivate static func bytes(_ token: [UInt8]) throws(Failure) -> [UInt8] {
    var list = GrowingList<UInt8>(for: "the bytes of a token")
    for byte in token { try list.append(byte) }
    let text = UnsafeBufferPointer(list.elements)
    guard areLetters(text) else { return token }
    var bytes: [UInt8] = []
    try forEachByte(text) { byte throws(Failure) in bytes.append(byte) }
    return bytes
  }
}

extension ByteFallbackDecoder {
  fileprivate static func byte(of token: [UInt8]) -> UInt8? { token.withUnsafeBufferPointer { byte($0) } }
}
