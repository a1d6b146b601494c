import AttendBase
import AttendDispatch

/// Drafts by a smaller model of the same vocabulary: what it finds most probable, token after token, for all sequences
/// of a request side by side (Leviathan et al. 2022, arXiv 2211.17192; "assisted generation" of transformers).
///
/// The drafts of a sequence end where the small model is not sure, and where their probability, by what came of earlier
/// drafts, is not worth their time. Where not even the first is, it pauses, each time for longer.
package final class ModelDrafter: Drafter {
  private let model: any StepModel
  private let prompt: TokenList
  private let source: TokenList?
  private let mostDrafts: Int
  private let confidence: Double
  private var sequences: [DraftedSequence] = []
  private var rows = GrowingList<Int>(for: "the rows of a draft model")  // [rows] the sequence of each
  private var parents = GrowingList<Int>(for: "the rows of a draft model")  // [rows]
  private var plan = StepPlan()
  private var hasBegun = false

  // Whether it pays.
  private var times = StepPrice()
  private var right = ModelDrafter.expectedAtFirst.right
  private var expected = ModelDrafter.expectedAtFirst.all
  private var pause = 0
  private var nextPause = ModelDrafter.shortestPause

  /// What earlier drafts are taken to have been, as long as there are few.
  private static let expectedAtFirst = (right: 6.0, all: 8.0)
  /// Drafts after which the older half counts half.
  private static let memory = 64.0
  /// Steps without drafts after drafts that did not pay.
  private static let shortestPause = 16
  private static let longestPause = 256
  /// Tokens of the prompt that are read in one step.
  private static let promptTokensPerStep = 512

  /// Drafts for `sequences` sequences of a request, at most `mostDrafts` tokens for each, as long as each
  /// has at least a probability of `confidence`. The rows of `model` are the drafter's alone.
  package init(
    _ model: any StepModel, prompt: TokenList, source: TokenList?, sequences: Int,
    mostDrafts: Int, confidence: Double
  ) throws(Failure) {
    (self.model, self.prompt, self.source) = (model, prompt, source)
    (self.mostDrafts, self.confidence) = (mostDrafts, confidence)
    for _ in 0..<sequences { self.sequences.append(try DraftedSequence(room: mostDrafts, read: prompt.count)) }
    try rows.reserve(sequences)
    try parents.reserve(sequences)
  }

  package func draft(_ wishes: UnsafeMutableBufferPointer<DraftWish>, price: DraftPrice) throws(Failure) {
    for wish in wishes { learn(wish) }
    guard !wishes.isEmpty, pause == 0 else {
      pause = max(pause - 1, 0)
      return
    }
    let least = threshold(price, wishes.count)
    guard trust > least, fits(wishes) else { return rest() }
    try begin(wishes)
    try cut(wishes)
    try write(wishes, least)
    for wish in wishes { sequences[wish.sequence].keep(wish) }
  }

  /// Whether the longest history leaves positions for drafts.
  private func fits(_ wishes: UnsafeMutableBufferPointer<DraftWish>) -> Bool {
    guard let positions = model.positions else { return true }
    return wishes.allSatisfy { $0.history.count + min($0.room.count, mostDrafts) <= positions }
  }

  // MARK: Whether it pays

  private var trust: Double { min(right / expected, 1) }

  /// The probability that a draft must have: what it costs to write it, and to read it.
  private func threshold(_ price: DraftPrice, _ rows: Int) -> Double {
    guard let step = price.step, let own = times.price(rows: rows).step else { return price.token }
    return price.token + own / step * Double(max(price.rows, rows)) / Double(rows)
  }

  private func rest() {
    pause = nextPause
    nextPause = min(2 * nextPause, ModelDrafter.longestPause)
    (right, expected) = (ModelDrafter.expectedAtFirst.right, ModelDrafter.expectedAtFirst.all)
  }

  /// Counts how many of the last drafts of a sequence were right.
  private func learn(_ wish: DraftWish) {
    let sequence = sequences[wish.sequence]
    let (confirmed, expectation) = sequence.compare(wish.history)
    right += Double(confirmed)
    expected += expectation
    if confirmed > 0 { nextPause = ModelDrafter.shortestPause }
    guard expected > ModelDrafter.memory else { return }
    right /= 2
    expected /= 2
  }

  // MARK: Rows

  /// Reads the prompt, once for all sequences, which then get a row each; later those that are not asked for lose
  /// theirs.
  private func begin(_ wishes: UnsafeMutableBufferPointer<DraftWish>) throws(Failure) {
    parents.removeAll()
    if !hasBegun {
      try readPrompt()
      hasBegun = true
      parents.resize(to: wishes.count, filling: 0)
    } else if wishes.count < rows.count {
      var row = 0
      for wish in wishes {
        while rows[row] != wish.sequence { row += 1 }
        parents.resize(to: parents.count + 1, filling: row)
      }
    } else {
      return
    }
    try model.select(UnsafeBufferPointer(parents.elements))
    rows.removeAll()
    for wish in wishes { rows.resize(to: rows.count + 1, filling: wish.sequence) }
  }

  private func readPrompt() throws(Failure) {
    plan.removeAll()
    var known = 0
    if model.readsSources {
      try plan.add((source ?? prompt).tokens, tail: 0)
      try model.add(sources: plan.ragged)
    } else {
      try plan.add(prompt.tokens, tail: 0)
      try model.add(prompts: plan.ragged, known: &known)
    }
    while known < prompt.count {
      let part = prompt.tokens.dropFirst(known).prefix(ModelDrafter.promptTokensPerStep)
      plan.removeAll()
      try plan.add(UnsafeBufferPointer(rebasing: part), tail: 0)
      _ = try model.step(plan.ragged, tails: UnsafeBufferPointer(plan.tails.elements))
      known += part.count
    }
  }

  /// Takes from the rows the drafts that were not confirmed, and at least the last token of the history, whose logits
  /// are wanted.
  private func cut(_ wishes: UnsafeMutableBufferPointer<DraftWish>) throws(Failure) {
    for (row, wish) in wishes.enumerated() {
      let kept = min(sequences[wish.sequence].common, wish.history.count - 1)
      if model.length(row) > kept { try model.truncate(row, to: kept) }
    }
  }

  // MARK: Writing

  /// Drafts a token for each wish, then another for those whose drafts are sure enough, until none is left.
  private func write(_ wishes: UnsafeMutableBufferPointer<DraftWish>, _ least: Double) throws(Failure) {
    for wish in wishes { sequences[wish.sequence].probability = trust }
    var isFirst = true
    while true {
      plan.removeAll()
      for (row, wish) in wishes.enumerated() {
        let wanted = wish.count < min(wish.room.count, mostDrafts) && sequences[wish.sequence].probability > least
        try plan.add(tokens(wish, row, isFirst: isFirst, wanted: wanted), tail: wanted ? 1 : 0)
      }
      guard plan.tails.elements.contains(1) else { return }
      let begin = MonotonicTime.now
      let logits = try model.step(plan.ragged, tails: UnsafeBufferPointer(plan.tails.elements))
      if !isFirst { times.note(tokens: plan.tokens.count, nanoseconds: MonotonicTime.now - begin) }
      guard let logits else { return }
      let rows = RowLogits(logits, blocks: nil)
      for row in wishes.indices where plan.tails[row] > 0 {
        choose(&wishes[row], plan.logits(row, of: rows)[0], least)
      }
      isFirst = false
    }
  }

  /// What a row reads: first what it has not read of the history, then its last draft.
  private func tokens(_ wish: DraftWish, _ row: Int, isFirst: Bool, wanted: Bool) -> UnsafeBufferPointer<Int32> {
    if isFirst, wanted { return UnsafeBufferPointer(rebasing: wish.history.dropFirst(model.length(row))) }
    guard wanted else { return UnsafeBufferPointer(start: nil, count: 0) }
    return UnsafeBufferPointer(rebasing: UnsafeBufferPointer(wish.room)[wish.count - 1..<wish.count])
  }

  /// Drafts the most probable token, if it is probable enough.
  private func choose(_ wish: inout DraftWish, _ scores: UnsafePointer<Float>, _ least: Double) {
    let sequence = sequences[wish.sequence]
    var (largest, token): (Float, Int32) = (0, 0)
    let logarithm = model.engine.logSumOfExponentials(scores, count: model.vocabulary, largest: &largest)
    model.engine.topK(scores, count: model.vocabulary, k: 1, values: &largest, indices: &token)
    let probability = Exponential.exp(-Double(logarithm))
    guard probability >= confidence, sequence.probability * probability > least else {
      sequence.probability = 0
      return
    }
    sequence.probability *= probability
    sequence.note(probability, at: wish.count)
    wish.append(token)
  }
}

/// The last drafts of one sequence, and what the row of the draft model has in common with the sequence.
private final class DraftedSequence {
  private let tokens: AlignedBuffer  // [room]
  private let probabilities: AlignedBuffer  // [room]
  private var count = 0
  private var length = 0  // of the history that the drafts stand behind
  /// How many tokens of the history begin what was drafted too; beyond them the row has read something else.
  private(set) var common = 0
  /// Of the drafts so far.
  var probability = 0.0

  /// Room for `room` drafts behind `read` tokens.
  init(room: Int, read: Int) throws(Failure) {
    common = read
    tokens = try AlignedBuffer(room, of: Int32.self, for: "the drafts of a sequence")
    probabilities = try AlignedBuffer(room, of: Double.self, for: "the drafts of a sequence")
  }

  func note(_ probability: Double, at place: Int) { probabilities.pointer(to: Double.self)[place] = probability }

  /// Keeps the drafts of a wish.
  func keep(_ wish: DraftWish) {
    if let first = wish.room.baseAddress { tokens.pointer().update(from: first, count: wish.count) }
    (count, length, common) = (wish.count, wish.history.count, wish.history.count + wish.count)
  }

  /// Compares the drafts with what the sequence went on with: how many were right, and how many were expected to be of
  /// those that it tells about.
  func compare(_ history: UnsafeBufferPointer<Int32>) -> (confirmed: Int, expected: Double) {
    let drafts = tokens.pointer(to: Int32.self), chances = probabilities.pointer(to: Double.self)
    var (confirmed, expected) = (0, 0.0)
    guard count > 0 else { return (0, 0) }
    for place in 0..<min(count, history.count - length) {
      expected += chances[place]
      guard history[length + place] == drafts[place] else { break }
      confirmed += 1
    }
    common = length + confirmed
    count = 0
    return (confirmed, expected)
  }
}
