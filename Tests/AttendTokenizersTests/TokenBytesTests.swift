import AttendBase
import AttendTestSupport
import AttendTokenizers
import Testing

/// The bytes of single tokens, joined, against the decoded text: in the middle and at the beginning.
@Suite struct TokenBytesTests {
  private func bytes(_ tokenizer: Tokenizer, _ id: Int32, isFirst: Bool) throws -> [UInt8] {
    var bytes = GrowingList<UInt8>(for: "a test")
    try tokenizer.appendBytes(of: id, to: &bytes, isFirst: isFirst)
    return Array(bytes.elements)
  }

  /// Expects that tokens one after another are the text that the decoder makes of them.
  private func check(_ tokenizer: Tokenizer, _ ids: [Int32]) throws {
    let all = try ids.enumerated().flatMap { try bytes(tokenizer, $1, isFirst: $0 == 0) }
    // What is not UTF-8, the decoder replaces.
    guard String(validating: all, as: UTF8.self) != nil else { return }
    let text = try tokenizer.bytes(ids)
    #expect(text == all, "\(ids): \(String(decoding: text, as: UTF8.self))")
  }

  @Test(arguments: [
    "null", ###"{"type": "WordPiece", "prefix": "##", "cleanup": true}"###, #"{"type": "ByteLevel"}"#,
    #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}"#,
    #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never"}"#,
    """
    {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
     {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    """,
  ]) func tokensAreTheirText(_ decoder: String) throws {
    let words = ["a", "▁b", "##c", "▁▁d", "<0x41>", "<0x20>", "Ġe", "▁", "."]
    let vocabulary = words.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", ")
    let tokenizer = try tokenizer(
      tokenizerJSON(
        #"{"type": "WordLevel", "vocab": {\#(vocabulary)}, "unk_token": "a"}"#, decoder: decoder))
    for first in 0..<Int32(words.count) {
      try check(tokenizer, [first])
      for second in 0..<Int32(words.count) { try check(tokenizer, [first, second, 0]) }
    }
  }

  @Test(
    .enabled(if: Shared.isThere, "the shared folder is not there"),
    arguments: ["all-MiniLM-L6-v2", "gpt2", "llama2-spm", "t5-small"]
  ) func tokensOfVocabulariesAreTheirText(_ name: String) throws {
    let tokenizer = try Tokenizer(path: Shared.path! + "/tokenizers/" + name)
    var random = SplitMix(seed: 1)
    for _ in 0..<3_000 {
      let ids = (0..<3).map { _ in Int32(random.below(tokenizer.size)) }
      // A text whose first token adds nothing begins with the second.
      if try tokenizer.isSpecial(ids[0]) || bytes(tokenizer, ids[0], isFirst: true).isEmpty { continue }
      try check(tokenizer, ids)
    }
  }

  /// Spaces around the whole vanish: a letter stands behind.
  @Test(.enabled(if: Shared.isThere, "the shared folder is not there")) func tokensOfMarianAreTheirText() throws {
    let tokenizer = try Tokenizer(path: Shared.path! + "/tokenizers/marian-fr-en")
    let last = try #require(tokenizer.id("s"))
    var random = SplitMix(seed: 2)
    for _ in 0..<3_000 {
      let ids = (0..<2).map { _ in Int32(random.below(tokenizer.size)) }
      if try ids.contains(where: tokenizer.isSpecial) || bytes(tokenizer, ids[0], isFirst: true).isEmpty { continue }
      try check(tokenizer, ids + [last])
    }
  }
}
