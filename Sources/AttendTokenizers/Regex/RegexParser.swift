import AttendBase

/// Reads a regular expression. What is beyond the syntax here is `unsupported`, and what is no expression
/// `invalidFile`; both quote it and name the place.
struct RegexParser {
  private let pattern: [UInt32]
  let text: String
  let dialect: RegexDialect
  var position = 0
  var options = Options()
  var budget = RegexBudget()
  /// Groups and classes around this place.
  var depth = 0
  /// The depth of the node read last.
  var height = 0
  /// The atom read last is a plain scalar, or a condition that may not be repeated.
  private var isLiteral = false
  private var isCondition = false
  /// The place is inside a class.
  var isInClass = false
  /// Groups with a number so far: it tells a back-reference from an octal escape.
  private(set) var groups = 0

  struct Options {
    var ignoresCase = false
    /// `.` matches a line feed too.
    var dotMatchesNewline = false
    /// White space and comments in the expression are passed over.
    var isExtended = false
  }

  init(_ text: String, dialect: RegexDialect) throws(Failure) {
    self.text = text
    self.pattern = text.unicodeScalars.map(\.value)
    self.dialect = dialect
    guard pattern.count <= RegexBudget.length else {
      throw RegexBudget.exceeded(text, "expressions of more than \(RegexBudget.length) characters")
    }
  }

  /// Reads the whole expression.
  mutating func parse() throws(Failure) -> RegexNode {
    let node = try alternatives()
    guard position == pattern.count else { throw invalid("unmatched )") }
    return node
  }

  func invalid(_ reason: String) -> Failure {
    Failure(.invalidFile, "regular expression \"\(RegexBudget.excerpt(text))\": \(reason) at \(position)")
  }
  func unsupported(_ what: String) -> Failure {
    Failure(
      .unsupported, "regular expression \"\(RegexBudget.excerpt(text))\": \(what) is not supported (at \(position))")
  }

  /// Goes one group, class or repetition deeper.
  func checkDepth(_ depth: Int) throws(Failure) {
    guard depth <= RegexBudget.depth else {
      throw RegexBudget.exceeded(text, "more than \(RegexBudget.depth) groups, classes and repetitions in one another")
    }
  }

  // MARK: Scalars

  var peek: UInt32? { peek(0) }
  func peek(_ offset: Int) -> UInt32? { position + offset < pattern.count ? pattern[position + offset] : nil }

  /// Reads `expected` if it comes next.
  mutating func take(_ expected: StaticString) -> Bool {
    let count = expected.utf8CodeUnitCount
    guard position + count <= pattern.count else { return false }
    for offset in 0..<count where pattern[position + offset] != UInt32(expected.utf8Start[offset]) { return false }
    position += count
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

  mutating func alternatives() throws(Failure) -> RegexNode {
    depth += 1
    defer { depth -= 1 }
    try checkDepth(depth)
    let outer = options
    defer { options = outer }
    var branches = [try sequence()]
    var highest = height
    while take("|") {
      branches.append(try sequence())
      highest = max(highest, height)
    }
    height = highest + 1
    try checkDepth(height)
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence() throws(Failure) -> RegexNode {
    var items: [RegexNode] = []
    var run: [UInt32] = []  // scalars without regard to case that stand next to one another
    var highest = 0
    while let scalar = peek, scalar != 0x7C, scalar != 0x29 {
      if try skipComment() { continue }
      try budget.spend(1, text)
      guard let atom = try atom() else { continue }
      let wasLiteral = isLiteral
      let item = try quantified(atom)
      highest = max(highest, height)
      if wasLiteral, case .folded(let scalars) = item {
        run += scalars
        continue
      }
      if !run.isEmpty { items.append(RegexParser.folded(run)) }
      run = []
      items.append(item)
    }
    if !run.isEmpty { items.append(RegexParser.folded(run)) }
    height = highest
    return items.count == 1 ? items[0] : items.isEmpty ? .empty : .sequence(items)
  }

  /// A run of scalars without regard to case; what is one scalar in any spelling is a plain set.
  static func folded(_ run: [UInt32]) -> RegexNode {
    run.count == 1 ? .set(CaseFolding.variants(of: run[0])) : .folded(run)
  }

  /// Passes over a comment, and over white space where the expression is extended.
  private mutating func skipComment() throws(Failure) -> Bool {
    if take("(?#") {
      while try next() != 0x29 {}
      return true
    }
    guard options.isExtended, let scalar = peek else { return false }
    if scalar == 0x23 {
      while let scalar = peek {
        position += 1
        if scalar == 0x0A { break }
      }
      return true
    }
    guard ScalarSet.whitespace.contains(scalar) else { return false }
    position += 1
    return true
  }

  /// One atom, or nil for what matches nothing by itself: `(?i)`.
  private mutating func atom() throws(Failure) -> RegexNode? {
    isLiteral = false
    isCondition = false
    height = 0
    let start = position
    let scalar = try next()
    switch scalar {
    case 0x28: return try group()
    case 0x5B: return try characterClass()
    case 0x2E: return .set(options.dotMatchesNewline ? .all : ScalarSet(0x0A).complement)
    case 0x5E: return condition(startOfLine)
    case 0x24:
      return condition(
        .assertion(
          RegexAssertion(
            direction: .after, set: dialect.anchorsAtLines ? ScalarSet(0x0A) : ScalarSet(), holdsAtEdge: true)))
    case 0x5C: return try escape()
    case 0x2A, 0x2B, 0x3F: throw invalid("nothing to repeat")
    case 0x7B:
      position = start
      if try interval() != nil { throw invalid("nothing to repeat") }
      position = start + 1
      return literal(scalar)
    default: return literal(scalar)
    }
  }

  /// Marks the atom as one that may not be repeated.
  mutating func condition(_ node: RegexNode) -> RegexNode {
    isCondition = true
    return node
  }

  /// The start of the text, or of a line that is not empty behind the last line feed.
  private var startOfLine: RegexNode {
    let start = RegexNode.assertion(RegexAssertion(direction: .before, set: ScalarSet(), holdsAtEdge: true))
    guard dialect.anchorsAtLines else { return start }
    return .alternatives([
      start,
      .sequence([
        .assertion(RegexAssertion(direction: .before, set: ScalarSet(0x0A), holdsAtEdge: false)),
        .assertion(RegexAssertion(direction: .after, set: .all, holdsAtEdge: false)),
      ]),
    ])
  }

  mutating func literal(_ scalar: UInt32) -> RegexNode {
    guard options.ignoresCase else { return .set(ScalarSet(scalar)) }
    isLiteral = true
    return .folded(CaseFolding.fold([scalar]))
  }

  // MARK: Repetition

  private mutating func quantified(_ atom: RegexNode) throws(Failure) -> RegexNode {
    var node = atom
    let mayRepeat = !isCondition
    while true {
      while try skipComment() {}
      guard var bounds = try quantifier() else { return node }
      guard mayRepeat else { throw invalid("a condition cannot be repeated") }
      height += 1
      try checkDepth(height)
      try budget.spend(1, text)
      if case .folded(let scalars) = node { node = RegexParser.folded(scalars) }
      if let maximum = bounds.maximum, maximum < bounds.minimum {
        // Ruby's way to spell a possessive interval.
        bounds = (maximum, bounds.minimum, true)
        node = try possessive(node, bounds.minimum, bounds.maximum)
      } else if bounds.isInterval, bounds.minimum == bounds.maximum, dialect.anchorsAtLines, take("?") {
        // In Ruby's syntax `{n}?` is an optional repetition, not a lazy one.
        node = .repetition(node, minimum: bounds.minimum, maximum: bounds.maximum, isLazy: false)
        node = .repetition(node, minimum: 0, maximum: 1, isLazy: false)
      } else if take("?") {
        node = .repetition(node, minimum: bounds.minimum, maximum: bounds.maximum, isLazy: true)
      } else if !bounds.isInterval || dialect.possessiveIntervals, take("+") {
        node = try possessive(node, bounds.minimum, bounds.maximum)
      } else {
        node = .repetition(node, minimum: bounds.minimum, maximum: bounds.maximum, isLazy: false)
      }
    }
  }

  private typealias Bounds = (minimum: Int, maximum: Int?, isInterval: Bool)

  private mutating func quantifier() throws(Failure) -> Bounds? {
    if take("*") { return (0, nil, false) }
    if take("+") { return (1, nil, false) }
    if take("?") { return (0, 1, false) }
    return try interval()
  }

  /// `{2}`, `{2,}`, `{2,5}`, `{,5}`; anything else in braces is literal.
  private mutating func interval() throws(Failure) -> Bounds? {
    let start = position
    guard take("{") else { return nil }
    let minimum = number()
    var maximum = minimum
    if take(",") { maximum = number() }
    guard take("}"), minimum != nil || maximum != nil else {
      position = start
      return nil
    }
    let limit = 100_000
    guard minimum ?? 0 <= limit, maximum ?? 0 <= limit else {
      throw invalid("a repetition of more than \(limit) times")
    }
    return (minimum ?? 0, maximum, true)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = peek, scalar >= 0x30, scalar <= 0x39 {
      value = min((value ?? 0) * 10 + Int(scalar - 0x30), 1_000_000)
      position += 1
    }
    return value
  }

  /// A group may be repeated, whatever is in it.
  mutating func endGroup() { (isLiteral, isCondition) = (false, false) }

  /// Counts a group that has a number.
  mutating func countGroup() { groups += 1 }
}
