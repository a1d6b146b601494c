import AttendBase
import AttendKernelInterface

/// The rules by which Whisper writes timestamps (Radford et al. 2022, arXiv:2212.04356, and the decoder that was
/// published with it): tokens behind all others, one for each fiftieth of a second, in pairs around the text.
///
/// They only forbid, and compare scores of one row with each other, so that logits and log-probabilities are the same
/// to them.
package struct TimestampRules: Sendable {
  /// The token of 0.00 s, behind no_timestamps_token_id; all from it on are timestamps.
  package let first: Int32
  /// eos_token_id, which may follow on a timestamp; ids below are text.
  package let end: Int32
  /// max_initial_timestamp_index: the latest timestamp that a text may begin with; nil: any.
  package let latestInitial: Int?

  package init(first: Int32, end: Int32, latestInitial: Int?) {
    (self.first, self.end, self.latestInitial) = (first, end, latestInitial)
  }

  /// Throws `invalidArgument` for tokens that a vocabulary does not have in this order.
  func check(_ tokens: TokenCheck) throws(Failure) {
    try tokens.check(first, "no_timestamps_token_id + 1")
    guard end >= 0, end < first else {
      throw invalid("return_timestamps", "needs an end token below the timestamps, which begin with token \(first)")
    }
    if let latestInitial, latestInitial < 0 {
      throw invalid("max_initial_timestamp_index", "is \(latestInitial); it must be at least 0")
    }
  }

  /// Forbids what may not follow on what was generated.
  func apply(_ scores: UnsafeMutableBufferPointer<Float>, _ history: History, _ rows: KernelTable.Rows) {
    let written = history.tokens[history.promptCount...]
    let first = Int(first)
    scores[first - 1] = -.infinity
    guard let last = written.last else { return begin(scores) }
    let isPaired = written.count < 2 || written[written.endIndex - 2] >= self.first
    if last >= self.first {
      if isPaired { forbid(scores, first..<scores.count) } else { forbid(scores, 0..<Int(end)) }
    }
    if let latest = written.last(where: { $0 >= self.first }) {
      // A timestamp that ends a text may be written again, to begin the next.
      let isOpen = last >= self.first && !isPaired
      forbid(scores, first..<min(Int(latest) + (isOpen ? 0 : 1), scores.count))
    }
    preferTimestamps(scores, rows)
  }

  /// At the first place there are timestamps only, and early ones.
  private func begin(_ scores: UnsafeMutableBufferPointer<Float>) {
    forbid(scores, 0..<Int(first))
    guard let latestInitial else { return }
    forbid(scores, min(Int(first).saturatingAdd(latestInitial).saturatingAdd(1), scores.count)..<scores.count)
  }

  /// Forbids all else where the timestamps together are more probable than any other token.
  private func preferTimestamps(_ scores: UnsafeMutableBufferPointer<Float>, _ rows: KernelTable.Rows) {
    let first = Int(first), row = scores.baseAddress!
    var (best, place): (Float, Int32) = (0, 0)
    rows.topK(row, first, 1, &best, &place)
    var (latest, largest): (Float, Float) = (0, 0)
    rows.topK(row + first, scores.count - first, 1, &latest, &place)
    guard latest > -.infinity else { return }
    let sum = rows.logSumOfExponentials(row + first, scores.count - first, &largest)
    if largest + sum > best { forbid(scores, 0..<first) }
  }

  private func forbid(_ scores: UnsafeMutableBufferPointer<Float>, _ tokens: Range<Int>) {
    scores[tokens].update(repeating: -.infinity)
  }
}
