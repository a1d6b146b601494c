import AttendBase
import AttendDecoding
import AttendGrammars
import AttendTestSupport
import Testing
import _StringProcessing

/// Tokens that a grammar leaves no choice about.
@Suite struct ForcedTokenTests {
  /// Token 0 ends; others are these words, then letters.
  private static let words = ["name", "=", ";", "na", "me", "one", "two", "on", "e", "tw", "o;", "e;", "x"]
  private static let vocabulary = 40

  private static func bytes(_ id: Int32) -> [UInt8] {
    let place = Int(id) - 1
    if place < 0 { return [] }
    return place < words.count ? Array(words[place].utf8) : [UInt8(0x41 + place - words.count)]
  }

  /// A grammar over the words, cut by the longest.
  private static func grammar(_ pattern: String) throws -> CompiledGrammar {
    let cut: TokenTable.Cut = { text, ids throws(Failure) in
      var rest = Array(text)[...]
      while !rest.isEmpty {
        var best: Int32 = 0
        for id in 1..<Int32(vocabulary) where rest.starts(with: bytes(id)) && bytes(id).count > bytes(best).count {
          best = id
        }
        guard best > 0 else { return }
        try ids.append(best)
        rest = rest.dropFirst(bytes(best).count)
      }
    }
    let tokens = try TokenTable(count: vocabulary, stops: [0], cut: cut) { id, all throws(Failure) in
      for byte in bytes(id) { try all.append(byte) }
    }
    return try CompiledGrammar(RegularExpression.grammar(pattern), tokens)
  }

  private static let pattern = "(name=(one|two);){3,5}x"

  private func request(_ change: (inout SearchOptions) -> Void = { _ in }) throws -> Request {
    var request = Request()
    request.grammar = try ForcedTokenTests.grammar(ForcedTokenTests.pattern)
    request.options.maximalNewTokens = 60
    request.options.logits.endTokens = fixed([0])
    change(&request.options)
    return request
  }

  private func text(_ found: Found) -> String {
    String(decoding: found.tokens.dropFirst(3).flatMap(ForcedTokenTests.bytes), as: UTF8.self)
  }

  private func run(_ request: Request) throws -> (found: [Found], steps: Int) {
    let model = try FakeModel(vocabulary: ForcedTokenTests.vocabulary)
    let job = try request.job(0, model)
    let loop = try DecodingLoop(model)
    try loop.add([job])
    var steps = 0
    while !loop.jobs.isEmpty {
      for job in try loop.step() { if let failure = job.failure { throw failure } }
      steps += 1
    }
    return (try job.search.hypotheses().map(Found.init), steps)
  }

  @Test(arguments: 0..<20) func forcedTokensAreThoseOfTheTokenizer(_ seed: Int32) throws {
    var request = try request()
    request.prompt = [1, 2, seed]
    let (found, steps) = try run(request)
    let tokens = Array(found[0].tokens.dropFirst(3))
    // What follows "name=" is chosen, and so is what a token could reach over.
    #expect(tokens.prefix(2) == [1, 2])
    #expect(text(found[0]).wholeMatch(of: try Regex(ForcedTokenTests.pattern)) != nil, "\(text(found[0]))")
    #expect(steps < tokens.count)
    #expect(found[0].reason == .grammar)
    request.options.fastForward = false
    let slow = try run(request)
    #expect(slow.steps == slow.found[0].tokens.count - 3)
  }

  @Test(arguments: 0..<20) func scoresAndDraftsChangeNoToken(_ seed: Int32) throws {
    for samples in [false, true] {
      let request = { (change: (inout SearchOptions) -> Void) throws -> Request in
        var request = try self.request {
          $0.samples = samples
          $0.sequences = samples ? 3 : 1
          $0.sampling.seed = UInt64(seed)
          change(&$0)
        }
        request.prompt = [seed, 2, 3]
        return request
      }
      let plain = try run(request { _ in })
      let scored = try run(request { $0.logProbabilities = true })
      let drafted = try run(request { $0.speculation.promptLookupTokens = 6 })
      let both = try run(
        request {
          $0.speculation.promptLookupTokens = 6
          $0.logProbabilities = true
        })
      #expect(plain.found == drafted.found)
      #expect(scored.found == both.found)
      #expect(plain.found.map(\.tokens) == scored.found.map(\.tokens))
      for one in scored.found {
        let numbers = one.logProbabilities.map(Float.init(bitPattern:))
        #expect(numbers.count == one.tokens.count - 3 && numbers.allSatisfy { $0 <= 0 && $0 > -.infinity })
      }
    }
  }

  @Test func batchesEqualSingleRuns() throws {
    let model = try FakeModel(vocabulary: ForcedTokenTests.vocabulary)
    let requests = try (0..<6).map { number in
      var request = try request {
        $0.samples = number % 2 == 1
        $0.sequences = number % 2 + 1
        $0.maximalNewTokens = 7 + 9 * number
        $0.logProbabilities = number < 3
      }
      request.prompt = Array(repeating: Int32(number), count: 1 + number)
      return request
    }
    let jobs = try requests.enumerated().map { try $1.job($0, model) }
    let loop = try DecodingLoop(model)
    try loop.add(jobs)
    try loop.finish()
    for (job, request) in zip(jobs, requests) {
      #expect(try job.search.hypotheses().map(Found.init) == run(request).found)
    }
  }

  /// A token that another option forbids is not forced: its text is spelled otherwise.
  @Test func whatIsForbiddenIsNotForced() throws {
    let found = try run(request { $0.logits.suppressed = fixed([1]) }).found[0]
    #expect(!found.tokens.dropFirst(3).contains(1))
    #expect(found.tokens.dropFirst(3).prefix(3) == [4, 5, 2])
    #expect(found.reason == .grammar)
  }

  @Test func runsEndWhereTheSequenceDoes() throws {
    for count in 1..<12 {
      for isScored in [false, true] {
        let found = try run(
          request {
            $0.maximalNewTokens = count
            $0.logProbabilities = isScored
          }
        ).found[0]
        #expect(found.tokens.count - 3 == count && found.reason == .length)
      }
    }
    var request = try request()
    let stop = try FixedArray(1, for: "a test") { _ throws(Failure) in try TextBytes(Array("e=".utf8)) }
    let table = request.grammar!.tokens
    request.stopStrings = try StopStrings(stop) { table.bytes(of: $0) }
    let found = try run(request).found[0]
    #expect(text(found) == "name=" && found.reason == .stop)
  }
}
