// What stands behind the handles of a parsed JSON document.
import AttendBase

/// The place of one value. A container is followed by what is in it, a key by its value. The first byte of the text
/// tells the kind.
struct JSONRecord: BitwiseCopyable {
  /// Offset of the first byte in the document.
  var start: UInt32
  /// Bytes in the document, quotes and brackets included.
  var length: UInt32
  /// Of a container: the record after it and all that is in it. Of a string: where its resolved escapes lie, or
  /// `verbatim`. Otherwise unused.
  var link: UInt32 = verbatim
  /// Of a container: its elements or members. Of a string with escapes: its bytes once they are resolved. Otherwise
  /// unused.
  var count: UInt32 = 0

  /// Marks a string whose bytes are those in the document.
  static let verbatim = UInt32.max
}

/// A text and its index. Never changes.
final class JSONDocument: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  let file: String
  let records: GrowingList<JSONRecord>
  /// The bytes of the strings with escapes, end to end.
  let unescaped: GrowingList<UInt8>
  private let owner: (any AnyObject & Sendable)?

  init(_ parser: consuming JSONParser, owner: (any AnyObject & Sendable)?) {
    self.bytes = parser.bytes
    self.file = parser.file
    self.owner = owner
    self.records = parser.records
    self.unescaped = parser.unescaped
  }

  func byte(_ offset: UInt32) -> UInt8 { bytes[Int(offset)] }

  func failure(_ reason: String, at offset: Int) -> Failure {
    JSONDocument.failure(reason, at: offset, of: bytes, file: file)
  }

  /// An `invalidFile` that spells `offset` as line and column.
  static func failure(_ reason: String, at offset: Int, of bytes: UnsafeRawBufferPointer, file: String) -> Failure {
    var line = 1
    var column = 1
    for byte in bytes.prefix(offset) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {  // the later bytes of a character do not count
        column += 1
      }
    }
    return Failure(.invalidFile, "\(file), line \(line), column \(column): \(reason)")
  }
}
