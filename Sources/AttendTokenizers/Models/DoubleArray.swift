import AttendBase
import Glibc

/// A set of byte strings with a number each, read byte by byte: the double array of Aoe (1989), with exclusive or for
/// the addition, so that the children of a node lie in one block of 256. Immutable.
final class DoubleArray: @unchecked Sendable {
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
    /// The first eight bytes as one number, which settles most comparisons.
    private let prefix: UInt64

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ value: Int32) {
      (self.bytes, self.value) = (bytes, value)
      var prefix: UInt64 = 0
      for index in 0..<8 { prefix = prefix << 8 | (index < bytes.count ? UInt64(bytes[index]) : 0) }
      self.prefix = prefix
    }

    static func precedes(_ one: Key, _ other: Key) -> Bool {
      if one.prefix != other.prefix { return one.prefix < other.prefix }
      let (x, y) = (one.bytes, other.bytes)
      let order = memcmp(x.baseAddress!, y.baseAddress!, min(x.count, y.count))
      if order != 0 { return order < 0 }
      return x.count != y.count ? x.count < y.count : one.value < other.value
    }
  }

  static let purpose = "the search tree of a tokenizer"

  private let units: GrowingList<Unit>

  /// Keys in any order, none empty; values at least 0. Of equal keys the one with the largest value counts. The bytes
  /// need not outlive the call.
  init(_ keys: consuming GrowingList<Key>) throws(Failure) {
    try keys.sort(by: Key.precedes)
    var builder = DoubleArrayBuilder()
    try builder.build(UnsafeBufferPointer(keys.elements))
    units = builder.finish()
  }

  /// Texts with their indices as numbers; empty ones are left out.
  convenience init(texts: borrowing TextList) throws(Failure) {
    var keys = GrowingList<Key>(for: DoubleArray.purpose)
    try keys.reserve(texts.count)
    for index in 0..<texts.count where !texts[index].isEmpty {
      try keys.append(Key(texts[index], Int32(truncatingIfNeeded: index)))
    }
    try self.init(keys)
  }

  /// For loops over a text: the array in memory.
  @inline(__always) func withCursor<Result>(_ body: (Cursor) -> Result) -> Result {
    defer { withExtendedLifetime(self) {} }
    return body(Cursor(units: units.storage))
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
private struct DoubleArrayBuilder: ~Copyable {
  private var units = GrowingList<DoubleArray.Unit>(for: DoubleArray.purpose)
  /// Free units of the blocks still open, as a ring in order of place.
  private var nextFree = GrowingList<Int32>(for: DoubleArray.purpose)
  private var previousFree = GrowingList<Int32>(for: DoubleArray.purpose)
  private var firstFree: Int32 = -1
  private var isBase = GrowingList<Bool>(for: DoubleArray.purpose)
  private var stack = GrowingList<Node>(for: DoubleArray.purpose)
  private var children = GrowingList<Child>(for: DoubleArray.purpose)  // of the node at hand
  /// Blocks further back are left as they are, so that the time stays linear.
  private static let openBlocks = 16

  /// A node, the keys `[first, end)` that pass through it, and how many bytes lead to it.
  private struct Node {
    let node: Int
    let first: Int
    let end: Int
    let depth: Int
  }

  /// A byte that leads on, and the first of the keys that take it.
  private struct Child {
    let label: UInt8
    let first: Int
  }

  consuming func finish() -> GrowingList<DoubleArray.Unit> {
    units.trim()
    return units
  }

  /// `keys` in their order.
  mutating func build(_ keys: UnsafeBufferPointer<DoubleArray.Key>) throws(Failure) {
    try addBlock()
    take(0)
    units[0].parent = Int32.max
    try stack.append(Node(node: 0, first: 0, end: keys.count, depth: 0))
    while !stack.isEmpty {
      let node = stack.removeLast()
      var index = node.first
      while index < node.end, keys[index].bytes.count == node.depth {
        units[node.node].value = keys[index].value
        index += 1
      }
      guard index < node.end else { continue }
      children.removeAll()
      while index < node.end {
        let label = keys[index].bytes[node.depth]
        if children.elements.last?.label != label { try children.append(Child(label: label, first: index)) }
        index += 1
      }
      try addChildren(of: node)
    }
  }

  private mutating func addChildren(of node: Node) throws(Failure) {
    let base = try place()
    units[node.node].base = Int32(base)
    for child in children.elements {
      take(base ^ Int(child.label))
      units[base ^ Int(child.label)].parent = Int32(node.node)
    }
    for number in 0..<children.count {
      let child = children[number], end = number + 1 < children.count ? children[number + 1].first : node.end
      try stack.append(Node(node: base ^ Int(child.label), first: child.first, end: end, depth: node.depth + 1))
    }
  }

  /// A base for which the unit of every label is free, and that no other node has.
  private mutating func place() throws(Failure) -> Int {
    var free = firstFree
    if free >= 0 {
      repeat {
        let base = Int(free) ^ Int(children[0].label)
        if !isBase[base], areFree(base) {
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
    try addBlock()
    isBase[base] = true
    return base
  }

  /// Whether all children find free units.
  private func areFree(_ base: Int) -> Bool {
    children.elements.allSatisfy { units[base ^ Int($0.label)].parent < 0 }
  }

  private mutating func addBlock() throws(Failure) {
    let start = units.count
    for place in start..<start + 256 {
      try units.append(DoubleArray.Unit())
      try isBase.append(false)
      try nextFree.append(Int32(place))
      try previousFree.append(Int32(place))
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
