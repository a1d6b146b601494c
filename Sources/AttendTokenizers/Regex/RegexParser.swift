import AttendBase

/// Reads a regular expression. What is beyond the syntax here is `unsupported`, and what is no expression
/// `invalidFile`; both quote it.
struct RegexParser {
  private let pattern: [UInt32]
  private let text: String
  let dialect: RegexDialect
  var position = 0
  private var depth = 0
  /// Classes around this place.
  var classDepth = 0
  var options = Options()

  struct Options {
    var ignoresCase = false
    /// `.` matches a line feed too.
    var dotMatchesNewline = false
    /// White space and comments in the expression are passed over.
    var isExtended = false
  }

  init(_ text: String, dialect: RegexDialect) {
    self.text = text
    self.pattern = text.unicodeScalars.map(\.value)
    self.dialect = dialect
  }

  static func parse(_ text: String, dialect: RegexDialect) throws(Failure) -> RegexNode {
    var parser = RegexParser(text, dialect: dialect)
    let node = try parser.alternatives()
    guard parser.position == parser.pattern.count else { throw parser.invalid("unmatched )") }
    return node
  }

  func invalid(_ reason: String) -> Failure {
    Failure(.invalidFile, "regular expression \"\(text)\": \(reason) at \(position)")
  }
  func unsupported(_ what: String) -> Failure {
    Failure(.unsupported, "regular expression \"\(text)\": \(what) is not supported (at \(position))")
  }

  // MARK: Scalars

  var peek: UInt32? { position < pattern.count ? pattern[position] : nil }

  /// Reads `expected` if it comes next.
  mutating func take(_ expected: String) -> Bool {
    let wanted = expected.unicodeScalars.map(\.value)
    guard position + wanted.count <= pattern.count, Array(pattern[position..<position + wanted.count]) == wanted else {
      return false
    }
    position += wanted.count
    return true
  }

  mutating func next() throws(Failure) -> UInt32 {
    guard let scalar = peek else { throw invalid("unexpected end") }
    position += 1
    return scalar
  }

  /// Reads up to and over `end`.
  mutating func name(until end: UInt32) throws(Failure) -> String {
    var result = ""
    while let scalar = peek, scalar != end {
      if let scalar = Unicode.Scalar(scalar) { result.unicodeScalars.append(scalar) }
      position += 1
    }
    _ = try next()
    return result
  }

  // MARK: Structure

  private mutating func alternatives() throws(Failure) -> RegexNode {
    depth += 1
    defer { depth -= 1 }
    guard depth < 200 else { throw unsupported("nesting of more than 200 groups") }
    let outer = options
    defer { options = outer }
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence() throws(Failure) -> RegexNode {
    var items: [RegexNode] = []
    while let scalar = peek, scalar != 0x7C, scalar != 0x29 {
      if options.isExtended, skipComment() { continue }
      guard let atom = try atom() else { continue }
      items.append(try quantified(atom))
    }
    return items.count == 1 ? items[0] : items.isEmpty ? .empty : .sequence(items)
  }

  private mutating func skipComment() -> Bool {
    guard let scalar = peek else { return false }
    if scalar == 0x23 {
      while let scalar = peek, scalar != 0x0A {
        _ = scalar;
        position += 1
      }
      return true
    }
    guard ScalarSet.whitespace.contains(scalar) else { return false }
    position += 1
    return true
  }

  /// One atom, or nil for what matches nothing by itself: `(?i)`.
  private mutating func atom() throws(Failure) -> RegexNode? {
    let scalar = try next()
    switch scalar {
    case 0x28: return try group()
    case 0x5B: return .set(try characterClass())
    case 0x2E: return .set(options.dotMatchesNewline ? .all : ScalarSet(0x0A).complement)
    case 0x5E:
      return .assertion(
        RegexAssertion(
          direction: .before, set: dialect.anchorsAtLines ? ScalarSet(0x0A) : ScalarSet(), holdsAtEdge: true))
    case 0x24:
      return .assertion(
        RegexAssertion(
          direction: .after, set: dialect.anchorsAtLines ? ScalarSet(0x0A) : ScalarSet(), holdsAtEdge: true))
    case 0x5C: return try escape()
    case 0x2A, 0x2B, 0x3F: throw invalid("nothing to repeat")
    default: return .set(literal(scalar))
    }
  }

  func literal(_ scalar: UInt32) -> ScalarSet {
    options.ignoresCase ? ScalarSet(scalar).ignoringCase : ScalarSet(scalar)
  }

  private mutating func group() throws(Failure) -> RegexNode? {
    var look: (RegexAssertion.Direction, negative: Bool)?
    var isAtomic = false
    if take("?") {
      if take(":") {
      } else if take("=") {
        look = (.after, false)
      } else if take("!") {
        look = (.after, true)
      } else if take("<=") {
        look = (.before, false)
      } else if take("<!") {
        look = (.before, true)
      } else if take(">") {
        isAtomic = true
      } else if take("#") {
        _ = try name(until: 0x29)
        return nil
      } else if take("P<") || take("<") {
        _ = try name(until: 0x3E)
      } else {
        let outer = options
        if try readOptions() { return nil }
        let body = try alternatives()
        options = outer
        guard take(")") else { throw invalid("missing )") }
        return body
      }
    }
    let body = try alternatives()
    guard take(")") else { throw invalid("missing )") }
    if let look { return try assertion(look.0, body, negative: look.negative) }
    if isAtomic { return try atomic(body) }
    return body
  }

  /// Reads the letters of `(?i-m:` or `(?i)`; true for the latter, whose options hold to the end of the group around
  /// it.
  private mutating func readOptions() throws(Failure) -> Bool {
    var value = true
    while true {
      switch try next() {
      case 0x2D: value = false
      case 0x69: options.ignoresCase = value
      case 0x78: options.isExtended = value
      case 0x73: options.dotMatchesNewline = value
      case 0x6D: if dialect.anchorsAtLines { options.dotMatchesNewline = value } else { throw unsupported("(?m)") }
      case 0x75: break
      case 0x3A: return false
      case 0x29: return true
      default: throw unsupported("this kind of group")
      }
    }
  }

  // MARK: Repetition

  private mutating func quantified(_ atom: RegexNode) throws(Failure) -> RegexNode {
    var node = atom
    while true {
      if options.isExtended { while skipComment() {} }
      var bounds: (Int, Int?)
      var isInterval = false
      if take("*") {
        bounds = (0, nil)
      } else if take("+") {
        bounds = (1, nil)
      } else if take("?") {
        bounds = (0, 1)
      } else if let interval = try interval() {
        bounds = interval
        isInterval = true
      } else {
        return node
      }
      if let maximum = bounds.1, maximum < bounds.0 { bounds = (maximum, bounds.0) }
      if take("?") {
        node = .repetition(node, minimum: bounds.0, maximum: bounds.1, isLazy: true)
      } else if !isInterval || dialect.possessiveIntervals, take("+") {
        node = try possessive(node, bounds.0, bounds.1)
      } else {
        node = .repetition(node, minimum: bounds.0, maximum: bounds.1, isLazy: false)
      }
    }
  }

  /// `{2}`, `{2,}`, `{2,5}`, `{,5}`; anything else in braces is literal.
  private mutating func interval() throws(Failure) -> (Int, Int?)? {
    let start = position
    guard take("{") else { return nil }
    let minimum = number()
    var maximum = minimum
    if take(",") { maximum = number() }
    guard take("}"), minimum != nil || maximum != nil else {
      position = start
      return nil
    }
    guard minimum ?? 0 <= 1000, maximum ?? 0 <= 1000 else { throw unsupported("a repetition of more than 1000 times") }
    return (minimum ?? 0, maximum)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = peek, scalar >= 0x30, scalar <= 0x39 {
      value = min((value ?? 0) * 10 + Int(scalar - 0x30), 1_000_000)
      position += 1
    }
    return value
  }

  /// A repetition that gives nothing back. For one scalar of a set this is a greedy one that may end only at its
  /// maximum or where the next scalar is not in the set.
  private func possessive(_ node: RegexNode, _ minimum: Int, _ maximum: Int?) throws(Failure) -> RegexNode {
    guard let set = RegexParser.singleSet(node) else {
      throw unsupported("a possessive repetition of more than one character class")
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

  /// `(?>...)`: only where the body is already atomic.
  private func atomic(_ node: RegexNode) throws(Failure) -> RegexNode {
    switch node {
    case .empty, .set, .assertion: return node
    case .repetition(let body, let minimum, let maximum, isLazy: false): return try possessive(body, minimum, maximum)
    case .sequence(let items) where items.allSatisfy({ RegexParser.singleSet($0) != nil }): return node
    default: throw unsupported("an atomic group other than of a repeated character class")
    }
  }

  /// The set where an expression always matches exactly one scalar of it.
  static func singleSet(_ node: RegexNode) -> ScalarSet? {
    switch node {
    case .set(let set): return set
    case .alternatives(let branches):
      var union = ScalarSet()
      for branch in branches {
        guard let set = singleSet(branch) else { return nil }
        union = union.union(set)
      }
      return union
    default: return nil
    }
  }

  /// A look-around. Those of one scalar, or of an edge of the text, are what tokenizers use.
  private func assertion(
    _ direction: RegexAssertion.Direction, _ body: RegexNode, negative: Bool
  ) throws(Failure) -> RegexNode {
    var set = ScalarSet()
    var atEdge = false
    for branch in RegexParser.branches(body) {
      if let single = RegexParser.singleSet(branch) {
        set = set.union(single)
      } else if case .repetition(let item, let minimum, _, _) = branch, minimum >= 1,
        let single = RegexParser.singleSet(item), minimum == 1
      {
        set = set.union(single)
      } else if case .assertion(let inner) = branch, inner.direction == direction {
        set = set.union(inner.set)
        atEdge = atEdge || inner.holdsAtEdge
      } else {
        throw unsupported("a look-around of more than one character")
      }
    }
    return .assertion(
      RegexAssertion(
        direction: direction, set: negative ? set.complement : set, holdsAtEdge: negative ? !atEdge : atEdge))
  }

  private static func branches(_ node: RegexNode) -> [RegexNode] {
    if case .alternatives(let branches) = node { return branches.flatMap(self.branches) }
    return [node]
  }
}
