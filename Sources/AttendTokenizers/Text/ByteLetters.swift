/// The letters that stand for bytes in byte-level vocabularies (Radford et al. 2019, GPT-2): printable characters of
/// Latin-1 stand for themselves, the other 68 bytes are the letters from U+0100 on, in order.
enum ByteLetters {
  /// The letter of each byte.
  static let scalars: [UInt32] = {
    var next: UInt32 = 0x100
    return (0..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return UInt32(byte)
      default:
        next += 1
        return next - 1
      }
    }
  }()

  /// The byte of each letter, -1 for scalars that are none.
  private static let bytes: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar)] = Int16(byte) }
    return table
  }()

  /// UTF-8 of the letter of a byte.
  static func spelling(_ byte: UInt8) -> [UInt8] {
    var result: [UInt8] = []
    UTF8Text.append(scalars[Int(byte)], to: &result)
    return result
  }

  /// The bytes that a text of letters stands for; nil where one is no letter.
  static func bytes(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    guard UTF8Text.validPrefix(UnsafeRawBufferPointer(text)) == text.count else { return nil }
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
      let (scalar, length) = UTF8Text.decode(text.baseAddress! + position)
      guard scalar < bytes.count, bytes[Int(scalar)] >= 0 else { return nil }
      result.append(UInt8(truncatingIfNeeded: bytes[Int(scalar)]))
      position += length
    }
    return result
  }

  static func bytes(_ text: [UInt8]) -> [UInt8]? { text.withUnsafeBufferPointer { bytes($0) } }
}
