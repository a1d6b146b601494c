import AttendBase
import AttendDispatch

/// Diverse beam search (Vijayakumar et al. 2016, arXiv 1610.02424) as transformers 4 defines it: groups of beams choose
/// one after another, and what the groups before just took is lowered for the next by the diversity penalty, which
/// stays in the sums.
///
/// Each group is a beam search of its own. It ends by the best candidate of a step, whether that ends or not; at the
/// longest length all of its running beams count as finished.
package final class GroupBeamSearch: Search {
  private let context: SearchContext
  private let groups: [BeamState]
  private var rows: BeamRows
  private var scores = GrowingList<UnsafeMutablePointer<Float>?>(for: "the rows of the beams")  // [rows]
  private var taken = GrowingList<Int32>(for: "the tokens of other groups")
  /// Groups behind the first choose in the order of their numbers, with what the others took before their eyes.
  private let scratch: RowScratch
  private var hasBegun = false

  package init(_ context: SearchContext) throws(Failure) {
    self.context = context
    let (beams, count) = (context.options.beams, context.options.groups)
    let width = beams / count
    var groups: [BeamState] = []
    for _ in 0..<count { groups.append(try BeamState(context, width: width, kept: width)) }
    self.groups = groups
    rows = try BeamRows(states: count, beams: beams)
    scratch = try RowScratch(vocabulary: context.vocabulary)
    try scores.reserve(beams)
    scores.resize(to: beams, filling: nil)
    try taken.reserve(beams)
  }

  package var rowCount: Int { rows.count }
  package var isFinished: Bool { rows.count == 0 }

  package func next(row: Int) -> UnsafeBufferPointer<Int32> {
    groups[rows[row].state].beams.unread(rows[row].beam, hasBegun)
  }

  package func parent(of row: Int) -> Int { rows.parent(of: row) }
  package func past(row: Int) -> UnsafeBufferPointer<Int32>? { groups[rows[row].state].beams.past(rows[row].beam) }

  package func examine(row: Int, logits: RowLogits, states: Matrix, _ scratch: RowScratch) throws(Failure) {
    context.engine.logSoftmax(row: logits[0], count: context.vocabulary)
    scores[row] = logits[0]
    if rows[row].state == 0 { try examine(groups[0], rows[row].beam, row, scratch) }
  }

  /// Finds the continuations of a beam, from a copy of its row: the groups begin with the same one.
  private func examine(_ group: BeamState, _ beam: Int, _ row: Int, _ scratch: RowScratch) throws(Failure) {
    guard let row = scores[row] else { return }
    let copy: UnsafeMutablePointer<Float> = scratch.copy.pointer()
    copy.update(from: row, count: context.vocabulary)
    let diversity = Diversity(
      taken: UnsafeBufferPointer(taken.elements), penalty: context.options.diversityPenalty)
    try context.process(
      copy, history: group.beams.history(beam), sequence: beam, group.beams.matcher(beam), scratch,
      diversity: taken.isEmpty ? nil : diversity)
    let after = context.options.logProbabilities ? context.normalizer(copy) : nil
    group.examine(beam, ProcessedRow(copy, after: after))
  }

  package func choose() throws(Failure) {
    hasBegun = true
    taken.removeAll()
    for (index, group) in groups.enumerated() {
      if group.isFinished {
        // The rows of an ended group are filled up, which counts as any token does.
        guard let padding = context.options.paddingToken else { continue }
        for _ in 0..<group.width { taken.resize(to: taken.count + 1, filling: padding) }
        continue
      }
      for beam in 0..<(index == 0 ? 0 : group.beams.count) {
        try examine(group, beam, rows.row(of: beam, in: index), scratch)
      }
      try choose(group)
      for beam in 0..<group.beams.count {
        let history = group.beams.history(beam)
        taken.resize(to: taken.count + 1, filling: history[history.count - 1])
      }
    }
    rows.update(groups)
    taken.removeAll()
    if isFinished, groups.allSatisfy({ $0.finished.count == 0 }) {
      throw context.nothingFollows(groups[0].generated - 1)
    }
  }

  private func choose(_ group: BeamState) throws(Failure) {
    try group.advance()
    let candidates = group.candidates
    for rank in 0..<candidates.count where group.beams.count < group.width {
      let candidate = candidates[rank]
      if let reason = context.ending(group.history(candidate), with: candidate.token, isLast: false) {
        if rank < group.width { try group.keep(context.withFirstEnd(candidate), reason) }
      } else {
        try group.append(candidate)
      }
    }
    if group.isSettled(best: candidates.count > 0 ? candidates[0].sum : nil) || group.beams.count == 0 {
      group.isFinished = true
    } else if group.isAtLength {
      try end(group, .length)
    }
  }

  /// Ends a group with what runs.
  private func end(_ group: BeamState, _ reason: FinishReason) throws(Failure) {
    group.isFinished = true
    for beam in 0..<group.beams.count { try group.keepRunning(beam, reason) }
  }

  package func finish(_ reason: FinishReason) throws(Failure) {
    rows.removeAll()
    for group in groups where !group.isFinished { try end(group, reason) }
  }

  /// All that the groups have finished, duplicates among them, by score.
  package func hypotheses() throws(Failure) -> [Hypothesis] {
    var all: [Hypothesis] = []
    for group in groups { all += try group.finished.best(group.width) }
    all.sort { ($0.score ?? -.infinity) > ($1.score ?? -.infinity) }
    return Array(all.prefix(context.options.sequences))
  }
}
