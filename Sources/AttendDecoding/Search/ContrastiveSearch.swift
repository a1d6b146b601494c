import AttendBase
import AttendGrammars

/// Contrastive search (Su et al. 2022, arXiv 2202.06417): of the k most probable tokens v, the one with the largest
/// (1 - a) p(v) - a max cos(h_v, h_j), where h_v is the hidden state of v behind what is written, and h_j are those of
/// the prompt (or the start) and of all that was generated.
///
/// A step reads the k tokens side by side; with the one that is chosen come the logits of the next place.
package final class ContrastiveSearch: Search {
  private let context: SearchContext
  /// What is written, continued by each token that is tried; the sums are their probabilities. At first the prompt.
  private var tried: BeamTable
  private var before: BeamTable
  private let following: BeamCandidates
  private var normalizers = GrowingList<Normalizer?>(for: "the candidates of contrastive search")  // [k]
  private var similarities = GrowingList<Float>(for: "the candidates of contrastive search")  // [k]
  private let states: StateHistory
  private var winner = 0
  private var hasBegun = false
  private var reason: FinishReason?
  /// Tokens behind what is certain.
  private var uncertain = 0

  package init(_ context: SearchContext) throws(Failure) {
    self.context = context
    let count = min(context.options.contrastiveTopK, context.vocabulary)
    let (promptCount, expected) = (context.prompt.count, context.expectedLength)
    tried = try BeamTable(width: count, promptCount: promptCount, expected: expected)
    before = try BeamTable(width: count, promptCount: promptCount, expected: expected)
    following = try BeamCandidates(rows: count, kept: count, vocabulary: context.vocabulary)
    states = StateHistory(candidates: count)
    try normalizers.reserve(count)
    normalizers.resize(to: count, filling: nil)
    try similarities.reserve(count)
    similarities.resize(to: count, filling: 0)
    try tried.begin(context.prompt, try context.grammar?.matcher())
  }

  package var rowCount: Int { isFinished ? 0 : tried.count }
  package var isFinished: Bool { reason != nil }

  package func next(row: Int) -> UnsafeBufferPointer<Int32> { tried.unread(row, hasBegun) }
  package func parent(of row: Int) -> Int { tried.parent(row) }

  package func examine(row: Int, logits: RowLogits, states read: Matrix, _ scratch: RowScratch) throws(Failure) {
    if hasBegun {
      similarities[row] = states.propose(read[read.rows - 1], as: row)
    } else {
      try states.begin(read)
    }
    let scores = logits[0]
    try context.process(scores, history: tried.history(row), sequence: 0, tried.matcher(row), scratch)
    normalizers[row] = context.normalizer(scores)
    following.examine(row, ProcessedRow(scores), vocabulary: context.vocabulary, context.engine)
  }

  package func choose() throws(Failure) {
    if hasBegun { try decide() }
    hasBegun = true
    guard !isFinished else { return }
    swap(&tried, &before)
    try tried.begin(after: before)
    for place in 0..<tried.width {
      let next = following.candidate(winner, place)
      guard next.value > -.infinity, let normalizer = normalizers[winner] else { continue }
      let logProbability = normalizer.logProbability(next.value)
      try tried.append(
        winner, of: before, token: next.token, logProbability: logProbability,
        sum: Exponential.exp(Double(logProbability)))
    }
    uncertain = 1
    guard tried.count > 0 else { throw context.nothingFollows(before.length - context.prompt.count) }
  }

  /// Makes the best of what was tried certain.
  private func decide() throws(Failure) {
    let alpha = Double(context.options.penaltyAlpha)
    var best = -Double.infinity
    for row in 0..<tried.count {
      let value = (1 - alpha) * tried.sum(row) - alpha * Double(similarities[row])
      if value > best { (best, winner) = (value, row) }
    }
    uncertain = 0
    try states.accept(winner)
    let history = tried.history(winner), token = history[history.count - 1]
    let generated = tried.length - context.prompt.count
    reason = context.ending(
      UnsafeBufferPointer(rebasing: history.dropLast()), with: token,
      isLast: generated >= context.options.maximalNewTokens)
    let verdict = try context.tell(
      sequence: 0, token: token, logProbability: tried.logProbabilities(winner)[generated - 1],
      alternatives: UnsafeBufferPointer(start: nil, count: 0), reason: reason)
    if case .goOn = verdict { return }
    reason = reason ?? .cancelled
  }

  package func finish(_ reason: FinishReason) throws(Failure) {
    guard !isFinished else { return }
    self.reason = reason
    // All that are tried begin with what is certain.
    winner = 0
  }

  package func hypotheses() throws(Failure) -> [Hypothesis] {
    let (tokens, known) = (tried.history(winner), tried.logProbabilities(winner))
    return [
      try Hypothesis(
        tokens: UnsafeBufferPointer(rebasing: tokens.dropLast(uncertain)), promptCount: context.prompt.count,
        logProbabilities: UnsafeBufferPointer(rebasing: known.dropLast(uncertain)), score: nil,
        reason: reason ?? .cancelled)
    ]
  }
}

/// The hidden states of what is written, made as long as 1, and those of the tokens that are tried behind it.
private final class StateHistory {
  private let candidates: Int
  private var width = 0
  private var written = GrowingList<Float>(for: "the hidden states of a sequence")  // [tokens, width]
  private var proposed = GrowingList<Float>(for: "the hidden states of a sequence")  // [candidates, width]

  init(candidates: Int) { self.candidates = candidates }

  /// Begins with the states of the prompt.
  func begin(_ states: Matrix) throws(Failure) {
    width = states.columns
    let (cells, overflow) = candidates.multipliedReportingOverflow(by: width)
    guard !overflow else { throw .outOfMemory(Int.max, for: "the hidden states of a sequence") }
    try proposed.reserve(cells)
    proposed.resize(to: cells, filling: 0)
    for row in 0..<states.rows {
      normalize(states[row], into: proposed.storage)
      try accept(0)
    }
  }

  /// Notes the state of a candidate. Returns its largest cosine with what is written.
  func propose(_ state: UnsafePointer<Float>, as candidate: Int) -> Float {
    let own = proposed.storage + candidate * width
    normalize(state, into: own)
    var largest = -Float.infinity
    for row in 0..<written.count / width { largest = max(largest, dot(own, written.storage + row * width)) }
    return largest
  }

  /// The state of a candidate becomes the last of what is written.
  func accept(_ candidate: Int) throws(Failure) {
    try written.append(contentsOf: UnsafeBufferPointer(start: proposed.storage + candidate * width, count: width))
  }

  private func normalize(_ state: UnsafePointer<Float>, into unit: UnsafeMutablePointer<Float>) {
    let length = dot(state, state).squareRoot()
    for column in 0..<width { unit[column] = length > 0 ? state[column] / length : 0 }
  }

  /// Eight sums side by side, then their sum: the same on every CPU.
  private func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>) -> Float {
    var sums = SIMD8<Float>()
    let whole = width & ~7
    for first in stride(from: 0, to: whole, by: 8) {
      let left = UnsafeRawPointer(a + first).loadUnaligned(as: SIMD8<Float>.self)
      sums += left * UnsafeRawPointer(b + first).loadUnaligned(as: SIMD8<Float>.self)
    }
    var sum: Float = 0
    for lane in 0..<8 { sum += sums[lane] }
    for column in whole..<width { sum += a[column] * b[column] }
    return sum
  }
}
