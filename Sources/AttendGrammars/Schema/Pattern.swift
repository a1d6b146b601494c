/// A regular expression of ECMA-262, as a tree.
indirect enum Pattern: Hashable, Sendable {
  case characters(Scalars)
  /// One after another; none: the empty string.
  case sequence([Pattern])
  case choice([Pattern])
  /// From so many to so many times; nil is without end.
  case repetition(Pattern, Int, Int?)
  case assertion(Assertion)
  /// What follows begins with this (`negated`: does not).
  case lookahead(Pattern, negated: Bool)

  enum Assertion: Hashable, Sendable { case start, end, boundary, noBoundary }

  /// A text as it stands.
  static func literal(_ text: some Sequence<Unicode.Scalar>) -> Pattern {
    .sequence(text.map { .characters(Scalars($0.value)) })
  }

  /// Any string.
  static let anything = Pattern.repetition(.characters(.all), 0, nil)

  /// Whether it looks at what stands around a place.
  var asserts: Bool {
    switch self {
    case .characters: false
    case .sequence(let all), .choice(let all): all.contains { $0.asserts }
    case .repetition(let body, _, _): body.asserts
    case .assertion, .lookahead: true
    }
  }
}

extension Pattern {
  /// The same language over whole strings without assertions, where they stand at the ends of alternatives only: what
  /// is not held at an end goes on with any characters there. Nil where assertions stand elsewhere.
  var anchored: Pattern? {
    guard case .choice(let all) = self else { return Pattern.anchored(self) }
    var parts: [Pattern] = []
    for one in all {
      guard let part = Pattern.anchored(one) else { return nil }
      parts.append(part)
    }
    return .choice(parts)
  }

  private static func anchored(_ alternative: Pattern) -> Pattern? {
    var parts: [Pattern]
    if case .sequence(let all) = alternative { parts = all } else { parts = [alternative] }
    let start = parts.first == .assertion(.start)
    if start { parts.removeFirst() }
    let end = parts.last == .assertion(.end)
    if end { parts.removeLast() }
    guard !parts.contains(where: { $0.asserts }) else { return nil }
    return .sequence((start ? [] : [.anything]) + parts + (end ? [] : [.anything]))
  }
}
