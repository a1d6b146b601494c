import AttendBase

/// Ranks and results of merges, by the pair of ids: an open-addressing hash table. Built by one thread, then read by
/// any.
final class MergeTable: @unchecked Sendable {
  fileprivate struct Slot {
    var pair: UInt64
    var rank: UInt32
    var result: Int32
  }

  private var slots = GrowingList<Slot>(for: "the merges of a tokenizer")
  private let shift: UInt64
  fileprivate static let free = UInt64.max
  static let noRank = UInt32.max

  /// Throws `outOfMemory`.
  init(capacity: Int) throws(Failure) {
    var bits: UInt64 = 4
    while 1 << bits < capacity * 2 { bits += 1 }
    shift = 64 - bits
    try slots.reserve(1 << bits)
    slots.resize(to: 1 << bits, filling: Slot(pair: MergeTable.free, rank: MergeTable.noRank, result: -1))
  }

  @inline(__always) fileprivate static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// The place where the search for a pair begins.
  @inline(__always) fileprivate static func home(_ pair: UInt64, _ shift: UInt64) -> Int {
    let mixed = (pair ^ pair >> 32) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: ((mixed ^ mixed >> 29) &* 0xBF58_476D_1CE4_E5B9) >> shift)
  }

  /// Adds a merge; one that is there already gets the new rank. There must be no more of them than `capacity`.
  func insert(_ left: Int32, _ right: Int32, rank: UInt32, result: Int32) {
    let pair = MergeTable.pair(left, right)
    var place = MergeTable.home(pair, shift)
    while slots[place].pair != MergeTable.free, slots[place].pair != pair { place = (place + 1) & (slots.count - 1) }
    slots[place] = Slot(pair: pair, rank: rank, result: result)
  }

  /// The merges of vocabularies that list none: any two tokens that together are one of `tokens`, whose order is that
  /// of the ranks. `isPart` says which tokens are merged.
  static func ofAllSplits(
    _ tokens: borrowing GrowingList<Int32>, _ vocabulary: Vocabulary, isPart: (Int32) -> Bool
  ) throws(Failure) -> MergeTable {
    var merges = GrowingList<Merge>(for: "the merges of a tokenizer")
    try merges.reserve(tokens.count)
    for (rank, token) in tokens.elements.enumerated() {
      guard let bytes = vocabulary.token(Int(token)), bytes.count > 1 else { continue }
      for cut in 1..<bytes.count {
        let left = vocabulary.id(UnsafeBufferPointer(rebasing: bytes[..<cut]))
        guard left >= 0, isPart(left) else { continue }
        let right = vocabulary.id(UnsafeBufferPointer(rebasing: bytes[cut...]))
        guard right >= 0, isPart(right) else { continue }
        try merges.append(Merge(left: left, right: right, rank: UInt32(rank), result: token))
      }
    }
    let table = try MergeTable(capacity: merges.count)
    for merge in merges.elements { table.insert(merge.left, merge.right, rank: merge.rank, result: merge.result) }
    return table
  }

  private struct Merge {
    let left: Int32
    let right: Int32
    let rank: UInt32
    let result: Int32
  }

  /// For loops: the table in memory.
  @inline(__always) func withLookup<Result, Refusal: Error>(
    _ body: (Lookup) throws(Refusal) -> Result
  ) throws(Refusal) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(Lookup(slots: slots.storage, mask: slots.count - 1, shift: shift))
  }

  struct Lookup {
    fileprivate let slots: UnsafePointer<Slot>
    fileprivate let mask: Int
    fileprivate let shift: UInt64

    /// The rank of a pair, `noRank` where it is not merged, and what it becomes.
    @inline(__always) func find(_ left: Int32, _ right: Int32) -> (rank: UInt32, result: Int32) {
      let pair = MergeTable.pair(left, right)
      var place = MergeTable.home(pair, shift)
      while true {
        let slot = slots[place]
        if slot.pair == pair { return (slot.rank, slot.result) }
        if slot.pair == MergeTable.free { return (MergeTable.noRank, -1) }
        place = (place + 1) & mask
      }
    }
  }
}
