import AttendBase

/// The best finished hypotheses of a beam search, the best first. Their memory is used again when better ones come.
final class FinishedBeams {
  private struct Entry: BitwiseCopyable {
    var score: Double
    var reason: FinishReason
    var slot: Int
    var count: Int  // tokens
    var mark: Int  // where its attention ends in an `AttentionTrace`
  }

  private let capacity: Int
  private let promptCount: Int
  private var entries = GrowingList<Entry>(for: "the finished beams")  // ordered by score, descending
  private var room = 0  // tokens that a slot has room for
  private var tokens = GrowingList<Int32>(for: "the tokens of finished beams")  // [capacity, room]
  private var logProbabilities = GrowingList<Float>(for: "the log-probabilities of finished beams")

  /// Room for `capacity` hypotheses, of `expected` tokens from the start.
  init(capacity: Int, promptCount: Int, expected: Int) throws(Failure) {
    (self.capacity, self.promptCount) = (capacity, promptCount)
    try entries.reserve(capacity)
    try reserve(expected)
  }

  var count: Int { entries.count }

  /// The score of the worst; nil where there is none.
  var worst: Double? { entries.isEmpty ? nil : entries[entries.count - 1].score }

  /// Adds a hypothesis, continued by `token` where there is one, if it is among the best `capacity`. Of equal ones the
  /// earlier stays in front.
  func add(
    score: Double, of beams: BeamTable, _ beam: Int, token: Int32?, logProbability: Float, mark: Int = -1,
    reason: FinishReason
  ) throws(Failure) {
    if entries.count == capacity, let worst, score <= worst { return }
    let length = beams.length + (token == nil ? 0 : 1)
    try reserve(length)
    var entry = Entry(score: score, reason: reason, slot: entries.count, count: length, mark: mark)
    if entries.count == capacity { entry.slot = entries.removeLast().slot }
    let history = beams.history(beam), known = beams.logProbabilities(beam)
    let place = entry.slot * room
    (tokens.storage + place).update(from: history.baseAddress!, count: history.count)
    if let start = known.baseAddress {
      (logProbabilities.storage + place + promptCount).update(from: start, count: known.count)
    }
    if let token {
      tokens[place + length - 1] = token
      logProbabilities[place + length - 1] = logProbability
    }
    var rank = entries.count
    while rank > 0, entries[rank - 1].score < score { rank -= 1 }
    try entries.insert(entry, at: rank)
  }

  /// Makes room for hypotheses of `wanted` tokens.
  private func reserve(_ wanted: Int) throws(Failure) {
    guard wanted > room else { return }
    let longer = max(wanted, room <= Int.max / 2 ? 2 * room : wanted)
    let (cells, overflow) = longer.multipliedReportingOverflow(by: capacity)
    guard !overflow else { throw .outOfMemory(Int.max, for: "the tokens of finished beams") }
    try tokens.respace(rows: capacity, from: room, to: longer, cells: cells)
    try logProbabilities.respace(rows: capacity, from: room, to: longer, cells: cells)
    room = longer
  }

  /// The best `count` as they are handed out, with their attention where there is a trace of it.
  func best(_ count: Int, trace: AttentionTrace? = nil) throws(Failure) -> [Hypothesis] {
    var result: [Hypothesis] = []
    for rank in 0..<min(count, entries.count) {
      let entry = entries[rank]
      let place = entry.slot * room
      let attention = try trace?.rows(entry.mark) ?? GrowingList<Float>(for: "the attention of a hypothesis")
      result.append(
        try Hypothesis(
          tokens: UnsafeBufferPointer(start: tokens.storage + place, count: entry.count), promptCount: promptCount,
          logProbabilities: UnsafeBufferPointer(
            start: logProbabilities.storage + place + promptCount, count: entry.count - promptCount),
          attention: UnsafeBufferPointer(attention.elements), score: entry.score, reason: entry.reason))
    }
    return result
  }

  /// Bytes held.
  var bytes: Int { entries.bytes + tokens.bytes + logProbabilities.bytes }
}
