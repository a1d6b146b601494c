extension UnsafePointer<UInt32> {
  /// Whether an id is in a set.
  func holds(_ token: Int32) -> Bool { self[Int(token >> 5)] >> UInt32(token & 31) & 1 != 0 }
}

extension UnsafeMutableBufferPointer<Float> {
  /// Forbids the ids of a list.
  func forbid(_ tokens: some Sequence<Int32>) { for token in tokens { self[Int(token)] = -.infinity } }

  /// Forbids every id but one, whose logit becomes 0.
  func force(_ token: Int32) {
    update(repeating: -.infinity)
    self[Int(token)] = 0
  }

  /// Forbids every id that is not in a set: bit `id % 32` of word `id / 32`.
  func forbid(outside set: UnsafePointer<UInt32>) {
    for word in 0..<(count + 31) / 32 {
      let bits = set[word]
      guard bits != .max else { continue }
      let first = word * 32, limit = Swift.min(first + 32, count)
      if bits == 0 {
        self[first..<limit].update(repeating: -.infinity)
      } else {
        for token in first..<limit where bits >> UInt32(token - first) & 1 == 0 { self[token] = -.infinity }
      }
    }
  }
}
