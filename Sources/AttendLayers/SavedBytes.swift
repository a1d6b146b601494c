import AttendBase

/// The writer of what is saved, word by word and in longer runs, with their checksum. Little-endian, as every CPU that
/// this library runs on.
package struct SavedWriter {
  /// Bytes written so far.
  package private(set) var count = 0
  private var checksum = Checksum()
  private let sink: ((UnsafeRawBufferPointer) throws(Failure) -> Void)?

  /// `sink` gets the bytes; nil only counts them.
  package init(_ sink: ((UnsafeRawBufferPointer) throws(Failure) -> Void)?) { self.sink = sink }

  /// Whether nobody looks at the bytes.
  var counts: Bool { sink == nil }

  package mutating func word(_ value: UInt64) throws(Failure) {
    count += MemoryLayout<UInt64>.size
    guard let sink else { return }
    checksum.add(value)
    var value = value
    let refusal: Failure? = withUnsafeBytes(of: &value) { bytes in
      do throws(Failure) { try sink(bytes) } catch { return error }
      return nil
    }
    if let refusal { throw refusal }
  }

  package mutating func word(_ value: Int) throws(Failure) { try word(UInt64(bitPattern: Int64(value))) }

  /// The bytes, filled up with zeros to whole words.
  package mutating func bytes(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
    let whole = bytes.count & ~7
    if !counts, whole > 0 {
      let words = UnsafeRawBufferPointer(rebasing: bytes[..<whole])
      for place in stride(from: 0, to: whole, by: 8) {
        checksum.add(words.loadUnaligned(fromByteOffset: place, as: UInt64.self))
      }
      try sink?(words)
    }
    count += whole
    guard whole < bytes.count else { return }
    var rest: UInt64 = 0
    for byte in bytes[whole...].reversed() { rest = rest << 8 | UInt64(byte) }
    try word(rest)
  }

  /// The last word: the checksum of all before it.
  package mutating func finish() throws(Failure) { try word(checksum.value) }
}

/// The reader of what was saved. Every look past the end is an error.
package struct SavedReader {
  private let bytes: UnsafeRawBufferPointer
  private var place = 0
  /// A file's path, or other words for what is read.
  package let name: String

  /// `name` is what messages begin with.
  package init(_ bytes: UnsafeRawBufferPointer, name: String) {
    self.bytes = bytes
    self.name = name
  }

  /// Bytes that were not read yet.
  package var left: Int { bytes.count - place }

  package func failure(_ reason: String) -> Failure { Failure(.invalidFile, "\(name) \(reason)") }

  /// Throws where the last word is not the checksum of all before it.
  package func checkSum() throws(Failure) {
    let end = bytes.count - 8
    guard end >= 0, end & 7 == 0 else { throw failure("has \(bytes.count) bytes, which are no saved session") }
    var sum = Checksum()
    for place in stride(from: 0, to: end, by: 8) {
      sum.add(bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
    }
    guard sum.value == bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self) else {
      throw failure("is damaged: its checksum is not that of its \(bytes.count) bytes")
    }
  }

  package mutating func word() throws(Failure) -> UInt64 {
    guard left >= 8 else { throw failure("ends within what it describes, after \(bytes.count) bytes") }
    defer { place += 8 }
    return bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
  }

  /// A number of `[0, limit]`, of what messages call `what`.
  package mutating func number(upTo limit: Int, _ what: @autoclosure () -> String) throws(Failure) -> Int {
    let word = try word()
    guard word <= UInt64(limit) else { throw failure("says that \(what()) is \(word); at most \(limit) is possible") }
    return Int(word)
  }

  /// As many bytes as were written, without the zeros that filled them up.
  package mutating func bytes(_ count: Int) throws(Failure) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= left, (count + 7) & ~7 <= left else {
      throw failure("ends within what it describes, after \(bytes.count) bytes")
    }
    defer { place += (count + 7) & ~7 }
    return UnsafeRawBufferPointer(rebasing: bytes[place..<place + count])
  }
}
