import Glibc

/// A fixed text.
struct TextPattern: SplitPattern, Sendable {
  let bytes: [UInt8]

  func forEachMatch(in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    guard !bytes.isEmpty, let base = text.baseAddress else { return }
    var position = range.lowerBound
    while position + bytes.count <= range.upperBound,
      let found = memchr(base + position, Int32(bytes[0]), range.upperBound - bytes.count + 1 - position)
    {
      let start = UnsafeRawPointer(found) - UnsafeRawPointer(base)
      let isMatch = bytes.count == 1 || memcmp(found, bytes, bytes.count) == 0
      position = isMatch ? start + bytes.count : start + 1
      if isMatch { body(start..<position) }
    }
  }
}

/// Each single scalar that a rule accepts.
struct ScalarPattern: SplitPattern, Sendable {
  /// The answer for each ASCII character, then the rule for all others.
  private let ascii: [Bool]
  private let rule: @Sendable (UInt32, ScalarProperties) -> Bool

  init(_ rule: @escaping @Sendable (UInt32, ScalarProperties) -> Bool) {
    let table = UnicodeData.properties
    self.ascii = (0..<128).map { rule($0, table[$0]) }
    self.rule = rule
  }

  func forEachMatch(in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    let table = UnicodeData.properties
    ascii.withUnsafeBufferPointer { ascii in
      var position = range.lowerBound
      while position < range.upperBound {
        let byte = text[position]
        if byte < 0x80 {
          if ascii[Int(byte)] { body(position..<position + 1) }
          position += 1
        } else {
          let (scalar, length) = UTF8Text.decode(text.baseAddress! + position)
          if rule(scalar, table[scalar]) { body(position..<position + length) }
          position += length
        }
      }
    }
  }
}
