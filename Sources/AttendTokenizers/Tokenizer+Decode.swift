import AttendBase

extension Tokenizer {
  /// The text of ids. Without a decoder tokens are joined by spaces. Throws `invalidArgument`, with the position and
  /// the value, for an unknown id.
  package func decode(_ ids: UnsafeBufferPointer<Int32>, skipSpecialTokens: Bool) throws(Failure) -> [UInt8] {
    var tokens: [[UInt8]] = []
    tokens.reserveCapacity(ids.count)
    for (position, id) in ids.enumerated() {
      guard let token = token(id) else {
        throw Failure(
          .invalidArgument, "id \(id) at position \(position) is unknown: \(source) has the ids 0 to \(size - 1)")
      }
      if skipSpecialTokens, isSpecial(id) { continue }
      tokens.append(Array(token))
    }
    guard let decoder else { return Array(tokens.joined(separator: [0x20])) }
    var budget = DecodingBudget(for: tokens.reduce(0) { $0 + $1.count })
    try decoder.decode(&tokens, &budget)
    return Array(tokens.joined())
  }
}
