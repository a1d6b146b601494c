import AttendBase
import AttendGrammars
import AttendTestSupport
import Testing

@Suite struct MatcherTests {
  @Test func forcedTokensEndWhereTheyCouldGoOn() throws {
    // After "ab" comes "c" or "d": "bc" could take the b, so only the a is certain.
    let tokens = try Vocabularies.greedy("a", "b", "c", "d", "bc", "xa")
    var matcher = try CompiledGrammar(RegularExpression.grammar("ab(c|d)"), tokens).matcher()
    for _ in 0..<2 { #expect(try matcher.forced(after: nil) == [0]) }
    #expect(try matcher.accept(0))
    #expect(try matcher.allowed() == [1, 4])
    #expect(try matcher.forced(after: 0) == [])
  }

  @Test func allIsForcedWhereTheOutputEnds() throws {
    let tokens = try Vocabularies.greedy("a", "b", "c", "abc")
    var matcher = try CompiledGrammar(RegularExpression.grammar("abc"), tokens).matcher()
    #expect(try matcher.forced(after: nil) == [3])
    #expect(try matcher.accept(3))
    #expect(try matcher.isFinished())
    #expect(try matcher.forced(after: 3) == [])
    #expect(try matcher.accept(4))
    #expect(matcher.isStopped)
    #expect(try matcher.forced(after: 4) == [])
  }

  /// What was written says where the tokenizer goes on: "ab" would have been one token, "cab" is cut before it.
  @Test func forcedTokensAreCutBehindTheLast() throws {
    let tokens = try Vocabularies.greedy("a", "b", "c", "ab", "cd", "d", "e")
    let compiled = try CompiledGrammar(RegularExpression.grammar("(a|c)b?ab(de)+"), tokens)
    var matcher = try compiled.matcher()
    #expect(try matcher.forced(after: nil) == [])
    #expect(try matcher.accept(2))
    #expect(try matcher.accept(1))
    #expect(try matcher.forced(after: 1) == [3, 5, 6])
    #expect(try compiled.matcher().forced(after: nil) == [])
  }

  @Test func tokensOfOtherBytesAreNotForced() throws {
    let none = try Vocabularies.of("a", "b")
    #expect(try CompiledGrammar(RegularExpression.grammar("ab"), none).matcher().forced(after: nil) == [])
    let cuts: [[Int32]] = [[1], [0], [0, 1, 1], [0, 2], [0, 7], [-1]]
    for cut in cuts {
      let tokens = try Vocabularies.of([[0x61], [0x62]]) { _, ids throws(Failure) in
        for id in cut { try ids.append(id) }
      }
      var matcher = try CompiledGrammar(RegularExpression.grammar("ab"), tokens).matcher()
      #expect(try matcher.forced(after: nil) == [])
      #expect(try matcher.accept(0))
      #expect(try matcher.accept(1))
    }
  }

  @Test func tokensOfTheSameBytesAreAllAllowed() throws {
    let tokens = try Vocabularies.of("a", "b", "a", "ab", "ab")
    let matcher = try CompiledGrammar(RegularExpression.grammar("ab?"), tokens).matcher()
    #expect(try matcher.allowed() == [0, 2, 3, 4])
  }

  @Test func theFirstTokenIsSpelledAsTextsBegin() throws {
    let words = ["a", "b", "ab", "ba"]
    let spell = { (prefix: String) in
      { (id: Int32, bytes: inout GrowingList<UInt8>) throws(Failure) in
        guard id < 4 else { return }
        for byte in (prefix + words[Int(id)]).utf8 { try bytes.append(byte) }
      }
    }
    let cut: TokenTable.Cut = { text, ids throws(Failure) in
      guard text.elementsEqual("a ba".utf8) else { return }
      try ids.append(0)
      try ids.append(3)
    }
    let tokens = try TokenTable(
      count: 5, stops: [4], cut: cut, appendingBytes: spell(" "), appendingFirstBytes: spell(""))
    let compiled = try CompiledGrammar(RegularExpression.grammar("(a|b|ba)( (a|ab))*"), tokens)
    for _ in 0..<2 {
      var matcher = try compiled.matcher()
      #expect(try matcher.allowed() == [0, 1, 3])
      #expect(try matcher.accept(3))
      for _ in 0..<2 {
        #expect(try matcher.allowed() == [0, 2, 4])
        #expect(try matcher.accept(2))
      }
    }
    let matcher = try CompiledGrammar(RegularExpression.grammar("a ba"), tokens).matcher()
    #expect(try matcher.allowed() == [0])
    #expect(try matcher.forced(after: nil) == [0, 3])
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
