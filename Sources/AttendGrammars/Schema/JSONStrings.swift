import AttendBase

/// The ways in which JSON writes characters and strings, as expressions of a grammar.
///
/// Where a string is restricted, a character has one way to be written: itself, or its escape where it needs one. So
/// languages over characters and over the text of JSON correspond one to one, also under intersection and complement.
struct JSONStrings: ~Copyable {
  private var expressions: [Scalars: Grammar.Expression] = [:]
  private var free: Grammar.Expression?
  private var escapes: Grammar.Expression?

  /// Characters that stand for themselves in a JSON string.
  static let plain = Scalars([0x00...0x1F, 0x22...0x22, 0x5C...0x5C]).complement
  /// Characters with an escape of two, and its letter.
  private static let short: [(scalar: UInt32, letter: UInt8)] = [
    (0x22, UInt8(ascii: "\"")), (0x5C, UInt8(ascii: "\\")), (8, UInt8(ascii: "b")), (9, UInt8(ascii: "t")),
    (10, UInt8(ascii: "n")), (12, UInt8(ascii: "f")), (13, UInt8(ascii: "r")),
  ]

  /// One character of a set, written in its one way.
  mutating func character(_ set: Scalars, _ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    if let known = expressions[set] { return known }
    var parts: [Grammar.Expression] = []
    let plain = set.intersection(JSONStrings.plain)
    if !plain.isEmpty { parts.append(try grammar.characters(plain.ranges)) }
    let letters = JSONStrings.short.filter { set.contains($0.scalar) }.map(\.letter)
    if !letters.isEmpty { parts.append(try escape(letters, &grammar)) }
    for high in 0..<2 as Range<UInt32> {
      let low = (0..<16 as Range<UInt32>).filter { digit in
        let scalar = high << 4 | digit
        return set.contains(scalar) && !JSONStrings.short.contains { $0.scalar == scalar }
      }
      guard !low.isEmpty else { continue }
      let start = try grammar.literal("\\u00\(high)".utf8)
      parts.append(try grammar.sequence([start, hexadecimal(low, &grammar)]))
    }
    let result = try grammar.choice(parts)
    expressions[set] = result
    return result
  }

  private func escape(_ letters: [UInt8], _ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    let mark = try grammar.literal("\\".utf8)
    return try grammar.sequence([mark, grammar.characters(letters.map { UInt32($0)...UInt32($0) })])
  }

  /// A hexadecimal digit of these values, in either case.
  private func hexadecimal(_ values: [UInt32], _ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    let ranges = values.flatMap { value -> [ClosedRange<UInt32>] in
      value < 10 ? [value + 48...value + 48] : [value + 55...value + 55, value + 87...value + 87]
    }
    return try grammar.characters(ranges)
  }

  /// One character of a string that nothing restricts: also by escapes that it does not need.
  mutating func freeCharacter(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    if let free { return free }
    let plain = try grammar.characters(JSONStrings.plain.ranges)
    let short = try escape(Array("\"\\/bfnrt".utf8), &grammar)
    let digit = try hexadecimal(Array(0..<16), &grammar)
    let unicode = try grammar.sequence([grammar.literal("\\u".utf8), grammar.repetition(of: digit, 4, 4)])
    let result = try grammar.choice([plain, short, unicode])
    free = result
    return result
  }

  /// One character of a name that is none of some, which are spelled in their one way. `isPlain`: they are of ASCII
  /// without slashes; then all other characters may be escaped at will.
  mutating func nameCharacter(isPlain: Bool, _ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    guard isPlain else { return try character(.all, &grammar) }
    if let escapes { return escapes }
    let own = try character(.all, &grammar)
    let digit = try hexadecimal(Array(0..<16), &grammar)
    let start = try grammar.literal("\\u".utf8)
    let high = try grammar.sequence([
      grammar.literal("00".utf8), hexadecimal(Array(8..<16), &grammar), digit,
    ])
    let third = try grammar.sequence([
      grammar.literal("0".utf8), hexadecimal(Array(1..<16), &grammar), grammar.repetition(of: digit, 2, 2),
    ])
    let fourth = try grammar.sequence([hexadecimal(Array(1..<16), &grammar), grammar.repetition(of: digit, 3, 3)])
    let unicode = try grammar.sequence([start, grammar.choice([high, third, fourth])])
    let result = try grammar.choice([own, grammar.literal("\\/".utf8), unicode])
    escapes = result
    return result
  }

  /// The escapes of those characters of a set that need one, in either case of their digits.
  static func escapes(in set: Scalars) -> [[UInt32]] {
    var result: [[UInt32]] = []
    for (scalar, letter) in short where set.contains(scalar) { result.append([0x5C, UInt32(letter)]) }
    for scalar in 0..<32 as Range<UInt32> where set.contains(scalar) && !short.contains(where: { $0.scalar == scalar })
    {
      for digits in Set(["0123456789abcdef", "0123456789ABCDEF"].map { Array($0.utf8)[Int(scalar & 15)] }).sorted() {
        result.append([0x5C, 0x75, 0x30, 0x30, 0x30 + scalar >> 4, UInt32(digits)])
      }
    }
    return result
  }

  /// A text between quotes, in the way in which it is usually written.
  static func quoted(_ text: some Sequence<UInt8>) -> [UInt8] {
    [UInt8(ascii: "\"")] + escaped(text) + [UInt8(ascii: "\"")]
  }

  static func escaped(_ text: some Sequence<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    for byte in text {
      if let letter = short.first(where: { $0.scalar == UInt32(byte) })?.letter {
        result += [UInt8(ascii: "\\"), letter]
      } else if byte < 0x20 {
        let digits = Array("0123456789abcdef".utf8)
        result += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      } else {
        result.append(byte)
      }
    }
    return result
  }
}
