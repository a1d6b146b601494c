import AttendBase

extension Tokenizer {
  /// The text of ids. Without a decoder tokens are joined by spaces. Throws `invalidArgument`, with the position and
  /// the value, for an unknown id, `outOfMemory`.
  package func decode(
    _ ids: UnsafeBufferPointer<Int32>, skipSpecialTokens: Bool
  ) throws(Failure) -> TextStorage<UInt8> {
    var tokens = TextList(for: "the text of tokens")
    try decode(ids, skipSpecialTokens: skipSpecialTokens, into: &tokens)
    return tokens.storage()
  }

  /// Makes the list the text of ids.
  func decode(
    _ ids: UnsafeBufferPointer<Int32>, skipSpecialTokens: Bool, into tokens: inout TextList
  ) throws(Failure) {
    tokens.removeAll()
    for (position, id) in ids.enumerated() {
      guard let token = token(id) else {
        throw Failure(
          .invalidArgument, "id \(id) at position \(position) is unknown: \(source) has the ids 0 to \(size - 1)")
      }
      if skipSpecialTokens, isSpecial(id) { continue }
      if decoder == nil, !tokens.isEmpty { try tokens.write(0x20) }
      try tokens.append(token.assumingMemoryBound(to: UInt8.self))
    }
    if let decoder {
      var budget = DecodingBudget(for: tokens.joined.count)
      try decoder.decode(&tokens, &budget)
    }
    try tokens.fuse()
  }
}
