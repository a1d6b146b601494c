import AttendBase

/// Reads the notation of ECMA-262 (section 22.2.1, with what annex B lets pass): `pattern` and `patternProperties` are
/// written in it. Not implemented, and an error: references back, looking behind, properties of Unicode.
struct PatternParser {
  private let text: [Unicode.Scalar]
  private var position = 0
  private var depth = 0

  /// Groups within groups, at most.
  private static let deepest = 100
  /// The largest count of repetitions.
  private static let most = 100_000

  static func parse(_ text: String) throws(Failure) -> Pattern {
    var parser = PatternParser(text: Array(text.unicodeScalars))
    let result = try parser.alternatives()
    guard parser.position == parser.text.count else { throw parser.refusal("a ) without a (") }
    return result
  }

  private init(text: [Unicode.Scalar]) { self.text = text }

  private func refusal(_ reason: String) -> Failure {
    Failure(.unsupported, "\(reason) at character \(position + 1) of the regular expression")
  }

  private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

  private mutating func take(_ wanted: StaticString) -> Bool {
    let wanted = Array(wanted.description.unicodeScalars)
    guard text[position...].starts(with: wanted) else { return false }
    position += wanted.count
    return true
  }

  private mutating func alternatives() throws(Failure) -> Pattern {
    var all = [try sequence()]
    while take("|") { all.append(try sequence()) }
    return all.count == 1 ? all[0] : .choice(all)
  }

  private mutating func sequence() throws(Failure) -> Pattern {
    var all: [Pattern] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      let part = try term()
      let quantified = try quantified(part)
      if case .sequence(let inner) = quantified { all += inner } else { all.append(quantified) }
    }
    return all.count == 1 ? all[0] : .sequence(all)
  }

  private mutating func term() throws(Failure) -> Pattern {
    switch text[position] {
    case "(": return try group()
    case "[": return .characters(try characterClass())
    case "\\": return try escape()
    case "*", "+", "?": throw refusal("nothing to repeat")
    default:
      position += 1
      switch text[position - 1] {
      case "^": return .assertion(.start)
      case "$": return .assertion(.end)
      case ".": return .characters(.dot)
      default: return .characters(Scalars(text[position - 1].value))
      }
    }
  }

  private mutating func group() throws(Failure) -> Pattern {
    depth += 1
    guard depth <= PatternParser.deepest else { throw refusal("groups over \(PatternParser.deepest) deep") }
    defer { depth -= 1 }
    let start = position
    var look: Bool?
    position += 1
    if take("?") {
      if take("=") {
        look = false
      } else if take("!") {
        look = true
      } else if take("<") {
        if next == "=" || next == "!" { throw refusal("looking behind is not implemented") }
        while let scalar = next, scalar != ">" { position += scalar == ")" ? text.count : 1 }
        guard take(">") else { throw refusal("a group's name has no end") }
      } else if !take(":") {
        throw refusal("a group of unknown kind")
      }
    }
    let body = try alternatives()
    guard take(")") else {
      position = start
      throw refusal("a ( without a )")
    }
    return look.map { .lookahead(body, negated: $0) } ?? body
  }

  /// The part with the quantifier that follows it, if one does. A lazy one allows the same strings.
  private mutating func quantified(_ part: Pattern) throws(Failure) -> Pattern {
    let bounds: (Int, Int?)
    switch next {
    case "*": bounds = (0, nil)
    case "+": bounds = (1, nil)
    case "?": bounds = (0, 1)
    case "{":
      guard let counts = try counts() else { return part }
      bounds = counts
      position -= 1
    default: return part
    }
    position += 1
    _ = take("?")
    switch part {
    case .assertion, .lookahead:  // Annex B: looking ahead may be repeated. Once says as much as often.
      return bounds.0 > 0 ? part : .sequence([])
    default: break
    }
    if case .repetition(_, 0, nil) = part { return part }  // (x*)*, (x*)+, (x*)? and the like are x*.
    return .repetition(part, bounds.0, bounds.1)
  }

  /// {n}, {n,} or {n,m}; nil where it is none, which annex B takes for characters.
  private mutating func counts() throws(Failure) -> (Int, Int?)? {
    let start = position
    position += 1
    guard let least = try count() else {
      position = start
      return nil
    }
    var most: Int? = least
    if take(",") { most = try count() }
    guard take("}") else {
      position = start
      return nil
    }
    if let most, most < least { throw refusal("a quantifier from \(least) to \(most)") }
    return (least, most)
  }

  private mutating func count() throws(Failure) -> Int? {
    var value: Int?
    while let scalar = next, ("0"..."9").contains(scalar) {
      value = (value ?? 0) * 10 + Int(scalar.value - 48)
      guard value! <= PatternParser.most else { throw refusal("a count over \(PatternParser.most)") }
      position += 1
    }
    return value
  }
}

// MARK: - Characters

extension PatternParser {
  private mutating func escape() throws(Failure) -> Pattern {
    guard position + 1 < text.count else { throw refusal("a \\ ends") }
    switch text[position + 1] {
    case "b": position += 2; return .assertion(.boundary)
    case "B": position += 2; return .assertion(.noBoundary)
    case "1"..."9", "k": throw refusal("a reference back is not implemented")
    default: return .characters(try characterEscape())
    }
  }

  /// The class or the character of the escape at the position.
  private mutating func characterEscape() throws(Failure) -> Scalars {
    position += 1
    guard let scalar = next else { throw refusal("a \\ ends") }
    position += 1
    switch scalar {
    case "d": return .digits
    case "D": return Scalars.digits.complement
    case "w": return .word
    case "W": return Scalars.word.complement
    case "s": return .space
    case "S": return Scalars.space.complement
    case "t": return Scalars(9)
    case "n": return Scalars(10)
    case "v": return Scalars(11)
    case "f": return Scalars(12)
    case "r": return Scalars(13)
    case "0": return Scalars(0)
    case "x": return Scalars(try hexadecimal(2))
    case "u": return Scalars(try unicodeEscape())
    case "c":
      guard let letter = next, letter.isASCII, letter.properties.isAlphabetic else { throw refusal("a \\c alone") }
      position += 1
      return Scalars(letter.value & 31)
    case "p", "P": throw refusal("a property of Unicode is not implemented")
    case "A", "Z", "z", "G", "a", "e", "h", "H", "R", "Q", "E":
      throw refusal("\\\(scalar) is not an escape of ECMA-262")
    default: return Scalars(scalar.value)
    }
  }

  private mutating func hexadecimal(_ count: Int) throws(Failure) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let digit = next.flatMap({ Character($0).hexDigitValue }), next!.isASCII else {
        throw refusal("an escape needs \(count) hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  private mutating func unicodeEscape() throws(Failure) -> UInt32 {
    if take("{") {
      var value: UInt32 = 0
      while !take("}") {
        value = value << 4 | (try hexadecimal(1))
        guard value <= Scalars.last else { throw refusal("a character past U+10FFFF") }
      }
      return value
    }
    let unit = try hexadecimal(4)
    guard unit & 0xFC00 == 0xD800, take("\\u") else { return unit }
    let low = try hexadecimal(4)
    guard low & 0xFC00 == 0xDC00 else { throw refusal("half a surrogate pair") }
    return 0x10000 + (unit & 0x3FF) << 10 + low & 0x3FF
  }

  private mutating func characterClass() throws(Failure) -> Scalars {
    let start = position
    position += 1
    let negated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    while !take("]") {
      guard next != nil else {
        position = start
        throw refusal("a [ without a ]")
      }
      let low = try classAtom()
      guard next == "-", position + 1 < text.count, text[position + 1] != "]" else {
        ranges += low.ranges
        continue
      }
      position += 1
      let high = try classAtom()
      if let first = low.only, let last = high.only {
        guard first <= last else { throw refusal("a range in the wrong order") }
        ranges.append(first...last)
      } else {  // Annex B: with a class at an end, the - stands for itself.
        ranges += low.ranges + [45...45] + high.ranges
      }
    }
    let set = Scalars(ranges)
    return negated ? set.complement : set
  }

  private mutating func classAtom() throws(Failure) -> Scalars {
    guard let scalar = next else { throw refusal("a [ without a ]") }
    if scalar == "\\" {
      if position + 1 < text.count, text[position + 1] == "b" {
        position += 2
        return Scalars(8)
      }
      return try characterEscape()
    }
    position += 1
    return Scalars(scalar.value)
  }
}
