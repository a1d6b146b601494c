import AttendBase
import AttendDecoding

/// Log-probabilities of the tokens of the texts of one call, in their order. Immutable once it is handed out.
package final class Scores: @unchecked Sendable {
  /// What is known of one text. Lent by the scores.
  package struct Score {
    /// The tokens that were scored.
    package let ids: UnsafeBufferPointer<Int32>
    /// Of each, natural logarithms.
    package let logProbabilities: UnsafeBufferPointer<Float>
    /// The most probable tokens of each place, the best first, `[tokens, alternativesPerToken]`.
    package let alternatives: UnsafeBufferPointer<TokenAlternative>
    package let alternativesPerToken: Int
    /// Whether greedy search would have chosen each of the tokens.
    package let isGreedy: Bool

    /// The sum of the log-probabilities, in double precision, from the first token to the last.
    package var sum: Double { logProbabilities.reduce(0) { $0 + Double($1) } }
    /// The mean of the log-probabilities; NaN where nothing was scored.
    package var mean: Double { sum / Double(ids.count) }
    /// exp(-mean), Jelinek et al. 1977.
    package var perplexity: Double { Exponential.exp(-mean) }
  }

  private var starts = GrowingList<Int>(for: "the places of the scores")  // [count + 1]
  private var missing = GrowingList<Int>(for: "the places of the scores")  // [count] tokens that are not yet scored
  private var ids = GrowingList<Int32>(for: "the scored tokens")
  private var logProbabilities = GrowingList<Float>(for: "the log-probabilities of texts")
  private var best = GrowingList<Bool>(for: "the scored tokens")  // whether none is more probable
  private var alternatives = GrowingList<TokenAlternative>(for: "the alternatives to tokens")
  let alternativesPerToken: Int

  /// Room for the scores of texts, of which none is known yet.
  init(_ inputs: borrowing ScoreInputs, alternatives perToken: Int) throws(Failure) {
    alternativesPerToken = perToken
    try starts.append(0)
    for index in 0..<inputs.texts.count {
      let text = inputs.texts[index]
      try ids.append(contentsOf: inputs.ids(of: text, from: text.firstScored))
      try starts.append(ids.count)
      try missing.append(text.count - text.firstScored)
    }
    let count = ids.count
    try logProbabilities.reserve(count)
    logProbabilities.resize(to: count, filling: .nan)
    try best.reserve(count)
    best.resize(to: count, filling: false)
    let (all, overflow) = count.multipliedReportingOverflow(by: perToken)
    guard !overflow else { throw .outOfMemory(Int.max, for: "the alternatives to tokens") }
    guard all > 0 else { return }
    try alternatives.reserve(all)
    alternatives.resize(to: all, filling: TokenAlternative(token: 0, logProbability: .nan))
  }

  /// How many texts there were.
  package var count: Int { missing.count }

  /// What is known of a text; nil where the call ended before all of it was scored.
  package subscript(text: Int) -> Score? {
    guard missing[text] == 0 else { return nil }
    let places = starts[text]..<starts[text + 1]
    let wide = places.lowerBound * alternativesPerToken..<places.upperBound * alternativesPerToken
    return Score(
      ids: UnsafeBufferPointer(rebasing: UnsafeBufferPointer(ids.elements)[places]),
      logProbabilities: UnsafeBufferPointer(rebasing: UnsafeBufferPointer(logProbabilities.elements)[places]),
      alternatives: UnsafeBufferPointer(rebasing: UnsafeBufferPointer(alternatives.elements)[wide]),
      alternativesPerToken: alternativesPerToken, isGreedy: !best.elements[places].contains(false))
  }

  /// Of `count` texts from `first` on, which were all scored, the probabilities that one of them and no other is meant:
  /// softmax over the sums of their log-probabilities, or over the means.
  package func probabilities(
    from first: Int, count: Int, ofMeans: Bool, into probabilities: UnsafeMutablePointer<Double>
  ) throws(Failure) {
    var largest = -Double.infinity
    for index in 0..<count {
      guard let score = self[first + index] else { throw Scores.unfinished(first + index) }
      guard !score.ids.isEmpty else {
        throw Failure(.invalidArgument, "text \(first + index) has no tokens that were scored")
      }
      probabilities[index] = ofMeans ? score.mean : score.sum
      largest = max(largest, probabilities[index])
    }
    var total = 0.0
    for index in 0..<count {
      probabilities[index] = Exponential.exp(probabilities[index] - largest)
      total += probabilities[index]
    }
    for index in 0..<count { probabilities[index] /= total }
  }

  /// The call ended before a text was scored.
  package static func unfinished(_ text: Int) -> Failure {
    Failure(.invalidState, "text \(text) was not scored: the call ended before")
  }

  // MARK: While they are made

  /// The place of the first scored token of a text.
  func place(of text: Int) -> Int { starts[text] }

  /// Keeps what is known of one place. Threads may keep different places at once.
  func keep(_ place: Int, logProbability: Float, isBest: Bool, _ others: UnsafeBufferPointer<TokenAlternative>) {
    logProbabilities.elements[place] = logProbability
    best.elements[place] = isBest
    for (index, other) in others.enumerated() { alternatives.elements[place * alternativesPerToken + index] = other }
  }

  /// Counts a token of a text as scored, for good.
  func finish(_ text: Int) { missing[text] -= 1 }
}
