import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendGeneration
import AttendModels
import AttendTestSupport
import Testing

/// Speculation changes nothing but the number of steps.
@Suite struct SpeculationTests {
  private func plain(_ length: Int = 60) -> SearchOptions {
    var options = SearchOptions()
    options.maximalNewTokens = length
    options.logProbabilities = true
    return options
  }

  /// Ways to choose that depend on the history, on random numbers, and on the place.
  private var manners: [SearchOptions] {
    var processed = plain()
    processed.logits.repetitionPenalty = 1.2
    processed.logits.noRepeatSize = 5
    processed.logits.endTokens = try! FixedArray(1, for: "a test") { _ in 7 }
    processed.logits.minimalNewTokens = 9
    processed.alternatives = 3
    var sampled = plain()
    sampled.samples = true
    sampled.sequences = 4
    sampled.sampling.seed = 11
    sampled.sampling.temperature = 0.7
    sampled.sampling.topK = 12
    var mirostat = sampled
    mirostat.sampling = SamplingOptions()
    mirostat.sampling.seed = 3
    mirostat.sampling.mirostat = MirostatOptions()
    return [plain(), processed, sampled, mirostat]
  }

  private func lookup(_ options: SearchOptions, _ most: Int = 10, longest: Int = 0) -> SearchOptions {
    var options = options
    options.speculation.promptLookupTokens = most
    options.speculation.maximalMatchingSize = longest
    return options
  }

  private let prompts: [[Int32]] = [
    [1, 2, 3, 4, 5, 6, 1, 2, 3], [9, 8, 9, 8, 9], [5], Array(10..<35) + [10, 11, 12], [3, 3, 3, 3, 3, 3, 3, 3],
  ]

  private func contexts(
    _ options: SearchOptions, _ model: any StepModel, _ prompts: [[Int32]], assistant: (() -> FakeModel)? = nil
  ) throws -> [SearchContext] {
    try prompts.map {
      try SearchContext(
        options, prompt: try tokenList(model.readsSources ? [0] : $0),
        source: model.readsSources ? try tokenList($0) : nil, model: model, assistant: assistant.map(Assistant.init))
    }
  }

  /// What drafts cost a model whose weights stream from memory.
  private var cheap: DraftPrice {
    var price = DraftPrice()
    price.token = 0.1
    return price
  }

  // MARK: Prompt lookup

  @Test(arguments: [false, true], [FakeModel.Manner.wild, .copying])
  func lookingUpChangesNothing(readsSources: Bool, _ manner: FakeModel.Manner) throws {
    for options in manners {
      for (most, longest) in [(1, 0), (10, 0), (63, 3), (10, 1)] {
        let found = lookup(options, most, longest: longest)
        let (model, with) = (
          FakeModel(readsSources: readsSources, manner), FakeModel(readsSources: readsSources, manner)
        )
        let expected = try prompts.map { try decode(try contexts(options, model, [$0]), model)[0] }
        #expect(try decode(try contexts(found, with, prompts), with, price: cheap) == expected)
        for (index, prompt) in prompts.enumerated() {
          #expect(try decode(try contexts(found, with, [prompt]), with)[0] == expected[index])
        }
      }
    }
  }

  @Test func lookingUpSavesStepsWhereTheTextRepeats() throws {
    let (model, with) = (FakeModel(.copying), FakeModel(.copying))
    let expected = try decode(try contexts(plain(300), model, [prompts[3]]), model)
    #expect(try decode(try contexts(lookup(plain(300), 20), with, [prompts[3]]), with, price: cheap) == expected)
    #expect(with.steps.count * 4 < model.steps.count, "\(with.steps.count) of \(model.steps.count)")
  }

  @Test func theSourceIsLookedUp() throws {
    let source = (0..<190).map { Int32($0 * 7 % 199) }
    let model = FakeModel(vocabulary: 200, readsSources: true, .copying)
    let context = try SearchContext(
      lookup(plain(150), 20), prompt: try tokenList([0]), source: try tokenList(source), model: model)
    let found = try decode([context], model, price: cheap)
    #expect(found[0][0].tokens == Array(source[..<151]))
    #expect(model.steps.count < 40, "\(model.steps.count)")
  }

  @Test func lookingUpStopsWhereItFindsNothing() throws {
    let model = FakeModel()
    var options = lookup(plain(2000), 20)
    options.samples = true
    let context = try contexts(options, model, [prompts[1]])[0]
    let search = try SamplingSearch(context)
    let loop = try DecodingLoop(model)
    loop.fixedPrice = cheap
    try loop.add([DecodingJob(number: 0, context: context, search: search)])
    while !loop.jobs.isEmpty { _ = try loop.step() }
    #expect(search.drafts.read < 200, "\(search.drafts)")
  }

  @Test(arguments: decoders + encoderDecoders.filter { $0 != "trocr" && $0 != "whisper" })
  func modelsGiveTheSameBits(_ name: String) throws {
    let test = try ConformanceCase(name)
    let session = try Session(model: try model(test.path))
    let inputs = test.sources
    for var options in manners {
      options.maximalNewTokens = 24
      let start = Int32(session.model.generation.decoderStart ?? 0)
      func contexts(_ options: SearchOptions) throws -> [SearchContext] {
        try inputs.map {
          try SearchContext(
            options, prompt: try tokenList(session.readsSources ? [start] : $0),
            source: session.readsSources ? try tokenList($0) : nil, model: session)
        }
      }
      let expected = try decode(try contexts(options), session)
      #expect(try decode(try contexts(lookup(options)), session, price: cheap) == expected)
    }
  }

  // MARK: A draft model

  @Test(arguments: [false, true], [FakeModel.Manner.wild, .copying])
  func aDraftModelChangesNothing(readsSources: Bool, _ manner: FakeModel.Manner) throws {
    for var options in manners {
      options.speculation.assistantTokens = 5
      options.speculation.assistantConfidence = 0
      let model = FakeModel(readsSources: readsSources, manner)
      let expected = try decode(try contexts(options, model, prompts), model)
      for drafting in [FakeModel.Manner.wild, .copying] {
        let with = FakeModel(readsSources: readsSources, manner)
        let found = try contexts(options, with, prompts) { FakeModel(readsSources: readsSources, drafting) }
        #expect(try decode(found, with, price: cheap) == expected)
      }
    }
  }

  @Test func aGoodDraftModelSavesSteps() throws {
    let prompt = try tokenList([1, 2, 3, 1])
    let small = FakeModel(.copying)
    let drafter = try ModelDrafter(
      small, prompt: prompt, source: nil, sequences: 1, mostDrafts: 4, confidence: 0)
    var history = prompt.tokens.map { $0 }
    let room = UnsafeMutableBufferPointer<Int32>.allocate(capacity: 8)
    defer { room.deallocate() }
    for _ in 0..<5 {
      history.append(contentsOf: [2, 3, 1])
      let drafts = try history.withUnsafeBufferPointer { history in
        var wish = DraftWish(sequence: 0, history: history, room: room)
        try withUnsafeMutablePointer(to: &wish) {
          try drafter.draft(UnsafeMutableBufferPointer(start: $0, count: 1), price: DraftPrice())
        }
        return Array(room[..<wish.count])
      }
      #expect(drafts == [2, 3, 1, 2])
    }
    // What was drafted and confirmed is not read again but for the last token, whose logits are wanted.
    #expect(small.steps.reduce(0, +) == small.length(0) + 4)
  }

  @Test func aDraftModelOfAnotherKindIsRefused() throws {
    let model = FakeModel()
    let options = plain()
    let other = refusal { () throws(Failure) in
      _ = try SearchContext(
        options, prompt: list([1]), source: nil, model: model, assistant: Assistant { FakeModel(vocabulary: 41) })
    }
    #expect(other?.message == "the assistant model has a vocabulary of 41 tokens; the model has one of 40")
    let kind = refusal { () throws(Failure) in
      _ = try SearchContext(
        options, prompt: list([1]), source: nil, model: model, assistant: Assistant { FakeModel(readsSources: true) })
    }
    #expect(kind?.message == "the assistant model is an encoder-decoder; the model is a decoder")
  }

  /// Requests that wait for their turn have no session of the assistant.
  @Test func aDraftModelBeginsWithTheFirstDraft() throws {
    let model = FakeModel(.copying)
    var begun = 0
    let options = plain(20)
    let assistant = Assistant(vocabulary: model.vocabulary, readsSources: false) {
      begun += 1
      return FakeModel(.copying)
    }
    let found = try prompts.map {
      try SearchContext(options, prompt: try tokenList($0), source: nil, model: model, assistant: assistant)
    }
    let searches = try found.map { try SamplingSearch($0) }
    #expect(begun == 0)
    withExtendedLifetime(searches) {}
    #expect(try decode(found, model) == decode(try contexts(options, model, prompts), model))
    #expect(begun == prompts.count)
  }

  /// One that cannot be made is done without.
  @Test func aDraftModelThatCannotBeginIsNotAskedAgain() throws {
    let model = FakeModel(.copying)
    var calls = 0
    let assistant = Assistant(vocabulary: model.vocabulary, readsSources: false) { () throws(Failure) in
      calls += 1
      throw .outOfMemory(1, for: "a test")
    }
    let context = try SearchContext(
      plain(), prompt: list(prompts[0]), source: nil, model: model, assistant: assistant)
    #expect(try decode([context], model) == decode(try contexts(plain(), model, [prompts[0]]), model))
    #expect(calls == 1)
  }

  @Test func aDraftModelThatFailsIsNotAskedAgain() throws {
    let model = FakeModel(.copying)
    let expected = try decode(try contexts(plain(), model, prompts), model)
    for call in 1...12 {
      let found = try contexts(plain(), model, prompts) {
        let assistant = FakeModel(.copying)
        assistant.failure = { $0 >= call ? .outOfMemory(1, for: "a test") : nil }
        return assistant
      }
      #expect(try decode(found, model) == expected)
    }
  }

  @Test func optionsThatContradictEachOtherAreRefused() throws {
    func message(_ change: (inout SearchOptions) -> Void, assistant: Assistant? = nil) -> String {
      var options = plain()
      change(&options)
      let failure = refusal { () throws(Failure) in
        _ = try SearchContext(options, prompt: list([1]), source: nil, model: FakeModel(), assistant: assistant)
      }
      return failure?.message ?? ""
    }
    #expect(
      message {
        $0.speculation.promptLookupTokens = 3
        $0.beams = 2
      } == "num_beams is 2 with prompt_lookup_num_tokens: drafts are for greedy search and sampling")
    #expect(
      message { $0.speculation.promptLookupTokens = -1 } == "prompt_lookup_num_tokens is -1; it is 0 or more")
    #expect(
      message { $0.speculation.maximalMatchingSize = -2 } == "max_matching_ngram_size is -2; it is 0 or more")
    #expect(
      message({ $0.speculation.promptLookupTokens = 3 }, assistant: Assistant { FakeModel() }).contains(
        "only one of them"))
    #expect(
      message({ $0.speculation.assistantTokens = 0 }, assistant: Assistant { FakeModel() })
        == "num_assistant_tokens is 0; it is 1 or more")
    #expect(
      message({ $0.speculation.assistantConfidence = .nan }, assistant: Assistant { FakeModel() })
        == "assistant_confidence_threshold is nan; it is from 0 to 1")
  }

  private func list(_ ids: [Int32]) -> TokenList { try! tokenList(ids) }
}

/// The automaton against counting.
@Suite struct SuffixAutomatonTests {
  @Test(arguments: 0..<30) func countsWhatFollows(_ seed: Int) throws {
    var random = SplitMix(seed: UInt64(seed))
    let letters = 2 + seed % 5
    let texts = (0..<1 + seed % 3).map { _ in (0..<80).map { _ in Int32(random.below(letters)) } }
    // Grown in turns, and from little room.
    let automaton = try SuffixAutomaton(tokens: 1)
    var ends = texts.map { _ in SuffixAutomaton.root }
    for place in 0..<80 {
      for text in texts.indices { ends[text] = try automaton.append(texts[text][place], to: ends[text]) }
    }
    for (text, end) in zip(texts, ends) { #expect(automaton.length(end) == text.count) }
    for _ in 0..<300 {
      let text = texts[random.below(texts.count)]
      let first = random.below(text.count), count = 1 + random.below(min(6, text.count - first))
      try check(Array(text[first..<first + count]), texts, automaton)
      try check((0..<count).map { _ in Int32(random.below(letters)) }, texts, automaton)
    }
  }

  private func check(_ string: [Int32], _ texts: [[Int32]], _ automaton: SuffixAutomaton) throws {
    var followers: [Int32: Int] = [:]
    var occurs = false
    for text in texts {
      for first in 0...text.count - string.count where Array(text[first..<first + string.count]) == string {
        occurs = true
        let behind = first + string.count
        if behind < text.count { followers[text[behind], default: 0] += 1 }
      }
    }
    var state: Int32? = SuffixAutomaton.root
    for token in string { state = state.flatMap { automaton.target($0, token) } }
    #expect((state != nil) == occurs)
    guard let state else { return }
    #expect(automaton.isFollowed(state) == !followers.isEmpty)
    guard let most = followers.values.max(), let found = automaton.mostFrequent(state) else { return }
    #expect(followers[found.token] == most, "\(string): \(found) of \(followers)")
    let share = (Double(most) + 0.5) / (Double(followers.values.reduce(0, +)) + 1)
    #expect(found.share == share, "\(string): \(found) of \(followers)")
  }
}

extension Assistant {
  /// A model of the tests, made for each request.
  fileprivate init(_ make: @escaping () -> FakeModel) {
    let first = make()
    self.init(vocabulary: first.vocabulary, readsSources: first.readsSources, begin: make)
  }
}
