import AttendBase

/// Biases laid out so that a step looks only at those whose context the history ends with.
struct BiasTable: Sendable {
  /// For ids that need no context.
  private let tokens: FixedArray<TokenBias>
  /// For sequences of two ids and more, in the order of the last but one.
  private let sequences: FixedArray<SequenceBias>?

  /// A table of single ids; of equal ones the last counts.
  init(tokens: FixedArray<TokenBias>) throws(Failure) {
    self.tokens = try tokens.lastOfEqual { $0.token < $1.token }
    sequences = nil
  }

  /// A table of sequences, none of them empty; of equal ones the last counts.
  init(sequences: FixedArray<SequenceBias>) throws(Failure) {
    let unique = try sequences.lastOfEqual(by: BiasTable.precedes)
    let single = unique.partition { $0.tokens.count == 1 }
    tokens = try FixedArray(single, for: "biases") { TokenBias(token: unique[$0].tokens[0], bias: unique[$0].bias) }
    self.sequences = try FixedArray(unique.count - single, for: "biases") { unique[single + $0] }
  }

  /// A table that forbids the completion of sequences, but for single ids of `ends`.
  init(forbidding words: FixedArray<FixedArray<Int32>>, except ends: FixedArray<Int32>?) throws(Failure) {
    let kept = try words.kept { words[$0].count > 1 || !(ends?.contains(words[$0][0]) ?? false) }
    try self.init(
      sequences: FixedArray(kept.count, for: "bad words") { SequenceBias(tokens: kept[$0], bias: -.infinity) })
  }

  /// Whether one sequence comes before another: single ids first, then by the last id but one.
  private static func precedes(_ one: SequenceBias, _ other: SequenceBias) -> Bool {
    let (a, b) = (one.tokens, other.tokens)
    guard a.count > 1, b.count > 1 else { return a.count == 1 && (b.count > 1 || a[0] < b[0]) }
    if one.context != other.context { return one.context < other.context }
    if a.count != b.count { return a.count < b.count }
    for index in 0..<a.count where a[index] != b[index] { return a[index] < b[index] }
    return false
  }

  func apply(_ row: ScoreRow, _ history: UnsafeBufferPointer<Int32>) {
    for entry in tokens { row[entry.token] += entry.bias }
    guard let sequences, let last = history.last else { return }
    var place = sequences.partition { $0.context < last }
    while place < sequences.count, sequences[place].context == last {
      let entry = sequences[place]
      if entry.follows(history) { row[entry.tokens[entry.tokens.count - 1]] += entry.bias }
      place += 1
    }
  }
}

extension SequenceBias {
  /// The id before the last.
  fileprivate var context: Int32 { tokens[tokens.count - 2] }

  /// Whether a history ends with all ids but the last.
  fileprivate func follows(_ history: UnsafeBufferPointer<Int32>) -> Bool {
    let start = history.count - (tokens.count - 1)
    guard start >= 0 else { return false }
    for index in 0..<tokens.count - 1 where history[start + index] != tokens[index] { return false }
    return true
  }
}

extension FixedArray {
  /// The elements in order, of equal ones only the one that was last.
  fileprivate func lastOfEqual(by precedes: (Element, Element) -> Bool) throws(Failure) -> FixedArray {
    let numbered = try FixedArray<(element: Element, place: Int)>(count, for: "biases") { (self[$0], $0) }
    numbered.sort { one, other in
      precedes(one.element, other.element)
        || !precedes(other.element, one.element) && one.place < other.place
    }
    func isLast(_ place: Int) -> Bool {
      place + 1 == count || precedes(numbered[place].element, numbered[place + 1].element)
    }
    let last = try numbered.kept(where: isLast)
    return try FixedArray(last.count, for: "biases") { last[$0].element }
  }

  /// The elements at the places that satisfy `isKept`.
  fileprivate func kept(where isKept: (Int) -> Bool) throws(Failure) -> FixedArray {
    var number = 0
    for place in 0..<count where isKept(place) { number += 1 }
    var place = -1
    return try FixedArray(number, for: "biases") { _ in
      repeat { place += 1 } while !isKept(place)
      return self[place]
    }
  }
}
