import AttendBase
import AttendGrammars

/// Beam search as transformers 5 defines it: the sums of the B best running hypotheses, and the B best finished ones by
/// sum / length^penalty, where the length counts generated tokens.
///
/// There may be fewer running beams than B: a token of no probability is no candidate. With sampling (do_sample) the
/// candidates of a step are not the best of all beams but drawn without replacement, in proportion to the exponentials
/// of their sums.
package final class BeamSearch: Search {
  private let context: SearchContext
  private let state: BeamState
  private var hasBegun = false

  package init(_ context: SearchContext) throws(Failure) {
    self.context = context
    state = try BeamState(context, width: context.options.beams, kept: context.options.beams)
  }

  package var rowCount: Int { state.beams.count }
  package var isFinished: Bool { state.isFinished }

  package var readsBlocks: Bool { !context.options.samples }
  package func next(row: Int) -> UnsafeBufferPointer<Int32> { state.beams.unread(row, hasBegun) }
  package func parent(of row: Int) -> Int { state.beams.parent(row) }
  package func past(row: Int) -> UnsafeBufferPointer<Int32>? { state.beams.past(row) }

  package func examine(row: Int, logits: RowLogits, states: Matrix, _ scratch: RowScratch) throws(Failure) {
    let scores = logits[0], history = state.beams.history(row), matcher = state.beams.matcher(row)
    guard context.options.samples else {
      let processed = try context.processForBeams(logits, history: history, sequence: row, matcher, scratch)
      return state.examine(row, processed)
    }
    let normalizer = try context.logSoftmaxAndProcess(scores, history: history, sequence: row, matcher, scratch)
    let noise = BeamNoise(seed: context.options.sampling.seed, step: state.generated, beam: row)
    let processed = try context.filter(scores, history: history, sequence: row, noise, scratch)
    state.draw(row, scores, processed: processed, normalizer, noise)
  }

  package func choose() throws(Failure) {
    hasBegun = true
    try state.advance()
    var allDone = true
    for rank in 0..<state.candidates.count {
      let candidate = state.candidates[rank]
      if let reason = context.ending(
        state.history(candidate), with: candidate.token, isLast: state.isAtLength)
      {
        if rank < state.width { try state.keep(candidate, reason) }
      } else {
        allDone = false
        if state.beams.count < state.width { try state.append(candidate) }
      }
    }
    state.isFinished = allDone || state.isSettled(best: state.beams.count > 0 ? state.beams.sum(0) : nil)
    if isFinished, state.finished.count == 0 { throw context.nothingFollows(state.generated - 1) }
  }

  package func finish(_ reason: FinishReason) throws(Failure) {
    guard !isFinished else { return }
    state.isFinished = true
    for beam in 0..<state.beams.count { try state.keepRunning(beam, reason) }
  }

  package func hypotheses() throws(Failure) -> [Hypothesis] { try state.finished.best(context.options.sequences) }
}
