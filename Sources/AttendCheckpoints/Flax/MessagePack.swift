// MessagePack, the format of Flax's checkpoints.
// https://github.com/msgpack/msgpack/blob/master/spec.md
import AttendBase

/// The values of a MessagePack text, one after another. Every length is checked against the bytes that are there.
struct MessagePack {
  /// A value; of one with parts the number of parts, which are the next values: of a map keys and values in turns.
  enum Value {
    case map(Int)
    case array(Int)
    case text(Range<Int>)
    case binary(Range<Int>)
    case typed(type: Int8, Range<Int>)
    case integer(Int)
    /// Anything else, by the word for it.
    case other(String)
  }

  let bytes: UnsafeRawBufferPointer
  let file: String
  /// The byte at which the next value begins.
  private(set) var place: Int
  private let limit: Int

  /// The values in bytes `range` of a file.
  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, file: String) {
    (self.bytes, self.file, place, limit) = (bytes, file, range.lowerBound, range.upperBound)
  }

  /// Whether all bytes are read.
  var isAtEnd: Bool { place == limit }

  /// Throws `invalidFile` where the value does not end before the bytes do.
  mutating func next() throws(Failure) -> Value {
    let start = place
    let tag = UInt8(try number(1, start))
    switch tag {
    case 0x00...0x7F: return .integer(Int(tag))
    case 0x80...0x8F: return .map(Int(tag & 0x0F))
    case 0x90...0x9F: return .array(Int(tag & 0x0F))
    case 0xA0...0xBF: return .text(try run(Int(tag & 0x1F), start))
    case 0xC0: return .other("null")
    case 0xC2, 0xC3: return .other("a truth value")
    case 0xC4...0xC6: return .binary(try run(try number(1 << Int(tag - 0xC4), start), start))
    case 0xC7...0xC9: return try typed(try number(1 << Int(tag - 0xC7), start), start)
    case 0xCA, 0xCB: return try skipped("a number", tag == 0xCA ? 4 : 8, start)
    case 0xCC...0xCE: return .integer(try number(1 << Int(tag - 0xCC), start))
    case 0xCF: return try long(start)
    case 0xD0...0xD3: return try skipped("a signed number", 1 << Int(tag - 0xD0), start)
    case 0xD4...0xD8: return try typed(1 << Int(tag - 0xD4), start)
    case 0xD9...0xDB: return .text(try run(try number(1 << Int(tag - 0xD9), start), start))
    case 0xDC, 0xDD: return .array(try number(tag == 0xDC ? 2 : 4, start))
    case 0xDE, 0xDF: return .map(try number(tag == 0xDE ? 2 : 4, start))
    case 0xE0...0xFF: return .other("a signed number")
    default: throw invalid("byte \(start) begins no value of MessagePack")
    }
  }

  /// An unsigned number of up to four bytes, the highest first.
  private mutating func number(_ count: Int, _ start: Int) throws(Failure) -> Int {
    try run(count, start).reduce(0) { $0 << 8 | Int(bytes[$1]) }
  }

  /// An unsigned number of eight bytes.
  private mutating func long(_ start: Int) throws(Failure) -> Value {
    let number = try run(8, start).reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[$1]) }
    return Int(exactly: number).map { .integer($0) } ?? .other("a number beyond 2^63")
  }

  private mutating func typed(_ count: Int, _ start: Int) throws(Failure) -> Value {
    let type = Int8(bitPattern: UInt8(try number(1, start)))
    return .typed(type: type, try run(count, start))
  }

  private mutating func skipped(_ kind: String, _ count: Int, _ start: Int) throws(Failure) -> Value {
    _ = try run(count, start)
    return .other(kind)
  }

  /// The next `count` bytes of the value that begins at `start`.
  private mutating func run(_ count: Int, _ start: Int) throws(Failure) -> Range<Int> {
    guard count <= limit - place else {
      throw invalid("the value at byte \(start) needs \(count) bytes, and \(limit - place) are left: it is truncated")
    }
    defer { place += count }
    return place..<place + count
  }

  func invalid(_ reason: String) -> Failure { Failure(.invalidFile, "\(file): \(reason)") }
}
