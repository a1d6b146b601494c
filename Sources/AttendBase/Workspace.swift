/// Scratch memory of one session: a stack that grows to what a call needs and then stays, so that a loop of equal calls
/// allocates nothing.
///
/// Memory taken is valid until the `mark` before it is released. One thread at a time.
package final class Workspace {
  /// A height of the stack to return to.
  package struct Mark { fileprivate let chunk: Int, used: Int }

  private var chunks = GrowingList<Unmanaged<AlignedBuffer>>(for: "scratch memory")  // retained
  private var chunk = 0  // the chunk that is being filled
  private var used = 0  // bytes taken from it
  private static let smallestChunk = 1 << 20

  package init() {}

  deinit { removeChunks() }

  /// Bytes held at this moment.
  package var bytes: Int { chunks.elements.reduce(0) { $0 + Workspace.buffer($1).bytes } }

  private static func buffer(_ chunk: Unmanaged<AlignedBuffer>) -> AlignedBuffer { chunk.takeUnretainedValue() }

  private func addChunk(_ bytes: Int) throws(Failure) {
    try chunks.reserve(1)
    try chunks.append(.passRetained(try AlignedBuffer(bytes: bytes, for: "scratch memory")))
  }

  private func removeChunks() {
    for chunk in chunks.elements { chunk.release() }
    chunks.removeAll()
  }

  /// Room for `count` elements, aligned to cache lines and not initialised.
  package func take<T>(_ count: Int, of type: T.Type = T.self) throws(Failure) -> UnsafeMutablePointer<T> {
    let (wanted, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<T>.stride)
    guard !overflow, count >= 0, wanted <= Int.max - 2 * AlignedBuffer.alignment else {
      throw .outOfMemory(Int.max, for: "scratch memory")
    }
    let size = (wanted + AlignedBuffer.alignment - 1) & ~(AlignedBuffer.alignment - 1)
    while chunk < chunks.count, Workspace.buffer(chunks[chunk]).bytes - used < size {
      chunk += 1
      used = 0
    }
    if chunk == chunks.count {
      let last = chunks.elements.last.map { Workspace.buffer($0).bytes } ?? 0
      try addChunk(max(size, last, Workspace.smallestChunk))
    }
    defer { used += size }
    return (Workspace.buffer(chunks[chunk]).base + used).assumingMemoryBound(to: type)
  }

  /// A float32 matrix of `rows` by `columns`, not initialised. Rows that would lie whole kilobytes apart lie a cache
  /// line further: otherwise the rows of a product's tile would meet in few sets of the nearest cache.
  package func matrix(_ rows: Int, _ columns: Int) throws(Failure) -> Matrix {
    let stride = columns > 0 && columns % 256 == 0 ? columns + 16 : columns
    let (count, overflow) = rows.multipliedReportingOverflow(by: stride)
    guard !overflow else { throw .outOfMemory(Int.max, for: "scratch memory") }
    return Matrix(try take(count), rows: rows, columns: columns, stride: stride)
  }

  package func mark() -> Mark { Mark(chunk: chunk, used: used) }

  /// Gives back all that was taken since `mark`. Memory stays with the workspace.
  package func release(to mark: Mark) {
    chunk = mark.chunk
    used = mark.used
  }

  /// Gives everything back; several chunks become one, so that the next call of the same size finds its memory in one
  /// piece.
  package func reset() throws(Failure) {
    chunk = 0
    used = 0
    guard chunks.count > 1 else { return }
    let total = bytes
    removeChunks()
    try addChunk(total)
  }
}
