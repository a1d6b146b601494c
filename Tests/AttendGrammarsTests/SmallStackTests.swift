import AttendBase
import AttendCheckpoints
import AttendGrammars
import Foundation
import Testing

/// What nobody writes in good faith, on the stack of a small thread: each ends, in an error or in a grammar that works.
@Suite struct SmallStackTests {
  enum Outcome { case works, fails, either }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let outcome: Outcome
    let text: @Sendable () throws -> Grammar
    var testDescription: String { name }

    init(_ name: String, _ outcome: Outcome, _ text: @escaping @Sendable () throws -> Grammar) {
      (self.name, self.outcome, self.text) = (name, outcome, text)
    }
  }

  private static func many(_ count: Int, _ separator: String, _ part: (Int) -> String) -> String {
    (0..<count).map(part).joined(separator: separator)
  }

  private static func nested(_ open: String, _ inner: String, _ close: String, _ depth: Int = 10_000) -> String {
    String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)
  }

  private static func schema(
    _ name: String, _ outcome: Outcome, _ text: @escaping @autoclosure @Sendable () -> String
  )
    -> Case
  {
    Case("JSON Schema: " + name, outcome) {
      try JSONSchema.grammar(of: SchemaMatcher.json(text()), SchemaMatcher.loose)
    }
  }

  private static func regex(
    _ name: String, _ outcome: Outcome, _ text: @escaping @autoclosure @Sendable () -> String
  )
    -> Case
  {
    Case("regex: " + name, outcome) { try RegularExpression.grammar(text()) }
  }

  private static func gbnf(
    _ name: String, _ outcome: Outcome, _ text: @escaping @autoclosure @Sendable () -> String
  )
    -> Case
  {
    Case("GBNF: " + name, outcome) { try GBNF.grammar(text()) }
  }

  private static func lark(
    _ name: String, _ outcome: Outcome, _ text: @escaping @autoclosure @Sendable () -> String
  )
    -> Case
  {
    Case("Lark: " + name, outcome) { try Lark.grammar(text()) }
  }

  static let cases: [Case] = [
    regex("groups 10,000 deep", .either, nested("(", "a", ")")),
    regex("stars 10,000 deep", .either, nested("(", "a", "b)*")),
    regex("a million counted in two steps", .works, "(a{1000}){1000}"),
    regex("counts within counts", .works, "((((a{0,1000}b){0,1000}c){0,1000}d){0,1000}e){0,1000}"),
    regex("stars of stars", .works, nested("(", "a*", ")*", 90) + "b"),
    regex("200 ways to be an a", .works, many(200, "") { _ in "a?" } + many(200, "") { _ in "a" }),
    regex("what an a far back decides", .works, "(a|b)*a(a|b){200}"),
    regex("2,000 alternatives", .works, many(2_000, "|") { "w\($0)x" }),
    regex(
      "a class of 2,000 intervals", .works,
      "[" + many(2_000, "") { "\\u{\(String(0x100 + 2 * $0, radix: 16))}" } + "]+"),
    regex("letters of all scripts, counted", .works, "(\\p{L}{1,1000}\\P{N}{0,1000}){1,1000}"),
    gbnf("groups 10,000 deep", .either, "root ::= " + nested("(", "\"a\"", ")")),
    gbnf("left recursion", .works, "root ::= root \"a\" | \"a\""),
    gbnf(
      "left recursion behind what may be empty", .works, "root ::= x root \"a\" | \"a\"\nx ::= y?\ny ::= x x | \"a\"?"),
    gbnf(
      "2,000 rules in a chain", .works,
      "root ::= r0\n" + many(2_000, "\n") { "r\($0) ::= r\($0 + 1)" } + "\nr2000 ::= \"a\""),
    gbnf(
      "2,000 rules that call two", .either,
      "root ::= r0\n" + many(2_000, "\n") { "r\($0) ::= \"a\" r\($0 + 1) r\($0 + 1) | \"a\"" } + "\nr2000 ::= \"a\""),
    gbnf("2,000 alternatives", .works, "root ::= " + many(2_000, " | ") { "\"w\($0)x\"" }),
    gbnf("a count of 2^62", .fails, "root ::= \"a\"{4611686018427387904}"),
    gbnf("rules that never end", .fails, "root ::= a\na ::= b \"a\"\nb ::= a"),
    lark("left recursion", .works, "start: start \"a\" | \"a\""),
    lark("groups 10,000 deep", .either, "start: " + nested("(", "\"a\"", ")")),
    lark("a count of a billion", .works, "start: (\"a\" | \"b\" start)~0..1000000000 \"a\""),
    lark("a terminal that contains itself", .fails, "start: A\nA: \"a\" A"),
    schema("items 10,000 deep", .either, nested("{\"items\":", "{}", "}")),
    schema("allOf 10,000 deep", .either, nested("{\"allOf\":[", "{}", "]}")),
    schema("not 10,000 deep", .either, nested("{\"not\":", "{}", "}")),
    schema(
      "references 5,000 deep", .either,
      "{\"$ref\": \"#/$defs/d0\", \"$defs\": {" + many(5_000, ",") { "\"d\($0)\": {\"$ref\": \"#/$defs/d\($0 + 1)\"}" }
        + ", \"d5000\": {}}}"),
    schema(
      "references in a circle", .fails,
      ##"{"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}}"##),
    schema("no value to choose from", .fails, #"{"enum": []}"#),
    schema("a length of 2^62", .fails, #"{"type": "string", "minLength": 4611686018427387904}"#),
    schema("lengths up to 2^62", .works, #"{"type": "string", "maxLength": 4611686018427387904, "minLength": 100000}"#),
    schema("a billion elements", .works, #"{"type": "array", "minItems": 1000000000, "items": {"const": 1}}"#),
    schema(
      "bounds of 2^62", .works, #"{"type": "integer", "minimum": -4611686018427387904, "maximum": 4611686018427387904}"#
    ),
    schema("bounds past any number", .either, #"{"minimum": 1e-1000000000, "maximum": 1e1000000000}"#),
    schema(
      "bounds of 300 digits", .works, #"{"type": "number", "minimum": 1e-150, "maximum": 1.7976931348623157e308}"#),
    schema("multiples of next to nothing", .either, #"{"type": "number", "multipleOf": 1e-300}"#),
    schema("2,000 values", .works, "{\"enum\": [" + many(2_000, ",") { "\"v\($0)\"" } + "]}"),
    schema(
      "2,000 members", .works,
      "{\"properties\": {" + many(2_000, ",") { "\"p\($0)\": {\"type\": \"integer\"}" } + "}}"),
    schema(
      "exactly one of 100 objects", .either,
      "{\"oneOf\": ["
        + many(100, ",") { "{\"properties\": {\"a\($0)\": {\"const\": \($0)}}, \"required\": [\"b\($0)\"]}" } + "]}"),
    schema(
      "30 patterns of names", .either,
      "{\"patternProperties\": {" + many(30, ",") { "\"^[a-z]*\($0)[a-z]*$\": {\"minimum\": \($0)}" } + "}}"),
    schema(
      "a pattern that looks ahead 20 times", .either, "{\"pattern\": \"^" + many(20, "") { "(?=.*a\($0))" } + ".*$\"}"),
    schema(
      "a pattern of 300 optional groups", .either,
      "{\"pattern\": \"^" + many(300, "") { _ in "(a|b)?" } + "$\", \"minLength\": 200}"),
    schema(
      "conditions within conditions", .either, nested("{\"if\":{\"required\":[\"a\"]},\"then\":", "{}", "}", 1_000)),
  ]

  @Test(arguments: cases) func hostileTextsEnd(_ one: Case) throws {
    let result = SmallStackTests.onSmallStack { () throws -> Bool in
      let bytes = try TokenTable(count: 257, stops: [256]) { id, bytes throws(Failure) in
        if id < 256 { try bytes.append(UInt8(id)) }
      }
      var matcher = try CompiledGrammar(one.text(), bytes).matcher()
      for _ in 0..<50 {
        guard let next = try matcher.allowed().first, try matcher.accept(next) else { return false }
        if matcher.isStopped { break }
      }
      return true
    }
    switch result {
    case .success(let goesOn):
      #expect(one.outcome != .fails && goesOn)
    case .failure(let error):
      #expect(one.outcome != .works, "\(error)")
      #expect(error is Failure)
    }
  }

  #if DEBUG
    /// Without optimization frames are several times as large.
    private static let stackSize = 2 << 20
  #else
    private static let stackSize = 512 << 10
  #endif

  private final class Box<Value>: @unchecked Sendable { var value: Value? }

  /// Runs something in a thread of 512 KiB.
  private static func onSmallStack<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) -> Result<Value, any Error> {
    let (box, done) = (Box<Result<Value, any Error>>(), DispatchSemaphore(value: 0))
    let thread = Thread {
      box.value = Result(catching: body)
      done.signal()
    }
    thread.stackSize = stackSize
    thread.start()
    done.wait()
    return box.value!
  }
}
