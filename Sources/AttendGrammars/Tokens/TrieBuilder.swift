import AttendBase

/// Sorts tokens by their bytes and makes the trie of them.
struct TrieBuilder: ~Copyable {
  var nodes = GrowingList<TokenTable.Node>(for: "the trie of a vocabulary")
  var sameBytes = GrowingList<Int32>(for: "the trie of a vocabulary")
  private(set) var hasSameBytes = false
  private var order = GrowingList<Int32>(for: "the trie of a vocabulary")

  init(_ count: Int) throws(Failure) {
    try sameBytes.reserve(count)
    sameBytes.resize(to: count, filling: -1)
  }

  /// Puts the tokens that have bytes in the order of these, equal ones in the order of their ids.
  ///
  /// Quicksort in three ways by one byte after another (Bentley and Sedgewick 1997), with a list of its own of what is
  /// yet to be sorted.
  mutating func sort(_ texts: TokenTexts, leavingOut: (Int32) -> Bool) throws(Failure) {
    for id in 0..<Int32(sameBytes.count) where !texts[id].isEmpty && !leavingOut(id) { try order.append(id) }
    struct Range: BitwiseCopyable {
      var low: Int
      var high: Int
      var depth: Int
    }
    var pending = GrowingList<Range>(for: "the trie of a vocabulary")
    try pending.append(Range(low: 0, high: order.count, depth: 0))
    let order = order.elements
    /// The byte of a token at a depth; past its end -1.
    func key(_ place: Int, _ depth: Int) -> Int {
      let text = texts[order[place]]
      return depth < text.count ? Int(text[depth]) : -1
    }
    while !pending.isEmpty {
      let range = pending.removeLast()
      guard range.high - range.low > 1 else { continue }
      let pivot = key(range.low + (range.high - range.low) / 2, range.depth)
      var (less, place, more) = (range.low, range.low, range.high)
      while place < more {
        let own = key(place, range.depth)
        if own < pivot {
          order.swapAt(less, place)
          less += 1
          place += 1
        } else if own > pivot {
          more -= 1
          order.swapAt(place, more)
        } else {
          place += 1
        }
      }
      try pending.append(Range(low: range.low, high: less, depth: range.depth))
      try pending.append(Range(low: more, high: range.high, depth: range.depth))
      if pivot >= 0 {
        try pending.append(Range(low: less, high: more, depth: range.depth + 1))
      } else {
        UnsafeMutableBufferPointer(rebasing: order[less..<more]).sortInPlace(by: <)
      }
    }
  }

  mutating func build(_ texts: TokenTexts) throws(Failure) {
    var path = GrowingList<Int32>(for: "the trie of a vocabulary")  // nodes from the root to the last token
    try nodes.append(TokenTable.Node(depth: 0, byte: 0))
    try path.append(0)
    var previous: Int32 = -1
    for id in order.elements {
      let text = texts[id]
      var shared = 0
      while shared < path.count - 1, shared < text.count, nodes[Int(path[shared + 1])].byte == text[shared] {
        shared += 1
      }
      if shared == text.count, shared == path.count - 1, previous >= 0 {
        sameBytes[Int(previous)] = id
        hasSameBytes = true
        previous = id
        continue
      }
      close(&path, to: shared + 1)
      for depth in shared..<text.count {
        try path.append(Int32(nodes.count))
        try nodes.append(TokenTable.Node(depth: UInt16(depth + 1), byte: text[depth]))
      }
      nodes[nodes.count - 1].token = id
      previous = id
    }
    close(&path, to: 0)
  }

  /// Ends the subtrees of all nodes of the path from `depth` on.
  private mutating func close(_ path: inout GrowingList<Int32>, to depth: Int) {
    while path.count > depth { nodes[Int(path.removeLast())].limit = Int32(nodes.count) }
  }
}
