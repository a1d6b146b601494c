import AttendBase
import AttendDispatch

/// One beam search under CTranslate2's rules: behind the prompt, or behind one of the alternatives.
final class CTranslate2Beams {
  let state: BeamState
  private let context: SearchContext
  private let trace: AttentionTrace?
  private var results = 0
  /// Whether the best candidate of a step has ended.
  private var bestHasEnded = false
  /// The alternative that the beams begin with, 1 token or none, and its log-probability.
  private var alternative = 0
  private var alternativeScore = 0.0

  init(_ context: SearchContext, _ trace: AttentionTrace?) throws(Failure) {
    (self.context, self.trace) = (context, trace)
    let options = context.options
    state = try BeamState(
      context, width: options.beams, kept: options.ctranslate2.alternatives ? 1 : options.sequences)
  }

  private var options: CTranslate2Options { context.options.ctranslate2 }

  /// Begins with an alternative, which counts in no length.
  func begin(_ token: Int32, logProbability: Float, mark: Int) throws(Failure) {
    (alternative, alternativeScore) = (1, Double(logProbability))
    try state.advance(to: token, logProbability: logProbability)
    guard state.isAtLength else { return }
    try state.finished.add(
      score: alternativeScore, of: state.beams, 0, token: nil, logProbability: 0, mark: mark, reason: .length)
    state.isFinished = true
  }

  // MARK: Examining

  func examine(_ beam: Int, _ logits: RowLogits, _ scratch: RowScratch) throws(Failure) {
    let scores = logits[0], blocks = logits.blocks
    let history = state.beams.history(beam)
    let unseen = alternative > 0 ? context.prompt.count + alternative : context.prompt.count - options.prefixCount
    try context.process(logits, history: history, sequence: beam, state.beams.matcher(beam), scratch, unseen: unseen)
    guard let wanted = nextOfPrefix(history) else {
      return state.examine(beam, ProcessedRow(scores, bounds: blocks, before: context.normalizer(scores, blocks)))
    }
    context.engine.logSoftmax(row: scores, count: context.vocabulary)
    draw(scores, to: wanted)
    state.examine(beam, ProcessedRow(scores))
  }

  /// The token of the prefix that beams are drawn to that comes next, if a beam has followed it so far.
  private func nextOfPrefix(_ history: UnsafeBufferPointer<Int32>) -> Int32? {
    let prefix = options.biasedPrefix, generated = history.count - context.prompt.count
    guard options.prefixBias > 0, generated < prefix.count else { return nil }
    for place in 0..<generated where history[context.prompt.count + place] != prefix[place] { return nil }
    return prefix[generated]
  }

  /// p becomes (1 - b) p, and of the wanted token (1 - b) p + b.
  private func draw(_ scores: UnsafeMutablePointer<Float>, to wanted: Int32) {
    let bias = options.prefixBias
    let drawn = Exponential.log((1 - bias) * Exponential.exp(Double(scores[Int(wanted)])) + bias)
    let factor = Float(Exponential.log(1 - bias))
    for token in 0..<context.vocabulary { scores[token] += factor }
    scores[Int(wanted)] = Float(drawn)
  }

  // MARK: Choosing

  /// Chooses the beams that run on; `firstRow` is the row of the first in the step.
  func choose(isFirst: Bool, firstRow: Int) throws(Failure) {
    try state.advance()
    let isLast = state.isAtLength
    var runnable = state.width  // places of the beams that are not taken by an end that is not allowed
    for rank in 0..<state.candidates.count {
      let candidate = state.candidates[rank]
      let reason = context.ending(state.history(candidate), with: candidate.token, isLast: isLast)
      guard let reason else {
        if state.beams.count < runnable { try state.append(candidate) }
        continue
      }
      guard rank < state.width else { continue }
      if isFirst, options.prefixCount > 0, rank > 0, reason == .end {
        // It keeps its place, and comes to nothing.
        runnable -= 1
      } else {
        if rank == 0 { bestHasEnded = true }
        results += 1
        try keep(candidate, row: firstRow + candidate.row, reason)
      }
    }
    state.isFinished = isLast || isDone || state.beams.count == 0
    if state.isFinished, state.finished.count == 0 { throw context.nothingFollows(state.generated - 1) }
  }

  /// Whether there are results enough: without penalties, when the best is among them.
  private var isDone: Bool {
    if context.options.lengthPenalty == 0, options.coveragePenalty == 0 {
      return bestHasEnded && results >= (options.alternatives ? 1 : context.options.sequences)
    }
    return results >= options.mostResults(beams: state.width)
  }

  private func keep(_ candidate: BeamCandidates.Candidate, row: Int, _ reason: FinishReason) throws(Failure) {
    let mark = trace?.mark(row) ?? -1
    let hasEnd = reason == .end
    let score = score(
      candidate.sum, generated: state.generated - (hasEnd ? 1 : 0),
      mark: hasEnd ? trace?.before(mark) : mark)
    try state.keep(candidate, score: score, mark: mark, reason)
  }

  /// sum / length^penalty + coverage penalty, for `generated` tokens without the end token.
  private func score(_ sum: Double, generated: Int, mark: Int?) -> Double {
    let length = max(generated - alternative + (alternative > 0 ? 0 : options.prefixCount), 1)
    var score = alternativeScore + context.score(sum, length: length)
    if options.coveragePenalty != 0, let trace, let mark { score += options.coveragePenalty * trace.coverage(mark) }
    return score
  }

  /// Ends with what runs.
  func finish(_ reason: FinishReason, firstRow: Int) throws(Failure) {
    state.isFinished = true
    for beam in 0..<state.beams.count where state.generated > 0 {
      let mark = trace?.mark(firstRow + beam) ?? -1
      try state.finished.add(
        score: score(state.beams.sum(beam), generated: state.generated, mark: mark), of: state.beams, beam, token: nil,
        logProbability: 0, mark: mark, reason: reason)
    }
  }
}
