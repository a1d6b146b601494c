import AttendBase

/// Why a sequence has ended. The raw values are those of `attend_finish_reason` in the header.
package enum FinishReason: UInt32, BitwiseCopyable, Sendable {
  /// An end token was chosen.
  case end = 10
  /// The longest length that the options or the model allow was reached.
  case length = 20
  /// A stop string is complete.
  case stop = 30
  /// The text is all that the grammar allows.
  case grammar = 40
  /// The budget of time is used up.
  case time = 50
  /// The caller wanted no more.
  case cancelled = 60
}

/// A token that might have stood at a place, and how probable it was.
package struct TokenAlternative: BitwiseCopyable, Sendable {
  package let token: Int32
  package let logProbability: Float

  package init(token: Int32, logProbability: Float) {
    (self.token, self.logProbability) = (token, logProbability)
  }
}

/// A sequence that has ended: what a search found. Immutable once it is handed out.
package final class Hypothesis: @unchecked Sendable {
  /// The prompt, or the start token and the forced prefix, then the tokens that were generated.
  package private(set) var tokens = GrowingList<Int32>(for: "the tokens of a hypothesis")
  /// How many of `tokens` were not generated.
  package let promptCount: Int
  /// Of each generated token, in nats; NaN where it was not computed.
  package private(set) var logProbabilities = GrowingList<Float>(for: "the log-probabilities of a hypothesis")
  /// The most probable tokens at each generated place, `[generated, alternativesPerToken]`.
  package private(set) var alternatives = GrowingList<TokenAlternative>(for: "the alternatives of a hypothesis")
  /// How many alternatives each generated token has.
  package let alternativesPerToken: Int
  /// Attention of the tokens behind the start, a forced prefix among them, over the source, `[tokens, source]`; empty
  /// where it was not asked for.
  package private(set) var attention = GrowingList<Float>(for: "the attention of a hypothesis")
  /// The score by which a beam search ranks; nil where a search ranks nothing.
  package let score: Double?
  package let reason: FinishReason

  package init(
    tokens: UnsafeBufferPointer<Int32>, promptCount: Int, logProbabilities: UnsafeBufferPointer<Float>,
    alternatives: UnsafeBufferPointer<TokenAlternative> = UnsafeBufferPointer(start: nil, count: 0),
    alternativesPerToken: Int = 0, attention: UnsafeBufferPointer<Float> = UnsafeBufferPointer(start: nil, count: 0),
    score: Double?, reason: FinishReason
  ) throws(Failure) {
    (self.promptCount, self.score, self.reason) = (promptCount, score, reason)
    self.alternativesPerToken = alternativesPerToken
    try self.tokens.append(contentsOf: tokens)
    try self.logProbabilities.append(contentsOf: logProbabilities)
    try self.alternatives.append(contentsOf: alternatives)
    try self.attention.append(contentsOf: attention)
  }

  /// The tokens that were generated, as long as this object lives.
  package var generated: UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(tokens.elements).dropFirst(promptCount))
  }

  /// How many tokens were generated.
  package var generatedCount: Int { tokens.count - promptCount }

  /// Bytes held.
  package var bytes: Int { tokens.bytes + logProbabilities.bytes + alternatives.bytes + attention.bytes }
}
