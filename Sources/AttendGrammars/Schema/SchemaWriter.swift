import AttendBase
import AttendCheckpoints

/// Writes plans as a grammar of the text of JSON.
struct SchemaWriter: ~Copyable {
  var grammar: Grammar
  var strings = JSONStrings()
  let options: JSONSchema.Options
  let sets: SchemaSets
  let planner: SchemaPlanner
  let tokens: JSONTokens
  private var expressions: [SchemaNode: Grammar.Expression] = [:]
  private var pending: [(node: SchemaNode, rule: Grammar.Rule)] = []
  var numberExpressions: [NumberRange: Grammar.Expression] = [:]
  var stringExpressions: [StringRange: Grammar.Expression] = [:]
  /// Digits of automata, by the bits of their set.
  var digitSets: [UInt64: Grammar.Expression] = [:]

  /// Writes a schema into a grammar, whose root it becomes.
  static func write(
    _ sets: SchemaSets, _ root: SchemaNode, _ options: JSONSchema.Options, into grammar: consuming Grammar
  ) throws(Failure) -> Grammar {
    let planner = try SchemaPlanner(sets, isStrict: options.strict, root: root)
    guard planner.productive.contains(root) else {
      throw Failure(.invalidArgument, "\(sets.document.root.file): no value meets the schema")
    }
    var writer = try SchemaWriter(sets, planner, options, grammar)
    let expression = try writer.expression(root)
    try writer.writeRules()
    var written = writer.finish()
    written.root = expression
    return written
  }

  private init(
    _ sets: SchemaSets, _ planner: SchemaPlanner, _ options: JSONSchema.Options, _ grammar: consuming Grammar
  ) throws(Failure) {
    var grammar = grammar
    tokens = try JSONTokens(options, &strings, &grammar)
    self.grammar = grammar
    (self.sets, self.planner, self.options) = (sets, planner, options)
  }

  private consuming func finish() -> Grammar { grammar }

  private mutating func writeRules() throws(Failure) {
    while let (node, rule) = pending.popLast() {
      grammar.define(rule, as: try alternatives(planner.plans[node]!))
    }
  }

  /// The expression of a node that has values: a rule where there are arrays or objects, so that recursion ends.
  mutating func expression(_ node: SchemaNode) throws(Failure) -> Grammar.Expression {
    if let known = expressions[node] { return known }
    let plan = planner.plans[node]!
    let result: Grammar.Expression
    if plan.isFlat {
      result = try alternatives(plan)
    } else {
      let rule = try grammar.declareRule("value \(node.index)".utf8)
      pending.append((node, rule))
      result = try grammar.reference(to: rule)
    }
    expressions[node] = result
    return result
  }

  func hasValue(_ node: SchemaNode) -> Bool { planner.productive.contains(node) }

  private mutating func alternatives(_ plan: SchemaPlan) throws(Failure) -> Grammar.Expression {
    if plan.isAll { return tokens.any }
    var all: [Grammar.Expression] = []
    for range in plan.strings { all.append(try string(range)) }
    for range in plan.numbers { all.append(try number(range)) }
    if plan.constants.contains(.true) { all.append(try grammar.literal("true".utf8)) }
    if plan.constants.contains(.false) { all.append(try grammar.literal("false".utf8)) }
    if plan.constants.contains(.null) { all.append(try grammar.literal("null".utf8)) }
    for array in plan.arrays where planner.hasValue(array) { all.append(try self.array(array)) }
    for object in plan.objects where planner.hasValue(object) { all.append(try self.object(object)) }
    return try grammar.choice(all)
  }
}

/// The tokens of JSON that are the same in all schemas, and the rule of any value.
struct JSONTokens {
  let white: Grammar.Expression
  let comma: Grammar.Expression
  let colon: Grammar.Expression
  let string: Grammar.Expression
  let integer: Grammar.Expression
  let number: Grammar.Expression
  let any: Grammar.Expression

  init(
    _ options: JSONSchema.Options, _ strings: inout JSONStrings, _ grammar: inout Grammar
  ) throws(Failure) {
    let blank = try grammar.characters([0x20...0x20, 0x09...0x0A, 0x0D...0x0D])
    white = try options.anyWhitespace ? grammar.lexeme(grammar.repetition(of: blank, 0, nil)) : grammar.empty()
    let loose = options.anyWhitespace
    comma = try JSONTokens.separator(loose ? "," : options.itemSeparator, white, loose, &grammar)
    colon = try JSONTokens.separator(loose ? ":" : options.keySeparator, white, loose, &grammar)
    let quote = try grammar.literal("\"".utf8)
    let characters = try grammar.repetition(of: strings.freeCharacter(&grammar), 0, nil)
    string = try grammar.lexeme(grammar.sequence([quote, characters, quote]))
    (integer, number) = try JSONTokens.numbers(&grammar)
    // Inside a value that nothing restricts, elements are set apart in one way whatever the separators are.
    let inner = try loose ? comma : grammar.literal(", ".utf8)
    any = try JSONTokens.anything(string, number, white, inner, colon, &grammar)
  }

  private static func separator(
    _ mark: String, _ white: Grammar.Expression, _ loose: Bool, _ grammar: inout Grammar
  ) throws(Failure) -> Grammar.Expression {
    let mark = try grammar.literal(mark.utf8)
    return try loose ? grammar.sequence([white, mark, white]) : mark
  }

  private static func numbers(
    _ grammar: inout Grammar
  ) throws(Failure) -> (Grammar.Expression, Grammar.Expression) {
    let (minus, zero) = try (grammar.literal("-".utf8), grammar.literal("0".utf8))
    let (first, digit) = try (grammar.characters([0x31...0x39]), grammar.characters([0x30...0x39]))
    let sign = try grammar.optional(minus)
    let large = try grammar.sequence([first, grammar.repetition(of: digit, 0, nil)])
    let integer = try grammar.choice([zero, grammar.sequence([sign, large])])
    let digits = try grammar.repetition(of: digit, 1, nil)
    let fraction = try grammar.optional(grammar.sequence([grammar.literal(".".utf8), digits]))
    let mark = try grammar.characters([0x45...0x45, 0x65...0x65])
    let power = try grammar.optional(grammar.characters([0x2B...0x2B, 0x2D...0x2D]))
    let exponent = try grammar.optional(grammar.sequence([mark, power, digits]))
    let number = try grammar.sequence([sign, grammar.choice([zero, large]), fraction, exponent])
    return (try grammar.lexeme(integer), try grammar.lexeme(number))
  }

  private static func anything(
    _ string: Grammar.Expression, _ number: Grammar.Expression, _ white: Grammar.Expression,
    _ comma: Grammar.Expression, _ colon: Grammar.Expression, _ grammar: inout Grammar
  ) throws(Failure) -> Grammar.Expression {
    let rule = try grammar.declareRule("any value".utf8)
    let any = try grammar.reference(to: rule)
    let member = try grammar.sequence([string, colon, any])
    func list(
      _ open: String, _ item: Grammar.Expression, _ close: String, _ grammar: inout Grammar
    ) throws(Failure) -> Grammar.Expression {
      let more = try grammar.repetition(of: grammar.sequence([comma, item]), 0, nil)
      let items = try grammar.optional(grammar.sequence([item, more, white]))
      return try grammar.sequence([grammar.literal(open.utf8), white, items, grammar.literal(close.utf8)])
    }
    var all = [string, number]
    for text in ["true", "false", "null"] { all.append(try grammar.literal(text.utf8)) }
    all.append(try list("[", any, "]", &grammar))
    all.append(try list("{", member, "}", &grammar))
    grammar.define(rule, as: try grammar.choice(all))
    return any
  }
}
