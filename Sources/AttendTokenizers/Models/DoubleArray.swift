import AttendBase
import Glibc

/// A set of byte strings with a number each, read byte by byte: the double array of Aoe (1989), with exclusive or for
/// the addition, so that the children of a node lie in one block of 256. Immutable.
final class DoubleArray: Sendable {
  struct Unit {
    /// The place of the children is `base ^ byte`.
    var base: Int32 = 0
    /// The node that this unit is a child of; -1: free.
    var parent: Int32 = -1
    /// The number of the string that ends here, or -1.
    var value: Int32 = -1
  }

  struct Key {
    let bytes: UnsafeBufferPointer<UInt8>
    let value: Int32
  }

  private let units: [Unit]

  /// Keys in any order, none empty; values at least 0. Of equal keys the one with the largest value counts. The bytes
  /// need not outlive the call.
  init(_ keys: [Key]) throws(Failure) {
    var builder = DoubleArrayBuilder(keys)
    try builder.build()
    units = builder.units
  }

  /// Texts with their indices as numbers; empty ones are left out.
  convenience init(texts: [[UInt8]]) throws(Failure) {
    let total = texts.reduce(0) { $0 + $1.count }
    let blob = UnsafeMutablePointer<UInt8>.allocate(capacity: max(total, 1))
    defer { blob.deallocate() }
    var keys: [Key] = []
    var place = 0
    for (index, text) in texts.enumerated() where !text.isEmpty {
      (blob + place).update(from: text, count: text.count)
      keys.append(
        Key(bytes: UnsafeBufferPointer(start: blob + place, count: text.count), value: Int32(truncatingIfNeeded: index))
      )
      place += text.count
    }
    try self.init(keys)
  }

  /// For loops over a text: the array in memory.
  @inline(__always) func withCursor<Result>(_ body: (Cursor) -> Result) -> Result {
    units.withUnsafeBufferPointer { body(Cursor(units: $0.baseAddress!)) }
  }

  struct Cursor {
    fileprivate let units: UnsafePointer<Unit>

    /// The child of `node` for a byte, or -1; the root is 0.
    @inline(__always) func child(_ node: Int, _ byte: UInt8) -> Int {
      let place = Int(units[node].base ^ Int32(byte))
      return Int(units[place].parent) == node ? place : -1
    }

    /// The number of the string that ends at `node`, or -1.
    @inline(__always) func value(_ node: Int) -> Int32 { units[node].value }
  }

  /// The longest string that the text has at the start of `range`.
  func longestPrefix(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> (value: Int32, length: Int)? {
    withCursor { cursor in
      var found: (Int32, Int)?
      var node = 0
      for place in range {
        node = cursor.child(node, text[place])
        if node < 0 { break }
        if cursor.value(node) >= 0 { found = (cursor.value(node), place + 1 - range.lowerBound) }
      }
      return found
    }
  }
}

/// Lays the nodes out: each takes the first place where all its children find free units.
private struct DoubleArrayBuilder {
  private let keys: [DoubleArray.Key]
  private(set) var units: [DoubleArray.Unit] = []
  /// Free units of the blocks still open, as a ring in order of place.
  private var nextFree: [Int32] = []
  private var previousFree: [Int32] = []
  private var firstFree: Int32 = -1
  private var isBase: [Bool] = []
  /// Blocks further back are left as they are, so that the time stays linear.
  private static let openBlocks = 16

  init(_ keys: [DoubleArray.Key]) {
    // Sorted by their first eight bytes as one number, which settles most comparisons, then by all.
    func prefix(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
      var value: UInt64 = 0
      for index in 0..<8 { value = value << 8 | (index < bytes.count ? UInt64(bytes[index]) : 0) }
      return value
    }
    self.keys = keys.map { (prefix($0.bytes), $0) }.sorted { a, b in
      if a.0 != b.0 { return a.0 < b.0 }
      let (x, y) = (a.1.bytes, b.1.bytes)
      let order = memcmp(x.baseAddress!, y.baseAddress!, min(x.count, y.count))
      if order != 0 { return order < 0 }
      return x.count != y.count ? x.count < y.count : a.1.value < b.1.value
    }.map { $0.1 }
  }

  mutating func build() throws(Failure) {
    addBlock()
    take(0)
    units[0].parent = Int32.max
    // A node, the keys that pass through it, and how many bytes lead to it.
    var stack: [(node: Int, first: Int, end: Int, depth: Int)] = [(0, 0, keys.count, 0)]
    var labels: [UInt8] = []
    var bounds: [Int] = []
    while let (node, first, end, depth) = stack.popLast() {
      var index = first
      while index < end, keys[index].bytes.count == depth {
        units[node].value = keys[index].value
        index += 1
      }
      guard index < end else { continue }
      labels.removeAll(keepingCapacity: true)
      bounds.removeAll(keepingCapacity: true)
      while index < end {
        let label = keys[index].bytes[depth]
        if labels.last != label {
          labels.append(label)
          bounds.append(index)
        }
        index += 1
      }
      bounds.append(end)
      let base = try place(labels)
      units[node].base = Int32(base)
      for label in labels {
        take(base ^ Int(label))
        units[base ^ Int(label)].parent = Int32(node)
      }
      for (number, label) in labels.enumerated() {
        stack.append((base ^ Int(label), bounds[number], bounds[number + 1], depth + 1))
      }
    }
  }

  /// A base for which the unit of every label is free, and that no other node has.
  private mutating func place(_ labels: [UInt8]) throws(Failure) -> Int {
    var free = firstFree
    if free >= 0 {
      repeat {
        let base = Int(free) ^ Int(labels[0])
        if !isBase[base], labels.allSatisfy({ units[base ^ Int($0)].parent < 0 }) {
          isBase[base] = true
          return base
        }
        free = nextFree[Int(free)]
      } while free != firstFree
    }
    guard units.count < 1 << 30 else {
      throw Failure(.unsupported, "a vocabulary of more than 2^30 nodes is not supported")
    }
    let base = units.count
    addBlock()
    isBase[base] = true
    return base
  }

  private mutating func addBlock() {
    let start = units.count
    units.append(contentsOf: repeatElement(DoubleArray.Unit(), count: 256))
    isBase.append(contentsOf: repeatElement(false, count: 256))
    for place in start..<start + 256 {
      nextFree.append(Int32(place))
      previousFree.append(Int32(place))
      link(Int32(place))
    }
    let closed = start - DoubleArrayBuilder.openBlocks * 256
    if closed >= 0 { for place in closed..<closed + 256 where units[place].parent < 0 { unlink(Int32(place)) } }
  }

  /// Puts a unit at the end of the ring.
  private mutating func link(_ place: Int32) {
    guard firstFree >= 0 else {
      firstFree = place
      return
    }
    let last = previousFree[Int(firstFree)]
    nextFree[Int(last)] = place
    previousFree[Int(place)] = last
    nextFree[Int(place)] = firstFree
    previousFree[Int(firstFree)] = place
  }

  private mutating func unlink(_ place: Int32) {
    let next = nextFree[Int(place)], previous = previousFree[Int(place)]
    if next == place {
      firstFree = -1
      return
    }
    nextFree[Int(previous)] = next
    previousFree[Int(next)] = previous
    if firstFree == place { firstFree = next }
  }

  /// Takes a unit from the free ones. Those of closed blocks are in no ring, and none of them is ever asked for.
  private mutating func take(_ place: Int) {
    unlink(Int32(place))
    units[place].parent = 0
  }
}
