import Glibc

/// Small files of the system, of a line or a few. Nothing here takes memory that the language runtime could not get:
/// they are read while a model is loaded.
package enum SystemFile {
  /// Bytes of a path, and of a file, at most.
  private static let longest = 4096

  /// Calls `body` with the content of a file; nil where nothing can be read, and of more than 4,095 bytes. The path is
  /// `root`, `folder`, `number` where there is one, and `name`, one behind the other.
  package static func read<Result>(
    _ root: String, _ folder: StaticString = "", _ number: Int? = nil, _ name: StaticString = "",
    _ body: (SystemText) -> Result?
  ) -> Result? {
    withUnsafeTemporaryAllocation(byteCount: longest, alignment: 1) { buffer in
      var path = PathBuffer(buffer)
      for byte in root.utf8 { path.append(byte) }
      path.append(folder)
      if let number { path.append(number) }
      path.append(name)
      return path.read(body)
    }
  }

  /// The content of the file whose path, with its NUL, is in `buffer`, where the content then is.
  fileprivate static func content(_ buffer: UnsafeMutableRawBufferPointer) -> SystemText? {
    guard let base = buffer.baseAddress else { return nil }
    let descriptor = open(base.assumingMemoryBound(to: CChar.self), O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var filled = 0
    while filled < buffer.count {
      let got = Glibc.read(descriptor, base + filled, buffer.count - filled)
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { return nil }
      if got == 0 { return SystemText(UnsafeRawBufferPointer(rebasing: buffer[..<filled])) }
      filled += got
    }
    return nil
  }
}

/// A path that is put together in memory of the caller's.
struct PathBuffer {
  private let buffer: UnsafeMutableRawBufferPointer
  private(set) var count = 0
  private var isWhole = true

  init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

  mutating func append(_ byte: UInt8) {
    guard count + 1 < buffer.count, byte != 0 else {
      isWhole = false
      return
    }
    buffer[count] = byte
    count += 1
  }

  mutating func append(_ text: StaticString) { text.withUTF8Buffer { for byte in $0 { append(byte) } } }

  mutating func append(_ text: SystemText) { for byte in text.bytes { append(byte) } }

  mutating func append(_ number: Int) {
    if number >= 10 { append(number / 10) }
    append(UInt8(ascii: "0") + UInt8(number % 10))
  }

  /// Cuts the path to its first `count` bytes.
  mutating func cut(to count: Int) { self.count = min(count, self.count) }

  /// Calls `body` with the content of the file. The path stays.
  func read<Result>(_ body: (SystemText) -> Result?) -> Result? {
    guard isWhole else { return nil }
    return withUnsafeTemporaryAllocation(byteCount: buffer.count, alignment: 1) { content in
      content.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      content[count] = 0
      return SystemFile.content(content).flatMap(body)
    }
  }
}

/// Text of the system in memory, without the white space around it; valid as long as that memory is.
package struct SystemText {
  let bytes: UnsafeRawBufferPointer

  init(_ all: UnsafeRawBufferPointer) {
    var (first, limit) = (0, all.count)
    while first < limit, SystemText.isSpace(all[first]) { first += 1 }
    while limit > first, SystemText.isSpace(all[limit - 1]) { limit -= 1 }
    bytes = UnsafeRawBufferPointer(rebasing: all[first..<limit])
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }

  var isEmpty: Bool { bytes.isEmpty }

  static func == (text: SystemText, other: StaticString) -> Bool {
    other.withUTF8Buffer { text.bytes.elementsEqual($0) }
  }

  func hasPrefix(_ other: StaticString) -> Bool { other.withUTF8Buffer { bytes.starts(with: $0) } }

  /// The number that the text is, at least 0; nil: it is none.
  package var number: Int? {
    guard !bytes.isEmpty else { return nil }
    var number = 0
    for byte in bytes {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
      let (sum, isTooLarge) = tens.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
      guard !overflow, !isTooLarge else { return nil }
      number = sum
    }
    return number
  }

  /// What stands before the first `separator`, and what stands behind it; nil where there is none.
  func split(at separator: Unicode.Scalar) -> (before: SystemText, behind: SystemText)? {
    let wanted = UInt8(ascii: separator)
    guard let place = bytes.firstIndex(of: wanted) else { return nil }
    return (
      SystemText(UnsafeRawBufferPointer(rebasing: bytes[..<place])),
      SystemText(UnsafeRawBufferPointer(rebasing: bytes[(place + 1)...]))
    )
  }

  /// Calls `body` with what stands between separators, until it says false.
  func forEach(between separator: Unicode.Scalar, _ body: (SystemText) -> Bool) {
    var rest = self
    while let (part, behind) = rest.split(at: separator) {
      guard body(part) else { return }
      rest = behind
    }
    _ = body(rest)
  }
}
