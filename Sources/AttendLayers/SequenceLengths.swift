/// The number of tokens of each of several sequences. Borrowed for one call.
package struct SequenceLengths {
  private let lengths: UnsafePointer<Int>?  // nil: 1 each
  package let count: Int

  package init(_ lengths: UnsafePointer<Int>, count: Int) {
    self.lengths = lengths
    self.count = count
  }

  /// One token for each of `count` sequences.
  package init(ones count: Int) {
    lengths = nil
    self.count = count
  }

  /// That of all.
  package var sum: Int { (0..<count).reduce(0) { $0 + self[$1] } }

  package subscript(sequence: Int) -> Int { lengths?[sequence] ?? 1 }
}
