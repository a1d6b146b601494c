/// The parsed form of a regular expression.
indirect enum RegexNode {
  case empty
  /// One scalar of the set.
  case set(ScalarSet)
  case sequence([RegexNode])
  /// The first alternative that leads to a match wins.
  case alternatives([RegexNode])
  /// `maximum` nil: without end.
  case repetition(RegexNode, minimum: Int, maximum: Int?, isLazy: Bool)
  case assertion(RegexAssertion)
}

/// A condition on the scalar before or after a place in the text.
struct RegexAssertion: Hashable {
  enum Direction { case before, after }
  let direction: Direction
  let set: ScalarSet
  /// It also holds where there is no such scalar: at the start or end of the text.
  let holdsAtEdge: Bool

  static func == (a: RegexAssertion, b: RegexAssertion) -> Bool {
    a.direction == b.direction && a.holdsAtEdge == b.holdsAtEdge && a.set == b.set
  }
  func hash(into hasher: inout Hasher) { hasher.combine(set.ranges.count) }
}

/// Where regular expressions differ between the programs that read them.
struct RegexDialect: Sendable {
  /// `x{1,3}+` gives nothing back (as in Perl), or is the repetition of a repetition.
  let possessiveIntervals: Bool
  /// `$` and `^` also hold at line breaks inside the text.
  let anchorsAtLines: Bool
  /// \w includes these beyond `ScalarSet.word`: the superscript digits and fractions of Latin-1, or the joiners.
  let otherWordScalars: [ClosedRange<UInt32>]

  /// Oniguruma, which reads the expressions of tokenizer.json.
  static let oniguruma = RegexDialect(
    possessiveIntervals: false, anchorsAtLines: true, otherWordScalars: [0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE])
  /// Rust's fancy-regex, which reads those of tiktoken.
  static let rust = RegexDialect(possessiveIntervals: true, anchorsAtLines: false, otherWordScalars: [0x200C...0x200D])
}
