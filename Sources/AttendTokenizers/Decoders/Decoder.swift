import AttendBase

/// A step from the spellings of tokens to text: each decoder changes the list of strings, which are joined at the end.
/// Immutable.
protocol Decoder: Sendable {
  /// Strings are UTF-8, and remain so. What they grow by is taken from the budget, which throws `invalidArgument`.
  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure)
}

/// The rest of the bytes that the decoders of a text may put in.
struct DecodingBudget {
  private let whole: TextBudget
  private var used = 0

  /// The budget of tokens that are spelled with `count` bytes in all.
  init(for count: Int) { whole = TextBudget(for: count) }

  /// Takes the bytes of a replacement off, before it is written.
  @inline(__always) mutating func spend(_ count: Int, by component: StaticString) throws(Failure) {
    used += count
    guard used <= whole.limit else { throw whole.exceeded(by: component) }
  }
}

/// One after another.
struct DecoderSequence: Decoder {
  let parts: [any Decoder]

  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) {
    for part in parts { try part.decode(&tokens, &budget) }
  }
}
