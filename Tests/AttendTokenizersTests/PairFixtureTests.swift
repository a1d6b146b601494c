// Random pairs, truncations and windows against what Hugging Face's tokenizers made of them (Tests/Fixtures/pairs).
import AttendBase
import AttendCheckpoints
import AttendTestSupport
import AttendTokenizers
import Testing

@Suite struct PairFixtureTests {
  private let cases: JSON
  private let tokenizers: [String: Tokenizer]

  init() throws {
    let root = try JSON.file(Folder.repository + "/Tests/Fixtures/pairs/cases.json")
    var tokenizers: [String: Tokenizer] = [:]
    for (key, file) in try #require(root["tokenizers"]).members {
      let name = try #require(key.string)
      let model = try #require(root["models"]?[String(name.prefix { $0 != "," })])
      let parts = String(decoding: file.source.dropLast(), as: UTF8.self)
      tokenizers[name] = try tokenizer(parts + #", "model": "# + String(decoding: model.source, as: UTF8.self) + "}")
    }
    self.tokenizers = tokenizers
    cases = try #require(root["cases"])
  }

  private func options(_ json: JSON) throws -> TokenizeOptions {
    var options = TokenizeOptions(
      addSpecialTokens: try #require(json["special"]?.bool), maximalLength: json["length"]?.int)
    options.stride = try #require(json["stride"]?.int)
    options.side = json["left"]?.bool == true ? .left : .right
    let strategy = UInt32(try #require(json["strategy"]?.int))
    options.truncation = try #require(TokenizeOptions.Truncation(rawValue: strategy))
    return options
  }

  @Test func everyWindowIsThatOfTheReference() throws {
    #expect(cases.count == 240)
    for json in cases.elements {
      let tokenizer = try #require(tokenizers[json["tokenizer"]!.string!])
      let request = "\(json.excerpt)"
      let (text, pair) = (json["text"]!.string!, json["pair"]?.string)
      guard let windows = json["windows"], !windows.isNull else {
        #expect(throws: Failure.self, "\(request)") { try tokenizer.encoding(text, pair: pair, options(json)) }
        continue
      }
      let encoding = try tokenizer.encoding(text, pair: pair, try options(json))
      try #require(encoding.overflowCount + 1 == windows.count, "\(request)")
      for (index, wanted) in windows.elements.enumerated() {
        let window = index == 0 ? encoding : try encoding.overflow(index - 1)
        #expect(window.ids == wanted["ids"]!.numbers && window.typeIDs == wanted["types"]!.numbers, "\(request)")
        #expect(window.special.map { Int32($0) } == wanted["special"]!.numbers, "\(request)")
        let offsets = window.offsets.map { [$0.scalarStart, $0.scalarEnd] }
        #expect(offsets == wanted["offsets"]!.elements.map(\.numbers), "\(request)")
      }
    }
  }
}
