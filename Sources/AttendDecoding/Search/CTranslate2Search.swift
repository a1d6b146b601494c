import AttendBase
import AttendGrammars
import AttendDispatch

/// Beam search as CTranslate2 4.8 defines it (its options by their names: `CTranslate2Options`). It stops at a number
/// of results, without a look at what still runs; greedy search is one of a single beam.
///
/// With `return_alternatives` the most probable tokens behind the prefix are each continued by a search of its own.
package final class CTranslate2Search: Search {
  private let context: SearchContext
  private var parts: [CTranslate2Beams] = []
  private var rows: BeamRows
  private let trace: AttentionTrace?
  /// The alternatives, before they are chosen; nil: none are wanted.
  private let first: BeamCandidates?
  private var hasBegun = false
  private var isEnded = false
  private var states: [BeamState] = []

  package init(_ context: SearchContext) throws(Failure) {
    self.context = context
    let options = context.options
    let count = options.ctranslate2.alternatives ? min(options.sequences, context.vocabulary) : 1
    let (most, overflow) = count.multipliedReportingOverflow(by: options.beams)
    guard !overflow else { throw .outOfMemory(Int.max, for: "the rows of the beams") }
    rows = try BeamRows(states: count, beams: most)
    first =
      options.ctranslate2.alternatives
      ? try BeamCandidates(rows: 1, kept: count, vocabulary: context.vocabulary) : nil
    trace =
      context.readsAttention
      ? try AttentionTrace(source: context.source.count, rows: most, expected: context.expectedLength) : nil
    for _ in 0..<count { parts.append(try CTranslate2Beams(context, trace)) }
    states = parts.map(\.state)
  }

  package var rowCount: Int { rows.count }
  package var readsBlocks: Bool { true }
  package var isFinished: Bool { isEnded || rows.count == 0 }

  package func next(row: Int) -> UnsafeBufferPointer<Int32> {
    states[rows[row].state].beams.unread(rows[row].beam, hasBegun)
  }

  package func parent(of row: Int) -> Int { rows.parent(of: row) }
  package func past(row: Int) -> UnsafeBufferPointer<Int32>? { states[rows[row].state].beams.past(rows[row].beam) }

  package func note(attention: UnsafeBufferPointer<Float>, row: Int) throws(Failure) {
    try trace?.add(attention, row: row)
  }

  package func examine(row: Int, logits: RowLogits, states: Matrix, _ scratch: RowScratch) throws(Failure) {
    let owner = rows[row]
    guard let first, !hasBegun else {
      return try parts[owner.state].examine(owner.beam, logits, scratch)
    }
    let scores = logits[0]
    context.forbidEnds(scores)
    // The processors see neither the prefix nor, later, the alternative.
    try context.process(
      scores, history: context.prompt, sequence: 0, try context.grammar?.matcher(), scratch,
      unseen: context.prompt.count)
    first.examine(
      0, ProcessedRow(scores, before: context.normalizer(scores)), vocabulary: context.vocabulary, context.engine)
  }

  package func choose() throws(Failure) {
    if let first, !hasBegun {
      try begin(first)
    } else {
      for (index, part) in parts.enumerated() where !part.state.isFinished {
        let first = rows.row(of: 0, in: index)
        try part.choose(isFirst: !hasBegun, firstRow: first)
      }
    }
    hasBegun = true
    rows.update(states)
    trace?.select(rows.count) { rows.parent(of: $0) }
  }

  /// Begins a search behind each of the most probable tokens.
  private func begin(_ first: BeamCandidates) throws(Failure) {
    let least = context.options.ctranslate2.minimalAlternativeProbability
    guard first.candidate(0, 0).value > -.infinity else { throw context.nothingFollows(0) }
    var isLeftOut = false
    for (place, part) in parts.enumerated() {
      let candidate = first.candidate(0, place)
      isLeftOut = isLeftOut || !(candidate.value > -.infinity) || Exponential.exp(Double(candidate.value)) < least
      if isLeftOut {
        part.state.isFinished = true
      } else {
        try part.begin(candidate.token, logProbability: candidate.value, mark: trace?.mark(0) ?? -1)
      }
    }
  }

  package func finish(_ reason: FinishReason) throws(Failure) {
    guard !isFinished else { return }
    isEnded = true
    for (index, part) in parts.enumerated() where hasBegun && !part.state.isFinished {
      try part.finish(reason, firstRow: rows.row(of: 0, in: index))
    }
    rows.removeAll()
  }

  package func hypotheses() throws(Failure) -> [Hypothesis] {
    guard first != nil else { return try states[0].finished.best(context.options.sequences, trace: attention) }
    var all: [Hypothesis] = []
    for state in states { all += try state.finished.best(1, trace: attention) }
    return all
  }

  private var attention: AttentionTrace? { context.options.attention ? trace : nil }
}
