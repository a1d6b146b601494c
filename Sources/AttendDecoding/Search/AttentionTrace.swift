import AttendBase

/// The attention of beams over the source. The weights of each step are written down once; a beam knows its last place,
/// and each place the one before, so that choosing beams copies nothing.
final class AttentionTrace {
  private let source: Int
  private var weights = GrowingList<Float>(for: "the attention of the beams")  // [places, source]
  private var earlier = GrowingList<Int>(for: "the attention of the beams")  // [places] -1: none
  private var last = GrowingList<Int>(for: "the attention of the beams")  // [rows]
  private var lastBefore = GrowingList<Int>(for: "the attention of the beams")
  private var sums = GrowingList<Float>(for: "the attention of the beams")  // [source]

  /// For sources of `source` tokens, and at most `rows` rows.
  init(source: Int, rows: Int, expected: Int) throws(Failure) {
    self.source = source
    try last.reserve(rows)
    try lastBefore.reserve(rows)
    last.resize(to: rows, filling: -1)
    lastBefore.resize(to: rows, filling: -1)
    try sums.reserve(source)
    sums.resize(to: source, filling: 0)
    try earlier.reserve(expected)
  }

  /// The last place of a row.
  func mark(_ row: Int) -> Int { last[row] }

  /// The place before another.
  func before(_ mark: Int) -> Int { mark < 0 ? -1 : earlier[mark] }

  /// Writes down what the tokens that a row read attended to, `[tokens, source]`.
  func add(_ attention: UnsafeBufferPointer<Float>, row: Int) throws(Failure) {
    for first in stride(from: 0, to: attention.count, by: source) {
      try weights.append(contentsOf: UnsafeBufferPointer(rebasing: attention[first..<first + source]))
      try earlier.append(last[row])
      last[row] = earlier.count - 1
    }
  }

  /// The rows are chosen: row i continues row `parents(i)`.
  func select(_ count: Int, _ parents: (Int) -> Int) {
    swap(&last, &lastBefore)
    for row in 0..<count { last[row] = lastBefore[parents(row)] }
  }

  /// The penalty for tokens of the source that got little attention up to a place (Wu et al. 2016, arXiv 1609.08144,
  /// equation 14): the sum of log(min(attention, 1)) over those that got any.
  func coverage(_ mark: Int) -> Double {
    for token in 0..<source { sums[token] = 0 }
    var place = mark
    while place >= 0 {
      for token in 0..<source { sums[token] += weights[place * source + token] }
      place = earlier[place]
    }
    var penalty = 0.0
    for token in 0..<source where sums[token] > 0 { penalty += Exponential.log(min(Double(sums[token]), 1)) }
    return penalty
  }

  /// The rows up to a place, the earliest first, `[tokens, source]`.
  func rows(_ mark: Int) throws(Failure) -> GrowingList<Float> {
    var count = 0
    var place = mark
    while place >= 0 {
      count += 1
      place = earlier[place]
    }
    var rows = GrowingList<Float>(for: "the attention of a hypothesis")
    try rows.reserve(count * source)
    rows.resize(to: count * source, filling: 0)
    place = mark
    while place >= 0 {
      count -= 1
      (rows.storage + count * source).update(from: weights.storage + place * source, count: source)
      place = earlier[place]
    }
    return rows
  }
}
