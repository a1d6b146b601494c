// Two texts in one encoding, truncation and its windows. Expected values are those of Hugging Face's tokenizers 0.23.
import AttendBase
import AttendTestSupport
import AttendTokenizers
import Testing

@Suite struct PairTests {
  /// Reads the letters a to p as 3 to 18; [CLS] is 1 and [SEP] 2.
  private func letters(_ postProcessor: String) throws -> Tokenizer {
    let tokens = ["[UNK]", "[CLS]", "[SEP]"] + (0..<16).map { String(UnicodeScalar(UInt8(97 + $0))) }
    return try tokenizer(
      tokenizerJSON(
        #"{"type": "WordLevel", "vocab": \#(object(tokens)), "unk_token": "[UNK]"}"#,
        preTokenizer: #"{"type": "WhitespaceSplit"}"#, postProcessor: postProcessor))
  }

  private static let first = "a b c d e", second = "f g h i j k l"
  private static let bert = #"{"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}"#
  private static let roberta = #"{"type": "RobertaProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}"#

  /// A TemplateProcessing whose items are spelled "CLS:0", "A:0" and so on.
  private static func template(_ single: String, _ pair: String) -> String {
    func items(_ text: String) -> String {
      let list = text.split(separator: " ").map { item in
        let (name, type) = (item.split(separator: ":")[0], item.split(separator: ":")[1])
        let kind = name.count == 1 ? "Sequence" : "SpecialToken"
        return #"{"\#(kind)": {"id": "\#(name)", "type_id": \#(type)}}"#
      }
      return "[\(list.joined(separator: ", "))]"
    }
    return """
      {"type": "TemplateProcessing", "single": \(items(single)), "pair": \(items(pair)), "special_tokens": {
       "CLS": {"id": "CLS", "ids": [1], "tokens": ["CLS"]}, "SEP": {"id": "SEP", "ids": [2], "tokens": ["SEP"]}}}
      """
  }

  private func options(
    _ length: Int, stride: Int = 0, _ truncation: TokenizeOptions.Truncation = .longestFirst
  )
    -> TokenizeOptions
  {
    var options = TokenizeOptions(maximalLength: length)
    (options.stride, options.truncation) = (stride, truncation)
    return options
  }

  /// Ids and token types of the encoding and of its windows, one behind the other.
  private func rows(_ encoding: Encoding) throws -> [[Int32]] {
    let windows = try (0..<encoding.overflowCount).map { try encoding.overflow($0) }
    return ([encoding] + windows).flatMap { [Array($0.ids), Array($0.typeIDs)] }
  }

  @Test func eachProcessorPutsTwoTextsTogetherInItsWay() throws {
    let a: [Int32] = [3, 4], b: [Int32] = [8]
    let bert = try letters(PairTests.bert).encoding("a b", pair: "f")
    #expect(bert.ids == [1] + a + [2] + b + [2] && bert.typeIDs == [0, 0, 0, 0, 1, 1])
    #expect(bert.sequenceIDs == [-1, 0, 0, -1, 1, -1] && bert.special == [1, 0, 0, 1, 0, 1])
    #expect(bert.offsets.map { [$0.byteStart, $0.byteEnd] } == [[0, 0], [0, 1], [2, 3], [0, 0], [0, 1], [0, 0]])
    let roberta = try letters(PairTests.roberta).encoding("a b", pair: "f")
    #expect(roberta.ids == [1] + a + [2, 2] + b + [2] && roberta.typeIDs == [0, 0, 0, 0, 0, 0, 0])
    let none = try letters("null").encoding("a b", pair: "f")
    #expect(none.ids == a + b && none.typeIDs == [0, 0, 1])
    let turned = try letters(PairTests.template("CLS:3 A:4", "B:7 SEP:5 A:6 B:8")).encoding("a b", pair: "f")
    #expect(turned.ids == b + [2] + a + b && turned.typeIDs == [7, 5, 6, 6, 8])
    #expect(turned.sequenceIDs == [1, -1, 0, 0, 1])
  }

  @Test func windowsOfBothTextsAreAllThere() throws {
    let tokenizer = try letters(PairTests.bert)
    let encoding = try tokenizer.encoding(PairTests.first, pair: PairTests.second, options(9))
    let types: [Int32] = [0, 0, 0, 0, 0, 1, 1, 1, 1]
    #expect(
      try rows(encoding) == [
        [1, 3, 4, 5, 2, 8, 9, 10, 2], types, [1, 6, 7, 2, 8, 9, 10, 2], Array(types.dropFirst()),
        [1, 6, 7, 2, 11, 12, 13, 2], Array(types.dropFirst()), [1, 6, 7, 2, 14, 2], [0, 0, 0, 0, 1, 1],
        [1, 3, 4, 5, 2, 11, 12, 13, 2], types, [1, 3, 4, 5, 2, 14, 2], [0, 0, 0, 0, 0, 1, 1],
      ])
    #expect(throws: Failure.self) { try encoding.overflow(5) }
  }

  /// A template with type 0 for both texts gives it to their first windows alone; RobertaProcessing gives it to all.
  @Test func typesOfWindowsAreThoseOfTheReference() throws {
    let template = try letters(PairTests.template("CLS:0 A:0 SEP:0", "CLS:0 A:0 SEP:0 SEP:0 B:0 SEP:0"))
    for (tokenizer, type) in [(template, Int32(1)), (try letters(PairTests.roberta), 0)] {
      let encoding = try tokenizer.encoding("a", pair: "f g h", options(7, .onlySecond))
      #expect(
        try rows(encoding) == [
          [1, 3, 2, 2, 8, 9, 2], [0, 0, 0, 0, 0, 0, 0], [1, 3, 2, 2, 10, 2], [0, 0, 0, 0, type, 0],
        ])
    }
  }

  @Test func truncationKeepsAsMuchOfEachTextAsTheReference() throws {
    let tokenizer = try letters("null")
    func kept(_ first: Int, _ second: Int, _ length: Int) throws -> [Int] {
      let texts = [first, second].map { Array(repeating: "a", count: $0).joined(separator: " ") }
      let encoding = try tokenizer.encoding(texts[0], pair: texts[1], options(length))
      return (0...1).map { text in encoding.sequenceIDs.count { $0 == Int32(text) } }
    }
    #expect(try kept(5, 7, 5) == [2, 3] && kept(7, 5, 5) == [3, 2] && kept(5, 5, 5) == [2, 3])
    #expect(try kept(1, 7, 5) == [1, 4] && kept(7, 2, 5) == [3, 2] && kept(0, 7, 5) == [0, 5])
    #expect(try kept(5, 7, 1) == [0, 1] && kept(2, 3, 5) == [2, 3] && kept(9, 9, 4) == [2, 2])
  }

  @Test func windowsFromTheLeftBeginAtTheEnd() throws {
    var left = options(5, stride: 1)
    left.side = .left
    let encoding = try letters(PairTests.bert).encoding(PairTests.second, left)
    #expect(
      try rows(encoding).enumerated().filter { $0.0 % 2 == 0 }.map(\.1) == [
        [1, 12, 13, 14, 2], [1, 10, 11, 12, 2], [1, 8, 9, 10, 2],
      ])
  }

  /// The space in front of the first token of a text is kept, as one that the tokenizer added would be; so is that of
  /// each window.
  @Test func offsetsAreTrimmedByThePlaceInTheWindow() throws {
    let model = #"{"type": "BPE", "vocab": {"Ġa": 0, "Ġ": 1, "a": 2}, "merges": ["Ġ a"]}"#
    let level = #"{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true}"#
    let tokenizer = try tokenizer(tokenizerJSON(model, preTokenizer: level, postProcessor: level))
    let encoding = try tokenizer.encoding("a a a", options(2))
    #expect(encoding.offsets.map { [$0.byteStart, $0.byteEnd] } == [[0, 1], [2, 3]])
    #expect(try encoding.overflow(0).offsets.map { [$0.scalarStart, $0.scalarEnd] } == [[3, 5]])
  }

  @Test func aTemplateWithoutAPlaceForASecondTextIsNamed() throws {
    for pair in ["CLS:0 A:0", "B:0 SEP:0"] {
      let tokenizer = try letters(PairTests.template("CLS:0 A:0", pair))
      #expect(try tokenizer.encoding("a", special: true).ids == [1, 3])
      let failure = #expect(throws: Failure.self) { try tokenizer.encoding("a", pair: "b") }
      #expect(failure?.code == .unsupported && failure?.message.contains("second text") == true)
    }
    #expect(throws: Failure.self) { try letters(PairTests.template("B:0", "A:0 B:0")) }
    let two = #"{"type": "Sequence", "processors": [\#(PairTests.bert), \#(PairTests.roberta)]}"#
    #expect(throws: Failure.self) { try letters(two) }
  }

  @Test func theSideOfTruncationIsThatOfTheFiles() throws {
    let folder = try TemporaryFolder()
    let model = #"{"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "a"}"#
    let json = tokenizerJSON(model, preTokenizer: #"{"type": "WhitespaceSplit"}"#)
    let left = json.replacing(#""truncation": null"#, with: #""truncation": {"direction": "Left"}"#)
    func ids(_ json: String, _ settings: String?) throws -> [Int32] {
      try folder.write("tokenizer.json", json)
      if let settings { try folder.write("tokenizer_config.json", settings) }
      defer { if settings != nil { try? folder.remove("tokenizer_config.json") } }
      return Array(try Tokenizer(path: folder.path).encoding("a b", options(1)).ids)
    }
    #expect(try ids(json, nil) == [0] && ids(json, #"{"truncation_side": "left"}"#) == [1])
    #expect(try ids(left, nil) == [1] && ids(left, #"{"truncation_side": "right"}"#) == [0])
    let failure = #expect(throws: Failure.self) { try ids(json, "{") }
    #expect(failure?.message.contains("tokenizer_config.json") == true)
  }

  @Test func foldersWithoutTokenizerJSONHaveTheTemplatesOfTheirClasses() throws {
    let folder = try TemporaryFolder()
    try folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n")
    let bert = try Tokenizer(path: folder.path).encoding("a", pair: "b")
    #expect(bert.ids == [2, 5, 3, 6, 3] && bert.typeIDs == [0, 0, 0, 1, 1])
    try folder.remove("vocab.txt")
    try folder.write("tokenizer.model", SentencePieceWriter.small())
    try folder.write("tokenizer_config.json", #"{"tokenizer_class": "LlamaTokenizer", "add_eos_token": true}"#)
    let llama = try Tokenizer(path: folder.path).encoding("ab", pair: "ab")
    #expect(llama.ids == [1, 8, 2, 1, 8, 2] && llama.typeIDs == [0, 0, 0, 1, 1, 1])
    try folder.write("tokenizer_config.json", #"{"tokenizer_class": "T5Tokenizer"}"#)
    let t5 = try Tokenizer(path: folder.path).encoding("ab", pair: "ab")
    #expect(t5.ids == [8, 2, 8, 2] && t5.typeIDs == [0, 0, 0, 0])
  }
}
