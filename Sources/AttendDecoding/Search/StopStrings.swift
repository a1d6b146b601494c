import AttendBase

/// Strings that end a sequence: with the token with which its text, prompt included, first contains one of them, which
/// then ends inside that token.
package final class StopStrings: Sendable {
  /// The bytes that a token stands for in the middle of a text, as long as the tokenizer lives.
  package typealias TokenBytes = @Sendable (Int32) -> UnsafeBufferPointer<UInt8>

  private let strings: FixedArray<TextBytes>
  private let bytes: TokenBytes

  /// Throws `invalidArgument` for an empty string.
  package init(_ strings: FixedArray<TextBytes>, bytes: @escaping TokenBytes) throws(Failure) {
    for index in 0..<strings.count {
      guard strings[index].count > 0 else { throw Failure(.invalidArgument, "stop_strings[\(index)] is empty") }
    }
    (self.strings, self.bytes) = (strings, bytes)
  }

  /// Whether the text of `history` and `token` contains a stop string that ends inside the token.
  func isCompleted(by token: Int32, behind history: UnsafeBufferPointer<Int32>) -> Bool {
    let last = bytes(token)
    for index in 0..<strings.count {
      for end in 1..<max(last.count + 1, 1) where ends(strings[index].bytes, last, at: end, history) { return true }
    }
    return false
  }

  /// Whether a string ends with byte `end` (exclusive) of the last token: compared from its end, through the tokens
  /// before.
  private func ends(
    _ string: UnsafeBufferPointer<UInt8>, _ last: UnsafeBufferPointer<UInt8>, at end: Int,
    _ history: UnsafeBufferPointer<Int32>
  ) -> Bool {
    var left = string.count
    var (token, place, next) = (last, end, history.count)
    while left > 0 {
      while place == 0 {
        guard next > 0 else { return false }
        next -= 1
        token = bytes(history[next])
        place = token.count
      }
      left -= 1
      place -= 1
      if token[place] != string[left] { return false }
    }
    return true
  }
}

/// Bytes of a text that a request owns.
package final class TextBytes: @unchecked Sendable {
  private let memory: AlignedBuffer
  package let count: Int

  /// A copy. Throws `outOfMemory`.
  package init(_ text: some Collection<UInt8>) throws(Failure) {
    count = text.count
    memory = try AlignedBuffer(count, of: UInt8.self, for: "a text of the options")
    for (place, byte) in text.enumerated() { memory.pointer(to: UInt8.self)[place] = byte }
  }

  /// The bytes, as long as this object lives.
  package var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: memory.pointer(), count: count) }
}
