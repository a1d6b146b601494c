import AttendBase
import AttendGrammars
import AttendTestSupport
import Testing

/// Random grammars against the plainest recognizer there is.
@Suite struct PropertyTests {
  private static let longest = 5

  /// All texts over a and b up to a length, short ones first.
  private static let texts: [[UInt8]] = {
    var all: [[UInt8]] = [[]]
    var last: [[UInt8]] = [[]]
    for _ in 0..<longest {
      last = last.flatMap { [$0 + [97], $0 + [98]] }
      all += last
    }
    return all
  }()

  private static func compiled(_ naive: NaiveGrammar) throws -> CompiledGrammar? {
    let tokens = try Vocabularies.of("a", "b", "ab", "aa", "ba", "bbb", "aab", "abab", "b")
    do { return try CompiledGrammar(naive.grammar(), tokens) } catch let failure as Failure {
      #expect(failure.message.contains("cannot be met"), "\(failure.message)")
      return nil
    }
  }

  @Test(arguments: 0..<600) func languagesAreEqual(_ seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    let naive = NaiveGrammar(&random)
    let members = PropertyTests.texts.filter { naive.matches($0) }
    guard let compiled = try PropertyTests.compiled(naive) else {
      return #expect(members.isEmpty, "\(naive.rules)")
    }
    for text in PropertyTests.texts {
      var matcher = try compiled.matcher()
      let goesOn = try text.withUnsafeBufferPointer { try matcher.accept($0) }
      let isMember = try goesOn && matcher.mayStop()
      #expect(isMember == members.contains(text), "\(text) of \(naive.rules)")
      if members.contains(where: { $0.starts(with: text) }) { #expect(goesOn, "\(text) of \(naive.rules)") }
    }
  }

  @Test(arguments: 0..<200) func masksAreWhatIsAccepted(_ seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    guard let compiled = try PropertyTests.compiled(NaiveGrammar(&random)) else { return }
    var matcher = try compiled.matcher()
    for _ in 0..<6 {
      let allowed = try matcher.allowed()
      for token in 0..<Int32(compiled.tokens.count) {
        var copy = matcher
        #expect(try copy.accept(token) == allowed.contains(token))
      }
      #expect(!allowed.isEmpty, "a way that leads nowhere")
      guard let next = allowed.isEmpty ? nil : allowed[random.below(allowed.count)] else { return }
      _ = try matcher.accept(next)
      if matcher.isStopped { return }
    }
  }

  /// Bounds of lengths beside patterns, near and far, with tokens that reach them and tokens that do not.
  @Test(arguments: 0..<60) func farBoundsChangeNoMask(_ seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    var words = ["a", "b", " ", "\""]
    for _ in 0..<80 {
      let letters = ["ab ", "a", "ab\"", "a b "][random.below(4)].map(String.init)
      words.append((0..<random.below(40) + 1).map { _ in letters[random.below(letters.count)] }.joined())
    }
    let tokens = try Vocabularies.of(words.map { Array($0.utf8) })
    var grammar = try Grammar()
    let letter = try grammar.characters([0x61...0x62])
    let blanks = try grammar.repetition(of: grammar.characters([0x20...0x20]), 1, nil)
    let word = try grammar.repetition(of: letter, 1, random.below(2) == 0 ? nil : random.below(4) + 1)
    let more = try grammar.repetition(of: grammar.sequence([word, blanks]), random.below(3), random.below(20) + 3)
    let any = try grammar.characters([0x20...0x20, 0x61...0x62])
    let bounded = try grammar.repetition(of: any, 0, random.below(100) + 10)
    let text = try grammar.intersection(grammar.sequence([more, word]), bounded)
    let inner = try grammar.lexeme(grammar.sequence([text, grammar.literal("\"".utf8)]))
    grammar.root = try grammar.sequence([inner, grammar.repetition(of: letter, 0, 2)])
    var matcher = try CompiledGrammar(grammar, tokens).matcher()
    for _ in 0..<40 {
      let allowed = try matcher.allowed()
      for token in 0..<Int32(tokens.count) {
        var copy = matcher
        #expect(try copy.accept(token) == allowed.contains(token), "\(token)")
      }
      guard let next = allowed.isEmpty ? nil : allowed[random.below(allowed.count)] else {
        Issue.record("a way that leads nowhere")
        return
      }
      _ = try matcher.accept(next)
      if matcher.isStopped { return }
    }
  }

  @Test(arguments: 0..<100) func goingBackIsAReplay(_ seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    let naive = NaiveGrammar(&random)
    guard let compiled = try PropertyTests.compiled(naive), let other = try PropertyTests.compiled(naive) else {
      return
    }
    var states = [try compiled.matcher()]
    var taken: [Int32] = []
    for _ in 0..<40 {
      if random.below(3) == 0, !taken.isEmpty {
        let kept = random.below(taken.count)
        taken.removeLast(taken.count - kept)
        states.removeLast(states.count - kept - 1)
      } else if let next = try states.last!.allowed().last {
        var matcher = states.last!
        _ = try matcher.accept(next)
        states.append(matcher)
        taken.append(next)
      }
      var replayed = try other.matcher()
      for token in taken { #expect(try replayed.accept(token)) }
      #expect(try replayed.allowed() == states.last!.allowed())
      #expect(try replayed.mayStop() == states.last!.mayStop())
    }
  }
}
