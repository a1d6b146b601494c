import AttendBase
import AttendDispatch

/// The continuations of a step over all running beams: the most probable ones, or ones that are drawn.
final class BeamCandidates {
  /// A beam continued by a token.
  struct Candidate: BitwiseCopyable {
    let row: Int
    var token: Int32
    /// Of the token, as it counts in the sum.
    let value: Float
    /// Of the token, as the processors left it.
    let logit: Float
    /// Of the whole hypothesis.
    let sum: Double
  }

  let kept: Int
  var values = GrowingList<Float>(for: "the candidates of the beams")  // [rows, kept]
  var tokens = GrowingList<Int32>(for: "the candidates of the beams")  // [rows, kept]
  /// Of drawn ones: by which they are drawn, and what the processors left; otherwise empty.
  var keys = GrowingList<Double>(for: "the candidates of the beams")  // [rows, kept]
  var logits = GrowingList<Float>(for: "the candidates of the beams")  // [rows, kept]
  private var merged = GrowingList<Candidate>(for: "the candidates of the beams")  // [kept]
  private var heads = GrowingList<Int>(for: "the candidates of the beams")  // [rows] the first not yet merged

  /// `kept` of `rows` rows of logits, fewer where the vocabulary is smaller; the best, or drawn ones.
  init(rows: Int, kept: Int, vocabulary: Int, areDrawn: Bool = false) throws(Failure) {
    self.kept = min(kept, vocabulary)
    let (cells, overflow) = rows.multipliedReportingOverflow(by: self.kept)
    guard !overflow else { throw .outOfMemory(Int.max, for: "the candidates of the beams") }
    try values.reserve(cells)
    values.resize(to: cells, filling: 0)
    try tokens.reserve(cells)
    tokens.resize(to: cells, filling: 0)
    if areDrawn {
      try keys.reserve(cells)
      keys.resize(to: cells, filling: 0)
      try logits.reserve(cells)
      logits.resize(to: cells, filling: 0)
    }
    try heads.reserve(rows)
    heads.resize(to: rows, filling: 0)
    try merged.reserve(min(cells, kept))
    limit = min(cells, kept)
  }

  private let limit: Int

  /// How many there are, the best first.
  var count: Int { merged.count }

  subscript(rank: Int) -> Candidate { merged[rank] }

  /// Finds the best of one row, and brings them to log-probabilities; rows may be examined side by side.
  func examine(_ row: Int, _ processed: ProcessedRow, vocabulary: Int, _ engine: Engine) {
    let first = row * kept
    let values = values.storage, tokens = tokens.storage
    if let bounds = processed.bounds {
      engine.topK(processed.scores, bounds, row: 0, k: kept, values: values + first, indices: tokens + first)
    } else {
      engine.topK(
        processed.scores, count: vocabulary, k: kept, values: values + first, indices: tokens + first)
    }
    guard let normalizer = processed.before else { return }
    for place in first..<first + kept { values[place] = normalizer.logProbability(values[place]) }
  }

  /// The best of one examined row, in order; `place` is below the number kept, and below the vocabulary.
  func candidate(_ row: Int, _ place: Int) -> (token: Int32, value: Float) {
    (tokens[row * kept + place], values[row * kept + place])
  }

  /// Finds the best of all beams of `beams`, whose rows have been examined, or those that are drawn of all. What has no
  /// probability is none of them; of equal ones that of the earlier beam comes first.
  func merge(_ beams: BeamTable) {
    merged.removeAll()
    for row in 0..<beams.count { heads[row] = 0 }
    while merged.count < limit, let best = next(beams) {
      heads[best.row] += 1
      merged.resize(to: merged.count + 1, filling: best)
    }
    if !keys.isEmpty { sortDrawn() }
  }

  /// Puts what was drawn in the order of the sums; of equal ones that of the earlier beam comes first, then the lower
  /// token.
  private func sortDrawn() {
    func precedes(_ one: Candidate, _ other: Candidate) -> Bool {
      one.sum != other.sum ? one.sum > other.sum : (one.row, one.token) < (other.row, other.token)
    }
    for rank in 0..<merged.count {
      let candidate = merged[rank]
      var place = rank
      while place > 0, precedes(candidate, merged[place - 1]) {
        merged[place] = merged[place - 1]
        place -= 1
      }
      merged[place] = candidate
    }
  }

  /// The best candidate that is not merged yet, or of drawn ones that with the largest key.
  private func next(_ beams: BeamTable) -> Candidate? {
    var best: Candidate?
    var largest = -Double.infinity
    for row in 0..<beams.count where heads[row] < kept {
      let place = row * kept + heads[row]
      let value = values[place]
      let sum = beams.sum(row) + Double(value)
      let key = keys.isEmpty ? sum : beams.sum(row) + keys[place]
      guard value > -.infinity, key > largest || best == nil else { continue }
      largest = key
      best = Candidate(
        row: row, token: tokens[place], value: value, logit: keys.isEmpty ? value : logits[place], sum: sum)
    }
    return best
  }

  /// Bytes held.
  var bytes: Int {
    values.bytes + tokens.bytes + keys.bytes + logits.bytes + merged.bytes + heads.bytes
  }
}
