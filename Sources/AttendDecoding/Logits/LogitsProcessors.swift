import AttendBase
import AttendKernelInterface

/// Ids that other groups of beams took in this step, each of which lowers its logit (diversity_penalty; Vijayakumar et
/// al. 2016, arXiv:1610.02424).
package struct Diversity {
  /// One entry for each beam that took an id.
  package let taken: UnsafeBufferPointer<Int32>
  package let penalty: Float

  package init(taken: UnsafeBufferPointer<Int32>, penalty: Float) {
    self.taken = taken
    self.penalty = penalty
  }
}

/// The processors of a request: options, checked and laid out for use. Any thread may use them, each with a scratch of
/// its own; they keep nothing between two calls, so that rows may come in any order.
package final class LogitsProcessors: Sendable {
  /// How many logits a row has.
  package let vocabulary: Int
  /// Whether `process` changes nothing but by what is handed to it.
  package let isEmpty: Bool

  /// Throws `invalidArgument`, with the option and the numbers, for what is out of range or contradicts another option;
  /// `outOfMemory`.
  package init(_ options: LogitsOptions, vocabulary: Int, rows: KernelTable.Rows) throws(Failure) {
    self.vocabulary = vocabulary
    isEmpty = true
  }

  /// Changes a row of logits, or of log-probabilities, `[vocabulary]`.
  ///
  /// `diversity` is what other groups of beams took. `allowed` is a set of ids, bit `id % 32` of word `id / 32`: the
  /// others are set to minus infinity after all else, but for renormalisation. Throws what a function of the user's own
  /// throws.
  package func process(
    _ scores: UnsafeMutableBufferPointer<Float>, _ history: History, _ scratch: LogitsScratch,
    diversity: Diversity? = nil, allowed: UnsafePointer<UInt32>? = nil
  ) throws(Failure) {
    precondition(scores.count == vocabulary && scratch.vocabulary == vocabulary)
  }
}
