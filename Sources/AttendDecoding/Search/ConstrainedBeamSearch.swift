import AttendBase

/// Beam search for texts that contain given phrases, as transformers 4 defines it (dynamic beam allocation: Post and
/// Vilar 2018, arXiv 1804.06609): beside the best continuations, those that advance a requirement are tried, and the
/// places are shared out among hypotheses that have met equally much.
///
/// An end counts only where everything is met. Where fewer than the wanted sequences meet everything at the longest
/// length, others are among the results.
package final class ConstrainedBeamSearch: Search {
  /// A continuation that may run on.
  private struct Entry: BitwiseCopyable {
    let candidate: BeamCandidates.Candidate
    let bank: Int

    /// What entries are ordered by: first by what is met.
    var rank: Double { Double(bank) * 100 + candidate.sum }
  }

  private let context: SearchContext
  private let state: BeamState
  private let phrases: RequiredPhrases
  private var progress = GrowingList<Int32>(for: "the required phrases")  // [width + 1, stateCount] the last: a trial
  private var before = GrowingList<Int32>(for: "the required phrases")
  private var scores = GrowingList<UnsafeMutablePointer<Float>?>(for: "the rows of the beams")  // [width]
  private var entries = GrowingList<Entry>(for: "the candidates of the beams")
  private var order = GrowingList<Entry>(for: "the candidates of the beams")  // by rank
  private var hasBegun = false

  package init(_ context: SearchContext) throws(Failure) {
    self.context = context
    let width = context.options.beams
    state = try BeamState(context, width: width, kept: width)
    phrases = RequiredPhrases(context.options.requiredPhrases)
    let (cells, tooMany) = (width + 1).multipliedReportingOverflow(by: phrases.stateCount)
    let (most, tooManyEntries) = width.multipliedReportingOverflow(by: phrases.mostAdvances + 1)
    guard !tooMany, !tooManyEntries else { throw .outOfMemory(Int.max, for: "the required phrases") }
    try progress.reserve(cells)
    try before.reserve(cells)
    progress.resize(to: cells, filling: 0)
    before.resize(to: cells, filling: 0)
    try scores.reserve(width)
    scores.resize(to: width, filling: nil)
    try entries.reserve(most)
    try order.reserve(most)
    phrases.begin(progress.storage)
    for token in context.prompt { phrases.add(token, to: progress.storage) }
  }

  package var rowCount: Int { state.beams.count }
  package var isFinished: Bool { state.isFinished }

  package func next(row: Int) -> UnsafeBufferPointer<Int32> { state.beams.unread(row, hasBegun) }
  package func parent(of row: Int) -> Int { state.beams.parent(row) }
  package func past(row: Int) -> UnsafeBufferPointer<Int32>? { state.beams.past(row) }

  package func examine(row: Int, logits: RowLogits, states: Matrix, _ scratch: RowScratch) throws(Failure) {
    scores[row] = logits[0]
    let normalizer = try context.logSoftmaxAndProcess(
      logits[0], history: state.beams.history(row), sequence: row, state.beams.matcher(row), scratch)
    state.examine(row, ProcessedRow(logits[0], after: normalizer))
  }

  // MARK: Choosing

  package func choose() throws(Failure) {
    hasBegun = true
    try state.advance()
    swap(&progress, &before)
    entries.removeAll()
    let candidates = state.candidates
    for rank in 0..<candidates.count where entries.count < state.width {
      try look(at: candidates[rank], mayEnd: rank < state.width)
    }
    let chosen = entries.count
    for row in 0..<state.before.count { try addAdvances(of: row) }
    if entries.count > chosen { share() }
    for place in 0..<min(entries.count, state.width) { try run(entries[place]) }
    if state.isSettled(best: candidates.count > 0 ? candidates[0].sum : nil) || state.beams.count == 0 {
      state.isFinished = true
    } else if state.isAtLength {
      try end(.length)
    }
    if isFinished, state.finished.count == 0 { throw context.nothingFollows(state.generated - 1) }
  }

  /// Puts a candidate among the entries, or among what has ended, or nowhere.
  private func look(at candidate: BeamCandidates.Candidate, mayEnd: Bool) throws(Failure) {
    let trial = progress(state.width, of: before)
    trial.update(from: progress(candidate.row, of: before), count: phrases.stateCount)
    // An end token completes nothing.
    if context.isEnd(candidate.token) {
      if mayEnd, phrases.isComplete(trial) { try state.keep(context.withFirstEnd(candidate), .end) }
      return
    }
    phrases.add(candidate.token, to: trial)
    if let reason = context.ending(state.history(candidate), with: candidate.token, isLast: false) {
      if mayEnd, phrases.isComplete(trial) { try state.keep(candidate, reason) }
    } else {
      try entries.append(Entry(candidate: candidate, bank: phrases.bank(trial)))
    }
  }

  /// Adds the continuations of a beam that advance its requirements and are not there yet.
  private func addAdvances(of row: Int) throws(Failure) {
    guard let scores = scores[row] else { return }
    try phrases.forEachAdvance(progress(row, of: before)) { (token) throws(Failure) in
      let value = scores[Int(token)]
      guard value > -.infinity, !hasEntry(row, token) else { return }
      let sum = state.before.sum(row) + Double(value)
      try look(at: .init(row: row, token: token, value: value, logit: value, sum: sum), mayEnd: true)
    }
  }

  private func hasEntry(_ row: Int, _ token: Int32) -> Bool {
    for entry in entries.elements where entry.candidate.row == row && entry.candidate.token == token { return true }
    return false
  }

  /// Orders the entries by turns: the best that has met most, the best of those that have met less, and so on; then the
  /// second ones.
  private func share() {
    order.removeAll()
    for entry in entries.elements {
      var place = order.count
      order.resize(to: place + 1, filling: entry)
      while place > 0, order[place - 1].rank < entry.rank {
        order[place] = order[place - 1]
        place -= 1
      }
      order[place] = entry
    }
    entries.removeAll()
    var turn = 0
    while entries.count < min(order.count, state.width) {
      var (bank, counter) = (order[0].bank, -1)
      for place in 0..<order.count {
        counter = order[place].bank == bank ? counter + 1 : 0
        bank = order[place].bank
        if counter == turn { entries.resize(to: entries.count + 1, filling: order[place]) }
      }
      turn += 1
    }
  }

  private func run(_ entry: Entry) throws(Failure) {
    let own = progress(state.beams.count, of: progress)
    own.update(from: progress(entry.candidate.row, of: before), count: phrases.stateCount)
    phrases.add(entry.candidate.token, to: own)
    try state.append(entry.candidate)
  }

  /// The state of a beam.
  private func progress(_ beam: Int, of list: borrowing GrowingList<Int32>) -> RequiredPhrases.State {
    list.storage + beam * phrases.stateCount
  }

  // MARK: Ends

  /// Ends with what runs: those that meet everything, and all others too if these are too few.
  private func end(_ reason: FinishReason) throws(Failure) {
    state.isFinished = true
    var complete = 0
    for beam in 0..<state.beams.count where phrases.isComplete(progress(beam, of: progress)) {
      complete += 1
      try state.keepRunning(beam, reason)
    }
    guard complete < context.options.sequences else { return }
    for beam in 0..<state.beams.count where !phrases.isComplete(progress(beam, of: progress)) {
      try state.keepRunning(beam, reason)
    }
  }

  package func finish(_ reason: FinishReason) throws(Failure) { if !isFinished { try end(reason) } }

  package func hypotheses() throws(Failure) -> [Hypothesis] { try state.finished.best(context.options.sequences) }
}
