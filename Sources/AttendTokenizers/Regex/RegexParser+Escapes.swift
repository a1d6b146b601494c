import AttendBase

extension RegexParser {
  private var word: ScalarSet { ScalarSet.word.union(ScalarSet(dialect.otherWordScalars)) }

  /// The escape that follows a backslash outside a class.
  mutating func escape() throws(Failure) -> RegexNode {
    guard let scalar = peek else { throw invalid("unexpected end") }
    if let node = try place(scalar) { return condition(node) }
    switch scalar {
    case 0x52:  // \R, which never stops within a CR LF
      position += 1
      let lineFeed = ScalarSet(0x0A), carriageReturn = RegexNode.set(ScalarSet(0x0D))
      let alone = RegexAssertion(direction: .after, set: lineFeed.complement, holdsAtEdge: true)
      return .alternatives([
        .sequence([carriageReturn, .set(lineFeed)]), .sequence([carriageReturn, .assertion(alone)]),
        .set(ScalarSet([0x0A...0x0C, 0x85...0x85, 0x2028...0x2029])),
      ])
    case 0x58:  // \X
      position += 1
      let any = RegexNode.set(.all)
      let within = RegexNode.sequence([.clusterBoundary(isNegative: true), any])
      return .atomic(.sequence([any, .repetition(within, minimum: 0, maximum: nil, isLazy: false)]))
    case 0x6B: throw unsupported("a back-reference")
    case 0x67: throw unsupported("a call of a group, \\g,")
    case 0x4B: throw unsupported("\\K")
    case 0x47: throw unsupported("\\G")
    case 0x31...0x39: if try isBackReference() { throw unsupported("a back-reference") }
    default: break
    }
    if let set = try escapedSet() { return .set(set) }
    let scalars = try escapedScalars()
    if scalars.count == 1 { return literal(scalars[0]) }
    return options.ignoresCase
      ? RegexParser.folded(CaseFolding.fold(scalars)) : .sequence(scalars.map { .set(ScalarSet($0)) })
  }

  /// The conditions: \b \B \A \z \Z \y \Y.
  private mutating func place(_ scalar: UInt32) throws(Failure) -> RegexNode? {
    let end = RegexNode.assertion(RegexAssertion(direction: .after, set: ScalarSet(), holdsAtEdge: true))
    let node: RegexNode
    switch scalar {
    case 0x62, 0x42: node = boundary(negative: scalar == 0x42)
    case 0x41: node = .assertion(RegexAssertion(direction: .before, set: ScalarSet(), holdsAtEdge: true))
    case 0x7A: node = end
    case 0x5A:
      node = .look(.after, .alternatives([end, .sequence([.set(ScalarSet(0x0A)), end])]), isNegative: false)
    case 0x79, 0x59: node = .clusterBoundary(isNegative: scalar == 0x59)
    default: return nil
    }
    position += 1
    return node
  }

  /// \b: a word scalar on one side alone.
  private func boundary(negative: Bool) -> RegexNode {
    func assertion(_ direction: RegexAssertion.Direction, _ isWord: Bool) -> RegexNode {
      .assertion(RegexAssertion(direction: direction, set: isWord ? word : word.complement, holdsAtEdge: !isWord))
    }
    return .alternatives([true, false].map { .sequence([assertion(.before, $0), assertion(.after, $0 == negative)]) })
  }

  /// Whether digits behind a backslash are the number of a group: those below 10 always are.
  private func isBackReference() throws(Failure) -> Bool {
    var value = 0, offset = 0
    while let digit = peek(offset), digit >= 0x30, digit <= 0x39, offset < 5 {
      value = value * 10 + Int(digit - 0x30)
      offset += 1
    }
    return value <= max(groups, 9) || peek == 0x38 || peek == 0x39
  }

  // MARK: Sets and scalars, inside a class or outside

  /// The set that an escape stands for; nil where it stands for scalars.
  mutating func escapedSet() throws(Failure) -> ScalarSet? {
    guard let scalar = peek else { throw invalid("unexpected end") }
    let set: ScalarSet
    switch scalar {
    case 0x64, 0x44: set = .decimalNumbers  // \d
    case 0x73, 0x53: set = .whitespace  // \s
    case 0x77, 0x57: set = word  // \w
    case 0x68, 0x48: set = .hexadecimalDigits  // \h
    case 0x4E where !isInClass: set = ScalarSet(0x0A).complement  // \N
    case 0x4F where !isInClass: set = .all  // \O
    case 0x70, 0x50:  // \p{...}
      guard peek(1) == 0x7B || !dialect.anchorsAtLines else { return nil }
      position += 1
      return try property(negative: scalar == 0x50)
    default: return nil
    }
    position += 1
    try budget.spend(set.ranges.count, text)
    let isNegative = scalar == 0x44 || scalar == 0x53 || scalar == 0x57 || scalar == 0x48
    return isNegative ? set.complement : set
  }

  /// \p{Lu}, \p{^L}, \pL, \p{Han}.
  private mutating func property(negative: Bool) throws(Failure) -> ScalarSet {
    var negative = negative
    var name = ""
    if take("{") {
      if take("^") { negative.toggle() }
      name = try self.name(until: 0x7D)
    } else if let scalar = Unicode.Scalar(try next()) {
      name = String(Character(scalar))
    }
    try budget.spend(1 << 12, text)
    guard let set = RegexProperties.property(name) else { throw unsupported("the property \(name)") }
    return negative ? set.complement : set
  }

  /// The scalars that an escape stands for: several only for \x{41 42}.
  mutating func escapedScalars() throws(Failure) -> [UInt32] {
    let scalar = try next()
    switch scalar {
    case 0x6E: return [0x0A]
    case 0x72: return [0x0D]
    case 0x74: return [0x09]
    case 0x66: return [0x0C]
    case 0x76: return [0x0B]
    case 0x61: return [0x07]
    case 0x65: return [0x1B]
    case 0x30...0x37:
      position -= 1
      return [try byteSequence(try digits(1...3, radix: 8))]
    case 0x78:
      if take("{") { return try scalarList(radix: 16) }
      return [try byteSequence(try digits(0...2, radix: 16))]
    case 0x6F where take("{"): return try scalarList(radix: 8)
    case 0x75: return [try checked(try digits(4...4, radix: 16))]
    case 0x63: return [try control()]
    case 0x43:
      guard take("-") else { throw invalid("a malformed \\C-") }
      return [try control()]
    case 0x4D:
      guard take("-") else { throw invalid("a malformed \\M-") }
      return [try plainScalar() & 0xFF | 0x80]
    default: return [scalar]
    }
  }

  private mutating func control() throws(Failure) -> UInt32 {
    if take("?") { return 0x7F }
    return try plainScalar() & 0x9F
  }

  /// A scalar, or an escape that stands for one.
  private mutating func plainScalar() throws(Failure) -> UInt32 {
    let scalar = try next()
    guard scalar == 0x5C else { return scalar }
    depth += 1
    defer { depth -= 1 }
    try checkDepth(depth)
    return try escapedScalars()[0]
  }

  private func checked(_ value: UInt32) throws(Failure) -> UInt32 {
    guard value <= ScalarSet.last, !(0xD800...0xDFFF).contains(value) else { throw invalid("an escape of no scalar") }
    return value
  }

  private mutating func digits(_ count: ClosedRange<Int>, radix: UInt32) throws(Failure) -> UInt32 {
    var value: UInt32 = 0, digits = 0
    while digits < count.upperBound, let scalar = peek, scalar < 0x80,
      let digit = Unicode.Scalar(scalar).flatMap({ Character($0).hexDigitValue }), digit < radix
    {
      value = value &* radix &+ UInt32(digit)
      digits += 1
      position += 1
    }
    guard count.contains(digits) else { throw invalid("a malformed escape") }
    return value
  }

  /// `41}` or `41 42}`, as \x{ and \o{ have it.
  private mutating func scalarList(radix: UInt32) throws(Failure) -> [UInt32] {
    var result: [UInt32] = []
    while true {
      while take(" ") || take("\n") {}
      if take("}"), !result.isEmpty { return result }
      result.append(try checked(try digits(1...(radix == 8 ? 11 : 8), radix: radix)))
    }
  }

  /// A byte that an escape spells, or the scalar whose UTF-8 several such bytes next to one another are.
  private mutating func byteSequence(_ first: UInt32) throws(Failure) -> UInt32 {
    guard first >= 0x80, dialect.anchorsAtLines else { return first }
    guard first >= 0xC2, first <= 0xF4 else { throw unsupported("a byte that is no UTF-8") }
    var bytes = [UInt8(truncatingIfNeeded: first)]
    for _ in 1..<UTF8Text.length(first: bytes[0]) {
      guard take("\\") else { throw unsupported("a byte that is no UTF-8") }
      let byte = take("x") ? try digits(1...2, radix: 16) : try digits(3...3, radix: 8)
      bytes.append(UInt8(truncatingIfNeeded: byte))
    }
    guard bytes.withUnsafeBytes({ UTF8Text.validPrefix($0) }) == bytes.count else {
      throw unsupported("a byte that is no UTF-8")
    }
    return UTF8Text.scalars(bytes)[0]
  }
}
