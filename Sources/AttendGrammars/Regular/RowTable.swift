import AttendBase

/// Rows of numbers, all of one width, which stay where they are for as long as the table lives: more of them are more
/// blocks, so that no row is ever copied, and the largest step of a matcher does not grow with its memory.
struct RowTable: ~Copyable {
  private struct Block: BitwiseCopyable {
    let first: UnsafeMutablePointer<Int32>
    let memory: Unmanaged<AlignedBuffer>
  }

  private var blocks = GrowingList<Block>(for: "the states of a grammar")
  private(set) var count = 0
  private let width: Int

  /// Rows of a block, as a power of two.
  private static let shift = 8

  init(width: Int) { self.width = width }

  deinit { for block in blocks.elements { block.memory.release() } }

  private var blockBytes: Int { width * MemoryLayout<Int32>.stride << RowTable.shift }

  /// Bytes held at this moment.
  var bytes: Int { blocks.count * blockBytes }

  /// The first number of a row.
  @inline(__always) subscript(row: Int32) -> UnsafeMutablePointer<Int32> {
    blocks[Int(row) >> RowTable.shift].first + (Int(row) & (1 << RowTable.shift - 1)) * width
  }

  /// Adds a row of one number and returns its own.
  mutating func add(filling value: Int32) throws(Failure) -> Int32 {
    if count == blocks.count << RowTable.shift {
      try blocks.reserve(1)
      let memory = try AlignedBuffer(bytes: blockBytes, for: "the states of a grammar")
      try blocks.append(Block(first: memory.pointer(), memory: .passRetained(memory)))
    }
    count += 1
    self[Int32(count - 1)].update(repeating: value, count: width)
    return Int32(count - 1)
  }

  /// Forgets all rows.
  mutating func removeAll() {
    for block in blocks.elements { block.memory.release() }
    blocks.removeAll()
    count = 0
  }
}
