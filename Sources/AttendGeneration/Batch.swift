import AttendBase

/// A ragged batch as the caller hands it over: sequences of ids end to end. Borrowed for one call.
package struct Batch {
  /// `[sum of lengths]`
  package let tokens: UnsafePointer<Int32>
  /// `[count]`, or nil: one token each.
  private let lengths: UnsafePointer<Int>?
  /// `[sum of lengths]`, or nil: all 0.
  package let types: UnsafePointer<Int32>?
  package let count: Int
  /// The sum of the lengths.
  package let tokenCount: Int

  /// `lengths` as the caller gave them: each must be at least 1, and their sum must fit.
  package init(
    tokens: UnsafePointer<Int32>, lengths: UnsafePointer<Int>, types: UnsafePointer<Int32>? = nil, count: Int
  ) throws(Failure) {
    guard count > 0 else { throw Failure(.invalidArgument, "the batch is empty: count is 0") }
    var sum = 0
    for index in 0..<count {
      guard lengths[index] != 0 else {
        throw Failure(.invalidArgument, "sequence \(index) of the batch is empty: lengths[\(index)] is 0")
      }
      let (next, overflow) = sum.addingReportingOverflow(lengths[index])
      guard lengths[index] > 0, !overflow, next <= Batch.mostTokens else {
        throw Failure(
          .invalidArgument,
          "lengths[\(index)] is \(UInt(bitPattern: lengths[index])); a batch holds at most \(Batch.mostTokens) tokens")
      }
      sum = next
    }
    (self.tokens, self.lengths, self.types, self.count, tokenCount) = (tokens, lengths, types, count, sum)
  }

  /// One token for each of `count` sequences.
  package init(step tokens: UnsafePointer<Int32>, count: Int) throws(Failure) {
    guard count > 0, count <= Batch.mostTokens else {
      throw Failure(
        .invalidArgument, "count is \(UInt(bitPattern: count)); a step takes from 1 to \(Batch.mostTokens) tokens")
    }
    (self.tokens, lengths, types, self.count, tokenCount) = (tokens, nil, nil, count, count)
  }

  /// So that no product with a width of a model overflows.
  private static let mostTokens = 1 << 31

  package func length(_ sequence: Int) -> Int { lengths?[sequence] ?? 1 }

  /// Throws, naming sequence and position, if an id is outside the vocabulary, a sequence is longer than the model's
  /// positions, or a type is not among those of the model; `typeCount` nil: it has none.
  func check(vocabulary: Int, positions: Int?, types typeCount: Int?) throws(Failure) {
    guard types == nil || typeCount != nil else {
      throw Failure(.invalidArgument, "batch.token_types is set, and this model has no token types")
    }
    var first = 0
    for sequence in 0..<count {
      let length = length(sequence)
      if let positions, length > positions {
        throw Failure(
          .invalidArgument, "sequence \(sequence) has \(length) tokens; the model has \(positions) positions")
      }
      try Batch.check(tokens + first, length, below: vocabulary, sequence, "token", "the vocabulary of \(vocabulary)")
      if let types, let typeCount {
        try Batch.check(types + first, length, below: typeCount, sequence, "token type", "the \(typeCount) types")
      }
      first += length
    }
  }

  private static func check(
    _ values: UnsafePointer<Int32>, _ length: Int, below limit: Int, _ sequence: Int, _ what: String,
    _ range: @autoclosure () -> String
  ) throws(Failure) {
    for place in 0..<length where values[place] < 0 || Int(values[place]) >= limit {
      throw Failure(
        .invalidArgument, "\(what) \(values[place]) at position \(place) of sequence \(sequence) is outside \(range())")
    }
  }
}
