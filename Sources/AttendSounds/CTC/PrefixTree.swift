import AttendBase

/// The prefixes that a search still knows, as a tree: a node is a prefix, its parent the prefix without the last
/// symbol. Nodes that no prefix of the search leads to are used again, so that memory is that of the prefixes, not of
/// the frames.
struct PrefixTree: ~Copyable {
  struct Node: BitwiseCopyable {
    var parent: Int32
    /// The last symbol, -1 for the root.
    var symbol: Int32
    /// Symbols of the prefix.
    var depth: Int32
    /// Children, and one for a place in the search.
    var references: Int32 = 0
    var firstChild: Int32 = -1
    var sibling: Int32 = -1
    /// The place among the prefixes of the search, -1 for none.
    var place: Int32 = -1
    var words = WordState()
  }

  static let root: Int32 = 0

  private var nodes = GrowingList<Node>(for: "the prefixes of a search")
  private var free: Int32 = -1  // the first of a list through `sibling`

  init() throws(Failure) {
    try nodes.append(Node(parent: -1, symbol: -1, depth: 0, references: 1))  // the root stays
  }

  subscript(index: Int32) -> Node {
    get { nodes[Int(index)] }
    set { nodes[Int(index)] = newValue }
  }

  /// The child of a node with a symbol, made where there is none yet.
  mutating func child(_ parent: Int32, _ symbol: Int32, _ words: WordState) throws(Failure) -> Int32 {
    var child = self[parent].firstChild
    while child >= 0 {
      if self[child].symbol == symbol { return child }
      child = self[child].sibling
    }
    var node = Node(parent: parent, symbol: symbol, depth: self[parent].depth + 1)
    (node.sibling, node.words) = (self[parent].firstChild, words)
    let index: Int32
    if free >= 0 {
      index = free
      free = self[index].sibling
      self[index] = node
    } else {
      guard nodes.count < Int(Int32.max) else { throw .outOfMemory(.max, for: "the prefixes of a search") }
      index = Int32(nodes.count)
      try nodes.append(node)
    }
    self[parent].firstChild = index
    self[parent].references += 1
    return index
  }

  mutating func retain(_ index: Int32) { self[index].references += 1 }

  /// Gives a reference back, and with the last one the node and all above it that nobody else needs.
  mutating func release(_ index: Int32) {
    var index = index
    while true {
      self[index].references -= 1
      guard self[index].references == 0 else { return }
      let parent = self[index].parent
      unlink(index, from: parent)
      self[index].sibling = free
      free = index
      index = parent
    }
  }

  private mutating func unlink(_ index: Int32, from parent: Int32) {
    guard self[parent].firstChild != index else { return self[parent].firstChild = self[index].sibling }
    var child = self[parent].firstChild
    while self[child].sibling != index { child = self[child].sibling }
    self[child].sibling = self[index].sibling
  }

  /// A prefix: a node, or what would be its child with a symbol.
  struct Prefix: BitwiseCopyable {
    let node: Int32
    let symbol: Int32  // -1 for the node itself
  }

  /// Whether the symbols of one prefix come before those of another: at the first difference, or by being shorter.
  func precedes(_ one: Prefix, _ other: Prefix) -> Bool {
    var (a, b) = (one, other)
    let (depthA, depthB) = (depth(a), depth(b))
    var (longA, longB) = (depthA, depthB)
    while longA > longB { (a, longA) = (parent(a), longA - 1) }
    while longB > longA { (b, longB) = (parent(b), longB - 1) }
    var order = depthA < depthB  // where one begins the other
    while longA > 0, a.node != b.node || a.symbol != b.symbol {
      if last(a) != last(b) { order = last(a) < last(b) }
      (a, b, longA) = (parent(a), parent(b), longA - 1)
    }
    return order
  }

  private func depth(_ prefix: Prefix) -> Int32 { self[prefix.node].depth + (prefix.symbol < 0 ? 0 : 1) }
  private func last(_ prefix: Prefix) -> Int32 { prefix.symbol < 0 ? self[prefix.node].symbol : prefix.symbol }
  private func parent(_ prefix: Prefix) -> Prefix {
    Prefix(node: prefix.symbol < 0 ? self[prefix.node].parent : prefix.node, symbol: -1)
  }

  /// Appends the symbols of a prefix, from the first to the last.
  func write(_ index: Int32, into target: inout GrowingList<Int32>) throws(Failure) {
    let first = target.count, depth = Int(self[index].depth)
    try target.reserve(depth)
    target.resize(to: first + depth, filling: 0)
    var node = index
    for place in stride(from: first + depth - 1, through: first, by: -1) {
      target[place] = self[node].symbol
      node = self[node].parent
    }
  }
}
