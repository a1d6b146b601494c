import AttendBase

extension Tokenizer {
  /// Appends the bytes that a token stands for in the middle of a text, where it is spelled otherwise in the file:
  /// letters of bytes undone, "▁" a space, <0x0A> a byte, a space in front of WordPiece's words. Of special tokens and
  /// of ids that are none, nothing. A token may end inside a character, so these need not be UTF-8.
  ///
  /// Throws `unsupported` for a decoder whose text is not its tokens' one after another.
  package func appendBytes(of id: Int32, to bytes: inout GrowingList<UInt8>) throws(Failure) {
    guard let token = token(id), !isSpecial(id) else { return }
    var text = Array(token)
    if let decoder {
      try decoder.spellOut(&text)
    } else {
      text.insert(0x20, at: 0)
    }
    for byte in text { try bytes.append(byte) }
  }
}

extension Decoder {
  /// Turns a token into what it adds to a text in the middle of which it stands.
  func spellOut(_ token: inout [UInt8]) throws(Failure) {
    switch self {
    case let sequence as DecoderSequence:
      for part in sequence.parts {
        if part is FuseDecoder { return }  // What comes later works on the text as a whole: on its start and end.
        try part.spellOut(&token)
      }
    case is ByteLevelDecoder: token = try ByteLetters.bytes(token)
    case is ByteFallbackDecoder: token = ByteFallbackDecoder.byte(of: token).map { [$0] } ?? token
    case is SentencePieceDecoder, is MarianDecoder:
      if let byte = ByteFallbackDecoder.byte(of: token) {
        token = [byte]
      } else {
        try MetaspaceDecoder(replacement: SentencePieceDecoder.letter, dropsInFirst: false).spellOut(&token)
      }
    case is FuseDecoder, is BytesDecoder: break
    case is CTCDecoder:
      throw Failure(.unsupported, "tokens of a CTC decoder have no bytes of their own, which a grammar needs")
    default: try spellOutBetween(&token)
    }
  }

  /// The same for decoders that treat tokens one by one: with another token on either side, whose text is taken away.
  private func spellOutBetween(_ token: inout [UInt8]) throws(Failure) {
    var budget = DecodingBudget(for: token.count)
    var tokens = TextList(for: "the bytes of a token")
    for text in [[], token, []] { try tokens.append(text) }
    try decode(&tokens, &budget)
    token = Array(tokens[1])
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
