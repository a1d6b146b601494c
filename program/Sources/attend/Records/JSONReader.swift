/// A reader of JSON (RFC 8259). Members keep their order, which chat templates and schemas are sensitive to; of what is
/// wrong nothing is read.
struct JSONReader {
  /// Lists and objects within one another at most: the reader calls itself for each.
  private static let greatestDepth = 200

  private let bytes: UnsafeBufferPointer<UInt8>
  private var place = 0
  private var depth = 0

  /// The value that a document is; nil: it is not JSON, or not UTF-8.
  static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Value? {
    var reader = JSONReader(bytes: bytes)
    guard let value = reader.value() else { return nil }
    reader.skipSpace()
    return reader.place == bytes.count ? value : nil
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    place += 1
    return true
  }

  private mutating func take(_ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard bytes.count - place >= count else { return false }
    for index in 0..<count where bytes[place + index] != word.utf8Start[index] { return false }
    place += count
    return true
  }

  private mutating func value() -> Value? {
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return nested { $0.object() }
    case UInt8(ascii: "["): return nested { $0.list() }
    case UInt8(ascii: "\""): return string().map { .string($0) }
    case UInt8(ascii: "t"): return take("true") ? .bool(true) : nil
    case UInt8(ascii: "f"): return take("false") ? .bool(false) : nil
    case UInt8(ascii: "n"): return take("null") ? .null : nil
    default: return number()
    }
  }

  private mutating func nested(_ body: (inout JSONReader) -> Value?) -> Value? {
    guard depth < JSONReader.greatestDepth else { return nil }
    depth += 1
    defer { depth -= 1 }
    place += 1
    skipSpace()
    return body(&self)
  }

  private mutating func list() -> Value? {
    var values: [Value] = []
    if take(UInt8(ascii: "]")) { return .list(values) }
    while let value = value() {
      values.append(value)
      skipSpace()
      if take(UInt8(ascii: "]")) { return .list(values) }
      guard take(UInt8(ascii: ",")) else { return nil }
    }
    return nil
  }

  private mutating func object() -> Value? {
    var fields: [Field] = []
    if take(UInt8(ascii: "}")) { return .object(fields) }
    while let name = string() {
      skipSpace()
      guard take(UInt8(ascii: ":")), let value = value() else { return nil }
      fields.append(Field(name, value))
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(fields) }
      guard take(UInt8(ascii: ",")) else { return nil }
      skipSpace()
    }
    return nil
  }

  private mutating func digits() -> Bool {
    let first = place
    while let byte = next, byte >= 0x30, byte <= 0x39 { place += 1 }
    return place > first
  }

  private mutating func number() -> Value? {
    let first = place
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { guard digits() else { return nil } }
    var isInteger = true
    if take(UInt8(ascii: ".")) {
      guard digits() else { return nil }
      isInteger = false
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard digits() else { return nil }
      isInteger = false
    }
    let text = String(decoding: bytes[first..<place], as: UTF8.self)
    if isInteger, let integer = Int(text) { return .integer(integer) }
    return Double(text).map { .number($0) }
  }

  private mutating func string() -> String? {
    guard take(UInt8(ascii: "\"")) else { return nil }
    let first = place
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { place += 1 }
    guard var text = String(validating: bytes[first..<place], as: UTF8.self) else { return nil }
    while !take(UInt8(ascii: "\"")) {
      guard take(UInt8(ascii: "\\")), let scalar = escape() else { return nil }
      text.unicodeScalars.append(scalar)
      let first = place
      while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { place += 1 }
      guard let part = String(validating: bytes[first..<place], as: UTF8.self) else { return nil }
      text += part
    }
    return text
  }

  /// What stands behind a backslash. Half of a pair of surrogates is U+FFFD.
  private mutating func escape() -> Unicode.Scalar? {
    guard let byte = next else { return nil }
    place += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{08}"
    case UInt8(ascii: "f"): return "\u{0C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      guard let unit = unit() else { return nil }
      if unit & 0xFC00 == 0xD800 {
        let before = place
        if take("\\u"), let low = self.unit(), low & 0xFC00 == 0xDC00 {
          return Unicode.Scalar(0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF)
        }
        place = before
      }
      return Unicode.Scalar(unit) ?? "\u{FFFD}"
    default: return nil
    }
  }

  /// Four hexadecimal digits.
  private mutating func unit() -> UInt32? {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      unit = unit << 4 | UInt32(digit)
      place += 1
    }
    return unit
  }
}
