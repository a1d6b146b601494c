import AttendBase
import AttendGrammars

/// The running beams of a search: equally long lists of tokens with their sums. Two tables take turns, so that choosing
/// beams copies each once and allocates nothing.
final class BeamTable {
  private(set) var count = 0
  /// Tokens of each beam, the prompt or the start included.
  private(set) var length = 0
  /// Most beams.
  let width: Int
  private let promptCount: Int
  private var capacity = 0  // tokens that each beam has room for
  private var tokens = GrowingList<Int32>(for: "the tokens of the beams")  // [width, capacity]
  private var logProbabilities = GrowingList<Float>(for: "the log-probabilities of the beams")  // [width, capacity]
  private var sums = GrowingList<Double>(for: "the scores of the beams")  // [width]
  private var parents = GrowingList<Int>(for: "the parents of the beams")  // [width]
  private var matchers: [Matcher?] = []  // [width], empty without a grammar

  /// Room for `width` beams; of `expected` tokens from the start.
  init(width: Int, promptCount: Int, expected: Int) throws(Failure) {
    (self.width, self.promptCount) = (width, promptCount)
    try sums.reserve(width)
    try parents.reserve(width)
    sums.resize(to: width, filling: 0)
    parents.resize(to: width, filling: 0)
    try reserve(expected)
  }

  /// Makes room for beams of `wanted` tokens.
  func reserve(_ wanted: Int) throws(Failure) {
    guard wanted > capacity else { return }
    let longer = max(wanted, capacity <= Int.max / 2 ? 2 * capacity : wanted)
    let (cells, overflow) = longer.multipliedReportingOverflow(by: width)
    guard !overflow else { throw .outOfMemory(Int.max, for: "the tokens of the beams") }
    try tokens.respace(rows: width, from: capacity, to: longer, cells: cells)
    try logProbabilities.respace(rows: width, from: capacity, to: longer, cells: cells)
    capacity = longer
  }

  /// All tokens of a beam, until the table changes.
  func history(_ beam: Int) -> UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(start: tokens.storage + beam * capacity, count: length)
  }

  /// The tokens of a beam that the model has not read: all at first, then the last.
  func unread(_ beam: Int, _ hasBegun: Bool) -> UnsafeBufferPointer<Int32> {
    hasBegun ? UnsafeBufferPointer(rebasing: history(beam).suffix(1)) : history(beam)
  }

  /// The tokens of a beam that the model has read, once beams have been chosen.
  func past(_ beam: Int) -> UnsafeBufferPointer<Int32> { UnsafeBufferPointer(rebasing: history(beam).dropLast()) }

  /// The log-probabilities of the generated tokens of a beam, until the table changes.
  func logProbabilities(_ beam: Int) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(
      start: logProbabilities.storage + beam * capacity + promptCount, count: max(length - promptCount, 0))
  }

  func sum(_ beam: Int) -> Double { sums[beam] }

  /// The beam of the table before that a beam continues.
  func parent(_ beam: Int) -> Int { parents[beam] }

  /// Where a beam stands in the grammar; nil: there is none.
  func matcher(_ beam: Int) -> Matcher? { matchers.isEmpty ? nil : matchers[beam] }

  /// Begins with one beam, whose tokens are `prompt`, at the start of a grammar where there is one.
  func begin(_ prompt: UnsafeBufferPointer<Int32>, _ matcher: Matcher?) throws(Failure) {
    if let matcher { matchers = Array(repeating: matcher, count: width) }
    try reserve(prompt.count)
    if let start = prompt.baseAddress { tokens.storage.update(from: start, count: prompt.count) }
    (count, length) = (1, prompt.count)
    sums[0] = 0
  }

  /// Empties the table for beams of one token more than those of `before`.
  func begin(after before: BeamTable) throws(Failure) {
    if matchers.count != before.matchers.count { matchers = before.matchers }
    count = 0
    length = before.length + 1
    try reserve(length)
  }

  /// Adds the beam that continues `beam` of `before` by `token`. There are fewer than `width`.
  func append(
    _ beam: Int, of before: BeamTable, token: Int32, logProbability: Float, sum: Double
  ) throws(Failure) {
    precondition(count < width && before.length + 1 == length)
    if var matcher = before.matcher(beam) {
      _ = try matcher.accept(token)
      matchers[count] = matcher
    }
    let place = count * capacity, source = beam * before.capacity
    (tokens.storage + place).update(from: before.tokens.storage + source, count: before.length)
    (logProbabilities.storage + place).update(from: before.logProbabilities.storage + source, count: before.length)
    tokens[place + length - 1] = token
    logProbabilities[place + length - 1] = logProbability
    sums[count] = sum
    parents[count] = beam
    count += 1
  }

  /// Bytes held.
  var bytes: Int { tokens.bytes + logProbabilities.bytes + sums.bytes + parents.bytes }
}

extension GrowingList where Element: Numeric {
  /// Makes `rows` rows of `old` elements into rows of `new` ones, which are more; `cells` is their product.
  mutating func respace(rows: Int, from old: Int, to new: Int, cells: Int) throws(Failure) {
    try reserve(cells - count)
    resize(to: cells, filling: 0)
    // From the last row on, so that none is written over before it has moved.
    for row in stride(from: rows - 1, to: 0, by: -1) where old > 0 {
      (storage + row * new).update(from: storage + row * old, count: old)
    }
  }
}
