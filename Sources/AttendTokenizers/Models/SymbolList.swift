import AttendBase

/// The symbols of one piece of text while they are merged. One thread at a time.
struct SymbolList: ~Copyable {
  private var ids = GrowingList<Int32>(for: "the symbols of a text")
  private var starts = GrowingList<Int32>(for: "the symbols of a text")
  private var pairs = GrowingList<Pair>(for: "the pairs of a text")
  private var links = GrowingList<Link>(for: "the pairs of a text")
  private var heap = MinimumHeap()
  /// Stretches of the text that no symbol stands for, in order.
  private var gaps = GrowingList<Gap>(for: "the gaps of a text")

  /// The bytes `[start, limit)`.
  private struct Gap {
    var start: Int32
    var limit: Int32
  }

  /// Rank and result of the pair of a symbol and the next one that is left.
  private struct Pair {
    var rank = MergeTable.noRank
    var result: Int32 = 0
  }

  /// The neighbours of a symbol that are left.
  private struct Link {
    var next: Int32
    var previous: Int32
  }

  var count: Int { ids.count }

  mutating func removeAll() {
    ids.removeAll()
    starts.removeAll()
    gaps.removeAll()
  }

  /// Leaves a stretch of the text to no symbol.
  mutating func skip(_ range: Range<Int>) throws(Failure) {
    let gap = Gap(
      start: Int32(truncatingIfNeeded: range.lowerBound), limit: Int32(truncatingIfNeeded: range.upperBound))
    if let last = gaps.elements.last, last.limit == gap.start {
      gaps[gaps.count - 1].limit = gap.limit
    } else {
      try gaps.append(gap)
    }
  }

  @inline(__always) mutating func add(_ id: Int32, _ start: Int) throws(Failure) {
    try ids.append(id)
    try starts.append(Int32(truncatingIfNeeded: start))
  }

  /// Writes the symbols as tokens; the last one ends at `end`.
  func append(to tokens: inout TokenList, end: Int) throws(Failure) {
    let first = tokens.count, ids = ids.elements, starts = starts.elements
    for index in ids.indices {
      try tokens.append(
        ModelToken(
          id: ids[index], start: starts[index],
          end: index + 1 < ids.count ? starts[index + 1] : Int32(truncatingIfNeeded: end)))
    }
    if !gaps.isEmpty { close(tokens.elements[first...]) }
  }

  /// Takes the gaps off the ends of tokens.
  private func close(_ tokens: Slice<UnsafeMutableBufferPointer<ModelToken>>) {
    var gap = 0, tokens = tokens
    let gaps = gaps.elements
    for index in tokens.indices {
      while gap < gaps.count, gaps[gap].limit < tokens[index].end { gap += 1 }
      if gap < gaps.count, gaps[gap].limit == tokens[index].end, gaps[gap].start > tokens[index].start {
        tokens[index].end = gaps[gap].start
      }
    }
  }

  /// Merges by looking at every pair each time: the fastest way for words.
  mutating func mergeShort(_ merges: MergeTable) throws(Failure) {
    guard ids.count > 1 else { return }
    pairs.removeAll()
    try pairs.reserve(ids.count)
    let ids = ids.elements, starts = starts.elements, pairs = pairs.storage
    let count = merges.withLookup { lookup in
      func pair(_ index: Int) -> Pair { SymbolList.pair(ids[index], ids[index + 1], lookup) }
      var count = ids.count
      for index in 0..<count - 1 { pairs[index] = pair(index) }
      while count > 1 {
        var best = 0
        for index in 1..<max(count - 1, 1) where pairs[index].rank < pairs[best].rank { best = index }
        guard pairs[best].rank != MergeTable.noRank else { break }
        ids[best] = pairs[best].result
        count -= 1
        if best + 1 < count {
          for index in best + 1..<count {
            ids[index] = ids[index + 1]
            starts[index] = starts[index + 1]
            pairs[index - 1] = pairs[index]
          }
          pairs[best] = pair(best)
        }
        if best > 0 { pairs[best - 1] = pair(best - 1) }
      }
      return count
    }
    self.ids.removeAll(from: count)
    self.starts.removeAll(from: count)
  }

  private static func pair(_ first: Int32, _ second: Int32, _ lookup: MergeTable.Lookup) -> Pair {
    let (rank, result) = lookup.find(first, second)
    return Pair(rank: rank, result: result)
  }

  /// Merges through a heap of pairs, in a time of n log n.
  mutating func mergeLong(_ merges: MergeTable) throws(Failure) {
    let count = ids.count
    guard count > 1 else { return }
    pairs.removeAll()
    links.removeAll()
    heap.removeAll()
    try pairs.reserve(count)
    try links.reserve(count)
    pairs.resize(to: count, filling: Pair())
    for index in 0..<Int32(truncatingIfNeeded: count) {
      try links.append(Link(next: index + 1, previous: index - 1))
    }
    try merges.withLookup { (lookup) throws(Failure) in
      for index in 0..<count - 1 {
        pairs[index] = SymbolList.pair(ids[index], ids[index + 1], lookup)
        if pairs[index].rank != MergeTable.noRank { try heap.add(SymbolList.entry(pairs[index].rank, index)) }
      }
      heap.order()
      while let top = heap.pop() { try merge(top, lookup) }
    }
    var kept = 0
    for index in 0..<count where ids[index] >= 0 {
      ids[kept] = ids[index]
      starts[kept] = starts[index]
      kept += 1
    }
    ids.removeAll(from: kept)
    starts.removeAll(from: kept)
  }

  /// The heap's entry of a pair: its rank above the place of its first symbol, so that the leftmost of equals comes
  /// first.
  private static func entry(_ rank: UInt32, _ index: Int) -> UInt64 { UInt64(rank) << 32 | UInt64(index) }

  /// Merges a pair, unless it has changed, or has been merged into another one, since it was noted.
  private mutating func merge(_ top: UInt64, _ lookup: MergeTable.Lookup) throws(Failure) {
    let index = Int(top & 0xFFFF_FFFF)
    guard ids[index] >= 0, pairs[index].rank == UInt32(top >> 32) else { return }
    let second = Int(links[index].next)
    ids[index] = pairs[index].result
    ids[second] = -1
    links[index].next = links[second].next
    if links[second].next < count { links[Int(links[second].next)].previous = Int32(truncatingIfNeeded: index) }
    try update(index, lookup)
    if links[index].previous >= 0 { try update(Int(links[index].previous), lookup) }
  }

  /// Looks the pair that starts at a symbol up again.
  private mutating func update(_ index: Int, _ lookup: MergeTable.Lookup) throws(Failure) {
    let second = Int(links[index].next)
    guard second < count else {
      pairs[index].rank = MergeTable.noRank
      return
    }
    pairs[index] = SymbolList.pair(ids[index], ids[second], lookup)
    if pairs[index].rank != MergeTable.noRank { try heap.push(SymbolList.entry(pairs[index].rank, index)) }
  }
}

/// A binary heap whose top is the smallest number.
struct MinimumHeap: ~Copyable {
  private var items = GrowingList<UInt64>(for: "the pairs of a text")

  mutating func removeAll() { items.removeAll() }

  /// Adds a number at the end, out of order until `order` is called.
  mutating func add(_ number: UInt64) throws(Failure) { try items.append(number) }

  mutating func order() {
    for index in stride(from: items.count / 2 - 1, through: 0, by: -1) { sink(index) }
  }

  mutating func push(_ number: UInt64) throws(Failure) {
    try items.append(number)
    var index = items.count - 1
    while index > 0, items[(index - 1) / 2] > number {
      items[index] = items[(index - 1) / 2]
      index = (index - 1) / 2
    }
    items[index] = number
  }

  mutating func pop() -> UInt64? {
    guard !items.isEmpty else { return nil }
    let top = items[0], last = items.removeLast()
    if !items.isEmpty {
      items[0] = last
      sink(0)
    }
    return top
  }

  private mutating func sink(_ start: Int) {
    let items = items.elements
    var index = start
    let number = items[index]
    while true {
      var child = 2 * index + 1
      if child >= items.count { break }
      if child + 1 < items.count, items[child + 1] < items[child] { child += 1 }
      if items[child] >= number { break }
      items[index] = items[child]
      index = child
    }
    items[index] = number
  }
}
