import AttendBase
import AttendGrammars
import AttendTestSupport
import AttendTokenizers

/// The tables of vocabularies that tests work over.
enum Vocabularies {
  /// The vocabulary of a tokenizer of the shared folder; nil where that is not there. The reference knows the end token
  /// alone as special, and takes others by their spelling.
  static func shared(_ name: String, stop: Int32) throws -> TokenTable? {
    guard let shared = Shared.path else { return nil }
    let tokenizer = try Tokenizer(path: shared + "/tokenizers/" + name)
    return try TokenTable(count: tokenizer.size, stops: [stop]) { id, bytes throws(Failure) in
      guard tokenizer.isSpecial(id) else { return try tokenizer.appendBytes(of: id, to: &bytes) }
      for byte in tokenizer.token(id)! { try bytes.append(byte) }
    }
  }

  /// Tokens with the bytes given, and an end token behind them.
  static func of(_ tokens: [[UInt8]], cut: TokenTable.Cut? = nil) throws -> TokenTable {
    try TokenTable(count: tokens.count + 1, stops: [Int32(tokens.count)], cut: cut) { id, bytes throws(Failure) in
      guard id < tokens.count else { return }
      for byte in tokens[Int(id)] { try bytes.append(byte) }
    }
  }

  static func of(_ tokens: String...) throws -> TokenTable { try of(tokens.map { Array($0.utf8) }) }

  /// The same with a tokenizer that takes the longest token at each place, and cuts nothing where there is none.
  static func greedy(_ tokens: String...) throws -> TokenTable {
    let words = tokens.map { Array($0.utf8) }
    return try of(words) { text, ids throws(Failure) in
      var rest = Array(text)[...]
      while let next = words.indices.filter({ rest.starts(with: words[$0]) }).max(by: {
        words[$0].count < words[$1].count
      }) {
        try ids.append(Int32(next))
        rest = rest.dropFirst(words[next].count)
      }
    }
  }
}

extension Matcher {
  /// The ids that may come next.
  func allowed() throws -> [Int32] {
    var mask = [UInt32](repeating: .max, count: tokens.words)
    try mask.withUnsafeMutableBufferPointer { try allowed(into: $0.baseAddress!) }
    return (0..<Int32(tokens.count)).filter { mask[Int($0 / 32)] >> UInt32($0 % 32) & 1 != 0 }
  }

  /// The tokens that must come next behind one.
  func forced(after last: Int32?) throws -> [Int32] {
    var ids = GrowingList<Int32>(for: "a test")
    try forcedTokens(after: last, into: &ids)
    return Array(ids.elements)
  }

  mutating func accept(text: String) throws -> Bool {
    let bytes = Array(text.utf8)
    return try bytes.withUnsafeBufferPointer { try accept($0) }
  }
}
