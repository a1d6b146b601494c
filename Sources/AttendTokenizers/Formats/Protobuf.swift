import AttendBase

/// The fields of one protocol buffers message, in order (the wire format of protobuf.dev/programming-guides/encoding).
struct ProtobufReader {
  enum Value {
    case number(UInt64)
    case bytes(UnsafeRawBufferPointer)
  }

  private let bytes: UnsafeRawBufferPointer
  private let file: String
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer, file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// The next field, nil at the end. Throws `invalidFile` for what is no message.
  mutating func next() throws(Failure) -> (field: Int, value: Value)? {
    guard position < bytes.count else { return nil }
    let tag = try varint()
    let field = Int(truncatingIfNeeded: tag >> 3)
    guard field > 0, tag >> 3 < 1 << 29 else { throw malformed() }
    switch tag & 7 {
    case 0: return (field, .number(try varint()))
    case 1: return (field, .number(try fixed(8)))
    case 5: return (field, .number(try fixed(4)))
    case 2:
      let count = try varint()
      guard count <= UInt64(bytes.count - position) else { throw malformed() }
      defer { position += Int(count) }
      return (field, .bytes(UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(count)])))
    default: throw malformed()
    }
  }

  private mutating func varint() throws(Failure) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard position < bytes.count else { throw malformed() }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw malformed()
  }

  private mutating func fixed(_ count: Int) throws(Failure) -> UInt64 {
    guard count <= bytes.count - position else { throw malformed() }
    defer { position += count }
    return (0..<count).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64(8 * $1) }
  }

  private func malformed() -> Failure {
    Failure(.invalidFile, "\(file) is no protocol buffers message: malformed at byte \(position) of \(bytes.count)")
  }
}
