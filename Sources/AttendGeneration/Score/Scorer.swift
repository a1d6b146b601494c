import AttendBase
import AttendLayers
import AttendModels

/// Scores texts with one session: log-probabilities of what a decoder may go on with, and of what an encoder-decoder
/// may make of sources. What becomes of a text depends on it alone, to the bit.
///
/// Texts are read in waves, each of as much as keeps the products busy: first the sources and common beginnings of its
/// groups, then, on copies of those, what the pieces of a group go on with.
package final class Scorer {
  let session: Session
  private let options: ScoreOptions
  private let window: Int
  private var pass = ScorePass()
  private var parents = GrowingList<Int>(for: "the rows of a pass")
  private var lengths = GrowingList<Int>(for: "the sources of a pass")
  private var known = GrowingList<Int>(for: "the rows of a pass")  // [groups] tokens that need not be read

  /// Sequences of a wave, and of a part of one.
  private static let mostSequences = 64

  /// Throws for options that do not fit the model, and for a model that tells no next token.
  package init(_ session: Session, _ options: ScoreOptions) throws(Failure) {
    guard session.model.decoder != nil else {
      throw Failure(
        .unsupported,
        "this checkpoint is of a \(session.model.blueprint.family) model: it has no decoder that tells the next token")
    }
    _ = try session.nextTokenHead()
    (self.session, self.options) = (session, options)
    window = try options.window(of: session)
  }

  /// The scores of the texts of `inputs`, whose ids were checked. Where the call is cancelled or memory runs out, those
  /// that were scored by then are kept, and `failure` says why they are not all.
  func score(_ inputs: borrowing ScoreInputs) throws(Failure) -> (scores: Scores, failure: Failure?) {
    try check(inputs)
    let scores = try Scores(inputs, alternatives: options.topLogProbabilities)
    session.drop()
    let records = session.recordsAttentions
    session.recordAttentions(false)
    defer {
      session.recordAttentions(records)
      session.drop()
    }
    // A target has its start token besides, and its last one is not read.
    let longest: Int = session.readsSources ? .max : window
    let plan = try ScorePlan(inputs, scores, window: longest, stride: options.stride, isWhole: session.mustReadWhole)
    var failure: Failure?
    do throws(Failure) { try run(plan, inputs, scores) } catch { failure = error }
    return (scores, failure)
  }

  /// Throws `invalidArgument` for texts and sources that the model cannot read, by their numbers.
  private func check(_ inputs: borrowing ScoreInputs) throws(Failure) {
    let vocabulary = min(session.vocabulary, session.model.decoder?.vocabulary ?? 0)
    for index in 0..<inputs.texts.count {
      let text = inputs.texts[index]
      try Scorer.check(inputs.ids(of: text), below: vocabulary, "text \(index)")
      guard session.readsSources else {
        guard text.count <= window || options.stride > 0 else {
          let name = text.firstScored > 1 ? "text \(index) and its context have" : "text \(index) has"
          throw Failure(.invalidArgument, "\(name) \(text.count) tokens, and \(window) are read at once: set stride")
        }
        continue
      }
      // The start token is read, and all but the last.
      guard text.count - 1 <= window else {
        throw Failure(
          .invalidArgument, "text \(index) has \(text.count - 1) tokens; the decoder has \(window) positions")
      }
      let encoder = try session.readingStack()
      let positions = encoder.positions(allowingBeyond: session.allowsBeyondPositions) ?? .max
      let source = UnsafeBufferPointer(rebasing: UnsafeBufferPointer(inputs.sources.elements)[text.source.range])
      try Scorer.check(source, below: encoder.vocabulary, "the source of text \(index)")
      guard source.count <= positions else {
        throw Failure(
          .invalidArgument,
          "the source of text \(index) has \(source.count) tokens; the encoder has \(positions) positions")
      }
    }
  }

  private static func check(
    _ ids: UnsafeBufferPointer<Int32>, below limit: Int, _ name: @autoclosure () -> String
  ) throws(Failure) {
    for (place, id) in ids.enumerated() where id < 0 || Int(id) >= limit {
      throw Failure(
        .invalidArgument, "\(name()): token \(id) at position \(place) is outside the vocabulary of \(limit)")
    }
  }

  private func run(
    _ plan: borrowing ScorePlan, _ inputs: borrowing ScoreInputs, _ scores: Scores
  ) throws(Failure) {
    try session.cancellation.enclose(work: plan.tokenCount) { () throws(Failure) in
      var first = 0
      while first < plan.groups.count {
        var (limit, tokens) = (first, 0)
        while limit < plan.groups.count, limit - first < Scorer.mostSequences {
          tokens += plan.tokens(plan.groups[limit])
          if limit > first, tokens > ScorePass.mostTokens { break }
          limit += 1
        }
        try read(groups: first..<limit, plan, inputs, scores)
        first = limit
      }
      try session.cancellation.check()
    }
  }

  /// Reads a wave of groups: what they begin with, and then their pieces, in parts that go on from it. What is kept of
  /// contexts is not read again.
  private func read(
    groups: Range<Int>, _ plan: borrowing ScorePlan, _ inputs: borrowing ScoreInputs, _ scores: Scores
  ) throws(Failure) {
    session.drop()
    try begin(groups, plan, inputs)
    pass.rows.removeAll()
    for index in groups {
      let group = plan.groups[index]
      let place = min(known[index - groups.lowerBound], group.shared)
      try pass.rows.append(ScorePass.Row(pieces: group.span, place: place, limit: group.shared))
    }
    try readRows(plan, inputs, scores)
    var (group, piece) = (groups.lowerBound, plan.groups[groups.lowerBound].first)
    while group < groups.upperBound {
      parents.removeAll()
      for index in 0..<groups.count { try parents.append(index) }
      pass.rows.removeAll(from: groups.count)
      var (tokens, read) = (0, 0)
      while group < groups.upperBound, parents.count - groups.count < Scorer.mostSequences {
        let shared = max(plan.groups[group].shared, known[group - groups.lowerBound])
        let own = plan.pieces[piece].reads - shared
        if tokens > 0, tokens + own > ScorePass.mostTokens { break }
        try parents.append(group - groups.lowerBound)
        try pass.rows.append(
          ScorePass.Row(pieces: ScoreInputs.Span(first: piece, count: 1), place: shared, limit: shared + own))
        tokens += own
        read += plan.pieces[piece].count
        piece += 1
        if piece == plan.groups[group].pieces.upperBound { group += 1 }
      }
      try session.select(UnsafeBufferPointer(parents.elements))
      try readRows(plan, inputs, scores)
      for row in groups.count..<parents.count { keepContext(of: row, plan.pieces[pass.rows[row].pieces.first], inputs) }
      parents.removeAll(from: groups.count)
      try session.select(UnsafeBufferPointer(parents.elements))
      session.cancellation.advanceEnclosing(read)
    }
  }

  /// Makes a live sequence for each group: its source, or nothing.
  private func begin(
    _ groups: Range<Int>, _ plan: borrowing ScorePlan, _ inputs: borrowing ScoreInputs
  ) throws(Failure) {
    known.removeAll()
    if session.prefixStatistics != nil {
      for index in groups { try known.append(try session.add(prompt: plan.context(plan.groups[index], inputs))) }
      return
    }
    for _ in groups { try known.append(0) }
    guard session.readsSources else { return try session.add(empty: groups.count, positionsAhead: 0) }
    lengths.removeAll()
    for index in groups { try lengths.append(plan.pieces[plan.groups[index].first].source.count) }
    // Groups have sources that stand one after another.
    let first = plan.pieces[plan.groups[groups.lowerBound].first].source.first
    let batch = try Batch(tokens: inputs.sources.storage + first, lengths: lengths.storage, count: groups.count)
    try session.read(batch, try session.readingStack(), positionsAhead: 0)
  }

  /// Keeps what a text begins with and nothing is scored of, for others behind the same context. What a later window of
  /// it begins with is nobody's context.
  private func keepContext(of row: Int, _ piece: ScorePlan.Piece, _ inputs: borrowing ScoreInputs) {
    guard piece.firstScored > 1, piece.first == inputs.texts[piece.text].first else { return }
    session.remember(
      row: row, prompt: UnsafeBufferPointer(start: inputs.tokens.storage + piece.first, count: piece.firstScored))
  }

  private func readRows(
    _ plan: borrowing ScorePlan, _ inputs: borrowing ScoreInputs, _ scores: Scores
  ) throws(Failure) {
    while try pass.fill(plan, inputs) {
      let batch = try Batch(
        tokens: pass.tokens.storage, lengths: pass.lengths.storage, count: pass.rows.count, allowsEmpty: true)
      try session.decode(batch, logits: .none)
      try session.score(UnsafeBufferPointer(pass.targets.elements), in: scores)
    }
  }
}

extension Session {
  /// Whether a text must be read in one call: where its positions depend on how it is cut. ("dynamic" and "longrope"
  /// angles change with the length of a text, and padding inside of a text takes no position in some families.)
  func mustReadWhole(_ ids: UnsafeBufferPointer<Int32>) -> Bool {
    guard ids.count <= longestPrompt else { return true }
    guard let padding = model.decoder?.input.padding else { return false }
    return ids.contains(padding)
  }
}
