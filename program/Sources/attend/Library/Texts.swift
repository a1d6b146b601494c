import CAttend

/// Texts as the header takes them: an array of addresses and one of lengths in bytes. Each also ends with NUL.
struct Texts: ~Copyable {
  private let bytes: UnsafeMutablePointer<CChar>
  private let starts: UnsafeMutablePointer<UnsafePointer<CChar>?>
  private let sizes: UnsafeMutablePointer<Int>
  let count: Int

  init(_ texts: [String]) {
    count = texts.count
    bytes = .allocate(capacity: texts.reduce(1) { $0 + $1.utf8.count + 1 })
    starts = .allocate(capacity: max(count, 1))
    sizes = .allocate(capacity: max(count, 1))
    var next = bytes
    for (index, text) in texts.enumerated() {
      (starts + index).initialize(to: UnsafePointer(next))
      (sizes + index).initialize(to: text.utf8.count)
      for byte in text.utf8 { next = Texts.put(byte, at: next) }
      next = Texts.put(0, at: next)
    }
  }

  private static func put(_ byte: UInt8, at place: UnsafeMutablePointer<CChar>) -> UnsafeMutablePointer<CChar> {
    place.initialize(to: CChar(bitPattern: byte))
    return place + 1
  }

  /// Hands the addresses, the lengths and the count to a call; they are valid until it returns.
  borrowing func give<Result>(
    _ call: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<Int>, Int) throws -> Result
  ) rethrows -> Result {
    try call(UnsafePointer(starts), UnsafePointer(sizes), count)
  }

  deinit {
    bytes.deallocate()
    starts.deallocate()
    sizes.deallocate()
  }
}

/// A text of the caller's that may be missing, for the time of a call.
func withText<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) throws -> Result) rethrows -> Result {
  guard let text else { return try body(nil) }
  return try text.withCString { try body($0) }
}

/// `length` bytes of UTF-8 at `bytes`, which may be NULL.
func utf8(_ bytes: UnsafePointer<CChar>?, _ length: Int) -> String {
  guard let bytes else { return "" }
  return bytes.withMemoryRebound(to: UInt8.self, capacity: length) {
    String(decoding: UnsafeBufferPointer(start: $0, count: length), as: UTF8.self)
  }
}

/// The text in a handle that the library gave, which is freed.
func take(_ handle: OpaquePointer?) -> String {
  guard let handle else { return "" }
  defer { attend_text_free(handle) }
  var length = 0
  let bytes = attend_text_bytes(handle, &length)
  return utf8(bytes, length)
}
