// Properties that hold for every text, every list of ids and every file.
import AttendBase
import AttendCheckpoints
import AttendTestSupport
import AttendTokenizers
import Foundation
import Testing

@Suite struct PropertyTests {
  static func text(_ random: inout SplitMix) -> [UInt8] {
    let pool = Array(
      "abc the in  \t\n.,!? aaaaaaaa 0123 'll 've ÀÉé中文字カナ한국😀👩‍👧🇫🇷\u{301}\u{0}\u{FFFD}ﬁ<s>"
        .unicodeScalars)
    var text = String.UnicodeScalarView()
    for _ in 0..<random.below(24) { text.append(pool[random.below(pool.count)]) }
    return Array(String(text).utf8)
  }

  @Test func decodingAByteLevelEncodingGivesTheTextBack() throws {
    let tokenizer = try byteLevelTokenizer()
    var random = SplitMix(seed: 1)
    for _ in 0..<50_000 {
      let text = PropertyTests.text(&random)
      let back = try tokenizer.bytes(Array(try tokenizer.encoding(text, special: false).ids))
      if back != text { Issue.record("\(text) became \(back)") }
    }
  }

  @Test func bytesThatAreNoTextComeBackAsReplacementCharacters() throws {
    let tokenizer = try byteLevelTokenizer()
    var random = SplitMix(seed: 2)
    for _ in 0..<50_000 {
      let bytes = (0..<random.below(16)).map { _ in
        random.below(3) == 0 ? UInt8(random.below(256)) : UInt8(truncatingIfNeeded: 0x80 | random.below(128))
      }
      let back = try tokenizer.bytes(Array(try tokenizer.encoding(bytes, special: false).ids))
      if back != Array(String(decoding: bytes, as: UTF8.self).utf8) { Issue.record("\(bytes) became \(back)") }
    }
  }

  @Test func offsetsLieInTheTextAndRise() throws {
    let tokenizer = try byteLevelTokenizer(addPrefixSpace: true)
    var random = SplitMix(seed: 3)
    for _ in 0..<5_000 {
      var bytes = PropertyTests.text(&random)
      if random.below(2) == 0, !bytes.isEmpty { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
      let scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars.count
      var last: Int32 = 0
      for offset in try tokenizer.encoding(bytes, special: false).offsets {
        #expect(offset.byteStart >= last && offset.byteStart <= offset.byteEnd && Int(offset.byteEnd) <= bytes.count)
        #expect(offset.scalarStart <= offset.scalarEnd && Int(offset.scalarEnd) <= scalars)
        last = offset.byteStart
      }
    }
  }

  @Test func aStreamGivesWhatDecodingGives() throws {
    let tokenizer = try byteLevelTokenizer()
    var random = SplitMix(seed: 4)
    for _ in 0..<300 {
      let ids = (0..<random.below(200)).map { _ in Int32(random.below(tokenizer.size)) }
      var stream = DetokenizerStream(tokenizer, skipSpecialTokens: true)
      var text: [UInt8] = []
      for id in ids {
        let part = try stream.add(id)
        #expect(String(validating: part, as: UTF8.self) != nil)
        text += part
      }
      text += try stream.finish()
      #expect(text == (try tokenizer.bytes(ids)))
    }
  }

  @Test func idsOutOfRangeAreErrorsInAStreamToo() throws {
    let tokenizer = try byteLevelTokenizer()
    var stream = DetokenizerStream(tokenizer, skipSpecialTokens: true)
    #expect(try stream.add(97).elementsEqual("a".utf8))
    #expect(throws: Failure.self) { try stream.add(Int32(tokenizer.size)) }
    #expect(try stream.add(98).elementsEqual("b".utf8))
  }

  /// A folder with each kind of tokenizer file, all small.
  private func files() throws -> [(name: String, bytes: [UInt8])] {
    let unigram =
      #"{"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["▁", -1], ["a", -2], ["▁ab", -3.5]], "#
      + #""byte_fallback": false}"#
    let json = tokenizerJSON(
      unigram,
      normalizer:
        #"{"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": "#
        + #""\\s+|b{2,3}"}, "content": " "}]}"#,
      preTokenizer: #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true}"#,
      postProcessor:
        #"{"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1], "trim_offsets": true, "#
        + #""add_prefix_space": true}"#,
      decoder:
        #"{"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Strip", "content": " ", "start": 1, "#
        + #""stop": 0}]}"#,
      added:
        #"[{"id": 9, "content": "<x>", "single_word": true, "lstrip": true, "rstrip": true, "normalized": true, "#
        + #""special": true}]"#
    )
    return [
      ("tokenizer.json", Array(json.utf8)), ("tokenizer.model", SentencePieceWriter.small()),
      ("vocab.txt", Array("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n".utf8)),
      ("x.tiktoken", Array("YQ== 0\nYg== 1\nYWI= 2\n".utf8)),
    ]
  }

  /// Whatever is in a file: a tokenizer that works, or an error.
  private func exercise(_ bytes: [UInt8], _ name: String, _ folder: TemporaryFolder) throws {
    try folder.write(name, bytes)
    do throws(Failure) {
      let tokenizer = try Tokenizer(path: folder.path(of: name))
      for text in ["ab a<x>b  bbb\u{0}é", "", "▁ab\u{FFFD}"] {
        if let encoding = try? tokenizer.encoding(text, special: true) {
          _ = try? tokenizer.bytes(Array(encoding.ids), keepSpecial: true)
        }
      }
    } catch { #expect(!error.message.isEmpty) }
  }

  @Test func filesCutAnywhereAreErrorsOrTokenizers() throws {
    let folder = try TemporaryFolder()
    for file in try files() {
      for length in 0..<file.bytes.count { try exercise(Array(file.bytes.prefix(length)), file.name, folder) }
      _ = try Tokenizer(
        path: {
          try folder.write(file.name, file.bytes);
          return folder.path(of: file.name)
        }())
    }
  }

  @Test func filesWithFlippedBytesAreErrorsOrTokenizers() throws {
    let folder = try TemporaryFolder()
    var random = SplitMix(seed: 5)
    for file in try files() {
      for _ in 0..<600 {
        var bytes = file.bytes
        for _ in 0...random.below(3) { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
        try exercise(bytes, file.name, folder)
      }
    }
  }
}
