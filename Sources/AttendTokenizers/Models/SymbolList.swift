/// The symbols of one piece of text while they are merged. One thread at a time.
struct SymbolList {
  private var ids: [Int32] = []
  private var starts: [Int32] = []
  /// Rank and result of the pair of this symbol and the next one that is left.
  private var ranks: [UInt32] = []
  private var results: [Int32] = []
  private var next: [Int32] = []
  private var previous: [Int32] = []
  private var heap = MinimumHeap()
  /// Stretches of the text that no symbol stands for, in order.
  private var gaps: [Range<Int>] = []

  var count: Int { ids.count }

  mutating func removeAll() {
    ids.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    gaps.removeAll(keepingCapacity: true)
  }

  /// Leaves a stretch of the text to no symbol.
  mutating func skip(_ range: Range<Int>) {
    if let last = gaps.last, last.upperBound == range.lowerBound {
      gaps[gaps.count - 1] = last.lowerBound..<range.upperBound
    } else {
      gaps.append(range)
    }
  }

  @inline(__always) mutating func add(_ id: Int32, _ start: Int) {
    ids.append(id)
    starts.append(Int32(truncatingIfNeeded: start))
  }

  /// Writes the symbols as tokens; the last one ends at `end`.
  func append(to tokens: inout [ModelToken], end: Int) {
    let first = tokens.count
    defer { if !gaps.isEmpty { close(&tokens[first...]) } }
    for index in ids.indices {
      tokens.append(
        ModelToken(
          id: ids[index], start: starts[index],
          end: index + 1 < ids.count ? starts[index + 1] : Int32(truncatingIfNeeded: end)))
    }
  }

  /// Takes the gaps off the ends of tokens.
  private func close(_ tokens: inout ArraySlice<ModelToken>) {
    var gap = 0
    for index in tokens.indices {
      while gap < gaps.count, gaps[gap].upperBound < Int(tokens[index].end) { gap += 1 }
      if gap < gaps.count, gaps[gap].upperBound == Int(tokens[index].end),
        gaps[gap].lowerBound > Int(tokens[index].start)
      {
        tokens[index].end = Int32(truncatingIfNeeded: gaps[gap].lowerBound)
      }
    }
  }

  private mutating func resize(_ count: Int) {
    if ranks.count < count {
      ranks = Array(repeating: 0, count: count)
      results = Array(repeating: 0, count: count)
    }
  }

  /// Merges by looking at every pair each time: the fastest way for words.
  mutating func mergeShort(_ merges: MergeTable) {
    guard ids.count > 1 else { return }
    resize(64)
    var count = ids.count
    merges.withLookup { lookup in
      ids.withUnsafeMutableBufferPointer { ids in
        starts.withUnsafeMutableBufferPointer { starts in
          ranks.withUnsafeMutableBufferPointer { ranks in
            results.withUnsafeMutableBufferPointer { results in
              for index in 0..<count - 1 { (ranks[index], results[index]) = lookup.find(ids[index], ids[index + 1]) }
              while count > 1 {
                var best = 0
                for index in 1..<max(count - 1, 1) where ranks[index] < ranks[best] { best = index }
                guard ranks[best] != MergeTable.noRank else { break }
                ids[best] = results[best]
                count -= 1
                if best + 1 < count {
                  for index in best + 1..<count {
                    ids[index] = ids[index + 1]
                    starts[index] = starts[index + 1]
                    ranks[index - 1] = ranks[index]
                    results[index - 1] = results[index]
                  }
                  (ranks[best], results[best]) = lookup.find(ids[best], ids[best + 1])
                }
                if best > 0 { (ranks[best - 1], results[best - 1]) = lookup.find(ids[best - 1], ids[best]) }
              }
            }
          }
        }
      }
    }
    ids.removeSubrange(count...)
    starts.removeSubrange(count...)
  }

  /// Merges through a heap of pairs, in a time of n log n.
  mutating func mergeLong(_ merges: MergeTable) {
    let count = ids.count
    guard count > 1 else { return }
    resize(count)
    next = (1...Int32(count)).map { $0 }
    previous = (-1..<Int32(count) - 1).map { $0 }
    merges.withLookup { lookup in
      var pairs: [UInt64] = []
      pairs.reserveCapacity(count)
      for index in 0..<count - 1 {
        (ranks[index], results[index]) = lookup.find(ids[index], ids[index + 1])
        if ranks[index] != MergeTable.noRank { pairs.append(UInt64(ranks[index]) << 32 | UInt64(index)) }
      }
      ranks[count - 1] = MergeTable.noRank
      heap.fill(pairs)
      while let top = heap.pop() {
        let index = Int(top & 0xFFFF_FFFF)
        // The pair may have changed, or have been merged into another one, since it was noted.
        guard ids[index] >= 0, ranks[index] == UInt32(top >> 32) else { continue }
        let second = Int(next[index])
        ids[index] = results[index]
        ids[second] = -1
        next[index] = next[second]
        if next[second] < count { previous[Int(next[second])] = Int32(index) }
        update(index, lookup)
        if previous[index] >= 0 { update(Int(previous[index]), lookup) }
      }
    }
    var kept = 0
    for index in 0..<count where ids[index] >= 0 {
      ids[kept] = ids[index]
      starts[kept] = starts[index]
      kept += 1
    }
    ids.removeSubrange(kept...)
    starts.removeSubrange(kept...)
  }

  /// Looks the pair that starts at a symbol up again.
  private mutating func update(_ index: Int, _ lookup: MergeTable.Lookup) {
    let second = Int(next[index])
    guard second < ids.count else {
      ranks[index] = MergeTable.noRank
      return
    }
    (ranks[index], results[index]) = lookup.find(ids[index], ids[second])
    if ranks[index] != MergeTable.noRank { heap.push(UInt64(ranks[index]) << 32 | UInt64(index)) }
  }
}

/// A binary heap whose top is the smallest number.
struct MinimumHeap {
  private var items: [UInt64] = []

  mutating func fill(_ numbers: [UInt64]) {
    items = numbers
    for index in stride(from: items.count / 2 - 1, through: 0, by: -1) { sink(index) }
  }

  mutating func push(_ number: UInt64) {
    items.append(number)
    var index = items.count - 1
    while index > 0, items[(index - 1) / 2] > number {
      items[index] = items[(index - 1) / 2]
      index = (index - 1) / 2
    }
    items[index] = number
  }

  mutating func pop() -> UInt64? {
    guard let top = items.first, let last = items.popLast() else { return nil }
    if !items.isEmpty {
      items[0] = last
      sink(0)
    }
    return top
  }

  private mutating func sink(_ start: Int) {
    items.withUnsafeMutableBufferPointer { items in
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
}
