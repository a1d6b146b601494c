import AttendBase

/// Grammars in the notation of Lark, as engines for constrained output take it: rules in small letters, terminals in
/// capitals, strings with the flag `i`, patterns, ranges, `?`, `*`, `+`, `~n..m`, `[...]` for what may be left out,
/// aliases, `%import common`, `%ignore`. The output must match the rule `start`.
///
/// The grammar is a set of strings: which of several ways to read one is taken does not matter, so that priorities, `?`
/// and `!` before rules and aliases change nothing, and a terminal may end wherever its pattern lets it, not only at
/// the longest match. What is ignored may stand in front of everything and behind every terminal.
package enum Lark {
  package static func grammar(_ text: String, start: String = "start") throws(Failure) -> Grammar {
    var grammar = try Grammar()
    var parser = LarkReader(
      try ScalarReader(text, "Lark grammar"), ignored: try grammar.declareRule("%ignore".utf8))
    try parser.statements(&grammar)
    grammar.root = try parser.finish(start, &grammar)
    return grammar
  }
}

struct LarkReader {
  var reader: ScalarReader
  /// Whatever is ignored, any number of times.
  private let ignored: Grammar.Rule
  private var ignoredTerminals: [Grammar.Expression] = []
  private var names: [String: Grammar.Rule] = [:]
  private var depth = 0
  /// Whether a terminal is being read, between whose parts nothing is ignored.
  private var isTerminal = false

  init(_ reader: ScalarReader, ignored: Grammar.Rule) {
    self.reader = reader
    self.ignored = ignored
  }

  private static func isName(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "_": true
    default: false
    }
  }

  /// Terminals are in capitals, but for an underscore in front.
  private static func isTerminal(_ name: String) -> Bool {
    name.unicodeScalars.first { $0 != "_" }.map { $0.value >= 0x41 && $0.value <= 0x5A } ?? false
  }

  private static let comments = ["//", "#"]

  private mutating func skipBlanks(newlines: Bool) {
    reader.skipBlanks(newlines: newlines, comments: LarkReader.comments)
  }

  private mutating func rule(_ name: String, _ grammar: inout Grammar) throws(Failure) -> Grammar.Rule {
    if let rule = names[name] { return rule }
    let rule = try grammar.declareRule(name.utf8)
    names[name] = rule
    return rule
  }
}

// MARK: - Statements

extension LarkReader {
  mutating func statements(_ grammar: inout Grammar) throws(Failure) {
    skipBlanks(newlines: true)
    while !reader.isAtEnd {
      if reader.next == "%" { try directive(&grammar) } else { try definition(&grammar) }
      skipBlanks(newlines: false)
      guard reader.isAtEnd || reader.next == "\n" || reader.next == "\r" else {
        throw reader.failure("has \"\(reader.next!)\", which does not go on a rule")
      }
      skipBlanks(newlines: true)
    }
  }

  mutating func finish(_ start: String, _ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    guard let root = names[start] else {
      throw Failure(.invalidArgument, "the Lark grammar has no rule \"\(start)\"")
    }
    for (name, rule) in names.sorted(by: { $0.key < $1.key }) where !grammar.isDefined(rule) {
      throw Failure(.invalidArgument, "the Lark grammar uses \"\(name)\" and does not define it")
    }
    let any = try grammar.choice(ignoredTerminals)
    grammar.define(ignored, as: try grammar.repetition(of: any, 0, nil))
    return try grammar.sequence([grammar.reference(to: ignored), grammar.reference(to: root)])
  }

  private mutating func definition(_ grammar: inout Grammar) throws(Failure) {
    while reader.take("?") || reader.take("!") {}
    let name = reader.takeAll(where: LarkReader.isName)
    guard !name.isEmpty else { throw reader.failure("needs the name of a rule or terminal") }
    if reader.next == "{" { throw reader.unsupported("the template \"\(name)\"") }
    if reader.next == "[" { throw reader.unsupported("an attribute of \"\(name)\"") }
    if reader.take(".") {
      _ = reader.take("-")
      _ = try reader.takeNumber()
    }
    skipBlanks(newlines: false)
    try reader.require(":")
    let rule = try self.rule(name, &grammar)
    guard !grammar.isDefined(rule) else { throw reader.failure("defines \"\(name)\" twice") }
    isTerminal = LarkReader.isTerminal(name)
    let body = try alternatives(&grammar)
    grammar.define(rule, as: isTerminal ? try grammar.lexeme(body) : body)
    isTerminal = false
  }

  private mutating func directive(_ grammar: inout Grammar) throws(Failure) {
    reader.skip()
    let name = reader.takeAll(where: LarkReader.isName)
    skipBlanks(newlines: false)
    switch name {
    case "ignore":
      isTerminal = true
      let terminal = try alternatives(&grammar)
      isTerminal = false
      ignoredTerminals.append(try grammar.lexeme(terminal))
    case "import": try imports(&grammar)
    default: throw reader.unsupported("the directive %\(name)")
    }
  }

  private mutating func imports(_ grammar: inout Grammar) throws(Failure) {
    guard reader.take("common") else { throw reader.unsupported("an import of something else than common") }
    if reader.take(".") {
      let name = reader.takeAll(where: LarkReader.isName)
      skipBlanks(newlines: false)
      var alias = name
      if reader.take("->") {
        skipBlanks(newlines: false)
        alias = reader.takeAll(where: LarkReader.isName)
      }
      return try importTerminal(name, as: alias, &grammar)
    }
    skipBlanks(newlines: false)
    try reader.require("(")
    repeat {
      skipBlanks(newlines: true)
      let name = reader.takeAll(where: LarkReader.isName)
      try importTerminal(name, as: name, &grammar)
      skipBlanks(newlines: true)
    } while reader.take(",")
    try reader.require(")")
  }

  private mutating func importTerminal(
    _ name: String, as alias: String, _ grammar: inout Grammar
  ) throws(Failure) {
    guard let pattern = LarkReader.common[name] else { throw reader.unsupported("the import common.\(name)") }
    let rule = try self.rule(alias, &grammar)
    guard !grammar.isDefined(rule) else { throw reader.failure("defines \"\(alias)\" twice") }
    let body = try RegularExpression.expression(pattern, ignoringCase: false, in: &grammar)
    grammar.define(rule, as: try grammar.lexeme(body))
  }

  /// Lark's library of terminals (its grammars/common.lark), as patterns.
  private static let common: [String: String] = {
    let (int, exponent) = ("[0-9]+", "[eE][+-]?[0-9]+")
    let decimal = "(\(int)\\.[0-9]*|\\.\(int))"
    let float = "(\(int)\(exponent)|\(decimal)(\(exponent))?)"
    return [
      "DIGIT": "[0-9]", "HEXDIGIT": "[0-9a-fA-F]", "INT": int, "SIGNED_INT": "[+-]?\(int)", "DECIMAL": decimal,
      "FLOAT": float, "SIGNED_FLOAT": "[+-]?\(float)", "NUMBER": "(\(float)|\(int))",
      "SIGNED_NUMBER": "[+-]?(\(float)|\(int))", "ESCAPED_STRING": #""([^"\\\n]|\\[^\n])*""#,
      "LCASE_LETTER": "[a-z]", "UCASE_LETTER": "[A-Z]", "LETTER": "[a-zA-Z]", "WORD": "[a-zA-Z]+",
      "CNAME": "[a-zA-Z_][a-zA-Z0-9_]*", "WS_INLINE": "[ \\t]+", "WS": "[ \\t\\f\\r\\n]+", "CR": "\\r", "LF": "\\n",
      "NEWLINE": "(\\r?\\n)+", "SH_COMMENT": "#[^\\n]*", "CPP_COMMENT": "//[^\\n]*", "SQL_COMMENT": "--[^\\n]*",
      "C_COMMENT": "/\\*([^*]|\\*+[^*/])*\\*+/",
    ]
  }()
}

// MARK: - Expressions

extension LarkReader {
  private mutating func alternatives(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= ScalarReader.depth else { throw reader.failure("nests more than \(ScalarReader.depth) groups") }
    skipBlanks(newlines: depth > 1)
    if reader.takeBar(comments: LarkReader.comments) { skipBlanks(newlines: true) }  // A bar in front of the first.
    var all = [try sequence(&grammar)]
    while reader.takeBar(comments: LarkReader.comments) { all.append(try sequence(&grammar)) }
    return try grammar.choice(all)
  }

  private mutating func sequence(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    var all: [Grammar.Expression] = []
    while true {
      skipBlanks(newlines: depth > 1)
      if reader.take("->") {
        skipBlanks(newlines: false)
        _ = reader.takeAll(where: LarkReader.isName)
        continue
      }
      guard let next = reader.next, next != "|", next != ")", next != "]", next != "\n", next != "\r" else { break }
      let atom = try atom(next, &grammar)
      all.append(try repeated(atom, &grammar))
    }
    return try grammar.sequence(all)
  }

  private mutating func repeated(
    _ atom: Grammar.Expression, _ grammar: inout Grammar
  ) throws(Failure) -> Grammar.Expression {
    if reader.take("*") { return try grammar.repetition(of: atom, 0, nil) }
    if reader.take("+") { return try grammar.repetition(of: atom, 1, nil) }
    if reader.take("?") { return try grammar.repetition(of: atom, 0, 1) }
    let place = reader.place
    skipBlanks(newlines: false)
    guard reader.take("~") else {
      reader.go(to: place)
      return atom
    }
    skipBlanks(newlines: false)
    guard let least = try reader.takeNumber() else { throw reader.failure("needs a count after ~") }
    var most = least
    if reader.take("..") {
      guard let limit = try reader.takeNumber(), limit >= least else {
        throw reader.failure("needs a count of at least \(least) after ..")
      }
      most = limit
    }
    return try grammar.repetition(of: atom, least, most)
  }

  private mutating func atom(
    _ next: Unicode.Scalar, _ grammar: inout Grammar
  ) throws(Failure) -> Grammar.Expression {
    switch next {
    case "(", "[":
      reader.skip()
      let inner = try alternatives(&grammar)
      skipBlanks(newlines: true)
      try reader.require(next == "(" ? ")" : "]")
      return next == "(" ? inner : try grammar.optional(inner)
    case "\"": return try terminal(string(&grammar), &grammar)
    case "/": return try terminal(pattern(&grammar), &grammar)
    case "%", "<", "$", "@", "&": throw reader.unsupported("\"\(next)\" in a rule")
    default:
      let name = reader.takeAll(where: LarkReader.isName)
      guard !name.isEmpty else { throw reader.failure("has \"\(next)\" where a part of a rule should be") }
      if reader.next == "{" { throw reader.unsupported("the template \"\(name)\"") }
      let reference = try grammar.reference(to: rule(name, &grammar))
      guard LarkReader.isTerminal(name) else {
        if isTerminal { throw reader.failure("has the rule \"\(name)\" in a terminal") }
        return reference
      }
      return try terminal(reference, &grammar)
    }
  }

  /// A terminal with what is ignored behind it.
  private func terminal(
    _ expression: Grammar.Expression, _ grammar: inout Grammar
  ) throws(Failure) -> Grammar.Expression {
    isTerminal ? expression : try grammar.sequence([expression, grammar.reference(to: ignored)])
  }

  private mutating func string(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    let text = try quoted()
    if reader.take("..") {
      guard reader.next == "\"" else { throw reader.failure("needs a string after ..") }
      let high = try quoted()
      guard let low = text.first, text.count == 1, let high = high.first, low.value <= high.value else {
        throw reader.failure("has a range whose ends are not characters in order")
      }
      return try grammar.characters([low.value...high.value])
    }
    guard reader.take("i") else { return try grammar.literal(String(String.UnicodeScalarView(text)).utf8) }
    var all: [Grammar.Expression] = []
    for scalar in text {
      all.append(try grammar.characters(CharacterClasses.foldingCase([scalar.value...scalar.value])))
    }
    return try grammar.sequence(all)
  }

  private mutating func quoted() throws(Failure) -> [Unicode.Scalar] {
    reader.skip()
    var text: [Unicode.Scalar] = []
    while !reader.take("\"") {
      guard let next = reader.next, next != "\n" else { throw reader.failure("has a string that does not end") }
      reader.skip()
      text.append(next == "\\" ? try escape() : next)
    }
    return text
  }

  private mutating func escape() throws(Failure) -> Unicode.Scalar {
    let letter = try reader.takeAny()
    if let scalar = try reader.takeEscaped(letter) { return scalar }
    switch letter {
    case "f": return "\u{0C}"
    case "v": return "\u{0B}"
    case "b": return "\u{08}"
    case "a"..."z", "A"..."Z", "0"..."9": throw reader.unsupported("the escape \\\(letter)")
    default: return letter
    }
  }

  private mutating func pattern(_ grammar: inout Grammar) throws(Failure) -> Grammar.Expression {
    let start = reader
    reader.skip()
    var text = ""
    while !reader.take("/") {
      guard let next = reader.next, next != "\n" else { throw reader.failure("has a pattern that does not end") }
      reader.skip()
      if next == "\\", reader.next != "/" { text.unicodeScalars.append(next) }
      if next == "\\" { text.unicodeScalars.append(try reader.takeAny()) } else { text.unicodeScalars.append(next) }
    }
    var ignoresCase = false
    while let flag = reader.next, LarkReader.isName(flag) {
      switch flag {
      case "i": ignoresCase = true
      case "s", "m", "u", "l": break  // A dot matches everything as it is, and there are no anchors within.
      default: throw reader.unsupported("the flag \"\(flag)\" of a pattern")
      }
      reader.skip()
    }
    do throws(Failure) {
      return try RegularExpression.expression(text, ignoringCase: ignoresCase, in: &grammar)
    } catch {
      throw Failure(error.code, start.failure("has a pattern in which \(error.message)").message)
    }
  }
}
