import AttendBase
import AttendGrammars
import Testing

/// Grammars that nobody writes in good faith: an error with the numbers, or an answer, and never a trap.
@Suite struct HostileTests {
  private func compile(_ grammar: consuming Grammar) throws -> CompiledGrammar {
    try CompiledGrammar(grammar, Vocabularies.of("a", "b", "(", ")", "ab", "aa"))
  }

  private func expectRefusal(of grammar: consuming Grammar) throws {
    do {
      _ = try compile(grammar)
      Issue.record("the grammar is compiled")
    } catch is Failure {}
  }

  @Test(arguments: [
    "root ::= root", "root ::= \"a\" root", "root ::= a b\na ::= \"a\"\nb ::= \"b\" b", "root ::= []",
    "root ::= a\na ::= b\nb ::= a",
  ]) func whatCannotBeMetIsAnError(_ text: String) throws {
    #expect(throws: Failure.self) { try compile(GBNF.grammar(text)) }
  }

  @Test(arguments: [
    "root ::= x", "root = \"a\"", "root ::= \"a", "root ::= [a", "root ::= (\"a\"", "root ::= \"a\"{3,1}",
    "x ::= \"a\"",
    "root ::= \"a\"\nroot ::= \"b\"", "root ::= [z-a]", "root ::= \"\\q\"", "root ::= <tok>", "root ::= \"a\" )",
    "root ::= \"\\ud800\"", "root ::= \"a\"{99999999999999999999}",
  ]) func whatIsNoGrammarIsAnError(_ text: String) {
    #expect(throws: Failure.self) { try GBNF.grammar(text) }
  }

  @Test(arguments: [
    "(", ")", "[", "[z-a]", "a**+", "(?=a)", "(?<!a)", "\\1", "a\\b", "\\p{Nonsense}", "*", "a{3,1}", "(?>a)", "a^b",
    "\\u12", "\\x{110000}", "[[:alpha:]]", "(?q)",
  ]) func whatIsNoPatternIsAnError(_ text: String) {
    #expect(throws: Failure.self) { try RegularExpression.grammar(text) }
  }

  @Test func nestingIsBounded() throws {
    let deep = String(repeating: "(", count: 100_000) + "a" + String(repeating: ")", count: 100_000)
    #expect(throws: Failure.self) { try RegularExpression.grammar(deep) }
    #expect(throws: Failure.self) { try GBNF.grammar("root ::= " + deep) }
  }

  @Test func expressionsMayBeDeep() throws {
    var grammar = try Grammar()
    var inner = try grammar.literal("a".utf8)
    for _ in 0..<20_000 { inner = try grammar.choice([grammar.literal("b".utf8), grammar.sequence([inner, inner])]) }
    grammar.root = inner
    var matcher = try compile(grammar).matcher()
    #expect(try matcher.accept(0))
  }

  @Test func deepLexemesAreAnError() throws {
    var grammar = try Grammar()
    var inner = try grammar.literal("a".utf8)
    for _ in 0..<100_000 { inner = try grammar.repetition(of: inner, 0, 2) }
    grammar.root = try grammar.lexeme(inner)
    try expectRefusal(of: grammar)
  }

  @Test func largeCountsCostNothing() throws {
    var matcher = try compile(RegularExpression.grammar("(a{0,1000000000}b){999999999}")).matcher()
    for _ in 0..<1000 {
      #expect(try matcher.accept(5))
      #expect(try matcher.accept(1))
    }
    #expect(try !matcher.mayStop())
  }

  @Test func ambiguityDoesNotMultiply() throws {
    var matcher = try compile(
      GBNF.grammar("root ::= root root | \"a\" root \"b\" | \"a\" root \"ab\" | \"a\" | (\"a\" | \"aa\")*")
    ).matcher()
    for _ in 0..<200 { #expect(try matcher.accept(0)) }
    #expect(try matcher.mayStop())
  }

  @Test func rightRecursionStaysFlat() throws {
    let compiled = try compile(GBNF.grammar("root ::= \"a\" root | \"b\""))
    var matcher = try compiled.matcher()
    for _ in 0..<1000 { #expect(try matcher.accept(5)) }
    #expect(compiled.bytes < 1 << 20)
    #expect(try matcher.accept(1))
    #expect(try matcher.isFinished())
  }

  @Test func whatIsRecursiveIsNotRegular() throws {
    var grammar = try Grammar()
    let rule = try grammar.declareRule("loop".utf8)
    grammar.define(rule, as: try grammar.sequence([grammar.literal("a".utf8), grammar.reference(to: rule)]))
    grammar.root = try grammar.complement(of: grammar.reference(to: rule))
    try expectRefusal(of: grammar)
  }
}
