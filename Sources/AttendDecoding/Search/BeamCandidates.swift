import AttendBase
import AttendDispatch

/// The most probable continuations of a step over all running beams.
final class BeamCandidates {
  /// A beam continued by a token.
  struct Candidate: BitwiseCopyable {
    let row: Int
    var token: Int32
    /// Of the token, as the processors left it.
    let value: Float
    /// Of the whole hypothesis.
    let sum: Double
  }

  private let kept: Int
  private var values = GrowingList<Float>(for: "the candidates of the beams")  // [rows, kept]
  private var tokens = GrowingList<Int32>(for: "the candidates of the beams")  // [rows, kept]
  private var merged = GrowingList<Candidate>(for: "the candidates of the beams")  // [kept]
  private var heads = GrowingList<Int>(for: "the candidates of the beams")  // [rows] the first not yet merged

  /// The best `kept` of `rows` rows of logits, fewer where the vocabulary is smaller.
  init(rows: Int, kept: Int, vocabulary: Int) throws(Failure) {
    self.kept = min(kept, vocabulary)
    let (cells, overflow) = rows.multipliedReportingOverflow(by: self.kept)
    guard !overflow else { throw .outOfMemory(Int.max, for: "the candidates of the beams") }
    try values.reserve(cells)
    values.resize(to: cells, filling: 0)
    try tokens.reserve(cells)
    tokens.resize(to: cells, filling: 0)
    try heads.reserve(rows)
    heads.resize(to: rows, filling: 0)
    try merged.reserve(min(cells, kept))
    limit = min(cells, kept)
  }

  private let limit: Int

  /// How many there are, the best first.
  var count: Int { merged.count }

  subscript(rank: Int) -> Candidate { merged[rank] }

  /// Finds the best of one row; rows may be examined side by side.
  func examine(_ row: Int, _ scores: UnsafePointer<Float>, vocabulary: Int, _ engine: Engine) {
    engine.topK(
      scores, count: vocabulary, k: kept, values: values.storage + row * kept, indices: tokens.storage + row * kept)
  }

  /// The best of one examined row, in order; `place` is below the number kept, and below the vocabulary.
  func candidate(_ row: Int, _ place: Int) -> (token: Int32, value: Float) {
    (tokens[row * kept + place], values[row * kept + place])
  }

  /// Finds the best of all beams of `beams`, whose rows have been examined. What has no probability is none of them;
  /// of equal ones that of the earlier beam comes first.
  func merge(_ beams: BeamTable) {
    merged.removeAll()
    for row in 0..<beams.count { heads[row] = 0 }
    while merged.count < limit, let best = next(beams) {
      heads[best.row] += 1
      merged.resize(to: merged.count + 1, filling: best)
    }
  }

  /// The best candidate that is not merged yet.
  private func next(_ beams: BeamTable) -> Candidate? {
    var best: Candidate?
    for row in 0..<beams.count where heads[row] < kept {
      let place = row * kept + heads[row]
      let value = values[place]
      let sum = beams.sum(row) + Double(value)
      guard value > -.infinity, best.map({ sum > $0.sum }) ?? true else { continue }
      best = Candidate(row: row, token: tokens[place], value: value, sum: sum)
    }
    return best
  }

  /// Bytes held.
  var bytes: Int { values.bytes + tokens.bytes + merged.bytes + heads.bytes }
}
