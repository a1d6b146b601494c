import AttendBase

/// A ragged batch as the caller hands it over: sequences of ids end to end. Borrowed for one call.
package struct Batch {
  /// `[sum of lengths]`
  package let tokens: UnsafePointer<Int32>
  /// `[count]`, or nil: one token each.
  private let lengths: UnsafePointer<Int>?
  package let count: Int
  /// The sum of the lengths.
  package let tokenCount: Int

  /// `lengths` as the caller gave them: each must be at least 1, and their sum must fit.
  package init(tokens: UnsafePointer<Int32>, lengths: UnsafePointer<Int>, count: Int) throws(Failure) {
    guard count > 0 else { throw Failure(.invalidArgument, "the batch is empty: count is 0") }
    var sum = 0
    for index in 0..<count {
      guard lengths[index] != 0 else { throw Failure(.invalidArgument, "sequence \(index) of the batch is empty: lengths[\(index)] is 0") }
      let (next, overflow) = sum.addingReportingOverflow(lengths[index])
      guard lengths[index] > 0, !overflow, next <= Batch.mostTokens else {
        throw Failure(
          .invalidArgument, "lengths[\(index)] is \(UInt(bitPattern: lengths[index])); a batch holds at most \(Batch.mostTokens) tokens")
      }
      sum = next
    }
    (self.tokens, self.lengths, self.count, tokenCount) = (tokens, lengths, count, sum)
  }

  /// One token for each of `count` sequences.
  package init(step tokens: UnsafePointer<Int32>, count: Int) throws(Failure) {
    guard count > 0, count <= Batch.mostTokens else {
      throw Failure(.invalidArgument, "count is \(UInt(bitPattern: count)); a step takes from 1 to \(Batch.mostTokens) tokens")
    }
    (self.tokens, lengths, self.count, tokenCount) = (tokens, nil, count, count)
  }

  /// So that no product with a width of a model overflows.
  private static let mostTokens = 1 << 31

  package func length(_ sequence: Int) -> Int { lengths?[sequence] ?? 1 }

  /// Throws, naming sequence and position, if an id is outside the vocabulary or a sequence is longer than the model's positions.
  func check(vocabulary: Int, positions: Int?) throws(Failure) {
    var first = 0
    for sequence in 0..<count {
      let length = length(sequence)
      if let positions, length > positions {
        throw Failure(.invalidArgument, "sequence \(sequence) has \(length) tokens; the model has \(positions) positions")
      }
      for place in 0..<length where tokens[first + place] < 0 || Int(tokens[first + place]) >= vocabulary {
        throw Failure(
          .invalidArgument,
          "token \(tokens[first + place]) at position \(place) of sequence \(sequence) is outside the vocabulary of \(vocabulary)")
      }
      first += length
    }
  }
}
