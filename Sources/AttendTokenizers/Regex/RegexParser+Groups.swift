import AttendBase

extension RegexParser {
  /// The group that follows `(`; nil for `(?i)`, whose options hold to the end of the group around it.
  mutating func group() throws(Failure) -> RegexNode? {
    guard take("?") else {
      countGroup()
      return try body()
    }
    switch try next() {
    case 0x3A: return try body()
    case 0x3D: return try look(.after, isNegative: false)
    case 0x21: return try look(.after, isNegative: true)
    case 0x3E: return atomic(try body())
    case 0x7E: throw unsupported("the absence operator (?~")
    case 0x28: throw unsupported("a conditional group (?(")
    case 0x7B: throw unsupported("a callout (?{")
    case 0x79: return try segmentMode()
    case 0x27: return try named(until: 0x27)
    case 0x50 where !dialect.anchorsAtLines && take("<"): return try named(until: 0x3E)
    case 0x3C:
      if take("=") { return try look(.before, isNegative: false) }
      if take("!") { return try look(.before, isNegative: true) }
      return try named(until: 0x3E)
    default:
      position -= 1
      return try optionGroup()
    }
  }

  private mutating func body() throws(Failure) -> RegexNode {
    let node = try alternatives()
    guard take(")") else { throw invalid("missing )") }
    endGroup()
    return node
  }

  private mutating func named(until end: UInt32) throws(Failure) -> RegexNode {
    let name = try name(until: end)
    guard let first = name.unicodeScalars.first?.value, !(0x30...0x39).contains(first),
      name.unicodeScalars.allSatisfy({ ScalarSet.word.contains($0.value) })
    else { throw invalid("\"\(name)\" is no name of a group,") }
    countGroup()
    return try body()
  }

  /// `(?y{g})`: \X is a grapheme cluster, as it is anyway.
  private mutating func segmentMode() throws(Failure) -> RegexNode? {
    guard take("{g}") else { throw unsupported("the text segment mode (?y{w})") }
    if take(")") { return try rest() }
    guard take(":") else { throw invalid("a malformed group") }
    return try body()
  }

  /// `(?i-m:...)` or `(?i)`.
  private mutating func optionGroup() throws(Failure) -> RegexNode? {
    let outer = options
    let isIsolated = try readOptions()
    if isIsolated { return try rest() }
    let node = try body()
    options = outer
    return node
  }

  /// The rest behind isolated options: where they take the alternatives along, all up to the end of the group.
  private mutating func rest() throws(Failure) -> RegexNode? {
    dialect.optionsTakeAlternatives ? try alternatives() : nil
  }

  /// Reads the letters of options; true where they end with `)`.
  private mutating func readOptions() throws(Failure) -> Bool {
    var value = true
    while true {
      switch try next() {
      case 0x2D: value = false
      case 0x69: options.ignoresCase = value
      case 0x78: options.isExtended = value
      case 0x73 where !dialect.anchorsAtLines: options.dotMatchesNewline = value
      case 0x6D where dialect.anchorsAtLines: options.dotMatchesNewline = value
      case 0x75 where !dialect.anchorsAtLines: break
      case 0x3A: return false
      case 0x29: return true
      default: throw unsupported("this kind of group")
      }
    }
  }

  // MARK: What gives nothing back

  /// A repetition that gives nothing back. For one scalar of a set this is a greedy one that may end only at its
  /// maximum or where the next scalar is not in the set.
  func possessive(_ node: RegexNode, _ minimum: Int, _ maximum: Int?) throws(Failure) -> RegexNode {
    guard let set = RegexParser.singleSet(node) else {
      return .atomic(.repetition(node, minimum: minimum, maximum: maximum, isLazy: false))
    }
    let stop = RegexNode.assertion(RegexAssertion(direction: .after, set: set.complement, holdsAtEdge: true))
    guard let maximum else {
      return .sequence([.repetition(.set(set), minimum: minimum, maximum: nil, isLazy: false), stop])
    }
    let full = RegexNode.repetition(.set(set), minimum: maximum, maximum: maximum, isLazy: false)
    guard maximum > minimum else { return full }
    return .alternatives([
      full, .sequence([.repetition(.set(set), minimum: minimum, maximum: maximum - 1, isLazy: false), stop]),
    ])
  }

  /// `(?>...)`; a body that has one way to match is atomic as it stands.
  private func atomic(_ node: RegexNode) -> RegexNode {
    switch node {
    case .empty, .set, .assertion, .look, .atomic, .clusterBoundary: return node
    case .repetition(let body, let minimum, let maximum, isLazy: false):
      if RegexParser.singleSet(body) != nil, let plain = try? possessive(body, minimum, maximum) { return plain }
      return .atomic(node)
    case .sequence(let items) where items.allSatisfy({ RegexParser.singleSet($0) != nil }): return node
    default: return .atomic(node)
    }
  }

  /// The set where an expression always matches exactly one scalar of it.
  static func singleSet(_ node: RegexNode) -> ScalarSet? {
    switch node {
    case .set(let set): return set
    case .alternatives(let branches):
      var ranges: [ClosedRange<UInt32>] = []
      for branch in branches {
        guard let set = singleSet(branch) else { return nil }
        ranges += set.ranges
      }
      return ScalarSet(ranges)
    default: return nil
    }
  }

  // MARK: Look-around

  /// A look-around. One that looks at a single scalar, or at an edge of the text, is a plain condition.
  private mutating func look(_ direction: RegexAssertion.Direction, isNegative: Bool) throws(Failure) -> RegexNode {
    let node = try body()
    if direction == .before, RegexParser.holdsAtomicGroup(node) {
      throw unsupported("an atomic group in a look-behind")
    }
    guard let plain = RegexParser.plainCondition(direction, node) else {
      return condition(.look(direction, node, isNegative: isNegative))
    }
    return condition(.assertion(isNegative ? plain.negated : plain))
  }

  private static func plainCondition(_ direction: RegexAssertion.Direction, _ body: RegexNode) -> RegexAssertion? {
    var ranges: [ClosedRange<UInt32>] = []
    var atEdge = false
    for branch in branches(body) {
      if let single = singleSet(branch) {
        ranges += single.ranges
      } else if case .repetition(let item, minimum: 1, maximum: _, isLazy: _) = branch, let single = singleSet(item) {
        ranges += single.ranges
      } else if case .assertion(let inner) = branch, inner.direction == direction {
        ranges += inner.set.ranges
        atEdge = atEdge || inner.holdsAtEdge
      } else {
        return nil
      }
    }
    return RegexAssertion(direction: direction, set: ScalarSet(ranges), holdsAtEdge: atEdge)
  }

  private static func branches(_ node: RegexNode) -> [RegexNode] {
    if case .alternatives(let branches) = node { return branches.flatMap(self.branches) }
    return [node]
  }

  private static func holdsAtomicGroup(_ node: RegexNode) -> Bool {
    switch node {
    case .atomic: true
    case .sequence(let items), .alternatives(let items): items.contains { holdsAtomicGroup($0) }
    case .repetition(let body, minimum: _, maximum: _, isLazy: _): holdsAtomicGroup(body)
    default: false
    }
  }
}
