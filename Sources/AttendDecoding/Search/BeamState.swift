import AttendBase
import AttendGrammars

/// Beams that are chosen together: those that run, what may continue them, and what has ended. A search has one of
/// these, or one for each of its groups.
final class BeamState {
  let context: SearchContext
  /// Most beams that run.
  let width: Int
  private(set) var beams: BeamTable
  /// The beams that the step under way continues.
  private(set) var before: BeamTable
  let candidates: BeamCandidates
  let finished: FinishedBeams
  private var normalizers = GrowingList<Normalizer?>(for: "the normalizers of the beams")  // [width]
  /// Whether the beams are not continued any more.
  var isFinished = false

  /// Begins with one beam, the prompt. `kept` finished ones are remembered.
  init(_ context: SearchContext, width: Int, kept: Int) throws(Failure) {
    (self.context, self.width) = (context, width)
    let (promptCount, expected) = (context.prompt.count, context.expectedLength)
    beams = try BeamTable(width: width, promptCount: promptCount, expected: expected)
    before = try BeamTable(width: width, promptCount: promptCount, expected: expected)
    candidates = try BeamCandidates(
      rows: width, kept: context.candidatesPerStep(beams: width), vocabulary: context.vocabulary,
      areDrawn: context.options.samples)
    finished = try FinishedBeams(capacity: kept, promptCount: promptCount, expected: expected)
    try normalizers.reserve(width)
    normalizers.resize(to: width, filling: nil)
    try beams.begin(context.prompt, try context.grammar?.matcher())
  }

  /// How many tokens each running beam has generated.
  var generated: Int { beams.length - context.prompt.count }

  /// Whether the beams have all tokens that they may have.
  var isAtLength: Bool { generated >= context.options.maximalNewTokens }

  /// Finds the best continuations of a beam; the beams may be examined side by side.
  func examine(_ beam: Int, _ row: ProcessedRow) {
    normalizers.elements[beam] = row.after
    candidates.examine(beam, row, vocabulary: context.vocabulary, context.engine)
  }

  /// Draws continuations of a beam from `scores`, what the steps of sampling left of `processed`, whose log-softmax
  /// `normalizer` is; nil: they are log-probabilities.
  func draw(
    _ beam: Int, _ scores: UnsafePointer<Float>, processed: UnsafePointer<Float>, _ normalizer: Normalizer?,
    _ noise: BeamNoise
  ) {
    normalizers.elements[beam] = normalizer
    candidates.draw(beam, scores, processed: processed, vocabulary: context.vocabulary, noise)
  }

  /// Begins to choose: there are no beams, one token longer than those of `before`, whose candidates are in order.
  func advance() throws(Failure) {
    swap(&beams, &before)
    try beams.begin(after: before)
    candidates.merge(before)
  }

  /// Continues the only beam by a token that counts in no sum.
  func advance(to token: Int32, logProbability: Float) throws(Failure) {
    swap(&beams, &before)
    try beams.begin(after: before)
    try beams.append(0, of: before, token: token, logProbability: logProbability, sum: 0)
  }

  /// The tokens that a candidate continues.
  func history(_ candidate: BeamCandidates.Candidate) -> UnsafeBufferPointer<Int32> { before.history(candidate.row) }

  /// Lets a candidate run on. There are fewer beams than `width`.
  func append(_ candidate: BeamCandidates.Candidate) throws(Failure) {
    try beams.append(
      candidate.row, of: before, token: candidate.token, logProbability: logProbability(candidate), sum: candidate.sum)
  }

  private func logProbability(_ candidate: BeamCandidates.Candidate) -> Float {
    normalizers[candidate.row]?.logProbability(candidate.logit) ?? candidate.logit
  }

  /// Adds a candidate to what has ended, by its score under transformers' rules.
  func keep(_ candidate: BeamCandidates.Candidate, _ reason: FinishReason) throws(Failure) {
    try keep(candidate, score: context.score(candidate.sum, length: generated), reason)
  }

  /// Adds a candidate to what has ended. `mark` is the place in an `AttentionTrace` of what it attended to.
  func keep(
    _ candidate: BeamCandidates.Candidate, score: Double, mark: Int = -1, _ reason: FinishReason
  ) throws(Failure) {
    try finished.add(
      score: score, of: before, candidate.row, token: candidate.token, logProbability: logProbability(candidate),
      mark: mark, reason: reason)
  }

  /// Adds a running beam to what has ended, by its score under transformers' rules.
  func keepRunning(_ beam: Int, _ reason: FinishReason) throws(Failure) {
    guard generated > 0 else { return }
    try finished.add(
      score: context.score(beams.sum(beam), length: generated), of: beams, beam, token: nil, logProbability: 0,
      reason: reason)
  }

  /// Whether under transformers' rules the finished beams cannot, or are not expected to, be bettered by what now has
  /// the sum `best`; nil: by anything.
  func isSettled(best: Double?) -> Bool {
    guard finished.count == width, let worst = finished.worst else { return false }
    guard let best else { return true }
    let options = context.options
    switch options.earlyStopping {
    case .first: return true
    case .likely: return context.score(best, length: generated) <= worst
    case .never:
      let length = options.lengthPenalty > 0 ? options.maximalNewTokens : generated
      return context.score(best, length: length) <= worst
    }
  }
}
