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
///
/// A row costs as much as there are ids in its history and in the lists. All logits are written only where most are
/// forbidden (forced tokens, shortlist, a set of allowed ids) or renormalised.
package final class LogitsProcessors: Sendable {
  /// How many logits a row has.
  package let vocabulary: Int
  /// Whether `process` changes only what its last two arguments ask for.
  package let isEmpty: Bool
  /// Whether all that the options do, apart from forced tokens, is to forbid.
  private let forbidsAtMost: Bool

  private let options: LogitsOptions
  private let rows: KernelTable.Rows
  private let sequenceBias: BiasTable?
  private let logitBias: BiasTable?
  private let badWords: BiasTable?
  private let penalties: RepetitionPenalties
  private let sourcePenalties: RepetitionPenalties
  /// The set of the shortlist, without what is suppressed.
  private let shortlist: AlignedBuffer?

  /// Throws `invalidArgument`, with the option and the numbers, for what is out of range or contradicts another option;
  /// `outOfMemory`.
  package init(_ options: LogitsOptions, vocabulary: Int, rows: KernelTable.Rows) throws(Failure) {
    try options.check(vocabulary: vocabulary)
    self.options = options
    self.vocabulary = vocabulary
    self.rows = rows
    sequenceBias = try options.sequenceBias.map { (list) throws(Failure) in try BiasTable(sequences: list) }
    logitBias = try options.logitBias.map { (list) throws(Failure) in try BiasTable(tokens: list) }
    badWords = try options.badWords.map { (list) throws(Failure) in
      try BiasTable(forbidding: list, except: options.endTokens)
    }
    penalties = RepetitionPenalties(
      repetition: options.repetitionPenalty, frequency: options.frequencyPenalty, presence: options.presencePenalty,
      window: options.penaltyWindow)
    sourcePenalties = RepetitionPenalties(repetition: 1 / options.encoderRepetitionPenalty)
    shortlist = try options.shortlist(vocabulary: vocabulary)
    let isWithoutPenalties = penalties.changesNothing && sourcePenalties.changesNothing
    isEmpty = options.changesNothing && isWithoutPenalties
    forbidsAtMost = options.changesNoFiniteScore && isWithoutPenalties
  }

  /// Whether `process` makes minus infinity of some scores after `history`, and leaves the others as they are: then it
  /// does not matter to the others whether logits or log-probabilities are processed.
  package func onlyForbids(after history: History) -> Bool {
    forbidsAtMost && !(options.forcedFirst != nil && history.tokens.count == 1)
      && !(options.forcedLast != nil && options.isLast(after: history))
  }

  /// Changes a row of logits, or of log-probabilities, `[vocabulary]`.
  ///
  /// `diversity` is what other groups of beams took. `allowed` is a set of ids, bit `id % 32` of word `id / 32`, as a
  /// grammar makes it: the others are forbidden. The order: biases; diversity; penalties of the source's ids, then of
  /// those written; n-grams, bad words; minimal lengths; the function that says what is allowed; forced tokens; decay;
  /// suppressed tokens, rules of timestamps and the shortlist; the user's own function; `allowed`; renormalisation.
  /// Forbidden is minus infinity, whatever the logit was; what is forced is allowed again. A last token that `allowed`
  /// has not is not forced: a text that is not finished ends with its length. The scratch's `changed` says where the
  /// row has been written. Throws what a function of the user's throws.
  package func process(
    _ scores: UnsafeMutableBufferPointer<Float>, _ history: History, _ scratch: LogitsScratch,
    diversity: Diversity? = nil, allowed: UnsafePointer<UInt32>? = nil
  ) throws(Failure) {
    precondition(scores.count == vocabulary && scratch.vocabulary == vocabulary)
    let row = ScoreRow(scores, scratch)
    sequenceBias?.apply(row, history.tokens)
    logitBias?.apply(row, history.tokens)
    if let diversity { for token in diversity.taken { row[token] -= diversity.penalty } }
    if !isEmpty {
      discourageRepetition(row, history, scratch)
      try restrict(row, history, scratch)
      force(row, history, allowed)
      suppress(row, history)
      if let function = options.function { try function(row.whole(), history) }
    }
    if let allowed { row.forbid(outside: allowed) }
    if options.renormalizes { renormalize(row.whole()) }
  }

  private func discourageRepetition(_ row: ScoreRow, _ history: History, _ scratch: LogitsScratch) {
    if !sourcePenalties.changesNothing { sourcePenalties.apply(row, history.source, scratch) }
    if !penalties.changesNothing { penalties.apply(row, history.tokens, scratch) }
    if options.noRepeatSize > 0 {
      forbidRepeated(options.noRepeatSize, of: history.tokens, after: history.tokens, row)
    }
    if options.encoderNoRepeatSize > 0 {
      forbidRepeated(options.encoderNoRepeatSize, of: history.source, after: history.tokens, row)
    }
    badWords?.apply(row, history.tokens)
  }

  private func restrict(_ row: ScoreRow, _ history: History, _ scratch: LogitsScratch) throws(Failure) {
    if history.tokens.count < options.minimalLength || history.generatedCount < options.minimalNewTokens {
      if let ends = options.endTokens { row.forbid(ends) }
    }
    if let function = options.allowedByFunction {
      scratch.set.update(repeating: 0)
      try function(history, scratch.set)
      row.forbid(outside: scratch.set.baseAddress!)
    }
  }

  private func force(_ row: ScoreRow, _ history: History, _ allowed: UnsafePointer<UInt32>?) {
    if let first = options.forcedFirst, history.tokens.count == 1 { row.force(first) }
    if let last = options.forcedLast, options.isLast(after: history), allowed?.holds(last) ?? true {
      row.force(last)
    }
    guard let decay = options.exponentialDecay, let ends = options.endTokens else { return }
    let excess = history.generatedCount - decay.start
    guard excess > 0 else { return }
    let growth = Exponential.power(decay.factor, excess) - 1
    for token in ends where row[token].isFinite {
      let score = Double(row[token])
      let most = Double(Float.greatestFiniteMagnitude)
      row[token] = Float(min(score + abs(score) * min(growth, most), most))
    }
  }

  private func suppress(_ row: ScoreRow, _ history: History) {
    if let suppressed = options.suppressed { row.forbid(suppressed) }
    if let first = options.suppressedFirst, history.generatedCount == options.firstFree(after: history) {
      row.forbid(first)
    }
    options.timestamps?.apply(row.whole(), history, rows)
    if let shortlist { row.forbid(outside: shortlist.pointer()) }
  }

  /// Log-softmax; a row of nothing but minus infinity stays.
  private func renormalize(_ scores: UnsafeMutableBufferPointer<Float>) {
    let row = scores.baseAddress!
    var (most, place): (Float, Int32) = (0, 0)
    rows.topK(row, vocabulary, 1, &most, &place)
    if most > -.infinity { rows.logSoftmax(row, row, vocabulary) }
  }
}

extension LogitsOptions {
  /// Whether all but the three penalties of repetition are at their defaults.
  fileprivate var changesNothing: Bool {
    sequenceBias == nil && logitBias == nil && badWords == nil && noRepeatSize == 0 && encoderNoRepeatSize == 0
      && minimalLength == 0 && minimalNewTokens == 0 && forcedFirst == nil && forcedLast == nil
      && exponentialDecay == nil && allowedByFunction == nil && suppressed == nil && suppressedFirst == nil
      && timestamps == nil && allowed == nil && function == nil && !renormalizes
  }

  /// Whether nothing but forced tokens changes a score to anything but minus infinity, the three penalties of
  /// repetition aside.
  fileprivate var changesNoFiniteScore: Bool {
    sequenceBias == nil && logitBias == nil && exponentialDecay == nil && function == nil && !renormalizes
  }

  /// Whether the next id is the last that fits.
  fileprivate func isLast(after history: History) -> Bool {
    if let most = maximalNewTokens { return history.generatedCount == most - 1 }
    return maximalLength.map { history.tokens.count == $0 - 1 } ?? false
  }

  /// How many ids are generated before the first that is not forced.
  fileprivate func firstFree(after history: History) -> Int { forcedFirst != nil && history.promptCount == 1 ? 1 : 0 }

  fileprivate func shortlist(vocabulary: Int) throws(Failure) -> AlignedBuffer? {
    guard let allowed else { return nil }
    let words = (vocabulary + 31) / 32
    let set = try AlignedBuffer(words, of: UInt32.self, for: "the shortlist of \(allowed.count) tokens")
    let bits = UnsafeMutableBufferPointer<UInt32>(start: set.pointer(), count: words)
    bits.initialize(repeating: 0)
    for token in allowed { bits[Int(token) / 32] |= 1 << UInt32(token % 32) }
    if let suppressed {
      for token in suppressed { bits[Int(token) / 32] &= ~(1 << UInt32(token % 32)) }
    }
    guard bits.contains(where: { $0 != 0 }) else {
      throw invalid("allowed_tokens", "has \(allowed.count) ids, none of which suppress_tokens leaves")
    }
    return set
  }
}
