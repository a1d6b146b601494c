// The other files that tokenizers come in.
import AttendBase
import AttendTestSupport
import AttendTokenizers
import Testing

@Suite struct FileTests {
  @Test func sentencePieceUnigramAndPairsAgreeOnAnEasyText() throws {
    for model: UInt8 in [1, 2] {
      let folder = try TemporaryFolder()
      try folder.write("tokenizer.model", SentencePieceWriter.small(model: model))
      let tokenizer = try Tokenizer(path: folder.path)
      #expect(try tokenizer.ids(" ab  b") == [8, 3, 5])
      #expect(try tokenizer.text([8, 3, 5]) == "ab b")
      #expect(
        try tokenizer.encoding("ab b", special: false).offsets.map { [$0.byteStart, $0.byteEnd] } == [
          [0, 2], [2, 3], [3, 4],
        ])
      #expect(try tokenizer.ids("bxb") == [3, 5, 0, 5])
    }
  }

  /// The ids are what the sentencepiece library 0.2 gives for the same files.
  @Test(
    arguments: [
      (1, false, [[], [8, 3, 5], [8], [3, 0, 8, 3, 0]]), (1, true, [[], [7, 3, 5, 3], [7, 3], [0, 8, 3, 0, 3]]),
      (2, false, [[], [8, 3, 5], [8], [3, 0, 8, 3, 0]]), (2, true, [[], [10, 9], [10], [0, 8, 3, 0, 3]]),
      (3, false, [[], [8, 0], [8], [0, 8, 0]]), (3, true, [[], [7, 0, 3], [7, 3], [0, 8, 0, 3]]),
      (4, false, [[], [3, 4, 5, 3, 5], [3, 4, 5], [3, 0, 3, 4, 5, 3, 0]]),
      (4, true, [[], [4, 5, 3, 5, 3], [4, 5, 3], [0, 3, 4, 5, 3, 0, 3]]),
    ] as [(UInt8, Bool, [[Int32]])])
  func sentencePieceModelsPutTheirSpaceInFrontOrBehind(
    _ model: UInt8, _ spaceIsSuffix: Bool, _ expected: [[Int32]]
  ) throws {
    let folder = try TemporaryFolder()
    try folder.write("tokenizer.model", SentencePieceWriter.small(model: model, spaceIsSuffix: spaceIsSuffix))
    let tokenizer = try Tokenizer(path: folder.path)
    #expect(try tokenizer.ids("") == [])
    for (text, ids) in zip(["  ", " ab  b ", "ab ▁", "xyé ab x"], expected) { #expect(try tokenizer.ids(text) == ids) }
    #expect(try tokenizer.text([10, 8, 9, 4]) == "ab  abb a")
    #expect(try tokenizer.text([3, 3, 4, 3]) == "a ")
  }

  @Test(arguments: ["tokenizer.model", "source.spm"]) func anEmptySentencePieceFileIsNamed(_ name: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(name, [UInt8]())
    try folder.write("vocab.json", "{}")
    let failure = #expect(throws: Failure.self) { try Tokenizer(path: folder.path) }
    #expect(failure?.code == .invalidFile && failure?.message.contains(name) == true)
  }

  @Test func classesOfTheConfigurationPutTheirTokensAround() throws {
    let folder = try TemporaryFolder()
    try folder.write("spiece.model", SentencePieceWriter.small())
    try folder.write("tokenizer_config.json", #"{"tokenizer_class": "T5Tokenizer", "extra_ids": 2}"#)
    let t5 = try Tokenizer(path: folder.path)
    #expect(try t5.ids("ab<extra_id_0>", special: true) == [8, 12, 2])
    try folder.write("tokenizer_config.json", #"{"tokenizer_class": "LlamaTokenizer"}"#)
    #expect(try Tokenizer(path: folder.path).ids("ab</s>", special: true) == [1, 8, 2])
    try folder.write("tokenizer_config.json", #"{"tokenizer_class": "AlbertTokenizer"}"#)
    let failure = #expect(throws: Failure.self) { try Tokenizer(path: folder.path) }
    #expect(failure?.code == .unsupported && failure?.message.contains("AlbertTokenizer") == true)
  }

  @Test func marianNumbersPiecesByVocabJSON() throws {
    let folder = try TemporaryFolder()
    try folder.write("source.spm", SentencePieceWriter.small())
    try folder.write("vocab.json", #"{"</s>": 0, "<unk>": 1, "▁ab": 2, "b": 3, ">>fra<<": 4, "<pad>": 5}"#)
    let tokenizer = try Tokenizer(path: folder.path)
    #expect(try tokenizer.ids(">>fra<<ab b", special: true) == [4, 2, 1, 3, 0])
    #expect(try tokenizer.text([5, 2, 3, 2, 0]) == "abb ab")
  }

  /// Targets have a file of their own, which is read when it is first needed.
  @Test func marianSplitsTargetsByTargetSPM() throws {
    let folder = try TemporaryFolder()
    try folder.write("source.spm", SentencePieceWriter.small())
    try folder.write("vocab.json", #"{"</s>": 0, "<unk>": 1, "▁ab": 2, "b": 3, "▁": 4, "a": 5, "<pad>": 6}"#)
    let incomplete = try Tokenizer(path: folder.path)
    let failure = #expect(throws: Failure.self) { try incomplete.ofTargets() }
    #expect(failure?.code == .notFound && failure?.message.contains("target.spm") == true)
    let pieces = [("<unk>", 0, 2), ("▁", -1, 1), ("a", -2, 1), ("b", -3, 1)] as [(String, Float, UInt8)]
    try folder.write(
      "target.spm",
      SentencePieceWriter.write(pieces.map { .init(text: $0.0, score: $0.1, type: $0.2) }, model: 1))
    let tokenizer = try Tokenizer(path: folder.path)
    #expect(try tokenizer.ids("ab b", special: true) == [2, 4, 3, 0])
    #expect(try tokenizer.ofTargets().ids("ab b", special: true) == [4, 5, 3, 4, 3, 0])
    #expect(try tokenizer.ofTargets() === tokenizer.ofTargets())
    var options = TokenizeOptions()
    options.areTargets = true
    let text = Array("ab b".utf8)
    let encoding = try text.withUnsafeBytes { try tokenizer.encode($0, options) }
    #expect(Array(encoding.ids) == [4, 5, 3, 4, 3, 0])
  }

  /// As transformers' `text_target`.
  @Test(.enabled(if: Shared.isThere, "the shared folder is not beside this checkout"))
  func targetsOfMarianAreSplitAsInTransformers() throws {
    let tokenizer = try Tokenizer(path: Shared.path! + "/tokenizers/marian-fr-en")
    #expect(try tokenizer.ids("Hello world!", special: true) == [24205, 104, 52620, 19, 43311])
    #expect(try tokenizer.ofTargets().ids("Hello world!", special: true) == [24205, 52621, 19, 43311])
    #expect(try tokenizer.ofTargets().ids("", special: true) == [43311])
  }

  @Test func vocabTxtIsBert() throws {
    let folder = try TemporaryFolder()
    try folder.write("vocab.txt", "[PAD]\r\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhe\n##llo\n,\nE\u{301}\n")
    #expect(try Tokenizer(path: folder.path).ids("HÉllo, [MASK]x", special: true) == [2, 5, 6, 7, 4, 1, 3])
    try folder.write("tokenizer_config.json", #"{"do_lower_case": false}"#)
    #expect(try Tokenizer(path: folder.path).ids("Hello", special: true) == [2, 1, 3])
  }

  @Test func vocabJSONWithMergesIsGPT2AndItsKin() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "vocab.json", object(byteLetters + ["<s>", "</s>", "Ġt", "he", "Ġthe", "<mask>", "<unk>", "<pad>"]))
    try folder.write("merges.txt", "#version: 0.2\nĠ t\nh e\nĠt he\n")
    #expect(try Tokenizer(path: folder.path).ids("the the", special: true) == [116, 259, 260])
    try folder.write("tokenizer_config.json", #"{"tokenizer_class": "RobertaTokenizer"}"#)
    let roberta = try Tokenizer(path: folder.path)
    let encoding = try roberta.encoding("x the <mask>", special: true)
    #expect(encoding.ids == [256, 120, 260, 32, 261, 257])
    #expect(
      encoding.offsets.map { [$0.byteStart, $0.byteEnd] } == [[0, 0], [0, 1], [2, 5], [6, 6], [6, 12], [0, 0]])
  }

  /// As transformers 5.24 does: a special token takes the space before it along where a file says so, and not by the
  /// class of the tokenizer.
  @Test(arguments: [
    ("tokenizer_config.json", #"{"tokenizer_class": "RobertaTokenizer", "mask_token": "<mask>"}"#, false),
    (
      "tokenizer_config.json",
      #"{"tokenizer_class": "RobertaTokenizer", "mask_token": {"content": "<mask>", "lstrip": true}}"#, true
    ), ("special_tokens_map.json", #"{"mask_token": {"content": "<mask>", "lstrip": true}}"#, true),
    ("special_tokens_map.json", #"{"mask_token": {"content": "<mask>", "lstrip": false}}"#, false),
  ]) func aMaskTakesTheSpaceBeforeItWhereAFileSaysSo(file: String, text: String, strips: Bool) throws {
    let folder = try TemporaryFolder()
    try folder.write("vocab.json", object(byteLetters + ["<s>", "</s>", "<mask>", "<unk>", "<pad>"]))
    try folder.write("merges.txt", "")
    try folder.write("tokenizer_config.json", #"{"tokenizer_class": "RobertaTokenizer"}"#)
    try folder.write(file, text)
    let ids = try Tokenizer(path: folder.path).ids("x <mask>y", special: true)
    #expect(ids == [256, 120] + (strips ? [] : [32]) + [258, 121, 257])
  }

  /// As transformers 5.24 does: what a tokenizer.json puts around a text counts, whatever stands beside it.
  @Test(arguments: ["LlamaTokenizer", "GPT2Tokenizer", "PreTrainedTokenizerFast"])
  func addBosTokenMeansNothingBesideTokenizerJSON(tokenizerClass: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "tokenizer.json", tokenizerJSON(#"{"type": "WordLevel", "vocab": {"a": 3, "<s>": 1}, "unk_token": "a"}"#))
    try folder.write(
      "tokenizer_config.json",
      #"{"tokenizer_class": "\#(tokenizerClass)", "bos_token": "<s>", "add_bos_token": true, "add_eos_token": true}"#)
    #expect(try Tokenizer(path: folder.path).ids("a", special: true) == [3])
  }

  @Test func tiktokenFilesMergeByTheRanksOfTheirTokens() throws {
    let folder = try TemporaryFolder()
    // a, b, c, "bc", "abc", " "
    try folder.write("qwen.tiktoken", "YQ== 0\nYg== 1\nYw== 2\nYmM= 3\nYWJj 4\nIA== 5\n")
    try folder.write(
      "tokenizer_config.json", #"{"added_tokens_decoder": {"9": {"content": "<|end|>", "special": true}}}"#)
    let tokenizer = try Tokenizer(path: folder.path)
    #expect(try tokenizer.ids("abc bcb<|end|>") == [4, 5, 3, 1, 9])
    #expect(try tokenizer.text([4, 5, 3, 1, 9]) == "abc bcb")
  }

  @Test func tokenizerJSONComesFirst() throws {
    let folder = try TemporaryFolder()
    try folder.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n")
    try folder.write("tokenizer.json", tokenizerJSON(#"{"type": "WordLevel", "vocab": {"a": 3}, "unk_token": "a"}"#))
    #expect(try Tokenizer(path: folder.path).ids("a", special: true) == [3])
  }
}
