import AttendBase
import AttendKernelInterface

/// What of sampling belongs to one sequence: a few bytes that the caller keeps, copies and stores with it.
package struct SamplingState: Sendable {
  package var random: Philox
  /// Mirostat's bound on the surprise, in bits.
  package var mu: Double

  /// The state before the first id of sequence `sequence`.
  package init(_ options: SamplingOptions, sequence: UInt64) {
    random = Philox(seed: options.seed, sequence: sequence)
    mu = 2 * (options.mirostat?.tau ?? 0)
  }
}

/// The id that was drawn.
package struct Sample: Sendable {
  package let token: Int32
  /// Its probability among the ids that the steps kept.
  package let probability: Double
}

/// A chain of samplers: options, checked and laid out for use. Any thread may use it, each with a scratch of its own.
package final class Sampler: Sendable {
  package let vocabulary: Int

  /// Throws `invalidArgument`, with the option and the numbers, for what is out of range or contradicts another option.
  package init(_ options: SamplingOptions, vocabulary: Int, rows: KernelTable.Rows) throws(Failure) {
    self.vocabulary = vocabulary
  }

  /// Draws the next id from logits, `[vocabulary]`, which DRY changes; nil where each of them is minus infinity.
  ///
  /// The same ids for the same logits, history, seed, sequence and step. Throws `outOfMemory` where a history is longer
  /// than the scratch had room for.
  package func choose(
    _ scores: UnsafeMutableBufferPointer<Float>, _ history: History, _ scratch: LogitsScratch,
    _ state: inout SamplingState
  ) throws(Failure) -> Sample? { nil }
}
