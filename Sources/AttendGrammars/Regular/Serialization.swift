import AttendBase

extension RegularExpressions {
  /// The longest key of an expression.
  private static let longestKey = 4096

  /// Writes an expression out, so that equal ones of any grammar give the same bytes; false where that takes too many,
  /// or where there is an automaton in it.
  mutating func writeKey(of expression: Int32, to key: inout GrowingList<UInt8>) throws(Failure) -> Bool {
    key.removeAll()
    let mark = pending.count
    defer { pending.removeAll(from: mark) }
    try pending.append(expression)
    while pending.count > mark {
      let node = nodes[Int(pending.removeLast())]
      guard key.count < RegularExpressions.longestKey, pending.count - mark < RegularExpressions.longestKey else {
        return false
      }
      try key.append(node.kind.rawValue)
      switch node.kind {
      case .nothing, .empty: break
      case .state: return false
      case .bytes:
        let set = sets[Int(node.first)]
        for word in 0..<4 { try RegularExpressions.append(set.words[word], to: &key) }
      case .literal:
        try RegularExpressions.append(UInt64(node.second), to: &key)
        guard node.second < RegularExpressions.longestKey else { return false }
        for place in 0..<Int(node.second) { try key.append(text[Int(node.first) + place]) }
      case .sequence:
        try pending.append(node.second)
        try pending.append(node.first)
      case .repetition:
        let counts = UInt64(UInt32(bitPattern: node.second)) << 32 | UInt64(UInt32(bitPattern: node.third))
        try RegularExpressions.append(counts, to: &key)
        try pending.append(node.first)
      case .complement: try pending.append(node.first)
      case .choice, .intersection:
        try RegularExpressions.append(UInt64(node.second), to: &key)
        for place in 0..<Int(node.second) { try pending.append(parts[Int(node.first) + place]) }
      }
    }
    return true
  }

  private static func append(_ number: UInt64, to key: inout GrowingList<UInt8>) throws(Failure) {
    for place in 0..<8 as Range<UInt64> { try key.append(UInt8(truncatingIfNeeded: number >> (8 * place))) }
  }
}
