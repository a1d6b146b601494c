import AttendBase

/// The letters that stand for bytes in byte-level vocabularies (Radford et al. 2019, GPT-2): printable characters of
/// Latin-1 stand for themselves, the other 68 bytes are the letters from U+0100 on, in order.
enum ByteLetters {
  /// The letter of a byte.
  static func scalar(_ byte: UInt8) -> UInt32 {
    switch byte {
    case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: UInt32(byte)
    case 0...0x20: 0x100 + UInt32(byte)
    case 0x7F...0xA0: 0x121 + UInt32(byte - 0x7F)
    default: 0x143  // 0xAD, the soft hyphen
    }
  }

  /// The byte that a letter stands for; nil for scalars that are none.
  private static func byte(_ scalar: UInt32) -> UInt8? {
    switch scalar {
    case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: UInt8(scalar)
    case 0x100...0x120: UInt8(scalar - 0x100)
    case 0x121...0x142: UInt8(scalar - 0x121 + 0x7F)
    case 0x143: 0xAD
    default: nil
    }
  }

  /// UTF-8 of the letter of a byte.
  static func spelling(_ byte: UInt8) -> [UInt8] {
    var result: [UInt8] = []
    UTF8Text.append(scalar(byte), to: &result)
    return result
  }

  /// Whether a text consists of letters that stand for bytes.
  static func areLetters(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    guard UTF8Text.validPrefix(UnsafeRawBufferPointer(text)) == text.count else { return false }
    var position = 0
    while position < text.count {
      let (scalar, length) = UTF8Text.decode(text.baseAddress! + position)
      guard byte(scalar) != nil else { return false }
      position += length
    }
    return true
  }

  /// Calls `body` with the bytes that a text of such letters stands for.
  static func forEachByte(
    _ letters: UnsafeBufferPointer<UInt8>, _ body: (UInt8) throws(Failure) -> Void
  ) throws(Failure) {
    var position = 0
    while position < letters.count {
      let (scalar, length) = UTF8Text.decode(letters.baseAddress! + position)
      if let byte = byte(scalar) { try body(byte) }
      position += length
    }
  }
}
