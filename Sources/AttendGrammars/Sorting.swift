extension UnsafeMutableBufferPointer {
  /// Puts the elements in order, in place and without memory of its own, which the library's sort asks for. Short runs
  /// are inserted, others go through heapsort (Williams 1964); equal elements come in any order.
  @inline(__always) func sortInPlace(by precedes: (Element, Element) -> Bool) {
    guard count > 24 else { return insertInOrder(by: precedes) }
    for root in stride(from: count / 2 - 1, through: 0, by: -1) { sink(root, below: count, precedes) }
    for end in stride(from: count - 1, to: 0, by: -1) {
      swapAt(0, end)
      sink(0, below: end, precedes)
    }
  }

  private func insertInOrder(by precedes: (Element, Element) -> Bool) {
    guard count > 1 else { return }
    for place in 1..<count {
      var hole = place
      while hole > 0, precedes(self[hole], self[hole - 1]) {
        swapAt(hole, hole - 1)
        hole -= 1
      }
    }
  }

  /// Moves an element down the heap `[0, limit)` until none of its children comes after it.
  private func sink(_ start: Int, below limit: Int, _ precedes: (Element, Element) -> Bool) {
    var parent = start
    while 2 * parent + 1 < limit {
      var child = 2 * parent + 1
      if child + 1 < limit, precedes(self[child], self[child + 1]) { child += 1 }
      guard precedes(self[parent], self[child]) else { return }
      swapAt(parent, child)
      parent = child
    }
  }
}
