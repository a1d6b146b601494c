import AttendBase
import AttendGrammars

/// Beam search as transformers 5 defines it: the sums of the B best running hypotheses, and the B best finished ones by
/// sum / length^penalty, where the length counts generated tokens.
///
/// There may be fewer running beams than B: a token of no probability is no candidate.
package final class BeamSearch: Search {
  private let context: SearchContext
  private var beams: BeamTable
  private var before: BeamTable
  private var candidates: BeamCandidates
  private var finished: FinishedBeams
  private var normalizers = GrowingList<Normalizer?>(for: "the normalizers of the beams")  // [beams]
  package private(set) var isFinished = false
  private var hasBegun = false

  package init(_ context: SearchContext) throws(Failure) {
    self.context = context
    let width = context.options.beams
    let expected = context.expectedLength
    beams = try BeamTable(width: width, promptCount: context.prompt.count, expected: expected)
    before = try BeamTable(width: width, promptCount: context.prompt.count, expected: expected)
    candidates = try BeamCandidates(
      rows: width, kept: context.candidatesPerStep(beams: width), vocabulary: context.vocabulary)
    finished = try FinishedBeams(capacity: width, promptCount: context.prompt.count, expected: expected)
    try normalizers.reserve(width)
    normalizers.resize(to: width, filling: nil)
    try beams.begin(context.prompt, context.grammar?.matcher())
  }

  package var rowCount: Int { beams.count }

  package func next(row: Int) -> UnsafeBufferPointer<Int32> {
    let history = beams.history(row)
    return hasBegun ? UnsafeBufferPointer(rebasing: history.suffix(1)) : history
  }

  package func tails(row: Int) -> Int { 1 }

  package func parent(of row: Int) -> Int { beams.parent(row) }

  package func droppedTokens(of row: Int) -> Int { 0 }

  package func examine(row: Int, logits: Matrix, states: Matrix, _ scratch: RowScratch) throws(Failure) {
    let scores = logits[0]
    normalizers[row] = try context.logSoftmaxAndProcess(scores, history: beams.history(row), sequence: row, beams.matcher(row), scratch)
    candidates.examine(row, scores, vocabulary: context.vocabulary, context.engine)
  }

  package func choose() throws(Failure) {
    hasBegun = true
    swap(&beams, &before)
    try beams.begin(after: before)
    candidates.merge(before)
    let generated = beams.length - context.prompt.count
    let isLast = generated >= context.options.maximalNewTokens
    var allDone = true
    for rank in 0..<candidates.count {
      let candidate = candidates[rank]
      let reason = context.ending(
        before.history(candidate.row), with: candidate.token, isLast: isLast)
      if let reason {
        if rank < context.options.beams { try keep(candidate, generated, reason) }
      } else {
        allDone = false
        if beams.count < beams.width {
          try beams.append(
            candidate.row, of: before, token: candidate.token, logProbability: logProbability(candidate),
            sum: candidate.sum)
        }
      }
    }
    isFinished = allDone || isSettled(generated)
    if isFinished, finished.count == 0 { throw context.nothingFollows(generated) }
  }

  private func logProbability(_ candidate: BeamCandidates.Candidate) -> Float {
    normalizers[candidate.row]?.logProbability(candidate.value) ?? candidate.value
  }

  /// Adds a candidate to the finished beams, if it is among the best of them.
  private func keep(_ candidate: BeamCandidates.Candidate, _ generated: Int, _ reason: FinishReason) throws(Failure) {
    try finished.add(
      score: score(candidate.sum, generated), of: before, candidate.row, token: candidate.token,
      logProbability: logProbability(candidate), reason: reason)
  }

  private func score(_ sum: Double, _ length: Int) -> Double { context.score(sum, length: length) }

  /// Whether the finished beams cannot, or are not expected to, be bettered.
  private func isSettled(_ generated: Int) -> Bool {
    guard finished.count == context.options.beams, let worst = finished.worst else { return false }
    guard beams.count > 0 else { return true }
    switch context.options.earlyStopping {
    case .first: return true
    case .likely: return score(beams.sum(0), generated) <= worst
    case .never:
      let length = context.options.lengthPenalty > 0 ? context.options.maximalNewTokens : generated
      return score(beams.sum(0), length) <= worst
    }
  }

  package func finish(_ reason: FinishReason) throws(Failure) {
    guard !isFinished else { return }
    isFinished = true
    let generated = beams.length - context.prompt.count
    for beam in 0..<beams.count where generated > 0 {
      try finished.add(
        score: score(beams.sum(beam), generated), of: beams, beam, token: nil, logProbability: 0, reason: reason)
    }
  }

  package func hypotheses() throws(Failure) -> [Hypothesis] { try finished.best(context.options.sequences) }
}
