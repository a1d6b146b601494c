import AttendBase
import AttendDecoding
import Testing

/// Stop strings end a sequence inside the token that completes them, wherever they began.
@Suite struct StopStringsTests {
  private static let vocabulary = 32

  private func text(_ bytes: [UInt8]) throws(Failure) -> TextBytes {
    let memory = try AlignedBuffer(max(bytes.count, 1), of: UInt8.self, for: "a test")
    memory.pointer(to: UInt8.self).update(from: bytes, count: bytes.count)
    let text = try TextBytes(UnsafeBufferPointer(start: memory.pointer(), count: bytes.count))
    withExtendedLifetime(memory) {}
    return text
  }

  private func stopStrings(_ strings: [String], pieces: [[UInt8]]) throws -> StopStrings {
    let bytes = try FixedArray(pieces.count, for: "a test") { (token) throws(Failure) in try text(pieces[token]) }
    return try StopStrings(
      try FixedArray(strings.count, for: "a test") { (index) throws(Failure) in try text(Array(strings[index].utf8)) }
    ) { bytes[Int($0)].bytes }
  }

  /// How many of the pieces are generated, if they are what the model wants to say; the first `prompt` are the prompt.
  private func length(_ pieces: [[UInt8]], prompt: Int = 1, stop: [String], beams: Int = 1) throws -> Int {
    var request = Request()
    request.prompt = (0..<prompt).map(Int32.init)
    request.stopStrings = try stopStrings(stop, pieces: pieces)
    request.options.beams = beams
    request.options.maximalNewTokens = pieces.count - prompt
    request.options.logits.function = { scores, history in
      for token in 0..<scores.count where token != history.tokens.count { scores[token] = -.infinity }
    }
    let found = try found(request, try FakeModel(vocabulary: StopStringsTests.vocabulary))
    let isWhole = found[0].tokens.count == pieces.count
    #expect(found[0].reason == .stop || isWhole)
    return found[0].reason == .stop ? found[0].tokens.count - prompt : -1
  }

  private func pieces(_ texts: String...) -> [[UInt8]] { texts.map { Array($0.utf8) } }

  @Test(arguments: [1, 3]) func tokensAreStraddled(beams: Int) throws {
    let text = pieces("<s>", "the", " c", "at", " sa", "t on", " it")
    #expect(try length(text, stop: ["cat"], beams: beams) == 3)
    #expect(try length(text, stop: ["t s"], beams: beams) == 4)
    #expect(try length(text, stop: ["e cat sat o"], beams: beams) == 5)
    #expect(try length(text, stop: ["e cat sat on"], beams: beams) == 5)
    #expect(try length(text, stop: ["dog", "sat", "the cat s"], beams: beams) == 4)
    #expect(try length(text, stop: ["dog"], beams: beams) == -1)
    #expect(try length(text, stop: ["a"], beams: beams) == 3)
  }

  @Test func whatThePromptBeganCounts() throws {
    let text = pieces("one", " two", " three", " four")
    #expect(try length(text, prompt: 2, stop: ["wo t"]) == 1)
    // It ends in the prompt, not inside a token that is generated.
    #expect(try length(text, prompt: 2, stop: ["one two"]) == -1)
    #expect(try length(text, prompt: 1, stop: ["eone two three"]) == -1)
  }

  @Test func charactersAreCutAnywhere() throws {
    // é is C3 A9; the sign for the euro is E2 82 AC.
    let text: [[UInt8]] = [[0x61], [0xc3], [0xa9, 0xe2], [0x82], [], [0xac, 0x20], [0x62]]
    #expect(try length(text, stop: ["é"]) == 2)
    #expect(try length(text, stop: ["é€"]) == 5)
    #expect(try length(text, stop: ["€ b"]) == 6)
    #expect(try length(text, stop: ["€b"]) == -1)
  }

  @Test func emptyStringsAreRefused() throws {
    let failure = #expect(throws: Failure.self) { _ = try stopStrings(["a", ""], pieces: []) }
    #expect(failure?.message.contains("stop_strings[1]") == true)
  }
}
