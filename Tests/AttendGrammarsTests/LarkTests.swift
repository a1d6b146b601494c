import AttendBase
import AttendGrammars
import Testing

@Suite struct LarkTests {
  private static let calculator = """
    // A calculator.
    ?start: sum
          | NAME "=" sum    -> assign
    ?sum: product | sum "+" product -> add | sum "-" product -> sub
    ?product: atom
        | product "*" atom  -> mul
    ?atom: NUMBER -> number | "-" atom -> neg | NAME -> var | "(" sum ")"
    NAME.2: ("a".."z" | "_")+
    %import common.NUMBER
    %import common.WS_INLINE
    %ignore WS_INLINE
    """

  private func accepts(_ grammar: String, _ text: String) throws -> Bool {
    let compiled = try CompiledGrammar(Lark.grammar(grammar), Vocabularies.of("a"))
    var matcher = try compiled.matcher()
    return try matcher.accept(text: text) && matcher.mayStop()
  }

  @Test(arguments: ["1", " x = 1 + 2*( y - -3.5e1 ) ", "x_y", "1+2", "((1))"]) func wordsOfACalculator(
    _ text: String
  ) throws {
    #expect(try accepts(LarkTests.calculator, text))
  }

  @Test(arguments: ["", "1 +", "x = ", "(1", "1 2", "X", "1\n+2"]) func whatIsNoWord(_ text: String) throws {
    #expect(try !accepts(LarkTests.calculator, text))
  }

  @Test func parts() throws {
    #expect(try accepts("start: \"Ab\"i ~ 2 [\"c\"]", "aBABc"))
    #expect(try !accepts("start: \"Ab\"i ~ 2", "ab"))
    #expect(try accepts("start: /x\\/[yz]+/i~1..3", "X/yZx/z"))
    #expect(try accepts("start: (A\n | B)+\nA: \"\\x41\"\nB: /\\d{2}/", "A12A"))
    #expect(try accepts("%import common (INT, CNAME)\nstart: INT CNAME", "12ab"))
    #expect(try accepts("%import common.ESCAPED_STRING -> STRING\nstart: STRING", #""a\"b""#))
    #expect(try accepts("start: a*\na: C_COMMENT\n%import common.C_COMMENT", "/* x **//**/"))
    #expect(try accepts("start: x\n!x: \"a\" x |", "aaa"))
  }

  @Test(arguments: [
    "start: x", "start \"a\"", "start: \"a", "start: /a", "start: /a/x", "start: pair{a, b}", "pair{a, b}: a b",
    "%declare X\nstart: \"a\"", "%import python.X\nstart: \"a\"", "%import common.NOTHING\nstart: \"a\"",
    "start: \"b\"..\"a\"", "A: start\nstart: \"a\"", "start: (\"a\"", "start: \"a\" ~ 3..1", "root: \"a\"",
    "start: \"a\"\nstart: \"b\"", "start: /(?=a)/", "start: %json { }", "start[lazy]: \"a\"",
  ]) func whatIsNotUnderstoodIsAnError(_ text: String) { #expect(throws: Failure.self) { try Lark.grammar(text) } }

  @Test func errorsNameTheLine() {
    let failure = #expect(throws: Failure.self) { try Lark.grammar("start: \"a\"\n\nrest: <x>") }
    #expect(failure?.message == "the Lark grammar has \"<\" in a rule, which is not implemented, in line 3, column 7")
  }
}
