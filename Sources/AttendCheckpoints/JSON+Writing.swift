import AttendBase

extension JSON {
  /// Appends bytes of UTF-8 as a string of JSON holds them, without its quotes (RFC 8259).
  package static func escape(
    _ bytes: UnsafeBufferPointer<UInt8>, into output: inout GrowingList<UInt8>
  ) throws(Failure) {
    for byte in bytes { try escape(byte, into: &output) }
  }

  package static func escape(_ byte: UInt8, into output: inout GrowingList<UInt8>) throws(Failure) {
    switch byte {
    case UInt8(ascii: "\""): try append("\\\"", &output)
    case UInt8(ascii: "\\"): try append("\\\\", &output)
    case UInt8(ascii: "\n"): try append("\\n", &output)
    case UInt8(ascii: "\r"): try append("\\r", &output)
    case UInt8(ascii: "\t"): try append("\\t", &output)
    case 0..<0x20:
      try append("\\u00", &output)
      for digit in [byte >> 4, byte & 15] { try output.append(digit + (digit < 10 ? 48 : 87)) }
    default: try output.append(byte)
    }
  }

  private static func append(_ text: StaticString, _ output: inout GrowingList<UInt8>) throws(Failure) {
    try output.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
