import AttendBase

/// Tokens that a request owns: a prompt, a source, a prefix.
package final class TokenList: @unchecked Sendable {
  private let memory: AlignedBuffer
  package let count: Int

  /// A copy. Throws `outOfMemory`.
  package init(_ tokens: UnsafeBufferPointer<Int32>) throws(Failure) {
    memory = try AlignedBuffer(tokens.count, of: Int32.self, for: "the tokens of a request")
    count = tokens.count
    if let start = tokens.baseAddress { memory.pointer(to: Int32.self).update(from: start, count: tokens.count) }
  }

  /// Throws `outOfMemory`.
  package init(_ tokens: [Int32]) throws(Failure) {
    memory = try AlignedBuffer(tokens.count, of: Int32.self, for: "the tokens of a request")
    count = tokens.count
    for (place, token) in tokens.enumerated() { memory.pointer(to: Int32.self)[place] = token }
  }

  /// The tokens, as long as this object lives.
  package var tokens: UnsafeBufferPointer<Int32> { UnsafeBufferPointer(start: memory.pointer(), count: count) }
}
