// Models and added tokens, on vocabularies small enough to work the results out by hand.
import AttendBase
import AttendTestSupport
import AttendTokenizers
import Testing

@Suite struct ModelTests {
  @Test func wordPieceTakesTheLongestTokenThatFits() throws {
    let vocabulary = ["[UNK]", "un", "##aff", "##able", "##a", "##b", "unaffa"]
    let model =
      ###"{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "###
      + ###""max_input_chars_per_word": 10, "vocab": \###(object(vocabulary))}"###
    let tokenizer = try tokenizer(tokenizerJSON(model, preTokenizer: #"{"type": "WhitespaceSplit"}"#))
    #expect(try tokenizer.ids("unaffable") == [0])  // unaffa, ##b, then "le" fits nothing
    #expect(try tokenizer.ids("unaffa una unb x") == [6, 1, 4, 1, 5, 0])
    #expect(try tokenizer.ids("unaaaaaaaaa") == [0])  // longer than 10
  }

  @Test func bytePairsAreMergedByRank() throws {
    func ids(_ text: String, _ options: String) throws -> [Int32] {
      let vocabulary =
        ["<unk>", "a", "b", "c", "ab", "bc", "abc", "b</w>", "##b", "##c"]
        + (0..<256).map { "<0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) + ">" }
      let model =
        #"{"type": "BPE", "vocab": \#(object(vocabulary)), "merges": ["b c", ["a", "b"], "a bc"], \#(options)}"#
      return try tokenizer(tokenizerJSON(model)).ids(text)
    }
    #expect(try ids("abc", #""unk_token": "<unk>""#) == [6])
    #expect(try ids("abab", #""unk_token": null"#) == [4, 4])
    #expect(try ids("axxb", #""unk_token": "<unk>", "fuse_unk": false"#) == [1, 0, 0, 2])
    #expect(try ids("axxb", #""unk_token": "<unk>", "fuse_unk": true"#) == [1, 0, 2])
    #expect(try ids("axxb", #""unk_token": null"#) == [4])  // the unknown ones vanish
    #expect(try ids("é", #""unk_token": "<unk>", "byte_fallback": true"#) == [10 + 0xC3, 10 + 0xA9])
    #expect(try ids("ab", #""unk_token": null, "end_of_word_suffix": "</w>""#) == [1, 7])
    let failure = #expect(throws: Failure.self) { try ids("ab", #""unk_token": null, "dropout": 0.1"#) }
    #expect(failure?.code == .unsupported && failure?.message.contains("dropout") == true)
  }

  @Test func longPiecesAreMergedAsShortOnesAre() throws {
    let tokenizer = try byteLevelTokenizer()
    // The heap takes over beyond 40 symbols: a run of letters is cut the same whatever its length.
    let one = try tokenizer.ids(String(repeating: "a", count: 4))
    for count in [8, 36, 40, 44, 400, 4000] {
      #expect(
        try tokenizer.ids(String(repeating: "a", count: count))
          == Array(repeating: one, count: count / 4).flatMap { $0 })
    }
  }

  @Test func aPieceThatIsATokenIsTakenWholeWhereMergesAreIgnored() throws {
    let model =
      #"{"type": "BPE", "unk_token": null, "ignore_merges": true, "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": []}"#
    let tokenizer = try tokenizer(tokenizerJSON(model, preTokenizer: #"{"type": "WhitespaceSplit"}"#))
    #expect(try tokenizer.ids("ab ba") == [2, 1, 0])
  }

  @Test func unigramFindsTheBestSum() throws {
    let model =
      #"{"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1], ["b", -1], ["ab", -1.5], ["abc", -9], "#
      + #"["c", -1]], "byte_fallback": false}"#
    let tokenizer = try tokenizer(tokenizerJSON(model))
    #expect(try tokenizer.ids("abc") == [3, 5])
    #expect(try tokenizer.ids("axyb") == [1, 0, 2])  // unknown characters in a row are one
    #expect(
      try tokenizer.encoding("axyb", special: false).offsets.map { [$0.byteStart, $0.byteEnd] } == [
        [0, 1], [1, 3], [3, 4],
      ])
  }

  @Test func addedTokensFollowTheirFlags() throws {
    func ids(_ text: String, _ flags: String, normalizer: String = "null") throws -> [Int32] {
      let added = #"[{"id": 3, "content": "<X>", \#(flags)}]"#
      let model = #"{"type": "WordLevel", "vocab": {"?": 0, "a": 1, " ": 2}, "unk_token": "?"}"#
      let split = #"{"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": false}"#
      return try tokenizer(tokenizerJSON(model, normalizer: normalizer, preTokenizer: split, added: added)).ids(text)
    }
    #expect(try ids("a<X>a", #""normalized": false"#) == [1, 3, 1])
    #expect(try ids("a <X> a", #""lstrip": true, "rstrip": true, "normalized": false"#) == [1, 3, 1])
    #expect(try ids("a <X> a", #""lstrip": true, "normalized": false"#) == [1, 3, 2, 1])
    #expect(try ids("a<X> <X>", #""single_word": true, "normalized": false"#) == [1, 0, 0, 0, 2, 3])
    #expect(try ids("<x>", #""normalized": false"#, normalizer: #"{"type": "Lowercase"}"#) == [0, 0, 0])
    #expect(try ids("<x><X>", #""normalized": true"#, normalizer: #"{"type": "Lowercase"}"#) == [3, 3])
  }

  @Test func specialTokensAreSkippedUnlessKept() throws {
    let added = #"[{"id": 1, "content": "</s>", "special": true}, {"id": 2, "content": "<n>", "special": false}]"#
    let tokenizer = try tokenizer(
      tokenizerJSON(#"{"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}"#, added: added))
    #expect(try tokenizer.text([0, 1, 2]) == "a <n>")
    #expect(try tokenizer.text([0, 1, 2], keepSpecial: true) == "a </s> <n>")
  }

  @Test func templatesPutTheirTokensAround() throws {
    let template = #"""
      {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A",
      "type_id": 1}}, {"SpecialToken": {"id": "<s>", "type_id": 2}}],
       "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [7, 8], "tokens": ["<s>", "</s>"]}}}
      """#
    let tokenizer = try tokenizer(
      tokenizerJSON(#"{"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}"#, postProcessor: template))
    let encoding = try tokenizer.encoding("a", special: true)
    #expect(
      encoding.ids == [7, 8, 0, 7, 8] && encoding.typeIDs == [0, 0, 1, 2, 2]
        && encoding.special == [1, 1, 0, 1, 1])
    #expect(try tokenizer.ids("a") == [0])
  }

  @Test func aTextThatNeedsAMissingUnknownTokenIsAnError() throws {
    let tokenizer = try tokenizer(tokenizerJSON(#"{"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "[UNK]"}"#))
    let failure = #expect(throws: Failure.self) { try tokenizer.ids("b") }
    #expect(failure?.code == .invalidFile)
  }

  @Test(arguments: [
    ("normalizer", #""normalizer": {"type": "Nope"}"#), ("pre-tokenizer", #""pre_tokenizer": {"type": "Nope"}"#),
    ("post-processor", #""post_processor": {"type": "Nope"}"#), ("decoder", #""decoder": {"type": "Nope"}"#),
  ]) func whatIsUnknownIsNamedWithItsFile(_ kind: String, _ member: String) throws {
    let failure = #expect(throws: Failure.self) {
      try tokenizer(#"{"model": {"type": "WordLevel", "vocab": {}, "unk_token": "a"}, \#(member)}"#)
    }
    #expect(failure?.code == .unsupported)
    for part in [kind, "Nope", "tokenizer.json"] { #expect(failure?.message.contains(part) == true) }
  }

  @Test func loneSurrogatesAndNulInAFileAreDefined() throws {
    let tokenizer = try tokenizer(
      tokenizerJSON(#"{"type": "WordLevel", "vocab": {"\ud800": 0, "a\u0000b": 1}, "unk_token": "\ud800"}"#))
    #expect(tokenizer.id("\u{FFFD}") == 0)
    #expect(try tokenizer.ids("a\u{0}b") == [1])
    #expect(try tokenizer.bytes([1]) == [0x61, 0, 0x62])
  }
}
