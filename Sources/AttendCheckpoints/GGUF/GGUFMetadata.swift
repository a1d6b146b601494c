// The beginning of a GGUF file: keys with their values, each of which says its type.
// https://github.com/ggml-org/ggml, docs/gguf.md
import AttendBase

/// A place in the bytes of a GGUF file, whose numbers are little-endian.
struct GGUFReader {
  let bytes: UnsafeRawBufferPointer
  let file: String
  private(set) var place = 0

  init(_ bytes: UnsafeRawBufferPointer, at place: Int = 0, file: String) {
    (self.bytes, self.place, self.file) = (bytes, place, file)
  }

  func invalid(_ reason: String) -> Failure { Failure(.invalidFile, "\(file): \(reason)") }

  /// Passes over `count` bytes that must be there for `purpose`, and gives where they begin.
  mutating func skip(_ count: Int, for purpose: @autoclosure () -> String) throws(Failure) -> Int {
    let start = place
    guard count <= bytes.count - start else {
      throw invalid(
        "\(purpose()) at byte \(start) takes \(count) bytes, and the file ends at byte \(bytes.count)")
    }
    place += count
    return start
  }

  mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
    _ type: Number.Type = Number.self, for purpose: @autoclosure () -> String
  ) throws(Failure) -> Number {
    let start = try skip(MemoryLayout<Number>.size, for: purpose())
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Number.self))
  }

  /// A size of 64 bits, which must fit an `Int`.
  mutating func size(for purpose: @autoclosure () -> String) throws(Failure) -> Int {
    let start = place
    let value = try number(UInt64.self, for: purpose())
    guard let size = Int(exactly: value) else {
      throw invalid("\(purpose()) at byte \(start) is \(value); that many cannot be")
    }
    return size
  }

  /// A text: its length and its bytes, whose place is given.
  mutating func text(for purpose: @autoclosure () -> String) throws(Failure) -> GGUFText {
    let count = try size(for: "the length of \(purpose())")
    return GGUFText(start: try skip(count, for: purpose()), count: count)
  }
}

/// The place of a text in a file.
struct GGUFText: BitwiseCopyable {
  let start: Int
  let count: Int

  func bytes(in file: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: file[start..<start + count])
  }
}

/// The type of a value.
enum GGUFType: UInt32 {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, text, array, uint64, int64, float64

  /// Bytes of a value; nil: it says so itself.
  var size: Int? {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .text, .array: nil
    }
  }
}

/// The keys and values of a file. What has been read is remembered, so that what was not understood can be named. One
/// thread at a time.
final class GGUFMetadata {
  let file: MappedFile
  private var entries = GrowingList<Entry>(for: "the metadata of a GGUF file")  // by their keys

  /// A key and its value, one or an array of them.
  struct Entry: BitwiseCopyable {
    let key: GGUFText
    /// Of the elements, for an array.
    let type: GGUFType
    /// The number of elements; nil: a single value.
    let count: Int?
    /// Where the value, or the first element, begins.
    let start: Int
    var isRead = false
  }

  /// Reads `count` keys. Throws `invalidFile` with the place and the numbers, `outOfMemory`.
  init(_ count: Int, _ reader: inout GGUFReader, _ file: MappedFile) throws(Failure) {
    self.file = file
    for index in 0..<count {
      let key = try reader.text(for: "key \(index) of \(count)")
      try entries.append(try GGUFMetadata.value(of: key, &reader))
    }
    let bytes = file.bytes
    try entries.sort { $0.key.bytes(in: bytes).lexicographicallyPrecedes($1.key.bytes(in: bytes)) }
    for index in entries.elements.indices.dropFirst()
    where entries[index].key.bytes(in: bytes).elementsEqual(entries[index - 1].key.bytes(in: bytes)) {
      throw reader.invalid("the key \(text(entries[index].key)) is there twice")
    }
  }

  private static func value(of key: GGUFText, _ reader: inout GGUFReader) throws(Failure) -> Entry {
    var (name, isArray) = ("a value", false)
    func type(_ reader: inout GGUFReader) throws(Failure) -> GGUFType {
      let start = reader.place
      let number = try reader.number(UInt32.self, for: "the type of \(name)")
      guard let type = GGUFType(rawValue: number), !isArray || type != .array else {
        throw reader.invalid("\(name) at byte \(start) is of type \(number), which no value of GGUF can have")
      }
      return type
    }
    name = "the value of \(String(decoding: key.bytes(in: reader.bytes).prefix(200), as: UTF8.self))"
    let single = try type(&reader)
    guard single == .array else {
      let start = reader.place
      if let size = single.size { _ = try reader.skip(size, for: name) } else { _ = try reader.text(for: name) }
      return Entry(key: key, type: single, count: nil, start: start)
    }
    isArray = true
    let element = try type(&reader)
    let count = try reader.size(for: "the number of elements of \(name)")
    let start = reader.place
    if let size = element.size {
      let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
      _ = try reader.skip(overflow ? Int.max : bytes, for: name)
    } else {
      for index in 0..<count { _ = try reader.text(for: "element \(index) of \(count) of \(name)") }
    }
    return Entry(key: key, type: element, count: count, start: start)
  }

  func text(_ place: GGUFText) -> String { String(decoding: place.bytes(in: file.bytes), as: UTF8.self) }

  /// An `invalidFile` that names the file, the key and `reason`.
  func invalid(_ key: String, _ reason: String) -> Failure {
    Failure(.invalidFile, "\(file.path): metadata \(key) \(reason)")
  }

  // MARK: Looking up

  /// The entry of a key, which counts as read; nil without it.
  func entry(_ key: String) -> Entry? {
    var key = key
    return key.withUTF8 { wanted in
      let bytes = file.bytes
      let index = entries.elements.partition { $0.key.bytes(in: bytes).lexicographicallyPrecedes(wanted) }
      guard index < entries.count, entries[index].key.bytes(in: bytes).elementsEqual(wanted) else { return nil }
      entries[index].isRead = true
      return entries[index]
    }
  }

  func holds(_ key: String) -> Bool { entry(key) != nil }

  /// Calls `body` with the keys that begin with `prefix` and that nobody has asked for.
  func forEachUnread(_ prefix: String, _ body: (_ key: String, _ entry: Entry) throws(Failure) -> Void) throws(Failure)
  {
    for entry in entries.elements where !entry.isRead && entry.key.bytes(in: file.bytes).starts(with: prefix.utf8) {
      try body(text(entry.key), entry)
    }
  }

  // MARK: Values

  /// Element `index` of an entry as an integer; nil where it is none.
  func integer(_ entry: Entry, _ index: Int = 0) -> Int? {
    func load<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type) -> Int? {
      let place = entry.start + index * MemoryLayout<Number>.size
      return Int(exactly: Number(littleEndian: file.bytes.loadUnaligned(fromByteOffset: place, as: type)))
    }
    return switch entry.type {
    case .uint8, .bool: load(UInt8.self)
    case .int8: load(Int8.self)
    case .uint16: load(UInt16.self)
    case .int16: load(Int16.self)
    case .uint32: load(UInt32.self)
    case .int32: load(Int32.self)
    case .uint64: load(UInt64.self)
    case .int64: load(Int64.self)
    case .float32, .float64, .text, .array: nil
    }
  }

  /// Element `index` of an entry as a number; nil where it is none.
  func number(_ entry: Entry, _ index: Int = 0) -> Double? {
    switch entry.type {
    case .float32: Double(file.bytes.loadUnaligned(fromByteOffset: entry.start + 4 * index, as: Float.self))
    case .float64: file.bytes.loadUnaligned(fromByteOffset: entry.start + 8 * index, as: Double.self)
    default: integer(entry, index).map { Double($0) }
    }
  }

  /// Calls `body` with the texts of an entry and their places in the file.
  func forEachText(
    _ entry: Entry, _ body: (_ index: Int, _ text: UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    var reader = GGUFReader(file.bytes, at: entry.start, file: file.path)
    for index in 0..<(entry.count ?? 1) {
      try body(index, try reader.text(for: "a text").bytes(in: file.bytes))
    }
  }

  /// The value of a key as `convert` makes it, nil without the key.
  private func value<Value>(
    _ key: String, _ expected: String, _ convert: (Entry) -> Value?
  ) throws(Failure) -> Value? {
    guard let entry = entry(key) else { return nil }
    guard entry.count == nil, let value = convert(entry) else { throw invalid(key, "is not \(expected)") }
    return value
  }

  /// Throws `invalidFile` where the value is no integer from 0 to the largest that sizes may be.
  func size(_ key: String) throws(Failure) -> Int? {
    let expected = "an integer from 0 to \(Configuration.maximalInteger)"
    return try value(key, expected) { entry in
      integer(entry).flatMap { (0...Configuration.maximalInteger).contains($0) ? $0 : nil }
    }
  }

  func number(_ key: String) throws(Failure) -> Double? {
    try value(key, "a finite number") { entry in number(entry).flatMap { $0.isFinite ? $0 : nil } }
  }

  func boolean(_ key: String) throws(Failure) -> Bool? {
    try value(key, "true or false") { entry in entry.type == .bool ? integer(entry).map { $0 != 0 } : nil }
  }

  func text(_ key: String) throws(Failure) -> String? {
    try value(key, "a text") { (entry) in
      guard entry.type == .text else { return nil }
      var reader = GGUFReader(file.bytes, at: entry.start, file: file.path)
      return (try? reader.text(for: "a text")).map { text($0) }
    }
  }

  /// An array of elements that are texts, or that are none; nil without the key.
  func array(_ key: String, ofTexts: Bool) throws(Failure) -> Entry? {
    guard let entry = entry(key) else { return nil }
    guard entry.count != nil, (entry.type == .text) == ofTexts else {
      throw invalid(key, "is no array of \(ofTexts ? "texts" : "numbers")")
    }
    return entry
  }
}
