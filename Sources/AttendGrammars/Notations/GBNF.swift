import AttendBase

/// Grammars in the notation of llama.cpp (GBNF): rules `name ::= alternatives`, of which `root` is the whole output;
/// strings, classes, groups, `?`, `*`, `+`, `{m,n}`, `.` for any character, comments after `#`.
package enum GBNF {
  package static func grammar(_ text: String, root: String = "root") throws(Failure) -> Grammar {
    var grammar = try Grammar()
    var parser = GBNFReader(try ScalarReader(text, "grammar"))
    try parser.rules(&grammar)
    guard let rule = parser.names[root] else {
      throw Failure(.invalidArgument, "the grammar has no rule \"\(root)\"")
    }
    grammar.root = try grammar.reference(to: rule)
    return grammar
  }
}

private struct GBNFReader {
  private var reader: ScalarReader
  private(set) var names: [String: Grammar.Rule] = [:]
  private var depth = 0

  init(_ reader: ScalarReader) { self.reader = reader }

  private static func isName(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".": true
    default: false
    }
  }

  private static let comments = ["#"]

  private mutating func skipBlanks(newlines: Bool) {
    reader.skipBlanks(newlines: newlines, comments: GBNFReader.comments)
  }

  mutating func rules(_ grammar: inout Grammar) throws(Failure) {
    skipBlanks(newlines: true)
    while !reader.isAtEnd {
      let name = reader.takeAll(where: GBNFReader.isName)
      guard !name.isEmpty else { throw reader.failure("needs the name of a rule") }
      skipBlanks(newlines: false)
      guard reader.take("::=") else { throw reader.failure("needs \"::=\" after \"\(name)\"") }
      let rule = try self.rule(name, &grammar)
      guard !grammar.isDefined(rule) else { throw reader.failure("defines \"\(name)\" twice") }
      skipBlanks(newlines: true)
      grammar.define(rule, as: try alternatives(&grammar))
      skipBlanks(newlines: false)
      guard reader.isAtEnd || reader.next == "\n" || reader.next == "\r" else {
        throw reader.failure("has \"\(reader.next!)\", which does not go on the rule \"\(name)\"")
      }
      skipBlanks(newlines: true)
    }
    for (name, rule) in names.sorted(by: { $0.key < $1.key }) where !grammar.isDefined(rule) {
      throw Failure(.invalidArgument, "the grammar uses the rule \"\(name)\" and does not define it")
    }
  }

  private mutating func rule(_ name: String, _ grammar: inout Grammar) throws(Failure) -> Grammar.Rule {
    if let rule = names[name] { return rule }
    let rule = try grammar.declareRule(name.utf8)
    names[name] = rule
    return rule
  }

  private mutating func alternatives(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= ScalarReader.depth else { throw reader.failure("nests more than \(ScalarReader.depth) groups") }
    var all = [try sequence(&grammar)]
    while reader.takeBar(comments: GBNFReader.comments) {
      skipBlanks(newlines: true)
      all.append(try sequence(&grammar))
    }
    return try grammar.choice(all)
  }

  private mutating func sequence(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    var all: [Grammar.Expression] = []
    while true {
      skipBlanks(newlines: depth > 1)
      guard let next = reader.next, next != "|", next != ")", next != "\n", next != "\r" else { break }
      let part = try part(next, &grammar)
      all.append(try repeated(part, &grammar))
    }
    return try grammar.sequence(all)
  }

  private mutating func part(
    _ next: Unicode.Scalar, _ grammar: inout Grammar
  ) throws(Failure) -> Grammar.Expression {
    switch next {
    case "\"": return try string(&grammar)
    case "[": return try bracket(&grammar)
    case ".":
      reader.skip()
      return try grammar.anyCharacter()
    case "(":
      reader.skip()
      let inner = try alternatives(&grammar)
      skipBlanks(newlines: true)
      try reader.require(")")
      return inner
    case "<": throw reader.unsupported("a token in angle brackets")
    default:
      let name = reader.takeAll(where: GBNFReader.isName)
      guard !name.isEmpty else { throw reader.failure("has \"\(next)\" where a part of a rule should be") }
      return try grammar.reference(to: rule(name, &grammar))
    }
  }

  private mutating func repeated(
    _ part: Grammar.Expression, _ grammar: inout Grammar
  ) throws(Failure) -> Grammar.Expression {
    var result = part
    while true {
      if reader.take("*") {
        result = try grammar.repetition(of: result, 0, nil)
      } else if reader.take("+") {
        result = try grammar.repetition(of: result, 1, nil)
      } else if reader.take("?") {
        result = try grammar.repetition(of: result, 0, 1)
      } else if reader.take("{") {
        let (least, most) = try counts()
        result = try grammar.repetition(of: result, least, most)
      } else {
        return result
      }
    }
  }

  private mutating func counts() throws(Failure) -> (Int, Int?) {
    skipBlanks(newlines: false)
    let least = try reader.takeNumber()
    skipBlanks(newlines: false)
    var most = least
    if reader.take(",") {
      skipBlanks(newlines: false)
      most = try reader.takeNumber()
      skipBlanks(newlines: false)
    } else if least == nil {
      throw reader.failure("needs a count in braces")
    }
    try reader.require("}")
    if let most, most < least ?? 0 {
      throw reader.failure("repeats a part at least \(least ?? 0) and at most \(most) times")
    }
    return (least ?? 0, most)
  }

  private mutating func string(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    reader.skip()
    var text = ""
    while !reader.take("\"") {
      guard let next = reader.next, next != "\n" else { throw reader.failure("has a string that does not end") }
      text.unicodeScalars.append(try scalar())
    }
    return try grammar.literal(text.utf8)
  }

  private mutating func bracket(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    reader.skip()
    let isNegated = reader.take("^")
    var ranges: CharacterClasses.Ranges = []
    while !reader.take("]") {
      if reader.next == "\\", let letter = reader.peek(1), let set = CharacterClasses.shorthand(letter) {
        reader.skip(2)
        ranges += set
        continue
      }
      let low = try scalar().value
      guard reader.next == "-", let after = reader.peek(1), after != "]" else {
        ranges.append(low...low)
        continue
      }
      reader.skip()
      let high = try scalar().value
      guard low <= high else { throw reader.failure("has a range whose ends are not in order") }
      ranges.append(low...high)
    }
    return try grammar.characters(ranges, negated: isNegated)
  }

  private mutating func scalar() throws(Failure) -> Unicode.Scalar {
    let scalar = try reader.takeAny()
    guard scalar == "\\" else { return scalar }
    let letter = try reader.takeAny()
    if let scalar = try reader.takeEscaped(letter) { return scalar }
    switch letter {
    case "a"..."z", "A"..."Z", "0"..."9": throw reader.unsupported("the escape \\\(letter)")
    default: return letter
    }
  }
}
