import AttendBase

/// A split of a text into the pieces that the model sees. Immutable.
protocol PreTokenizer: Sendable { func apply(_ text: inout PreTokenizedText) throws(Failure) }

/// One after another.
struct PreTokenizerSequence: PreTokenizer {
  let parts: [any PreTokenizer]

  func apply(_ text: inout PreTokenizedText) throws(Failure) { for part in parts { try part.apply(&text) } }
}

/// Splits at the matches of a pattern.
struct Split<Pattern: SplitPattern & Sendable>: PreTokenizer {
  let pattern: Pattern
  let behavior: SplitBehavior
  var invert = false

  func apply(_ text: inout PreTokenizedText) throws(Failure) { try text.split(at: pattern, behavior, invert: invert) }
}
