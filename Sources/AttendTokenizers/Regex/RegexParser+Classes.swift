import AttendBase

extension RegexParser {
  private var word: ScalarSet { ScalarSet.word.union(ScalarSet(dialect.otherWordScalars)) }

  // MARK: Escapes

  /// What follows a backslash outside a class.
  mutating func escape() throws(Failure) -> RegexNode {
    guard let scalar = peek else { throw invalid("unexpected end") }
    switch scalar {
    case 0x62, 0x42:  // \b \B
      position += 1
      return boundary(negative: scalar == 0x42)
    case 0x41:  // \A
      position += 1
      return .assertion(RegexAssertion(direction: .before, set: ScalarSet(), holdsAtEdge: true))
    case 0x7A:  // \z
      position += 1
      return .assertion(RegexAssertion(direction: .after, set: ScalarSet(), holdsAtEdge: true))
    case 0x52:  // \R
      position += 1
      return .alternatives([
        .sequence([.set(ScalarSet(0x0D)), .set(ScalarSet(0x0A))]),
        .set(ScalarSet([0x0A...0x0D, 0x85...0x85, 0x2028...0x2029])),
      ])
    case 0x31...0x39, 0x6B: throw unsupported("a back-reference")
    case 0x47, 0x4B, 0x58, 0x5A, 0x79, 0x59: throw unsupported("this escape")
    default: return .set(try escapedSet())
    }
  }

  /// \b: a word scalar on one side alone.
  private func boundary(negative: Bool) -> RegexNode {
    func assertion(_ direction: RegexAssertion.Direction, _ isWord: Bool) -> RegexNode {
      .assertion(RegexAssertion(direction: direction, set: isWord ? word : word.complement, holdsAtEdge: !isWord))
    }
    return .alternatives([true, false].map { .sequence([assertion(.before, $0), assertion(.after, $0 == negative)]) })
  }

  /// The set that an escape stands for, inside a class or outside.
  private mutating func escapedSet() throws(Failure) -> ScalarSet {
    let scalar = try next()
    switch scalar {
    case 0x64: return .decimalNumbers  // \d
    case 0x44: return ScalarSet.decimalNumbers.complement
    case 0x73: return .whitespace  // \s
    case 0x53: return ScalarSet.whitespace.complement
    case 0x77: return word  // \w
    case 0x57: return word.complement
    case 0x68: return ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])  // \h
    case 0x48: return ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66]).complement
    case 0x70, 0x50: return try property(negative: scalar == 0x50)
    default:
      position -= 1
      return literal(try escapedScalar())
    }
  }

  /// The scalar that an escape stands for.
  private mutating func escapedScalar() throws(Failure) -> UInt32 {
    let scalar = try next()
    switch scalar {
    case 0x6E: return 0x0A
    case 0x72: return 0x0D
    case 0x74: return 0x09
    case 0x66: return 0x0C
    case 0x76: return 0x0B
    case 0x61: return 0x07
    case 0x65: return 0x1B
    case 0x30: return 0
    case 0x78:
      if take("{") {
        let digits = try name(until: 0x7D)
        guard let value = UInt32(digits, radix: 16), value <= ScalarSet.last else {
          throw invalid("\\x{\(digits)} is no scalar")
        }
        return value
      }
      return try hexadecimal(1...2)
    case 0x75: return try hexadecimal(4...4)
    case 0x55: return try hexadecimal(8...8)
    default:
      let isLetter = (0x41...0x5A).contains(scalar) || (0x61...0x7A).contains(scalar) || (0x31...0x39).contains(scalar)
      guard !isLetter else { throw unsupported("this escape") }
      return scalar
    }
  }

  private mutating func hexadecimal(_ count: ClosedRange<Int>) throws(Failure) -> UInt32 {
    var value: UInt32 = 0, digits = 0
    while digits < count.upperBound, let scalar = peek,
      let digit = Unicode.Scalar(scalar).flatMap({ Character($0).hexDigitValue }), scalar < 0x80
    {
      value = value << 4 | UInt32(digit)
      digits += 1
      position += 1
    }
    guard count.contains(digits), value <= ScalarSet.last else { throw invalid("a malformed escape") }
    return value
  }

  /// \p{Lu}, \p{^L}, \pL, \p{Han}.
  private mutating func property(negative: Bool) throws(Failure) -> ScalarSet {
    var negative = negative
    var name: String
    if take("{") {
      if take("^") { negative.toggle() }
      name = try self.name(until: 0x7D)
    } else {
      let scalar = try next()
      name = Unicode.Scalar(scalar).map { String(Character($0)) } ?? ""
    }
    for prefix in ["Script=", "sc=", "General_Category=", "gc="] where name.hasPrefix(prefix) {
      name.removeFirst(prefix.count)
    }
    guard let set = RegexParser.property(name) else { throw unsupported("the property \(name)") }
    return negative ? set.complement : set
  }

  private static func property(_ name: String) -> ScalarSet? {
    // Names are compared without regard to case, spaces, hyphens and underscores.
    func plain(_ text: String) -> String { text.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" } }
    let wanted = plain(name)
    switch wanted {
    case "any": return .all
    case "alpha", "alphabetic":
      return ScalarSet.word.intersection(
        ScalarSet(categories: {
          $0.code.first == "L" || $0 == .letterNumber || $0.code.first == "M" || $0 == .otherSymbol
        }))
    case "digit": return .decimalNumbers
    case "space", "whitespace": return .whitespace
    case "lc": return ScalarSet(categories: { [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter].contains($0) })
    case "punct": return ScalarSet(categories: { $0.code.first == "P" })
    default: break
    }
    let long = [
      "letter": "l", "mark": "m", "number": "n", "punctuation": "p", "symbol": "s", "separator": "z", "other": "c",
      "uppercaseletter": "lu", "lowercaseletter": "ll", "titlecaseletter": "lt", "modifierletter": "lm",
      "otherletter": "lo", "nonspacingmark": "mn", "spacingmark": "mc", "enclosingmark": "me", "decimalnumber": "nd",
      "letternumber": "nl", "othernumber": "no", "connectorpunctuation": "pc", "dashpunctuation": "pd",
      "openpunctuation": "ps", "closepunctuation": "pe", "initialpunctuation": "pi", "finalpunctuation": "pf",
      "otherpunctuation": "po", "mathsymbol": "sm", "currencysymbol": "sc", "modifiersymbol": "sk", "othersymbol": "so",
      "spaceseparator": "zs", "lineseparator": "zl", "paragraphseparator": "zp", "control": "cc", "cntrl": "cc",
      "format": "cf", "surrogate": "cs", "privateuse": "co", "unassigned": "cn", "lower": "ll", "upper": "lu",
    ]
    let category = long[wanted] ?? wanted
    if GeneralCategory.allCases.contains(where: { plain($0.code).hasPrefix(category) }), category.count <= 2,
      !category.isEmpty
    {
      return ScalarSet(categories: { plain($0.code).hasPrefix(category) })
    }
    guard let script = UnicodeData.scriptNames.firstIndex(where: { plain($0) == wanted }) else { return nil }
    return ScalarSet(script: UInt32(script))
  }

  // MARK: Classes

  /// What follows `[`: ranges, escapes, nested classes, `[:posix:]`, `&&`, with a leading `^` for the complement.
  mutating func characterClass() throws(Failure) -> ScalarSet {
    let isNegative = take("^")
    var result: ScalarSet?  // of what stands before the last &&
    var current = ScalarSet()
    var isFirst = true
    while true {
      if !isFirst, take("]") { break }
      if take("&&") {
        result = result.map { $0.intersection(current) } ?? current
        current = ScalarSet()
        continue
      }
      current = current.union(try classItem())  // a ] right at the start is literal
      isFirst = false
    }
    var set = result.map { $0.intersection(current) } ?? current
    if options.ignoresCase { set = set.ignoringCase }
    return isNegative ? set.complement : set
  }

  private mutating func classItem() throws(Failure) -> ScalarSet {
    if take("[:") {
      let negative = take("^")
      let name = try self.name(until: 0x3A)
      guard take("]"), let set = RegexParser.posixClass(name, word: word) else {
        throw unsupported("the class [:\(name):]")
      }
      return negative ? set.complement : set
    }
    if take("[") {
      guard classDepth < 50 else { throw unsupported("a class nested this deep") }
      classDepth += 1
      defer { classDepth -= 1 }
      return try characterClass()
    }
    if take("\\") {
      guard let scalar = peek else { throw invalid("unexpected end") }
      if [0x64, 0x44, 0x73, 0x53, 0x77, 0x57, 0x68, 0x48, 0x70, 0x50].contains(scalar) { return try escapedSet() }
      if scalar == 0x62 {  // in a class, \b is the backspace
        position += 1
        return try range(from: 0x08)
      }
      return try range(from: try escapedScalar())
    }
    return try range(from: try next())
  }

  /// A single scalar, or a range that starts with it.
  private mutating func range(from first: UInt32) throws(Failure) -> ScalarSet {
    let start = position
    guard take("-"), let scalar = peek, scalar != 0x5D, scalar != 0x5B else {
      position = start
      return ScalarSet(first)
    }
    position += 1
    var last = scalar
    if scalar == 0x5C {
      if let kind = peek, [0x64, 0x44, 0x73, 0x53, 0x77, 0x57, 0x68, 0x48, 0x70, 0x50].contains(kind) {
        position = start
        return ScalarSet(first)
      }
      last = try escapedScalar()
    }
    guard first <= last else { throw invalid("an empty range") }
    return ScalarSet(first...last)
  }

  private static func posixClass(_ name: String, word: ScalarSet) -> ScalarSet? {
    switch name {
    case "word": return word
    case "alnum": return property("alpha").map { $0.union(.decimalNumbers) }
    case "blank": return ScalarSet(categories: { $0 == .spaceSeparator }).union(ScalarSet(0x09))
    case "xdigit": return ScalarSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
    case "ascii": return ScalarSet(0...0x7F)
    case "alpha", "digit", "space", "punct", "lower", "upper", "cntrl": return property(name)
    default: return nil
    }
  }
}
