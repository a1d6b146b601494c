import AttendBase

/// Regular expressions, anchored at both ends: the whole output must match. The dialect is that of other engines for
/// constrained output: `.` and negated classes match a newline too, \d, \w and \s are ASCII, laziness changes nothing
/// (a set of strings has no order). What is not a set of strings by itself, such as back references and looking around,
/// is refused by name and place.
package enum RegularExpression {
  package static func grammar(_ pattern: String) throws(Failure) -> Grammar {
    var grammar = try Grammar()
    let whole = try expression(pattern, ignoringCase: false, in: &grammar)
    grammar.root = try grammar.lexeme(whole)
    return grammar
  }

  /// The expression of a pattern, as a part of another grammar.
  package static func expression(
    _ pattern: String, ignoringCase: Bool, in grammar: inout Grammar
  ) throws(Failure) -> Grammar.Expression {
    var parser = PatternReader(try ScalarReader(pattern, "regular expression"), ignoresCase: ignoringCase)
    return try parser.whole(&grammar)
  }
}

private struct PatternReader {
  private var reader: ScalarReader
  private var ignoresCase: Bool
  private var depth = 0

  init(_ reader: ScalarReader, ignoresCase: Bool) {
    self.reader = reader
    self.ignoresCase = ignoresCase
  }

  mutating func whole(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    let result = try alternatives(&grammar)
    guard reader.isAtEnd else { throw reader.failure("has a \")\" without a \"(\"") }
    return result
  }

  private mutating func alternatives(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= ScalarReader.depth else {
      throw reader.failure("nests more than \(ScalarReader.depth) groups")
    }
    let before = ignoresCase
    defer { ignoresCase = before }
    var all = [try sequence(&grammar)]
    while reader.take("|") { all.append(try sequence(&grammar)) }
    return try grammar.choice(all)
  }

  private mutating func sequence(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    var all: [Grammar.Expression] = []
    // An anchor at the edge of the pattern says what holds anyway.
    if depth == 1 { while reader.take("^") || reader.take("\\A") {} }
    while let next = reader.next, next != "|", next != ")" {
      if next == "$" || reader.starts(with: "\\z") || reader.starts(with: "\\Z") {
        let length = next == "$" ? 1 : 2
        let after = reader.peek(length)
        guard depth == 1, after == nil || after == "|" else {
          throw reader.unsupported("an anchor inside the pattern")
        }
        reader.skip(length)
        continue
      }
      guard let atom = try atom(&grammar) else { continue }
      all.append(try quantified(atom, &grammar))
    }
    return try grammar.sequence(all)
  }

  private mutating func quantified(
    _ atom: Grammar.Expression, _ grammar: inout Grammar
  ) throws(Failure) -> Grammar.Expression {
    var result = atom
    while let (least, most) = try counts() {
      result = try grammar.repetition(of: result, least, most)
      if reader.take("?") { continue }  // lazy
      if reader.next == "+" { throw reader.unsupported("a possessive quantifier") }
    }
    return result
  }

  private mutating func counts() throws(Failure) -> (Int, Int?)? {
    if reader.take("*") { return (0, nil) }
    if reader.take("+") { return (1, nil) }
    if reader.take("?") { return (0, 1) }
    let start = reader.place
    guard reader.take("{") else { return nil }
    let least = try reader.takeNumber()
    var most = least
    if reader.take(",") { most = try reader.takeNumber() } else if least == nil { most = -1 }
    guard reader.take("}"), least != nil || most != nil, most != -1 else {
      reader.go(to: start)  // A brace that is no count is a character.
      return nil
    }
    if let least, let most, most < least {
      throw reader.failure("repeats a part at least \(least) and at most \(most) times")
    }
    return (least ?? 0, most)
  }

  /// One part; nil for flags that hold from here on.
  private mutating func atom(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression? {
    switch reader.next {
    case "(": return try group(&grammar)
    case ".":
      reader.skip()
      return try grammar.anyCharacter()
    case "[": return try characters(bracket(), &grammar)
    case "\\": return try characters(escape(isInClass: false), &grammar)
    case "*", "+", "?": throw reader.failure("repeats nothing")
    case "^": throw reader.unsupported("an anchor inside the pattern")
    default:
      let scalar = try reader.takeAny()
      return try characters([scalar.value...scalar.value], &grammar)
    }
  }

  private func characters(
    _ ranges: CharacterClasses.Ranges, _ grammar: inout Grammar
  ) throws(Failure) -> Grammar.Expression {
    let all = ignoresCase ? CharacterClasses.foldingCase(ranges) : ranges
    if all.count == 1, all[0].count == 1, let scalar = Unicode.Scalar(all[0].lowerBound) {
      return try grammar.literal(UTF8.encode(scalar)!)
    }
    return try grammar.characters(all)
  }

  private mutating func group(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression? {
    reader.skip()
    let outer = ignoresCase
    if reader.take("?") {
      if reader.next == "=" || reader.next == "!" || reader.starts(with: "<=") || reader.starts(with: "<!") {
        throw reader.unsupported("an assertion about what stands around")
      }
      if reader.next == ">" { throw reader.unsupported("an atomic group") }
      if reader.take("P<") || reader.take("<") {
        _ = reader.takeAll { $0 != ">" }
        try reader.require(">")
      } else if !reader.take(":") {
        if try flags() { return nil }
      }
    }
    let inner = try alternatives(&grammar)
    ignoresCase = outer
    try reader.require(")")
    return inner
  }

  /// Flags up to the colon of their group; true where they stand alone, for what follows.
  private mutating func flags() throws(Failure) -> Bool {
    var value = true
    while let next = reader.next {
      reader.skip()
      switch next {
      case "i": ignoresCase = value
      case "s", "m": break  // A dot matches everything as it is, and there are no anchors within.
      case "-": value = false
      case ":": return false
      case ")": return true
      default: throw reader.unsupported("the group (?\(next)")
      }
    }
    throw reader.failure("ends inside a group")
  }

  private mutating func bracket() throws(Failure) -> CharacterClasses.Ranges {
    reader.skip()
    let isNegated = reader.take("^")
    var ranges: CharacterClasses.Ranges = []
    var isFirst = true
    while isFirst || reader.next != "]" {
      isFirst = false
      if reader.starts(with: "[:") { throw reader.unsupported("a POSIX class") }
      if reader.starts(with: "&&") { throw reader.unsupported("an intersection of classes") }
      let low = try classAtom()
      guard reader.next == "-", let after = reader.peek(1), after != "]", low.count == 1, low[0].count == 1 else {
        ranges += low
        continue
      }
      reader.skip()
      let high = try classAtom()
      guard high.count == 1, high[0].count == 1, low[0].lowerBound <= high[0].lowerBound else {
        throw reader.failure("has a range whose ends are not in order")
      }
      ranges.append(low[0].lowerBound...high[0].lowerBound)
    }
    try reader.require("]")
    if isNegated {
      return CharacterClasses.complement(of: ignoresCase ? CharacterClasses.foldingCase(ranges) : ranges)
    }
    return ranges
  }

  private mutating func classAtom() throws(Failure) -> CharacterClasses.Ranges {
    if reader.next == "\\" { return try escape(isInClass: true) }
    let scalar = try reader.takeAny()
    return [scalar.value...scalar.value]
  }

  private mutating func escape(isInClass: Bool) throws(Failure) -> CharacterClasses.Ranges {
    reader.skip()
    let letter = try reader.takeAny()
    if let set = CharacterClasses.shorthand(letter) { return set }
    if letter == "p" || letter == "P" { return try property(isNegated: letter == "P") }
    let value = try escapedScalar(letter, isInClass: isInClass).value
    return [value...value]
  }

  private mutating func escapedScalar(
    _ letter: Unicode.Scalar, isInClass: Bool
  ) throws(Failure) -> Unicode.Scalar {
    if letter == "x" || letter == "u", reader.take("{") { return try reader.takeBraced() }
    if let scalar = try reader.takeEscaped(letter) { return scalar }
    switch letter {
    case "f": return "\u{0C}"
    case "v": return "\u{0B}"
    case "a": return "\u{07}"
    case "e": return "\u{1B}"
    case "0": return "\0"
    case "b" where isInClass: return "\u{08}"
    case "c":
      let control = try reader.takeAny()
      guard control.isASCII, control.properties.isAlphabetic else { throw reader.failure("has \\c without a letter") }
      return Unicode.Scalar(UInt8(control.value & 0x1F))
    case "1"..."9", "k": throw reader.unsupported("the back reference \\\(letter)")
    case "a"..."z", "A"..."Z": throw reader.unsupported("the escape \\\(letter)")
    default: return letter
    }
  }

  private mutating func property(isNegated: Bool) throws(Failure) -> CharacterClasses.Ranges {
    var name = String(try reader.takeAny())
    if name == "{" {
      name = reader.takeAll { $0 != "}" }
      try reader.require("}")
    }
    let inverted = name.hasPrefix("^")
    if inverted { name.removeFirst() }
    guard let set = CharacterClasses.property(name) else { throw reader.unsupported("the property \\p{\(name)}") }
    return isNegated != inverted ? CharacterClasses.complement(of: set) : set
  }
}
