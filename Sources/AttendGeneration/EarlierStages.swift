import AttendBase
import AttendLayers
import AttendModels

/// The way of a session whose model begins with a later layer to the stages before it, which turn tokens into the
/// states that its first layer reads.
///
/// They keep live sequences of their own. Each call says where those of this session came from since the one before, so
/// that selecting and dropping cost no call.
package final class EarlierStages {
  /// Fills the states of a call; false: they could not be computed.
  package typealias Compute = (EarlierStep) -> Bool

  private let compute: Compute
  let origins = Origins()
  private var positions = GrowingList<Int>(for: "the lengths of the sequences")
  private var lengths = GrowingList<Int>(for: "the lengths of the sequences")

  /// Throws `invalidArgument` for a model that reads tokens itself.
  init(_ compute: @escaping Compute, _ model: Model, prefixCacheBytes: Int) throws(Failure) {
    guard case .states = model.decoder?.input else {
      throw Failure(.invalidArgument, "options.stage is set, and this model has no stage before it: it reads tokens")
    }
    guard prefixCacheBytes == 0 else {
      throw Failure(
        .unsupported,
        "prefix_cache_bytes is \(prefixCacheBytes), and options.stage is set: the stages before this one keep no "
          + "beginnings of prompts")
    }
    self.compute = compute
  }

  /// Fills x, `[tokens, width]`, with the states of a batch, whose sequences are those from `first` on of all that are
  /// live.
  func run(_ batch: Batch, from first: Int, of sequences: LiveSequences, into x: Matrix) throws(Failure) {
    guard let tokens = batch.tokens else { throw Failure(.internalError, "stages that read no tokens") }
    positions.removeAll()
    lengths.removeAll()
    try positions.reserve(sequences.count)
    try lengths.reserve(sequences.count)
    for sequence in 0..<sequences.count {
      try positions.append(sequences.length(sequence))
      try lengths.append(sequence < first ? 0 : batch.lengths[sequence - first])
    }
    let step = EarlierStep(
      count: sequences.count, parents: origins.all, positions: positions.storage, lengths: lengths.storage,
      tokens: tokens, states: x)
    guard compute(step) else {
      throw Failure(.cancelled, "the stages before this one did not compute: options.stage returned false")
    }
    origins.settle()
  }
}

/// A call of the stages before a session's. Borrowed for the call.
package struct EarlierStep {
  /// Sequences that are live, of which some may read nothing.
  package let count: Int
  /// `[count]`: the number in the call before of the sequence that each is or was copied from; -1: it is new.
  package let parents: UnsafePointer<Int>
  /// `[count]`: tokens that were read of each. What the stages read beyond, in a call that failed behind them, is to be
  /// forgotten.
  package let positions: UnsafePointer<Int>
  /// `[count]`
  package let lengths: UnsafePointer<Int>
  /// `[sum of lengths]`
  package let tokens: UnsafePointer<Int32>
  /// `[sum of lengths, width]`, without gaps: to be filled.
  package let states: Matrix
}

/// Where each live sequence came from since the stages before were called.
final class Origins {
  private var parents = GrowingList<Int>(for: "the origins of the sequences")
  private var selected = GrowingList<Int>(for: "the origins of the sequences")

  /// Of a sequence that is new.
  private static let none = -1

  /// There are some.
  var all: UnsafePointer<Int> { UnsafePointer(parents.storage) }

  func add(_ new: Int) throws(Failure) {
    try parents.reserve(new)
    parents.resize(to: parents.count + new, filling: Origins.none)
  }

  func remove(from first: Int) { if parents.count > first { parents.removeAll(from: first) } }

  func reserveSelection(of count: Int) throws(Failure) {
    selected.removeAll()
    try selected.reserve(count)
  }

  /// Sequence `chosen[i]` becomes sequence i; there is room for them.
  func select(_ chosen: UnsafeBufferPointer<Int>) {
    selected.resize(to: chosen.count, filling: Origins.none)
    for (index, parent) in chosen.enumerated() { selected[index] = parents[parent] }
    swap(&parents, &selected)
  }

  /// The stages before know the sequences as they are now.
  func settle() { for index in 0..<parents.count { parents[index] = index } }
}

extension Session {
  /// Throws `invalidArgument`, naming sequence and position, for tokens that nothing embeds, or an input of another
  /// kind than `stack` reads.
  func checkInput(of batch: Batch, _ stack: Stack) throws(Failure) {
    guard earlier != nil, batch.tokens != nil else { return try batch.check(stack) }
    try batch.check(vocabulary: model.vocabulary, typeCount: nil)
  }

  /// The input of a batch for the decoder, whose sequences are those from `first` on: where tokens come to a later
  /// stage, what the earlier ones make of them, in scratch memory.
  func input(of batch: Batch, _ decoder: Stack, from first: Int = 0) throws(Failure) -> StackInput {
    guard let earlier, batch.tokens != nil else { return batch.input }
    let memory = try pass.workspace.take(batch.tokenCount.saturatingMultiply(decoder.width), of: Float.self)
    let states = Matrix(memory, rows: batch.tokenCount, columns: decoder.width)
    try earlier.run(batch, from: first, of: sequences, into: states)
    return .states(UnsafePointer(states.base))
  }
}
