/// A set of bytes.
struct ByteSet: Hashable, BitwiseCopyable {
  var words = SIMD4<UInt64>.zero

  init() {}

  init(_ low: UInt8, _ high: UInt8) {
    for word in 0..<4 {
      let (first, last) = (max(Int(low), 64 * word), min(Int(high), 64 * word + 63))
      guard first <= last else { continue }
      words[word] = (UInt64.max >> UInt64(63 - (last - first))) << UInt64(first & 63)
    }
  }

  @inline(__always) func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 != 0 }

  @inline(__always) mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }

  mutating func formUnion(_ other: ByteSet) { words |= other.words }

  var isEmpty: Bool { words == .zero }

  var count: Int { (0..<4).reduce(0) { $0 + words[$1].nonzeroBitCount } }

  /// The smallest byte; the set is not empty.
  var first: UInt8 {
    for word in 0..<4 where words[word] != 0 { return UInt8(64 * word + words[word].trailingZeroBitCount) }
    return 0
  }
}

/// The coarsest partition of the 256 bytes that a grammar's sets of bytes respect: bytes of one class lead to the same
/// states, so that the rows of an automaton have a column for each class only.
struct ByteClasses {
  /// The class of each byte.
  private(set) var classes = [UInt8](repeating: 0, count: 256)
  /// A byte of each class.
  private(set) var representatives: [UInt8] = [0]

  var count: Int { representatives.count }

  /// Splits every class of which some bytes are in the set and others are not.
  mutating func refine(by set: ByteSet) {
    // A class is split when both kinds are met: the bytes of the kind that its representative is not of move.
    var moved = [Int16](repeating: -1, count: representatives.count)
    for byte in 0..<256 {
      let own = Int(classes[byte])
      guard own < moved.count, set.contains(UInt8(byte)) != set.contains(representatives[own]) else { continue }
      if moved[own] < 0 {
        moved[own] = Int16(representatives.count)
        representatives.append(UInt8(byte))
      }
      classes[byte] = UInt8(moved[own])
    }
  }

  /// Gives a byte a class of its own.
  mutating func isolate(_ byte: UInt8) {
    let own = classes[Int(byte)]
    guard let other = classes.indices.first(where: { classes[$0] == own && $0 != Int(byte) }) else { return }
    if representatives[Int(own)] == byte { representatives[Int(own)] = UInt8(other) }
    classes[Int(byte)] = UInt8(representatives.count)
    representatives.append(byte)
  }
}
