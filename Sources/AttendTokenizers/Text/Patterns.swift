import AttendBase

import Glibc

/// A fixed text. The empty one is found between any two characters, and at both ends.
struct TextPattern: SplitPattern, Sendable {
  let bytes: [UInt8]

  func forEachMatch(
    in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    guard !bytes.isEmpty else { return try forEachBoundary(in: text, range, body) }
    guard let base = text.baseAddress else { return }
    var position = range.lowerBound
    while position + bytes.count <= range.upperBound,
      let found = memchr(base + position, Int32(bytes[0]), range.upperBound - bytes.count + 1 - position)
    {
      let start = UnsafeRawPointer(found) - UnsafeRawPointer(base)
      let isMatch = bytes.count == 1 || memcmp(found, bytes, bytes.count) == 0
      position = isMatch ? start + bytes.count : start + 1
      if isMatch { try body(start..<position) }
    }
  }

  private func forEachBoundary(
    in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    var position = range.lowerBound
    while position < range.upperBound {
      try body(position..<position)
      position += UTF8Text.length(first: text[position])
    }
    try body(position..<position)
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

  func forEachMatch(
    in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    let table = UnicodeData.properties
    try ascii.withUnsafeBufferPointer { ascii throws(Failure) in
      var position = range.lowerBound
      while position < range.upperBound {
        let byte = text[position]
        if byte < 0x80 {
          if ascii[Int(byte)] { try body(position..<position + 1) }
          position += 1
        } else {
          let (scalar, length) = UTF8Text.decode(text.baseAddress! + position)
          if rule(scalar, table[scalar]) { try body(position..<position + length) }
          position += length
        }
      }
    }
  }
}
