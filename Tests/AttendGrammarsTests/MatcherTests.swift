import AttendBase
import AttendGrammars
import AttendTestSupport
import Testing

@Suite struct MatcherTests {
  @Test func forcedTokensEndWhereTheyCouldGoOn() throws {
    // After "ab" comes "c" or "d": "bc" could take the b, so only the a is certain.
    let tokens = try Vocabularies.of("a", "b", "c", "d", "bc", "xa")
    let compiled = try CompiledGrammar(RegularExpression.grammar("ab(c|d)"), tokens)
    var matcher = try compiled.matcher()
    var bytes = GrowingList<UInt8>(for: "a test")
    #expect(try !matcher.forcedBytes(into: &bytes))
    #expect(Array(bytes.elements) == Array("ab".utf8))
    var forced = GrowingList<Int32>(for: "a test")
    let count = try matcher.takeForcedTokens(into: &forced) { text, ids throws(Failure) in
      for byte in text { try ids.append(Int32(byte) - 97) }
    }
    #expect(count == 1)
    #expect(Array(forced.elements) == [0])
    #expect(try matcher.allowed() == [1, 4])
  }

  @Test func allIsForcedWhereTheOutputEnds() throws {
    let tokens = try Vocabularies.of("a", "b", "c", "abc")
    let compiled = try CompiledGrammar(RegularExpression.grammar("abc"), tokens)
    var matcher = try compiled.matcher()
    var forced = GrowingList<Int32>(for: "a test")
    let count = try matcher.takeForcedTokens(into: &forced) { _, ids throws(Failure) in try ids.append(3) }
    #expect(count == 1)
    #expect(try matcher.isFinished())
    #expect(try matcher.allowed() == [4])
    #expect(try matcher.accept(4))
    #expect(matcher.isStopped)
    #expect(try matcher.allowed() == [])
  }

  @Test func tokensOfOtherBytesAreNotForced() throws {
    let tokens = try Vocabularies.of("a", "b")
    var matcher = try CompiledGrammar(RegularExpression.grammar("ab"), tokens).matcher()
    var forced = GrowingList<Int32>(for: "a test")
    let count = try matcher.takeForcedTokens(into: &forced) { _, ids throws(Failure) in try ids.append(1) }
    #expect(count == 0 && forced.isEmpty)
    #expect(try matcher.accept(0))
  }

  @Test func tokensOfTheSameBytesAreAllAllowed() throws {
    let tokens = try Vocabularies.of("a", "b", "a", "ab", "ab")
    let matcher = try CompiledGrammar(RegularExpression.grammar("ab?"), tokens).matcher()
    #expect(try matcher.allowed() == [0, 2, 3, 4])
  }

  @Test func whatIsNoTokenIsAnError() throws {
    let tokens = try Vocabularies.of("a")
    var matcher = try CompiledGrammar(RegularExpression.grammar("a"), tokens).matcher()
    #expect(throws: Failure.self) { try matcher.accept(2) }
    #expect(throws: Failure.self) { try matcher.accept(-1) }
    #expect(try !matcher.accept(1), "the end is not allowed yet")
    #expect(throws: Failure.self) { try TokenTable(count: 1, stops: [1]) { _, _ throws(Failure) in } }
  }

  @Test func threadsShareWhatTheyCompute() async throws {
    let tokens = try Vocabularies.of("a", "b", "(", ")", "ab", "((", "))", "(a")
    let compiled = try CompiledGrammar(GBNF.grammar("root ::= \"(\" root \")\" | [ab]{1,9} | root root"), tokens)
    let walk = { @Sendable () throws -> [[Int32]] in
      var matcher = try compiled.matcher()
      var masks: [[Int32]] = []
      for step in 0..<60 {
        masks.append(try matcher.allowed())
        _ = try matcher.accept(masks.last![step % masks.last!.count])
        if matcher.isStopped { break }
      }
      return masks
    }
    let expected = try walk()
    try await withThrowingTaskGroup(of: [[Int32]].self) { group in
      for _ in 0..<16 { group.addTask { try walk() } }
      for try await masks in group { #expect(masks == expected) }
    }
  }
}
