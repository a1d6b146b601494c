import AttendBase
import AttendDecoding
import AttendKernelInterface
import Foundation
import Testing

/// A row of `count` logits, all different.
private func row(_ count: Int) -> [Float] { (0..<count).map { Float($0) / 4 - 1 } }

@Suite struct ProcessorTests {
  @Test func nothingChangesByDefault() throws {
    let processors = try LogitsProcessors(LogitsOptions(), vocabulary: 8, rows: rows)
    #expect(processors.isEmpty)
    #expect(try processors.processed(row(8), Written([1, 2, 3])) == row(8))
  }

  @Test func biasesOfOneTokenReplaceAndThoseOfSeveralAddUp() throws {
    var options = LogitsOptions()
    options.logitBias = fixed([
      TokenBias(token: 1, bias: 5), TokenBias(token: 1, bias: 2), TokenBias(token: 3, bias: -.infinity),
    ])
    options.sequenceBias = fixed(
      [([1], 0.5), ([7, 1], 0.25), ([7, 1], 0.125), ([2, 7, 1], 4), ([3, 7, 1], 100), ([7, 2], 1)].map {
        SequenceBias(tokens: fixed($0.0), bias: $0.1)
      })
    var expected = row(8)
    expected[1] += 2 + 0.5 + 0.125 + 4
    expected[2] += 1
    expected[3] = -.infinity
    #expect(try processed(options, row(8), Written([5, 2, 7])) == expected)
  }

  @Test func otherGroupsLowerAfterTheBiasAndBeforeThePenalties() throws {
    var options = LogitsOptions()
    options.repetitionPenalty = 2
    options.logitBias = fixed([TokenBias(token: 4, bias: 1)])
    let taken = Ids([4, 5, 4])
    let result = try LogitsProcessors(options, vocabulary: 8, rows: rows).processed(
      row(8), Written([4, 5]), diversity: Diversity(taken: taken.buffer, penalty: 0.75))
    var expected = row(8)
    expected[4] = (expected[4] + 1 - 1.5) * 2
    expected[5] = (expected[5] - 0.75) * 2
    #expect(result == expected)
    withExtendedLifetime(taken) {}
  }

  @Test func idsBeyondTheVocabularyAreOnlyContext() throws {
    var options = LogitsOptions()
    options.encoderRepetitionPenalty = 2
    options.encoderNoRepeatSize = 2
    options.repetitionPenalty = 3
    options.frequencyPenalty = 1
    let written = Written([9, -1, 100], prompt: 1, source: [100, 2, 100, 50, -7, 100])
    var expected = row(8)
    expected[2] = -.infinity  // and not the ids 50 and 100
    #expect(try processed(options, row(8), written) == expected)
  }

  @Test func theMaximumOfNewTokensWins() throws {
    var options = LogitsOptions()
    options.forcedLast = 2
    options.maximalLength = 4
    options.maximalNewTokens = 3
    #expect(try kept(processed(options, row(8), Written([1, 1, 1], prompt: 1))) == [2])
    #expect(try kept(processed(options, row(8), Written([1, 1, 1], prompt: 2))).count == 8)
    options.maximalNewTokens = nil
    #expect(try kept(processed(options, row(8), Written([1, 1, 1], prompt: 2))) == [2])
  }

  @Test func theGrammarHasTheLastWord() throws {
    var options = LogitsOptions()
    options.forcedFirst = 2
    options.function = { scores, history in
      #expect(history.sequence == 0 && scores[2] == 0)
      scores[40] = 3
    }
    let processors = try LogitsProcessors(options, vocabulary: 70, rows: rows)
    let set: [UInt32] = [1 << 2 | 1 << 5, 1 << 8, .max]
    #expect(try kept(processors.processed(row(70), Written([1]), allowed: set)) == [2, 40])
    #expect(try kept(processors.processed(row(70), Written([1]), allowed: [1 << 5, 0, 0])) == [])
  }

  @Test func aFunctionSaysWhatIsAllowedAndForcedTokensBeatIt() throws {
    var options = LogitsOptions()
    options.allowedByFunction = { history, allowed in
      for token in [0, 33, 69] { allowed[token / 32] |= 1 << UInt32(token % 32) }
    }
    options.suppressed = fixed([33])
    #expect(try kept(processed(options, row(70))) == [0, 69])
    options.forcedFirst = 5
    #expect(try kept(processed(options, row(70))) == [5])
  }

  @Test func theShortlistIsAllThereIs() throws {
    var options = LogitsOptions()
    options.allowed = fixed([64, 3, 31])
    options.suppressed = fixed([3])
    #expect(try kept(processed(options, row(70))) == [31, 64])
    options.suppressed = fixed([3, 31, 64])
    #expect(throws: Failure.self) { try processed(options, row(70)) }
  }

  @Test func aFailingFunctionIsHeardAndLeavesTheScratchUsable() throws {
    var options = LogitsOptions()
    options.repetitionPenalty = 2
    options.function = { (_, _) throws(Failure) in throw Failure(.invalidState, "no") }
    let scratch = try LogitsScratch(vocabulary: 8), written = Written([1, 1])
    var scores = row(8)
    let failing = try LogitsProcessors(options, vocabulary: 8, rows: rows)
    #expect(throws: Failure.self) {
      try scores.withUnsafeMutableBufferPointer { row throws(Failure) in
        try failing.process(row, written.history, scratch)
      }
    }
    options.function = nil
    let working = try LogitsProcessors(options, vocabulary: 8, rows: rows)
    scores = row(8)
    try scores.withUnsafeMutableBufferPointer { row throws(Failure) in
      try working.process(row, written.history, scratch)
    }
    #expect(scores[1] == row(8)[1] * 2)
  }

  /// Blocks that are not noted are what they were, and few tokens change few blocks.
  @Test func changesAreNotedByBlocks() throws {
    let before = row(3000), written = Written([3, 1000, 5, 2999, 1000], prompt: 1)
    var noted: [Int] = []
    for change in logitsChanges {
      var options = LogitsOptions()
      change(&options)
      let scratch = try LogitsScratch(vocabulary: before.count)
      let processors = try LogitsProcessors(options, vocabulary: before.count, rows: rows)
      var after = before
      try after.withUnsafeMutableBufferPointer { row throws(Failure) in
        try processors.process(row, written.history, scratch)
      }
      for token in before.indices where !scratch.changed[token / logitBlock] {
        #expect(after[token] == before[token])
      }
      #expect(after != before)
      noted.append(scratch.changed.count { $0 })
      withExtendedLifetime(scratch) {}
    }
    #expect(noted == [1, 11, 2, 12, 2, 2, 3, 11, 12, 12])
  }

  @Test func decayStaysFinite() throws {
    var options = LogitsOptions()
    options.endTokens = fixed([1, 7])
    options.exponentialDecay = ExponentialDecay(start: 1, factor: 1e200)
    let result = try processed(options, row(8), Written([0, 2, 2, 2, 2], prompt: 1))
    #expect(result[1].isFinite && result[1] > 1e38 && result[7].isFinite && result[7] > 1e38)
  }

  @Test func aRowOfNothingIsNotRenormalised() throws {
    var options = LogitsOptions()
    options.renormalizes = true
    let nothing = [Float](repeating: -.infinity, count: 20)
    #expect(try processed(options, nothing) == nothing)
  }

  /// u + g (c - u), of log-softmaxes in double precision.
  @Test func guidanceIsItsFormula() throws {
    let c = logits(300, seed: 1), u = logits(300, seed: 2), scale: Float = 1.7
    var other = u, result = [Float](repeating: 0, count: 300)
    LogitsProcessors.guide(
      conditional: c, unconditional: &other, scale: scale, into: &result, count: 300, rows: rows)
    for (token, (p, q)) in zip(softmax(c), softmax(u)).enumerated() {
      let exact = log(q) + Double(scale) * (log(p) - log(q))
      #expect(abs(Double(result[token]) - exact) < 1e-5)
      #expect(abs(Double(other[token]) - log(q)) < 1e-5)
    }
  }
}

@Suite struct LogitsOptionsTests {
  /// Options that are refused, and the words that the refusal must have.
  private static let refused: [(String, @Sendable (inout LogitsOptions) -> Void)] = [
    ("repetition_penalty is 0.0", { $0.repetitionPenalty = 0 }),
    ("repetition_penalty is nan", { $0.repetitionPenalty = .nan }),
    ("encoder_repetition_penalty is -2.0", { $0.encoderRepetitionPenalty = -2 }),
    ("frequency_penalty is inf", { $0.frequencyPenalty = .infinity }),
    ("presence_penalty is nan", { $0.presencePenalty = .nan }),
    ("penalty_last_n is -2", { $0.penaltyWindow = -2 }), ("no_repeat_ngram_size is -1", { $0.noRepeatSize = -1 }),
    ("encoder_no_repeat_ngram_size is -3", { $0.encoderNoRepeatSize = -3 }),
    ("min_length is -1", { $0.minimalLength = -1 }), ("min_new_tokens is -1", { $0.minimalNewTokens = -1 }),
    ("max_length is 0", { $0.maximalLength = 0 }), ("max_new_tokens is -5", { $0.maximalNewTokens = -5 }),
    (
      "min_new_tokens is 9, more than the 8",
      {
        $0.minimalNewTokens = 9
        $0.maximalNewTokens = 8
      }
    ),
    (
      "min_length is 9, more than the 8",
      {
        $0.minimalLength = 9
        $0.maximalLength = 8
      }
    ),
    ("forced_bos_token_id names token 10; the vocabulary has 10", { $0.forcedFirst = 10 }),
    ("forced_eos_token_id names token -1", { $0.forcedLast = -1 }),
    ("forced_eos_token_id needs max_length", { $0.forcedLast = 1 }),
    ("suppress_tokens names token 11 in entry 1", { $0.suppressed = fixed([1, 11]) }),
    ("begin_suppress_tokens names token 99", { $0.suppressedFirst = fixed([99]) }),
    ("eos_token_id names token 10", { $0.endTokens = fixed([10]) }),
    ("allowed_tokens has 0 ids", { $0.allowed = fixed([]) }),
    ("bad_words_ids has no ids in entry 1", { $0.badWords = fixed([[1], []]) }),
    ("bad_words_ids names token 12 in entry 0", { $0.badWords = fixed([[1, 12]]) }),
    (
      "sequence_bias adds nan in entry 0",
      { $0.sequenceBias = fixed([SequenceBias(tokens: fixed([1]), bias: .nan)]) }
    ), ("sequence_bias has no ids", { $0.sequenceBias = fixed([SequenceBias(tokens: fixed([]), bias: 1)]) }),
    ("logit_bias adds inf in entry 0", { $0.logitBias = fixed([TokenBias(token: 1, bias: .infinity)]) }),
    ("logit_bias names token 10 in entry 0", { $0.logitBias = fixed([TokenBias(token: 10, bias: 0)]) }),
    ("exponential_decay_length_penalty needs", { $0.exponentialDecay = ExponentialDecay(start: 1, factor: 1.1) }),
    (
      "exponential_decay_length_penalty starts at -1",
      { $0.exponentialDecay = ExponentialDecay(start: -1, factor: 1.1) }
    ),
    (
      "exponential_decay_length_penalty has the factor 0.0",
      { $0.exponentialDecay = ExponentialDecay(start: 1, factor: 0) }
    ), ("guidance_scale is inf", { $0.guidanceScale = .infinity }),
  ]

  @Test(arguments: refused.indices) func badOptionsAreNamed(index: Int) {
    let (message, change) = LogitsOptionsTests.refused[index]
    var options = LogitsOptions()
    change(&options)
    let failure = #expect(throws: Failure.self) { try LogitsProcessors(options, vocabulary: 10, rows: rows) }
    #expect(failure?.message.hasPrefix(message) ?? false, "\(failure?.message ?? "") for \(message)")
    #expect(failure?.code == .invalidArgument)
  }

  /// A text that a grammar does not let end is not made to: it ends with its length.
  @Test func aLastTokenThatIsNotAllowedIsNotForced() throws {
    var options = LogitsOptions()
    (options.forcedLast, options.maximalNewTokens) = (3, 1)
    let processors = try LogitsProcessors(options, vocabulary: 5, rows: rows)
    let row: [Float] = [1, 2, 3, 4, 5]
    #expect(try kept(processors.processed(row, Written([0]), allowed: [0b10110])) == [1, 2, 4])
    #expect(try kept(processors.processed(row, Written([0]), allowed: [0b11110])) == [3])
    #expect(try kept(processors.processed(row, Written([0]))) == [3])
  }
}
