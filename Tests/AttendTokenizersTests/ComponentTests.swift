// Each component by itself, against values worked out by hand or taken from the documents that define it.
import AttendBase
import AttendTestSupport
import AttendTokenizers
import Testing

@Suite struct NormalizerTests {
  private func normalized(_ text: String, _ normalizer: String) throws -> String {
    try pieces(text, normalizer: normalizer).joined()
  }

  @Test func normalizationFormsFollowUnicode() throws {
    let text = "\u{1E9B}\u{0323}"  // UAX 15, figure 6
    #expect(try normalized(text, #"{"type": "NFC"}"#).unicodeScalars.map(\.value) == [0x1E9B, 0x0323])
    #expect(try normalized(text, #"{"type": "NFD"}"#).unicodeScalars.map(\.value) == [0x017F, 0x0323, 0x0307])
    #expect(try normalized(text, #"{"type": "NFKC"}"#).unicodeScalars.map(\.value) == [0x1E69])
    #expect(try normalized(text, #"{"type": "NFKD"}"#).unicodeScalars.map(\.value) == [0x0073, 0x0323, 0x0307])
    #expect(try normalized("\u{1112}\u{1161}\u{11AB}", #"{"type": "NFC"}"#).unicodeScalars.map(\.value) == [0xD55C])
    #expect(try normalized("\u{D55C}", #"{"type": "NFD"}"#).unicodeScalars.map(\.value) == [0x1112, 0x1161, 0x11AB])
  }

  @Test func simpleNormalizersDoWhatTheirNamesSay() throws {
    #expect(try normalized("ÀÉ İ Σ", #"{"type": "Lowercase"}"#) == "àé i\u{307} σ")
    #expect(try normalized("a\u{301}b\u{903}", #"{"type": "StripAccents"}"#) == "ab")
    #expect(try normalized(" \u{3000}a b\n", #"{"type": "Strip", "strip_left": true, "strip_right": true}"#) == "a b")
    #expect(try normalized(" a ", #"{"type": "Strip", "strip_left": false, "strip_right": true}"#) == " a")
    #expect(try normalized("ab", #"{"type": "Prepend", "prepend": "▁"}"#) == "▁ab")
    #expect(try normalized("", #"{"type": "Prepend", "prepend": "▁"}"#) == "")
    #expect(try normalized("a  b", #"{"type": "Replace", "pattern": {"Regex": " +"}, "content": "__"}"#) == "a__b")
    #expect(try normalized("a.b", #"{"type": "Replace", "pattern": {"String": "."}, "content": ""}"#) == "ab")
    #expect(try normalized("a\u{7}\tb\u{200B}", #"{"type": "Nmt"}"#) == "a b ")
    #expect(try normalized("é ", #"{"type": "ByteLevel"}"#) == "Ã©Ġ")
    #expect(
      try normalized(
        "H\u{E9}\u{7}\tW中",
        #"{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "#
          + #""lowercase": true}"#
      ) == "he w 中 ")
  }

  @Test func aCompiledMapIsAppliedToClustersAndScalars() throws {
    // A double array that maps "a" to "xy": the root's children are at offset 1, the leaf of "a" is at 0x60 ^ 2.
    var units = [UInt32](repeating: 0, count: 256)
    units[0] = 1 << 10
    units[1 ^ 0x61] = UInt32(2) << 10 | 1 << 8 | 0x61
    units[1 ^ 0x61 ^ 2] = 1 << 31
    let blob =
      [0, 4, 0, 0] + units.flatMap { unit in (0..<4).map { UInt8(truncatingIfNeeded: unit >> ($0 * 8)) } }
      + Array("xy\u{0}".utf8)
    #expect(try normalized("bab", #"{"type": "Precompiled", "precompiled_charsmap": "\#(base64(blob))"}"#) == "bxyb")
  }

  private func base64(_ bytes: [UInt8]) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let part = bytes[start..<min(start + 3, bytes.count)]
      let number = (0..<3).reduce(0) { $0 << 8 | Int($1 < part.count ? part[start + $1] : 0) }
      for place in 0..<4 { text.append(place <= part.count ? letters[number >> (18 - 6 * place) & 63] : "=") }
    }
    return text
  }
}

@Suite struct TextBudgetTests {
  /// Ten letters of each letter, nine times over.
  private static let replacements = Array(
    repeating: #"{"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaa"}"#, count: 9
  ).joined(separator: ", ")

  @Test func replacementsOfReplacementsAreStoppedWhereTheyAreMade() throws {
    let normalizer = #"{"type": "Sequence", "normalizers": [\#(TextBudgetTests.replacements)]}"#
    let failure = #expect(throws: Failure.self) { try pieces("aaaaaaaaaa", normalizer: normalizer) }
    #expect(failure?.code == .invalidArgument)
    #expect(failure?.message.hasPrefix("the normalizer Replace makes more than 1048896 bytes of a text of 10") == true)
  }

  @Test func decodersHaveTheSameBudget() throws {
    let decoder = #"{"type": "Sequence", "decoders": [\#(TextBudgetTests.replacements)]}"#
    let tokenizer = try tokenizer(
      tokenizerJSON(#"{"type": "WordLevel", "vocab": {"aaaaaaaaaa": 0}, "unk_token": "?"}"#, decoder: decoder))
    let failure = #expect(throws: Failure.self) { try tokenizer.text([0]) }
    #expect(failure?.code == .invalidArgument)
    #expect(failure?.message.hasPrefix("the decoder Replace makes more than 1048896 bytes of a text of 10") == true)
  }

  @Test func aShortTextMayGrowMuch() throws {
    let long = String(repeating: "b", count: 50_000)
    let normalizer = #"{"type": "Replace", "pattern": {"String": "a"}, "content": "\#(long)"}"#
    #expect(try pieces("aaa", normalizer: normalizer).joined() == long + long + long)
  }
}

@Suite struct PreTokenizerTests {
  private func split(_ text: String, _ preTokenizer: String) throws -> [String] {
    try pieces(text, preTokenizer: preTokenizer)
  }

  @Test(arguments: [
    ("Removed", ["the", "final", "countdown"]), ("Isolated", ["the", "-", "final", "-", "-", "countdown"]),
    ("MergedWithPrevious", ["the-", "final-", "-", "countdown"]),
    ("MergedWithNext", ["the", "-final", "-", "-countdown"]), ("Contiguous", ["the", "-", "final", "--", "countdown"]),
  ]) func matchesAreTreatedAsTheBehaviourSays(_ behavior: String, _ expected: [String]) throws {
    #expect(
      try split(
        "the-final--countdown",
        #"{"type": "Split", "pattern": {"String": "-"}, "behavior": "\#(behavior)", "invert": false}"#) == expected)
  }

  @Test func simplePreTokenizersDoWhatTheirNamesSay() throws {
    #expect(try split("Hey, you! a_1", #"{"type": "BertPreTokenizer"}"#) == ["Hey", ",", "you", "!", "a", "_", "1"])
    #expect(try split("Hey, you!! a_1", #"{"type": "Whitespace"}"#) == ["Hey", ",", "you", "!!", "a_1"])
    #expect(try split(" Hey, you!", #"{"type": "WhitespaceSplit"}"#) == ["Hey,", "you!"])
    #expect(try split("a?!b", #"{"type": "Punctuation"}"#) == ["a", "?", "!", "b"])
    #expect(try split("a12b", #"{"type": "Digits", "individual_digits": true}"#) == ["a", "1", "2", "b"])
    #expect(try split("a12b", #"{"type": "Digits", "individual_digits": false}"#) == ["a", "12", "b"])
    #expect(try split("どこで生れ。Yes", #"{"type": "UnicodeScripts"}"#) == ["どこで生れ", "。", "Yes"])
    #expect(try split("a|b||c", #"{"type": "CharDelimiterSplit", "delimiter": "|"}"#) == ["a", "b", "c"])
    #expect(try split("abcdé", #"{"type": "FixedLength", "length": 2}"#) == ["ab", "cd", "é"])
    #expect(
      try split("Hello my friend's 12", #"{"type": "ByteLevel", "add_prefix_space": true}"#) == [
        "ĠHello", "Ġmy", "Ġfriend", "'s", "Ġ12",
      ])
    #expect(
      try split("a  b", #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}"#) == ["▁a", "▁", "▁b"])
    #expect(
      try split("a b", #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": false}"#) == [
        "a▁b"
      ])
    #expect(
      try split(
        "a 1b",
        #"{"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": "#
          + #"false}]}"#
      ) == ["a", "1", "b"])
  }
}

@Suite struct RegexTests {
  private func matches(_ pattern: String, _ text: String) throws -> [String] {
    try pieces(
      text,
      preTokenizer:
        #"{"type": "Split", "pattern": {"Regex": \#(quoted(pattern))}, "behavior": "Removed", "invert": true}"#)
  }

  @Test(arguments: [
    (#"a|ab"#, "ab", ["a"]), (#"ab|a"#, "ab", ["ab"]), (#"a+?"#, "aa", ["a", "a"]),
    (#"a{2,3}"#, "aaaaa", ["aaa", "aa"]), (#"(?i:straße|É)"#, "STRAßE é", ["STRAßE", "é"]),
    (#"\p{Lu}\p{Ll}+"#, "Ab ÉéX", ["Ab", "Éé"]), (#"[^\s\p{L}]+"#, "a1!b 2", ["1!", "2"]),
    (#"\s+(?!\S)"#, "a   b ", ["  ", " "]), (#"a(?=b)"#, "abac", ["a"]), (#"(?<=a)b"#, "abcb", ["b"]),
    (#"(?<!a)b"#, "abcb", ["b"]), (#"\bfoo\b"#, "foo food", ["foo"]), (#"a++b"#, "aab", ["aab"]),
    (#"[ab]?+b"#, "ab b", ["ab"]), (#"[a-z&&[^m]]+"#, "kmn", ["k", "n"]), (#"[\p{Han}]+"#, "a中文b", ["中文"]),
    (#"\x41\x{42}\u0043"#, "ABC", ["ABC"]), (#"^b.$"#, "a\nbc\nd", ["bc"]), (#"(?m:a.b)"#, "a\nb", ["a\nb"]),
    (#"[^(\s|[.,!?])]+"#, "ab,c d", ["ab", "c", "d"]), (#"(?i:ſ)"#, "sSſ", ["s", "S", "ſ"]),
    (#"(?>ab|a)c"#, "abcac", ["abc", "ac"]), (#"(?:(?>a|b?))*c"#, "abac abc", ["abac", "abc"]),
    (#"f\X*+|i"#, "fi\u{301}i", ["fi\u{301}i"]), (#"(?:(?>ab?)(?>c?))*d"#, "abcaacd ad", ["abcaacd", "ad"]),
    (#"(?>a|ab)c"#, "abcac", ["ac"]), (#"(?=ab)\w"#, "abcab", ["a", "a"]),
    (#"(?<=ab)c"#, "abcc", ["c"]), (#"(ab)++"#, "ababc", ["abab"]), (#"\X"#, "e\u{301}x", ["e\u{301}", "x"]),
    (#"a{2,1}a"#, "aaa", ["aaa"]), (#"(?:(?:(?:){1000}){1000})a"#, "a", ["a"]), ("(?#x)a(?x: a # y\n)", "aab", ["aa"]),
    (#"[[:alpha:]]+"#, "ab1c", ["ab", "c"]), (#"\d{1,2}"#, "12345", ["12", "34", "5"]),
  ]) func expressionsMatchAsABacktrackingMatcherDoes(_ pattern: String, _ text: String, _ expected: [String]) throws {
    #expect(try matches(pattern, text) == expected)
  }

  @Test(arguments: [
    #"(a)\1"#, #"(?<n>a)\k<n>"#, #"(?<n>a)\g<n>"#, #"a\K"#, #"\Ga"#, #"(?~ab)"#, #"(?(a)b|c)"#, #"\p{NoSuch}"#,
    #"(?<=(?>ab|a))c"#, #"\xFF"#, "(?:a{1000}){1000}", "(?:(?:(?:a?){1000})*){1000}",
    "a" + String(repeating: "*", count: 50_000), String(repeating: "(", count: 50_000) + "a",
    String(repeating: "[", count: 50_000), String(repeating: "a", count: 1_000_000),
  ]) func whatIsBeyondIsNamed(_ pattern: String) throws {
    let failure = #expect(throws: Failure.self) { try matches(pattern, "abc") }
    #expect(failure?.code == .unsupported)
    #expect(failure?.message.contains("tokenizer.json") == true)
  }

  @Test(arguments: ["(", ")", "[a", "*", "a{2", #"\"#, "[z-a]", #"(?<n"#, #"\x{110000}"#])
  func whatIsNoExpressionIsAnErrorOrLiteral(_ pattern: String) throws {
    do { _ = try matches(pattern, "abc") } catch let failure as Failure { #expect(failure.code == .invalidFile) }
  }

  @Test(arguments: [
    #"a*b|a"#, #"(a|aa)+$|b"#, #"\s+$|\s"#, #"(a*)*b|."#, #"[^b]*b|a"#, #"(?=a*b)a|a"#, #"(?>a*)b|a"#, #"(?<=a*)b|a"#,
    #"(?:(?=a+b)a)*c|a"#, #"(?:(?>a+)+)++b|a"#, #"(a|b)*a(a|b){12}c"#,
  ]) func stepsGrowWithTheTextAlone(_ pattern: String) throws {
    let regex = try Regex(pattern)
    let once = try regex.steps(in: Array(repeating: 0x61, count: 20_000))
    let twice = try regex.steps(in: Array(repeating: 0x61, count: 40_000))
    #expect(twice <= once * 2 + once / 10 && once < 20_000 * 400)
  }

  @Test func anAutomatonThatExplodesIsMatchedByTables() throws {
    let text = String(repeating: "ab", count: 20) + "ac"
    #expect(try matches(#"(?:a|b)*a(?:a|b){24}c"#, text) == [text])
  }
}
