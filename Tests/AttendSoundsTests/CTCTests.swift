import AttendBase
import AttendCheckpoints
import AttendSounds
import AttendTestSupport
import Foundation
import Testing

struct CTCTests {
  static func vocabulary(_ symbols: [String], _ options: String = "{}") throws -> CTCVocabulary {
    let members = symbols.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", ")
    return try CTCVocabulary(
      vocabulary: SoundFixtures.configuration("{\(members)}").json, SoundFixtures.configuration(options))
  }

  /// Logits in which each frame says one symbol.
  private func withFrames(
    _ ids: [Int], _ count: Int, _ body: (CTCLogits) throws -> Void
  ) throws {
    let rows = ids.flatMap { id in (0..<count).map { Float($0 == id ? 4 : 0) } }
    try (rows + [0]).withUnsafeBufferPointer {
      try body(CTCLogits($0.baseAddress!, frames: ids.count, vocabulary: count))
    }
  }

  private func text(_ ids: [Int], _ vocabulary: CTCVocabulary, skips: Bool = false) throws -> String {
    var text = ""
    try withFrames(ids, vocabulary.count) { text = try $0.greedy(vocabulary, skipsSpecials: skips).text }
    return text
  }

  @Test func vocabularies() throws {
    let plain = try Self.vocabulary(["<pad>", "A", "|", "É", "<unk>"])
    #expect(plain.blank == 0 && plain.delimiter == 2)
    #expect(try text([1, 1, 0, 1, 2, 3, 4, 4], plain) == "AA É<unk>")
    #expect(try text([1, 4, 1], plain, skips: true) == "AA")
    let few = try CTCVocabulary(
      vocabulary: SoundFixtures.configuration("{\"<pad>\": 0, \"A\": 1, \"<late>\": 9}").json,
      SoundFixtures.configuration("{}"), outputs: 4)
    #expect(few.count == 4)
    #expect(try text([1, 3, 2], few) == "A<unk><unk>")
    let lower = try Self.vocabulary(
      ["A", "É", "[B]", "-"],
      "{\"do_lower_case\": true, \"pad_token\": {\"content\": \"[B]\"}, \"word_delimiter_token\": \"-\"}")
    #expect(try text([3, 0, 2, 1, 3, 0], lower) == "aé a")
    let added = try Self.vocabulary(
      ["<pad>", "A"], "{\"added_tokens_decoder\": {\"3\": {\"content\": \"<x>\", \"special\": false}}}")
    #expect(added.count == 4 && added.delimiter == nil)
    #expect(try text([1, 3, 2], added) == "A<x><unk>")
    let clean = try Self.vocabulary(
      ["<pad>", "a", "|", "'", ".", "s"], "{\"clean_up_tokenization_spaces\": true}")
    #expect(try text([1, 2, 3, 5, 2, 1, 2, 4, 2, 3, 2, 1], clean) == "a's a.'a")
    let languages = "{\"deu\": {\"<pad>\": 0, \"Ä\": 1}, \"eng\": {\"<pad>\": 1, \"A\": 0}}"
    let table = try SoundFixtures.configuration(languages).json
    let german = try CTCVocabulary(vocabulary: table, SoundFixtures.configuration("{\"target_lang\": \"deu\"}"))
    #expect(try text([1], german) == "Ä")
    for options in ["{}", "{\"target_lang\": \"fra\"}"] {
      #expect(throws: Failure.self) { try CTCVocabulary(vocabulary: table, SoundFixtures.configuration(options)) }
    }
    for wrong in ["[]", "{\"a\": 0}", "{\"<pad>\": -1}", "{\"<pad>\": 0, \"a\": 99999999}", "{\"<pad>\": \"x\"}"] {
      #expect(throws: Failure.self) {
        let bytes = try SoundFixtures.configuration("{\"v\": \(wrong)}").json["v"]!
        _ = try CTCVocabulary(vocabulary: bytes, SoundFixtures.configuration("{}"))
      }
    }
  }

  @Test func offsetsInSeconds() throws {
    let vocabulary = try Self.vocabulary(["<pad>", "A", "|", "B"])
    let clock = CTCTranscript.Clock(samplesPerFrame: 320, rate: 16000)
    try withFrames([0, 1, 1, 2, 0, 3, 0], 4) {
      let transcript = try $0.greedy(vocabulary)
      #expect(transcript.words.map { clock.seconds($0.start) } == [0.02, 0.1])
      #expect(transcript.words.map { clock.seconds($0.end) } == [0.06, 0.12])
      #expect(transcript.words.map { transcript.text(of: $0) } == ["A", "B"])
    }
  }

  @Test func nothing() throws {
    let vocabulary = try Self.vocabulary(["<pad>", "A", "|"])
    try withFrames([], 3) {
      #expect(try $0.greedy(vocabulary).text.isEmpty)
      let found = try $0.search(vocabulary)
      #expect(found.count == 1 && found[0].ids.isEmpty && found[0].logProbability == 0)
    }
    try withFrames([0, 0], 3) {
      let best = try $0.search(vocabulary)[0]
      #expect(best.ids.isEmpty)
    }
  }

  /// A search of one long flat sound, where all is equally probable, is in the order of the ids.
  @Test func equalScores() throws {
    let vocabulary = try Self.vocabulary(["A", "<pad>", "B"])
    let zeros = [Float](repeating: 0, count: 3)
    var options = CTCSearchOptions()
    (options.beamWidth, options.best) = (10, 10)
    try zeros.withUnsafeBufferPointer {
      let found = try CTCLogits($0.baseAddress!, frames: 1, vocabulary: 3).search(vocabulary, options)
      #expect(found.map { Array($0.ids) } == [[], [0], [2]])
    }
  }

  @Test func badInput() throws {
    let vocabulary = try Self.vocabulary(["<pad>", "A", "|"])
    for wrong in [Float.nan, .infinity] {
      [0, 0, 0, 0, wrong, 0].withUnsafeBufferPointer {
        let logits = CTCLogits($0.baseAddress!, frames: 2, vocabulary: 3)
        let failure = #expect(throws: Failure.self) { try logits.greedy(vocabulary) }
        #expect(failure?.message.contains("frame 1") == true)
        #expect(throws: Failure.self) { try logits.search(vocabulary) }
      }
    }
    try withFrames([1, 1], 3) { logits in
      let changes: [(inout CTCSearchOptions) -> Void] = [
        { $0.beamWidth = 0 }, { $0.beamWidth = 1 << 31 }, { $0.best = 0 }, { $0.best = 101 }, { $0.alpha = .nan },
        { $0.hotWordWeight = .infinity }, { $0.tokenMinLogProbability = 1 }, { $0.beamPruneLogProbability = .nan },
        { $0.hotWords = ["A", ""] },
      ]
      for change in changes {
        var options = CTCSearchOptions()
        change(&options)
        #expect(throws: Failure.self) { try logits.search(vocabulary, options) }
      }
      var options = CTCSearchOptions()
      options.hotWords = ["A"]
      let other = try Self.vocabulary(["<pad>", "A", "B"])
      #expect(throws: Failure.self) { try logits.search(other, options) }
      #expect(throws: Failure.self) { try logits.greedy(Self.vocabulary(["<pad>", "A"])) }
      [Int32(1), 1].withUnsafeBufferPointer { ids in  // two equal symbols need a blank between them
        _ = #expect(throws: Failure.self) { try logits.align(ids, vocabulary) { _, _, _ in } }
      }
      [Int32(0)].withUnsafeBufferPointer { ids in
        _ = #expect(throws: Failure.self) { try logits.align(ids, vocabulary) { _, _, _ in } }
      }
    }
  }

  /// The path of a text that is not the likeliest one: symbols lie where they are most probable.
  @Test func alignment() throws {
    let vocabulary = try Self.vocabulary(["<pad>", "A", "|", "B"])
    try withFrames([0, 1, 1, 0, 1, 3, 0], 4) { logits in
      var found: [[Int]] = []
      try [Int32(1), 1, 3].withUnsafeBufferPointer { ids in
        try logits.align(ids, vocabulary) { found.append([$0, $1, $2]) }
      }
      #expect(found == [[1, 1, 3], [1, 4, 5], [3, 5, 6]])
    }
  }

  @Test func pruning() throws {
    let vocabulary = try Self.vocabulary(["<pad>", "A", "|", "B"])
    var random = SplitMix(seed: 4)
    let numbers = random.floats(40 * 4).map { $0 * 5 }
    try numbers.withUnsafeBufferPointer {
      let logits = CTCLogits($0.baseAddress!, frames: 40, vocabulary: 4)
      var options = CTCSearchOptions()
      options.best = 3
      let whole = try logits.search(vocabulary, options)
      (options.tokenMinLogProbability, options.beamPruneLogProbability) = (-12, -30)
      let pruned = try logits.search(vocabulary, options)
      #expect(pruned.map { Array($0.ids) } == whole.map { Array($0.ids) })
      #expect(zip(pruned, whole).allSatisfy { $0.logProbability <= $1.logProbability + 1e-9 })
      options.beamPruneLogProbability = 0
      options.best = 1
      #expect(try logits.search(vocabulary, options).count == 1)
    }
  }

  /// Each of the ways from logits to text ends where the call is to end, and works again.
  @Test func cancellation() throws {
    let vocabulary = try Self.vocabulary(["<pad>", "A", "B"])
    let cancellation = Cancellation()
    let ids: [Int32] = [1, 2]
    try withFrames([1, 0, 2], vocabulary.count) { logits in
      func runs() -> [() throws -> Void] {
        [
          { _ = try logits.greedy(vocabulary, cancellation: cancellation) },
          { _ = try logits.search(vocabulary, cancellation: cancellation) },
          {
            try ids.withUnsafeBufferPointer {
              try logits.align($0, vocabulary, cancellation: cancellation) { _, _, _ in }
            }
          },
        ]
      }
      for run in runs() {
        cancellation.request()
        do {
          try run()
          Issue.record("it was not cancelled")
        } catch let failure as Failure { #expect(failure.code == .cancelled) }
        try run()
      }
    }
  }
}
