import AttendBase
import AttendCheckpoints
import AttendGrammars
import AttendTestSupport
import Foundation
import Testing

@Suite struct JSONSchemaTests {
  private func check(_ schema: String, accepts: [String], refuses: [String]) throws {
    let matcher = try SchemaMatcher(schema)
    for text in accepts { #expect(try matcher.accepts(text), "\(schema) refuses \(text)") }
    for text in refuses { #expect(try !matcher.accepts(text), "\(schema) accepts \(text)") }
  }

  // MARK: - Numbers

  /// Ranges and multiples against arithmetic with integers, in hundredths.
  @Test(arguments: 0..<60) func rangesAreThoseOfArithmetic(_ seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    let (low, high) = (random.below(600) - 300, random.below(600) - 300)
    let step = [1, 5, 10, 25, 70, 100, 150, 300][random.below(8)]
    let isOpen = random.below(2) == 0
    let schema = """
      {"type": "number", "\(isOpen ? "exclusiveMinimum" : "minimum")": \(text(min(low, high))), \
      "maximum": \(text(max(low, high))), "multipleOf": \(text(step))}
      """
    let values = (-350...350).filter { value in
      value % step == 0 && value <= max(low, high) && (isOpen ? value > min(low, high) : value >= min(low, high))
    }
    guard !values.isEmpty else {
      #expect(throws: Failure.self) { try SchemaMatcher(schema) }
      return
    }
    let matcher = try SchemaMatcher(schema)
    for value in -350...350 {
      #expect(try matcher.accepts(text(value)) == values.contains(value), "\(schema): \(text(value))")
    }
  }

  /// Hundredths as a decimal.
  private func text(_ value: Int) -> String {
    let (whole, rest) = (abs(value) / 100, abs(value) % 100)
    let fraction = rest == 0 ? "" : rest % 10 == 0 ? ".\(rest / 10)" : rest < 10 ? ".0\(rest)" : ".\(rest)"
    return (value < 0 ? "-" : "") + "\(whole)" + fraction
  }

  /// Numbers with exponents against exact arithmetic.
  @Test(arguments: 0..<40) func exponentsAreThoseOfArithmetic(_ seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    let bound = { (random: inout SplitMix) in
      Decimal(string: "\(random.below(2) == 0 ? "-" : "")\(random.below(130))e\(random.below(7) - 4)")!
    }
    let (one, other) = (bound(&random), bound(&random))
    let (low, high, isOpen) = (min(one, other), max(one, other), random.below(2) == 0)
    let names = isOpen ? ("exclusiveMinimum", "exclusiveMaximum") : ("minimum", "maximum")
    let members = [#""\#(names.0)": \#(low)"#, #""\#(names.1)": \#(high)"#][random.below(3) == 0 ? 0..<1 : 0..<2]
    let schema = #"{"type": "number", \#(members.joined(separator: ", "))}"#
    guard let matcher = try? SchemaMatcher(schema) else {
      #expect(low == high && isOpen)
      return
    }
    // Where only the sign counts, numbers are written in any way.
    let isFree = low == 0 && (high == 0 || members.count == 1)
    for digits in 0..<130 {
      for exponent in -5...5 {
        for sign in ["", "-"] {
          let text = sign + "\(digits / 10).\(digits % 10)" + ["e", "E"][digits % 2] + "\(exponent)"
          let value = Decimal(string: text)!
          let isInside =
            isOpen
            ? value > low && (value < high || members.count == 1)
            : value >= low && (value <= high || members.count == 1)
          // More digits before the point are no scientific notation.
          let isRead = digits < 100 && (digits >= 10 || digits == 0) || isFree
          let wanted = isRead && isInside
          if try matcher.accepts(text) != wanted { Issue.record("\(schema): \(text) is \(wanted)") }
        }
      }
    }
  }

  @Test func boundsMayBeLarge() throws {
    try check(
      #"{"type": "integer", "minimum": 123456789012345678901234567890}"#,
      accepts: ["123456789012345678901234567890", "1000000000000000000000000000000"],
      refuses: ["123456789012345678901234567889", "5", "-123456789012345678901234567891"])
    try check(
      #"{"type": "number", "exclusiveMinimum": 0}"#, accepts: ["0.001", "5", "1e-5", "12.5E+7"],
      refuses: ["0", "-1", "0.0", "0e5", "-1e-5"])
    try check(
      #"{"type": "number", "minimum": 2.5e-300, "maximum": 1e300}"#,
      accepts: ["1", "2.5e-300", "9.9e299", "1e300", "1.00e+0300", "3E-300", "1e0"],
      refuses: ["0", "2.49e-300", "2.5e-301", "1.01e300", "1e301", "1e", "1.e5", "0e0", "-1e0"])
  }

  // MARK: - Strings

  @Test func patternsAreFoundAnywhere() throws {
    try check(#"{"type": "string", "pattern": "b+"}"#, accepts: [#""abc""#, #""b""#], refuses: ["\"\"", #""ac""#])
    try check(#"{"type": "string", "pattern": "^(a|b$)"}"#, accepts: [#""ax""#, #""b""#], refuses: [#""bx""#])
    try check(
      #"{"type": "string", "pattern": "^(?!.*admin)[a-z]+$"}"#, accepts: [#""root""#, #""adm""#],
      refuses: [#""admin""#, #""xadmins""#])
    try check(
      #"{"type": "string", "pattern": "\\bcat\\b"}"#, accepts: [#""a cat!""#, #""cat""#], refuses: [#""cats""#])
    try check(#"{"type": "string", "pattern": "^[^a]$"}"#, accepts: [#""\n""#, #""\"""#], refuses: [#""a""#])
  }

  @Test func lengthsCountCharacters() throws {
    try check(
      #"{"type": "string", "pattern": "^[a-zé]*$", "minLength": 2, "maxLength": 3}"#,
      accepts: [#""éé""#, #""abc""#], refuses: [#""é""#, #""abcd""#])
  }

  // MARK: - Sets

  @Test func exactlyOneMayHold() throws {
    try check(
      #"{"oneOf": [{"type": "integer", "minimum": 2}, {"type": "number", "maximum": 4}]}"#, accepts: ["1", "2.5", "5"],
      refuses: ["2", "3", "4", "4.5"])
    try check(
      #"{"type": "object", "properties": {"a": {}, "b": {}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}"#,
      accepts: [#"{"a":1}"#, #"{"b":1}"#], refuses: ["{}", #"{"a":1,"b":1}"#])
  }

  @Test func conditionsChoose() throws {
    try check(
      """
      {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}, "x": {}}, "required": ["kind"],
       "if": {"properties": {"kind": {"const": "a"}}}, "then": {"required": ["x"]},
       "else": {"properties": {"x": false}}}
      """, accepts: [#"{"kind":"a","x":1}"#, #"{"kind":"b"}"#], refuses: [#"{"kind":"a"}"#, #"{"kind":"b","x":1}"#])
  }

  @Test func escapedNamesAreTheSameNames() throws {
    try check(
      #"{"type": "object", "properties": {"a": {"type": "integer"}}}"#, accepts: [#"{"a":1}"#, #"{"b":"x"}"#, "{}"],
      refuses: [#"{"a":"x"}"#, #"{"\u0061":"x"}"#])
  }

  @Test func elementsAreCounted() throws {
    try check(
      #"{"type": "array", "contains": {"const": 1}, "minContains": 2, "maxContains": 3}"#,
      accepts: ["[1,1]", "[0,1,1,5,1]"], refuses: ["[]", "[1]", "[1,1,1,1]"])
    try check(
      #"{"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": true, "minItems": 1}"#,
      accepts: [#"["a"]"#, #"["c","a","b"]"#], refuses: ["[]", #"["a","a"]"#, #"["a","b","a"]"#])
  }

  @Test func manyElementsAreToldApart() throws {
    let values = (0..<25).map { "\"v\($0)\"" }
    let matcher = try SchemaMatcher(
      #"{"type": "array", "items": {"enum": [\#(values.joined(separator: ","))]}, "uniqueItems": true, "#
        + #""minItems": 2, "maxItems": 20}"#)
    var random = SplitMix(seed: 3)
    for _ in 0..<300 {
      let chosen = (0..<random.below(23)).map { _ in values[random.below(values.count)] }
      let isValid = chosen.count >= 2 && chosen.count <= 20 && Set(chosen).count == chosen.count
      let text = "[" + chosen.joined(separator: ",") + "]"
      #expect(try matcher.accepts(text) == isValid, "\(text)")
    }
    for count in 0...25 {
      #expect(try matcher.accepts("[" + values.suffix(count).joined(separator: ",") + "]") == (2...20).contains(count))
    }
    #expect(throws: Failure.self) {
      try SchemaMatcher(#"{"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": true, "minItems": 3}"#)
    }
  }

  @Test func membersAreCounted() throws {
    try check(
      #"{"type": "object", "properties": {"a": {}, "b": {}}, "minProperties": 2, "maxProperties": 3}"#,
      accepts: [#"{"a":1,"b":1}"#, #"{"a":1,"x":1,"y":1}"#, #"{"x":1,"y":1}"#],
      refuses: ["{}", #"{"a":1}"#, #"{"a":1,"b":1,"x":1,"y":1}"#])
  }

  @Test func olderDraftsAreRead() throws {
    try check(
      """
      {"$schema": "http://json-schema.org/draft-04/schema#", "type": "array",
       "items": [{"type": "integer", "minimum": 0, "exclusiveMinimum": true}], "additionalItems": {"$ref":
       "#/definitions/text", "type": "integer"}, "definitions": {"text": {"type": "string"}}}
      """, accepts: [#"[1,"a"]"#, "[1]"], refuses: ["[0]", "[1,2]"])
  }

  @Test func schemasMayBeRecursive() throws {
    try check(
      """
      {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties": {"value": {"type": "integer"},
       "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, "required": ["value"],
       "unevaluatedProperties": false}}}
      """, accepts: [#"{"value":1,"children":[{"value":2,"children":[]}]}"#],
      refuses: [#"{"value":1,"children":[{}]}"#, #"{"value":1,"more":1}"#])
  }

  // MARK: - What is refused

  @Test(arguments: [
    (#"{"properties": {"a": {"type": "array", "uniqueItems": true}}}"#, ##""uniqueItems" at #/properties/a"##),
    (#"{"items": {"pattern": "(a)\\1"}}"#, ##""pattern" at #/items"##),
    (#"{"properties": {"a/b": {"format": "regex"}}}"#, #""format" at"#),
    (#"{"$ref": "http://example.com/other.json"}"#, ##""$ref" at #"##),
    (#"{"multipleOf": 0.123456789}"#, "multipleOf"), (#"{"type": "any"}"#, ##""type" at #"##),
    (#"{"minLength": -1}"#, ##""minLength" at #"##), (#"{"required": true}"#, ##""required" at #"##),
  ]) func whatIsNotImplementedIsNamed(_ schema: String, _ place: String) throws {
    do {
      _ = try SchemaMatcher(schema)
      Issue.record("\(schema) is accepted")
    } catch let failure as Failure {
      #expect(failure.message.contains(place), "\(failure.message)")
    }
  }

  @Test(arguments: [
    "false", #"{"enum": []}"#, #"{"type": "string", "minLength": 3, "maxLength": 2}"#, #"{"allOf": [true, false]}"#,
    ##"{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}"##,
    #"{"type": "integer", "minimum": 2.1, "maximum": 2.9}"#, #"{"type": "string", "pattern": "^a$", "minLength": 2}"#,
  ]) func whatNoValueMeetsIsAnError(_ schema: String) throws {
    #expect(throws: Failure.self) { try SchemaMatcher(schema) }
  }

  @Test func hostileSchemasEnd() throws {
    let pairs = (0..<40).map { #"{"anyOf": [{"required": ["a\#($0)"]}, {"required": ["b\#($0)"]}]}"# }
    let deep = String(repeating: #"{"items":"#, count: 400) + "{}" + String(repeating: "}", count: 400)
    #expect(throws: Failure.self) { try SchemaMatcher(#"{"allOf": [\#(pairs.joined(separator: ","))]}"#) }
    #expect(throws: Failure.self) { try SchemaMatcher(##"{"$ref": "#"}"##) }
    #expect(throws: Failure.self) {
      try SchemaMatcher(##"{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}"##)
    }
    #expect(throws: Failure.self) { try SchemaMatcher(#"{"pattern": "\#(String(repeating: "(", count: 5000))"}"#) }
    #expect(try SchemaMatcher(deep).accepts("[[]]"))
  }
}
