import AttendBase
import AttendLayers

/// A ragged batch as the caller hands it over: sequences of ids end to end, or arrays. Borrowed for one call.
package struct Batch {
  /// As the layers read it.
  let input: StackInput
  /// Pictures whose states stand in the place of tokens; nil: none.
  package var pictures: UnsafeBufferPointer<FeatureArray>?
  /// `[sum of lengths][2]`: of each token the first of the pictures that it sees and the end of these; nil: as the text
  /// says. Only where layers look at pictures.
  package var seenPictures: UnsafePointer<Int32>?
  package let lengths: SequenceLengths
  /// The sum of the lengths, at least 1.
  package let tokenCount: Int

  /// The number of sequences.
  package var count: Int { lengths.count }

  /// `lengths` as the caller gave them: each must be at least 1, with `allowsEmpty` one of them; their sum must fit.
  package init(
    tokens: UnsafePointer<Int32>, lengths: UnsafePointer<Int>, types: UnsafePointer<Int32>? = nil, count: Int,
    allowsEmpty: Bool = false
  ) throws(Failure) {
    let sum = try Batch.sum(lengths, count: count, allowsEmpty: allowsEmpty)
    self.init(tokens, SequenceLengths(lengths, count: count), types, sum)
  }

  /// The states that an earlier stage made of such tokens, `[sum of lengths, width]`, without gaps.
  package init(
    states: UnsafePointer<Float>, lengths: UnsafePointer<Int>, count: Int, allowsEmpty: Bool = false
  ) throws(Failure) {
    input = .states(states)
    tokenCount = try Batch.sum(lengths, count: count, allowsEmpty: allowsEmpty)
    self.lengths = SequenceLengths(lengths, count: count)
  }

  /// The sum of lengths as the caller gave them.
  private static func sum(
    _ lengths: UnsafePointer<Int>, count: Int, allowsEmpty: Bool
  ) throws(Failure) -> Int {
    guard count > 0 else { throw Failure(.invalidArgument, "the batch is empty: count is 0") }
    var sum = 0
    for index in 0..<count {
      guard lengths[index] != 0 || allowsEmpty else {
        throw Failure(.invalidArgument, "sequence \(index) of the batch is empty: lengths[\(index)] is 0")
      }
      let (next, overflow) = sum.addingReportingOverflow(lengths[index])
      guard lengths[index] >= 0, !overflow, next <= Batch.mostTokens else {
        throw Failure(
          .invalidArgument,
          "lengths[\(index)] is \(UInt(bitPattern: lengths[index])); a batch holds at most \(Batch.mostTokens) tokens")
      }
      sum = next
    }
    guard sum > 0 else { throw Failure(.invalidArgument, "there is nothing to read: all \(count) lengths are 0") }
    return sum
  }

  /// One token for each of `count` sequences.
  package init(step tokens: UnsafePointer<Int32>, count: Int) throws(Failure) {
    guard count > 0, count <= Batch.mostTokens else {
      throw Failure(
        .invalidArgument, "count is \(UInt(bitPattern: count)); a step takes from 1 to \(Batch.mostTokens) tokens")
    }
    self.init(tokens, SequenceLengths(ones: count), nil, count)
  }

  /// An array for each sequence, which becomes as many hidden states as its length says, in all `sum`.
  init(_ arrays: UnsafeBufferPointer<FeatureArray>, lengths: UnsafePointer<Int>, sum: Int) {
    input = .features(arrays)
    self.lengths = SequenceLengths(lengths, count: arrays.count)
    tokenCount = sum
  }

  private init(
    _ tokens: UnsafePointer<Int32>, _ lengths: SequenceLengths, _ types: UnsafePointer<Int32>?, _ tokenCount: Int
  ) {
    input = .tokens(tokens, types: types)
    self.lengths = lengths
    self.tokenCount = tokenCount
  }

  /// `[sum of lengths]` ids; nil: it holds arrays.
  package var tokens: UnsafePointer<Int32>? { if case .tokens(let tokens, _) = input { tokens } else { nil } }

  /// The arrays, one for each sequence; nil: it holds tokens.
  package var arrays: UnsafeBufferPointer<FeatureArray>? {
    if case .features(let arrays) = input { arrays } else { nil }
  }

  /// `count` ids from the one numbered `first` on, none where it holds arrays.
  package func tokens(from first: Int, count: Int) -> UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(start: tokens.map { $0 + first }, count: tokens == nil ? 0 : count)
  }

  /// `[sum of lengths]` types of tokens, or nil: all 0.
  package var types: UnsafePointer<Int32>? { if case .tokens(_, let types) = input { types } else { nil } }

  /// So that no product with a width of a model overflows.
  static let mostTokens = Session.mostSequences

  /// Throws, naming sequence and position, if an id is outside the vocabulary of `stack`, or a type is not among those
  /// that it has.
  func check(_ stack: Stack) throws(Failure) {
    if case .states = input {
      guard case .states = stack.input else {
        throw Failure(.invalidArgument, "batch.states is set, and this model reads \(stack.input.reads)")
      }
      return
    }
    guard tokens != nil else { return }
    guard stack.embedding != nil else {
      throw Failure(.invalidArgument, "the batch holds tokens, and this model reads \(stack.input.reads)")
    }
    try check(vocabulary: stack.vocabulary, typeCount: stack.embedding?.types?.count)
  }

  /// The same of ids from 0 to `vocabulary` less 1, and of types to `typeCount` less 1.
  func check(vocabulary: Int, typeCount: Int?) throws(Failure) {
    guard let tokens else { return }
    guard types == nil || typeCount != nil else {
      throw Failure(.invalidArgument, "batch.token_types is set, and this model has no token types")
    }
    var first = 0
    for sequence in 0..<count {
      let length = lengths[sequence]
      try Batch.check(
        tokens + first, length, below: vocabulary, sequence, "token", "the vocabulary of \(vocabulary)")
      if let types, let typeCount {
        try Batch.check(types + first, length, below: typeCount, sequence, "token type", "the \(typeCount) types")
      }
      first += length
    }
  }

  private static func check(
    _ values: UnsafePointer<Int32>, _ length: Int, below limit: Int, _ sequence: Int, _ name: String,
    _ range: @autoclosure () -> String
  ) throws(Failure) {
    for place in 0..<length where values[place] < 0 || Int(values[place]) >= limit {
      throw Failure(
        .invalidArgument, "\(name) \(values[place]) at position \(place) of sequence \(sequence) is outside \(range())")
    }
  }
}
