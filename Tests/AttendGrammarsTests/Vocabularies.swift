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
  static func of(_ tokens: [[UInt8]]) throws -> TokenTable {
    try TokenTable(count: tokens.count + 1, stops: [Int32(tokens.count)]) { id, bytes throws(Failure) in
      guard id < tokens.count else { return }
      for byte in tokens[Int(id)] { try bytes.append(byte) }
    }
  }

  static func of(_ tokens: String...) throws -> TokenTable { try of(tokens.map { Array($0.utf8) }) }
}

extension Matcher {
  /// The ids that may come next.
  func allowed() throws -> [Int32] {
    var mask = [UInt32](repeating: .max, count: tokens.words)
    try mask.withUnsafeMutableBufferPointer { try allowed(into: $0.baseAddress!) }
    return (0..<Int32(tokens.count)).filter { mask[Int($0 / 32)] >> UInt32($0 % 32) & 1 != 0 }
  }

  mutating func accept(text: String) throws -> Bool {
    let bytes = Array(text.utf8)
    return try bytes.withUnsafeBufferPointer { try accept($0) }
  }
}
