// The grammar of JSON (RFC 8259): checks a text and writes the index that the handles read.
import AttendBase

/// Reads a document from its first byte to its last. Nothing recurses: the depth of the text does not meet the depth of
/// the stack.
struct JSONParser: ~Copyable {
  let bytes: UnsafeRawBufferPointer
  let file: String
  var records = GrowingList<JSONRecord>(for: "the index of a JSON document")
  var unescaped = GrowingList<UInt8>(for: "the strings of a JSON document")
  var position = 0
  private var container = 0  // the record of the innermost open container
  private var depth = 0  // how many containers are open

  init(_ bytes: UnsafeRawBufferPointer, file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// Throws `invalidFile`, with the file and the place, and `outOfMemory`.
  mutating func parse() throws(Failure) {
    do throws(Failure) { try document() } catch  where error.code == .outOfMemory {
      throw Failure(.outOfMemory, "\(file): \(error.message)")
    }
  }

  private mutating func document() throws(Failure) {
    try records.reserve(bytes.count / 12)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw failure("a byte order mark may not begin a JSON document") }
    skipSpace()
    guard position < bytes.count else { throw failure("the document is empty") }
    try value()
    while depth > 0 {
      skipSpace()
      try member()
    }
    skipSpace()
    guard position == bytes.count else { throw failure("text follows the end of the document") }
    records.trim()
  }

  /// The byte at the position; 0, which no grammar rule accepts, at the end.
  var next: UInt8 { position < bytes.count ? bytes[position] : 0 }

  /// An error at the position, or at an earlier `offset`.
  func failure(_ reason: String, at offset: Int? = nil) -> Failure {
    let ended = offset == nil && position >= bytes.count && bytes.count > 0 ? ", but the file ends" : ""
    return JSONDocument.failure(reason + ended, at: offset ?? position, of: bytes, file: file)
  }

  @inline(__always) private mutating func skipSpace() {
    while position < bytes.count, bytes[position] <= UInt8(ascii: " ") {
      switch bytes[position] {
      case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): position &+= 1
      default: return
      }
    }
  }

  /// Reads the next element or member of the innermost open container, or its closing bracket.
  private mutating func member() throws(Failure) {
    let record = records[container]
    let isObject = bytes[Int(record.start)] == UInt8(ascii: "{")
    if next == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { return close(record) }
    if record.count > 0 {
      guard next == UInt8(ascii: ",") else { throw failure(isObject ? "expected ',' or '}'" : "expected ',' or ']'") }
      position += 1
      skipSpace()
    }
    records[container].count &+= 1  // less than the bytes of the document, which fit
    if isObject { try key() }
    try value()
  }

  /// Opens a container. Until it is closed, its `link` leads to the one around it.
  private mutating func open() throws(Failure) {
    guard depth < JSON.maximalDepth else { throw failure("containers nest deeper than \(JSON.maximalDepth)") }
    let outer = UInt32(container)
    (container, depth) = (records.count, depth + 1)
    try records.append(JSONRecord(start: UInt32(position), length: 1, link: outer))
    position += 1
  }

  /// Closes the innermost container, which `record` describes, at its bracket.
  private mutating func close(_ record: JSONRecord) {
    position += 1
    records[container] = JSONRecord(
      start: record.start, length: UInt32(position) - record.start, link: UInt32(records.count), count: record.count)
    (container, depth) = (Int(record.link), depth - 1)
  }

  private mutating func key() throws(Failure) {
    guard next == UInt8(ascii: "\"") else { throw failure("expected a key in quotes") }
    try string()
    skipSpace()
    guard next == UInt8(ascii: ":") else { throw failure("expected ':' after a key") }
    position += 1
    skipSpace()
  }

  /// Reads a scalar or opens a container.
  private mutating func value() throws(Failure) {
    switch next {
    case UInt8(ascii: "\""): try string()
    case UInt8(ascii: "{"), UInt8(ascii: "["): try open()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
    case UInt8(ascii: "t"): try word("true")
    case UInt8(ascii: "f"): try word("false")
    case UInt8(ascii: "n"): try word("null")
    case UInt8(ascii: "N"): try word("NaN")
    case UInt8(ascii: "I"): try word("Infinity")
    default: throw failure("expected a value")
    }
  }

  /// Notes a value and moves behind it.
  @inline(__always) private mutating func record(from start: Int, to end: Int) throws(Failure) {
    try records.append(JSONRecord(start: UInt32(start), length: UInt32(end - start)))
    position = end
  }

  private mutating func word(_ word: StaticString) throws(Failure) {
    let text = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard bytes[position...].starts(with: text) else { throw failure("expected a value") }
    try record(from: position, to: position + text.count)
  }

  private mutating func number() throws(Failure) {
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    if next == UInt8(ascii: "I") && position > start {
      try word("Infinity")
      records[records.count - 1] = JSONRecord(start: UInt32(start), length: UInt32(position - start))
      return
    }
    if next == UInt8(ascii: "0") { position += 1 } else { try digits() }
    if next == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if next | 0x20 == UInt8(ascii: "e") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    try record(from: start, to: position)
  }

  private mutating func digits() throws(Failure) {
    guard isDigit(next) else { throw failure("expected a digit") }
    while isDigit(next) { position += 1 }
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  /// Reads a string. One without escapes stays in the document, the bytes of others are gathered in `unescaped`.
  private mutating func string() throws(Failure) {
    let start = position
    position += 1
    skipPlain()
    if next != UInt8(ascii: "\"") { return try string(from: start) }
    try record(from: start, to: position + 1)
  }

  /// Reads on in a string that began at `start`, from its first character beyond printable ASCII.
  private mutating func string(from start: Int) throws(Failure) {
    var resolved: Int?  // where in `unescaped` this string begins
    var run = start + 1  // what is not in `unescaped` yet
    while next != UInt8(ascii: "\"") {
      guard position < bytes.count else { throw failure("the string that starts here has no closing quote", at: start) }
      switch next {
      case UInt8(ascii: "\\"):
        resolved = resolved ?? unescaped.count
        try unescaped.append(contentsOf: text(from: run))
        try escape()
        run = position
      case 0..<0x20: throw failure("a control character in a string must be escaped")
      case 0x20..<0x80: skipPlain()
      default: position += try characterLength()
      }
    }
    if resolved != nil { try unescaped.append(contentsOf: text(from: run)) }
    try record(from: start, to: position + 1)
    if let resolved {
      records[records.count - 1].link = UInt32(resolved)
      records[records.count - 1].count = UInt32(unescaped.count - resolved)
    }
  }

  /// The text from `start` to the position.
  private func text(from start: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeRawBufferPointer(rebasing: bytes[start..<position]).assumingMemoryBound(to: UInt8.self)
  }
}

// MARK: - Characters

extension JSONParser {
  /// Moves over the characters of a string that stand for themselves: printable ASCII but the quote and the backslash.
  /// Eight at a time: a byte's highest bit is set where it is none of them.
  @inline(__always) private mutating func skipPlain() {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let high = 0x80 * ones
    while bytes.count - position >= 8 {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      let (quote, backslash) = (word ^ 0x22 * ones, word ^ 0x5C * ones)
      // x - 1 has the highest bit of a byte set that x has not, where the byte is 0; a borrow reaches only bytes behind
      // such a one.
      let control = (word &- 0x20 * ones) & ~word
      let special = (word | control | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)) & high
      if special != 0 {
        position &+= special.trailingZeroBitCount / 8
        return
      }
      position &+= 8
    }
    while position < bytes.count, JSONParser.isPlain(bytes[position]) { position &+= 1 }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  /// Bytes of the character beyond ASCII at the position, after checking that it is well-formed (The Unicode Standard,
  /// table 3-7).
  private func characterLength() throws(Failure) -> Int {
    let first = bytes[position]
    let (length, second): (Int, ClosedRange<UInt8>) =
      switch first {
      case 0xC2...0xDF: (2, 0x80...0xBF)
      case 0xE0: (3, 0xA0...0xBF)
      case 0xED: (3, 0x80...0x9F)
      case 0xE1...0xEF: (3, 0x80...0xBF)
      case 0xF0: (4, 0x90...0xBF)
      case 0xF1...0xF3: (4, 0x80...0xBF)
      case 0xF4: (4, 0x80...0x8F)
      default: (0, 0x80...0xBF)
      }
    guard length > 0, length <= bytes.count - position, second.contains(bytes[position + 1]),
      bytes[(position + 2)..<(position + max(length, 2))].allSatisfy({ $0 & 0xC0 == 0x80 })
    else { throw failure("the bytes are not UTF-8", at: position) }
    return length
  }

  /// Resolves the escape at the position into `unescaped`.
  private mutating func escape() throws(Failure) {
    let start = position
    position += 1
    let plain: UInt8
    switch next {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = next
    case UInt8(ascii: "b"): plain = 0x08
    case UInt8(ascii: "f"): plain = 0x0C
    case UInt8(ascii: "n"): plain = 0x0A
    case UInt8(ascii: "r"): plain = 0x0D
    case UInt8(ascii: "t"): plain = 0x09
    case UInt8(ascii: "u"): return try unicodeEscape(start)
    default: throw failure("unknown escape in a string", at: start)
    }
    position += 1
    try unescaped.append(plain)
  }

  /// Resolves \uXXXX, and two of them where they are a surrogate pair.
  private mutating func unicodeEscape(_ start: Int) throws(Failure) {
    guard let unit = hexadecimal(at: start + 2) else { throw failure("\\u needs four hexadecimal digits", at: start) }
    position = start + 6
    var scalar = unit
    if unit & 0xFC00 == 0xD800, bytes[position...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]),
      let low = hexadecimal(at: position + 2), low & 0xFC00 == 0xDC00
    {
      scalar = 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF
      position += 6
    }
    for byte in UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}")! { try unescaped.append(byte) }
  }

  /// The number that four hexadecimal digits spell, nil where they are not there.
  private func hexadecimal(at offset: Int) -> UInt32? {
    guard offset <= bytes.count - 4 else { return nil }
    var value: UInt32 = 0
    for byte in bytes[offset..<offset + 4] {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: return nil
      }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}
