/// The parsed form of a regular expression.
indirect enum RegexNode {
  case empty
  /// One scalar of the set.
  case set(ScalarSet)
  /// Any text that folds to these scalars, which are folded: without regard to case.
  case folded([UInt32])
  case sequence([RegexNode])
  /// The first alternative that leads to a match wins.
  case alternatives([RegexNode])
  /// `maximum` nil: without end.
  case repetition(RegexNode, minimum: Int, maximum: Int?, isLazy: Bool)
  case assertion(RegexAssertion)
  /// A condition on the text before or after a place.
  case look(RegexAssertion.Direction, RegexNode, isNegative: Bool)
  /// The body by preference, or nothing.
  case atomic(RegexNode)
  /// A place between two grapheme clusters, or within one.
  case clusterBoundary(isNegative: Bool)
}

/// A condition on the scalar before or after a place in the text.
struct RegexAssertion: Hashable {
  enum Direction { case before, after }
  let direction: Direction
  let set: ScalarSet
  /// It also holds where there is no such scalar: at the start or end of the text.
  let holdsAtEdge: Bool

  var negated: RegexAssertion {
    RegexAssertion(direction: direction, set: set.complement, holdsAtEdge: !holdsAtEdge)
  }

  static func == (a: RegexAssertion, b: RegexAssertion) -> Bool {
    a.direction == b.direction && a.holdsAtEdge == b.holdsAtEdge && a.set == b.set
  }
  func hash(into hasher: inout Hasher) { hasher.combine(set.ranges.count) }
}

/// The ways in which the programs that read regular expressions differ.
struct RegexDialect: Sendable {
  /// `x{1,3}+` gives nothing back (as in Perl), or is the repetition of a repetition.
  let possessiveIntervals: Bool
  /// `$` and `^` also hold at line breaks inside the text.
  let anchorsAtLines: Bool
  /// `(?i)` within a group takes the alternatives that follow it along: `a(?i)b|c` is `a(?i:b|c)`.
  let optionsTakeAlternatives: Bool
  /// \w includes these beyond `ScalarSet.word`: the superscript digits and fractions of Latin-1, or the joiners.
  let otherWordScalars: [ClosedRange<UInt32>]

  /// Oniguruma with Ruby's syntax, which reads the expressions of tokenizer.json.
  static let oniguruma = RegexDialect(
    possessiveIntervals: false, anchorsAtLines: true, optionsTakeAlternatives: true,
    otherWordScalars: [0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE])
  /// Rust's fancy-regex, which reads those of tiktoken.
  static let rust = RegexDialect(
    possessiveIntervals: true, anchorsAtLines: false, optionsTakeAlternatives: false,
    otherWordScalars: [0x200C...0x200D])
}
