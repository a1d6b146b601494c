import AttendBase
import AttendDispatch
import AttendGrammars

/// Greedy search, and sampling: each sequence goes its own way, one token after another. The samples of one prompt
/// share what was read of it.
///
/// Drafts (speculation) change no result: the token of each place is chosen as it would be without, from the same
/// logits with the same random number, and a draft is only what lets several places be computed in one step.
///
/// What a grammar leaves no choice about is not chosen: those tokens are read together, like drafts, in the cut of the
/// tokenizer, and the random numbers of their places are left out. That holds at each place, with drafts and without.
package final class SamplingSearch: Search {
  private let context: SearchContext
  private let sequences: [SampledSequence]
  private var rows = GrowingList<Int>(for: "the rows of a request")  // [rows] the sequence that each continues
  private var parents = GrowingList<Int>(for: "the rows of a request")  // [rows]
  private var dropped = GrowingList<Int>(for: "the rows of a request")  // [rows] tokens read in vain
  private var drafter: (any Drafter)?
  private var mayDraft: Bool
  private var wishes = GrowingList<DraftWish>(for: "the rows of a request")  // [rows]
  private var hasBegun = false

  package init(_ context: SearchContext) throws(Failure) {
    self.context = context
    let count = context.options.sequences
    var sequences: [SampledSequence] = []
    for index in 0..<count {
      sequences.append(
        try SampledSequence(
          index, prompt: context.prompt, expected: context.expectedLength,
          alternatives: min(context.options.alternatives, context.vocabulary),
          sampling: SamplingState(context.options.sampling, sequence: UInt64(index))))
    }
    if let grammar = context.grammar { for sequence in sequences { sequence.matcher = try grammar.matcher() } }
    self.sequences = sequences
    mayDraft = context.drafts
    try wishes.reserve(mayDraft ? count : 0)
    try rows.reserve(count)
    try parents.reserve(count)
    try dropped.reserve(count)
    rows.resize(to: 1, filling: 0)
    parents.resize(to: 1, filling: 0)
    dropped.resize(to: 1, filling: 0)
  }

  package var rowCount: Int { rows.count }
  package var isFinished: Bool { rows.isEmpty }
  package func next(row: Int) -> UnsafeBufferPointer<Int32> { sequences[rows[row]].next }
  package func tails(row: Int) -> Int {
    let sequence = sequences[rows[row]]
    return sequence.drafts + 1 - sequence.unscored
  }
  package func past(row: Int) -> UnsafeBufferPointer<Int32>? { sequences[rows[row]].past }
  package func parent(of row: Int) -> Int { parents[row] }
  package func droppedTokens(of row: Int) -> Int { dropped[row] }

  // MARK: Examining

  package func examine(row: Int, logits: RowLogits, states: Matrix, _ scratch: RowScratch) throws(Failure) {
    guard hasBegun else { return try begin(logits[0], scratch) }
    let sequence = sequences[rows[row]]
    dropped.elements[row] = sequence.next.count  // other threads write to their rows: the list itself is not touched
    for _ in 0..<sequence.unscored where sequence.reason == nil {
      if let token = sequence.nextForced { _ = try take(forced: token, for: sequence, logProbability: .nan) }
    }
    for place in 0..<logits.count where sequence.reason == nil {
      guard try pick(for: sequence, logits[place], scratch), sequence.reason == nil else { break }
    }
    sequence.dropDrafts()
  }

  /// Chooses the first token of every sequence from the logits of the one row that there is.
  private func begin(_ logits: UnsafeMutablePointer<Float>, _ scratch: RowScratch) throws(Failure) {
    for sequence in sequences {
      var scores = logits
      if sequence.index + 1 < sequences.count {
        scores = scratch.copy.pointer()
        scores.update(from: logits, count: context.vocabulary)
      }
      _ = try pick(for: sequence, scores, scratch)
    }
  }

  /// Chooses the next token of a sequence from its logits. Returns whether it is the draft that stood there.
  private func pick(
    for sequence: SampledSequence, _ scores: UnsafeMutablePointer<Float>, _ scratch: RowScratch
  ) throws(Failure) -> Bool {
    let history = sequence.history
    if context.fastForwards { try sequence.findForced() }
    try context.process(scores, history: history, sequence: sequence.index, sequence.matcher, scratch)
    let normalizer = context.options.logProbabilities ? context.normalizer(scores) : nil
    if context.options.alternatives > 0, let normalizer { note(sequence, scores, normalizer) }
    if let forced = sequence.nextForced {
      let score = scores[Int(forced)]
      if score > -.infinity {
        return try take(forced: forced, for: sequence, logProbability: normalizer?.logProbability(score) ?? .nan)
      }
      sequence.dropForced()
    }
    guard
      let token = try context.choose(scores, history: history, sequence: sequence.index, &sequence.sampling, scratch)
    else { throw context.nothingFollows(sequence.generated) }
    return try take(
      token, for: sequence, logProbability: normalizer?.logProbability(scores[Int(token)]) ?? .nan)
  }

  /// Makes a token that the grammar forces the next. Random numbers belong to places: that of this one is left out.
  private func take(
    forced token: Int32, for sequence: SampledSequence, logProbability: Float
  ) throws(Failure) -> Bool {
    sequence.sampling.random.step &+= 1
    return try take(token, for: sequence, logProbability: logProbability)
  }

  /// Makes a token the next of a sequence, which may end with it. Returns whether it is the draft that stood there.
  private func take(
    _ token: Int32, for sequence: SampledSequence, logProbability: Float
  ) throws(Failure) -> Bool {
    let isLast = sequence.generated + 1 >= context.options.maximalNewTokens
    sequence.reason = try context.ending(sequence.history, with: token, isLast: isLast, &sequence.matcher)
    return sequence.accept(token, logProbability: logProbability)
  }

  /// Notes the most probable tokens of a place.
  private func note(_ sequence: SampledSequence, _ scores: UnsafePointer<Float>, _ normalizer: Normalizer) {
    sequence.noteAlternatives { values, tokens, count in
      context.engine.topK(scores, count: context.vocabulary, k: count, values: values, indices: tokens)
      for place in 0..<count { values[place] = normalizer.logProbability(values[place]) }
    }
  }

  // MARK: Choosing

  package func choose() throws(Failure) {
    let wasBegun = hasBegun
    hasBegun = true
    if wasBegun { advance() } else { spread() }
    try tell()
    var kept = 0
    for row in 0..<rows.count where sequences[rows[row]].reason == nil {
      (rows[kept], parents[kept], dropped[kept]) = (rows[row], parents[row], dropped[row])
      kept += 1
    }
    rows.removeAll(from: kept)
    parents.removeAll(from: kept)
    dropped.removeAll(from: kept)
    for row in 0..<kept { try prepare(sequences[rows[row]]) }
    try draftForced()
    draft()
  }

  /// After the prompt: every sequence gets a row, which continues the only one.
  private func spread() {
    rows.removeAll()
    parents.removeAll()
    dropped.removeAll()
    for sequence in sequences {
      rows.resize(to: rows.count + 1, filling: sequence.index)
      parents.resize(to: parents.count + 1, filling: 0)
      dropped.resize(to: dropped.count + 1, filling: 0)
      sequence.advance(context.prompt.count)
    }
  }

  /// After a later step: each row has read what was confirmed of the tokens that it was dropped.
  private func advance() {
    for row in 0..<rows.count {
      let sequence = sequences[rows[row]]
      parents[row] = row
      // The last token of each sequence was chosen by this step, and is not read yet.
      let kept = sequence.certain - 1 - sequence.read
      dropped[row] -= kept
      sequence.advance(kept)
    }
  }

  /// Tells the observer of the new tokens, who may end sequences.
  private func tell() throws(Failure) {
    for sequence in sequences {
      while let news = sequence.nextToTell() {
        let verdict = try context.tell(
          sequence: sequence.index, token: news.token, logProbability: news.logProbability,
          alternatives: sequence.alternatives(at: news.place), reason: news.reason)
        if case .goOn = verdict { continue }
        sequence.end(after: news.place, .cancelled)
      }
    }
    guard context.isEnded else { return }
    for sequence in sequences where sequence.reason == nil { sequence.reason = .cancelled }
  }

  /// Makes room for the next step.
  private func prepare(_ sequence: SampledSequence) throws(Failure) {
    try sequence.reserve(min(left(sequence), SampledSequence.mostDrafts + 1))
  }

  /// Tokens that a sequence may still be given.
  private func left(_ sequence: SampledSequence) -> Int { context.options.maximalNewTokens - sequence.generated }

  /// Puts what the grammar forces behind the sequences, for the next step to read at once.
  private func draftForced() throws(Failure) {
    guard context.fastForwards else { return }
    for row in 0..<rows.count {
      let sequence = sequences[rows[row]]
      try sequence.findForced()
      sequence.draftForced(most: left(sequence) - 1, areScored: context.wantsScores)
    }
  }

  /// Lets the drafter put drafts behind the sequences, for the next step to confirm. One that fails, or cannot be made,
  /// is not asked again: what it takes away is time.
  private func draft() {
    guard mayDraft else { return }
    wishes.removeAll()
    for row in 0..<rows.count {
      let sequence = sequences[rows[row]]
      wishes.resize(to: row + 1, filling: sequence.wish(most: sequence.drafts > 0 ? 0 : left(sequence) - 1))
    }
    do throws(Failure) {
      if drafter == nil { drafter = try context.makeDrafter() }
      try drafter?.draft(wishes.elements, price: context.price)
    } catch {
      (drafter, mayDraft) = (nil, false)
      return
    }
    for row in 0..<rows.count { sequences[rows[row]].take(wishes[row]) }
  }

  /// Drafts of all sequences that were read, and how many of them were confirmed.
  package var drafts: (read: Int, confirmed: Int) {
    sequences.reduce((0, 0)) { ($0.0 + $1.drafted, $0.1 + $1.confirmed) }
  }

  package func finish(_ reason: FinishReason) throws(Failure) {
    for sequence in sequences where sequence.reason == nil { sequence.reason = reason }
    rows.removeAll()
  }

  package func hypotheses() throws(Failure) -> [Hypothesis] {
    var result: [Hypothesis] = []
    for sequence in sequences { result.append(try sequence.hypothesis()) }
    return result
  }
}
