import AttendBase

/// UTF-8 by hand: `String` is too slow for loops over text.
enum UTF8Text {
  /// U+FFFD, which stands for bytes that are not UTF-8.
  static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

  /// The scalar that starts at `pointer`, and its length. The text must be valid UTF-8 from there on.
  @inline(__always) static func decode(_ pointer: UnsafePointer<UInt8>) -> (scalar: UInt32, length: Int) {
    let first = UInt32(pointer[0])
    if first < 0x80 { return (first, 1) }
    let second = UInt32(pointer[1] & 0x3F)
    if first < 0xE0 { return ((first & 0x1F) << 6 | second, 2) }
    let third = UInt32(pointer[2] & 0x3F)
    if first < 0xF0 { return ((first & 0x0F) << 12 | second << 6 | third, 3) }
    return ((first & 0x07) << 18 | second << 12 | third << 6 | UInt32(pointer[3] & 0x3F), 4)
  }

  /// The scalar that ends right before `pointer`, and its length. There must be one.
  @inline(__always) static func decodeBackward(_ pointer: UnsafePointer<UInt8>) -> (scalar: UInt32, length: Int) {
    var start = pointer - 1
    while isContinuation(start[0]) { start -= 1 }
    return (decode(start).scalar, pointer - start)
  }

  @inline(__always) static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

  /// The length of a scalar that starts with this byte, in valid UTF-8.
  @inline(__always) static func length(first byte: UInt8) -> Int {
    byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
  }

  @inline(__always) static func length(of scalar: UInt32) -> Int {
    scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4
  }

  /// Calls `body` with each byte of the encoding of a scalar, which must not be a surrogate.
  @inline(__always) static func forEachByte<Refusal: Error>(
    of scalar: UInt32, _ body: (UInt8) throws(Refusal) -> Void
  ) throws(Refusal) {
    if scalar < 0x80 { return try body(UInt8(truncatingIfNeeded: scalar)) }
    if scalar < 0x800 {
      try body(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
    } else {
      if scalar < 0x10000 {
        try body(UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12))
      } else {
        try body(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
        try body(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3F))
      }
      try body(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
    }
    try body(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
  }

  /// Appends the encoding of a scalar, which must not be a surrogate.
  @inline(__always) static func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
    forEachByte(of: scalar) { bytes.append($0) }
  }

  /// The length of the longest well-formed sequence at `position`, or minus the length of the ill-formed one that
  /// U+FFFD replaces: the maximal subpart (Unicode Standard, section 3.9, U+FFFD Substitution of Maximal Subparts).
  static func sequence(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Int {
    let first = bytes[position]
    if first < 0x80 { return 1 }
    guard first >= 0xC2, first <= 0xF4 else { return -1 }
    let length = self.length(first: first)
    // The second byte is the one whose range depends on the first (table 3-7).
    let low: UInt8 = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80
    let high: UInt8 = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF
    guard position + 1 < bytes.count, bytes[position + 1] >= low, bytes[position + 1] <= high else { return -1 }
    for offset in 2..<max(length, 2) {
      guard position + offset < bytes.count, isContinuation(bytes[position + offset]) else { return -offset }
    }
    return length
  }

  /// The number of bytes from the start on that are valid UTF-8.
  static func validPrefix(_ bytes: UnsafeRawBufferPointer) -> Int {
    var position = 0
    while position < bytes.count {
      while position + 8 <= bytes.count,
        bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
      { position += 8 }
      guard position < bytes.count else { break }
      let length = sequence(bytes, at: position)
      guard length > 0 else { return position }
      position += length
    }
    return position
  }

  /// Calls `body` with the stretches of a text that are UTF-8 and with U+FFFD for what lies between them.
  static func forEachStretch(
    repairing bytes: UnsafeRawBufferPointer, _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    var position = 0
    while position < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
      let valid = validPrefix(rest)
      try body(UnsafeRawBufferPointer(rebasing: rest[..<valid]).assumingMemoryBound(to: UInt8.self))
      position += valid
      guard position < bytes.count else { return }
      try replacement.withUnsafeBufferPointer { replacement throws(Failure) in try body(replacement) }
      position += abs(sequence(bytes, at: position))
    }
  }

  /// Calls `body` with the scalars of a text, and with U+FFFD for what is not UTF-8.
  @inline(__always) static func forEachScalar(
    repairing bytes: UnsafeRawBufferPointer, _ body: (UInt32) -> Void
  ) {
    var position = 0
    while position < bytes.count {
      let length = sequence(bytes, at: position)
      body(length > 0 ? decode(bytes.baseAddress!.assumingMemoryBound(to: UInt8.self) + position).scalar : 0xFFFD)
      position += abs(length)
    }
  }

  /// The scalars of valid UTF-8.
  static func scalars(_ bytes: [UInt8]) -> [UInt32] {
    bytes.withUnsafeBufferPointer { text in
      var result: [UInt32] = []
      var position = 0
      while position < text.count {
        let (scalar, length) = decode(text.baseAddress! + position)
        result.append(scalar)
        position += length
      }
      return result
    }
  }
}
