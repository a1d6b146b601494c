import AttendBase
import AttendDecoding
import Testing

/// Options that are out of range or contradict each other are refused by their names, with the numbers.
@Suite struct SearchOptionsTests {
  /// The message for options that differ from the default.
  private func refused(
    _ prompt: [Int32] = [1, 2], isEncoderDecoder: Bool = false, _ change: (inout SearchOptions) -> Void
  ) throws -> String {
    var request = Request()
    request.prompt = prompt
    request.source = isEncoderDecoder ? [4, 5] : nil
    change(&request.options)
    let model = try FakeModel(vocabulary: 20, readsSources: isEncoderDecoder)
    let failure = #expect(throws: Failure.self) { _ = try request.job(0, model) }
    #expect(failure?.code == .invalidArgument)
    return failure?.message ?? ""
  }

  @Test(arguments: [0, -1, 1 << 31, Int.max]) func counts(count: Int) throws {
    for (name, place) in [
      ("num_beams", \SearchOptions.beams), ("num_beam_groups", \.groups), ("num_return_sequences", \.sequences),
    ] {
      let message = try refused { $0[keyPath: place] = count }
      #expect(message.hasPrefix(name) && message.contains("\(count)"), "\(message)")
    }
    guard count <= 0 else { return }
    #expect(try refused { $0.maximalNewTokens = count }.contains("max_new_tokens is \(count)"))
    #expect(try refused { ($0.penaltyAlpha, $0.contrastiveTopK) = (0.5, count) }.contains("top_k is \(count)"))
  }

  @Test(arguments: [-0.1, .infinity, -.infinity, .nan]) func numbers(number: Double) throws {
    #expect(try refused { $0.diversityPenalty = Float(number) }.contains("diversity_penalty is"))
    #expect(try refused { $0.penaltyAlpha = Float(number) }.contains("penalty_alpha is"))
    for (name, place) in [
      ("patience", \CTranslate2Options.patience), ("prefix_bias_beta", \.prefixBias),
      ("min_alternative_expansion_prob", \.minimalAlternativeProbability),
    ] {
      let message = try refused {
        $0.rules = .ctranslate2
        $0.ctranslate2[keyPath: place] = number
      }
      #expect(message.hasPrefix("\(name) is"), "\(message)")
    }
    guard !number.isFinite else { return }
    #expect(try refused { $0.lengthPenalty = number }.contains("length_penalty is"))
    let message = try refused {
      $0.rules = .ctranslate2
      $0.ctranslate2.coveragePenalty = number
    }
    #expect(message.contains("coverage_penalty is"))
  }

  @Test func contradictions() throws {
    let cases: [(String, (inout SearchOptions) -> Void)] = [
      ("num_beam_groups is 3; it must divide num_beams, which is 1", { $0.groups = 3 }),
      ("num_beam_groups is 3; it must divide num_beams, which is 4", { ($0.beams, $0.groups) = (4, 3) }),
      ("diversity_penalty is 0.5; it needs num_beam_groups", { ($0.beams, $0.diversityPenalty) = (4, 0.5) }),
      ("num_return_sequences is 5, more than the 4 of num_beams", { ($0.beams, $0.sequences) = (4, 5) }),
      ("num_return_sequences is 2; more than 1 needs", { $0.sequences = 2 }),
      (
        "do_sample is true with num_beam_groups 2; groups are not drawn",
        { ($0.beams, $0.groups, $0.samples) = (4, 2, true) }
      ),
      (
        "mirostat_tau is set with num_beams 4",
        { ($0.beams, $0.samples, $0.sampling.mirostat) = (4, true, MirostatOptions()) }
      ),
      (
        "do_sample is true with force_words_ids",
        { ($0.beams, $0.samples, $0.requiredPhrases) = (4, true, [[[3]]]) }
      ),
      ("the number of alternatives is 2 with num_beams 4", { ($0.beams, $0.alternatives) = (4, 2) }),
      ("the number of alternatives is 21; it must be from 0 to 20", { $0.alternatives = 21 }),
      ("force_words_ids needs num_beams above 1; it is 1", { $0.requiredPhrases = [[[3]]] }),
      ("force_words_ids has no phrase in entry 1", { ($0.beams, $0.requiredPhrases) = (4, [[[3]], []]) }),
      ("force_words_ids has no ids in entry 0", { ($0.beams, $0.requiredPhrases) = (4, [[[3], []]]) }),
      ("force_words_ids names token 20 in entry 0", { ($0.beams, $0.requiredPhrases) = (4, [[[20]]]) }),
      (
        "force_words_ids has in entry 0 phrase 1, which begins with phrase 0",
        { ($0.beams, $0.requiredPhrases) = (4, [[[3], [3, 4]]]) }
      ),
      (
        "force_words_ids has the end token 0 in entry 0",
        {
          ($0.beams, $0.requiredPhrases) = (4, [[[3, 0]]])
          $0.logits.endTokens = fixed([0])
        }
      ),
      (
        "num_beam_groups is 2 with force_words_ids",
        { ($0.beams, $0.groups, $0.requiredPhrases) = (4, 2, [[[3]]]) }
      ),
      ("penalty_alpha is 0.5 with num_beams 4", { ($0.beams, $0.penaltyAlpha, $0.contrastiveTopK) = (4, 0.5, 4) }),
      (
        "penalty_alpha is 0.5 with do_sample",
        { ($0.samples, $0.penaltyAlpha, $0.contrastiveTopK) = (true, 0.5, 4) }
      ),
      ("return_attention needs the rules of CTranslate2", { $0.attention = true }),
      ("coverage_penalty is 0.5; it needs the rules of CTranslate2", { $0.ctranslate2.coveragePenalty = 0.5 }),
    ]
    for (wanted, change) in cases {
      let message = try refused { change(&$0) }
      #expect(message.contains(wanted), "\(message)")
    }
    #expect(try refused([]) { _ in }.contains("the prompt is empty"))
  }

  @Test func contradictionsOfCTranslate2() throws {
    let cases: [(String, (inout SearchOptions) -> Void)] = [
      ("num_beam_groups is 2", { $0.groups = 2 }),
      ("num_hypotheses is 3; the search stops with 2", { ($0.sequences, $0.ctranslate2.patience) = (3, 0.5) }),
      ("target_prefix has 2 tokens; the prompt has 2", { $0.ctranslate2.prefixCount = 2 }),
      ("prefix_bias_beta is 0; a prefix", { $0.ctranslate2.biasedPrefix = [3] }),
      (
        "target_prefix names token 20 in entry 1",
        { ($0.ctranslate2.biasedPrefix, $0.ctranslate2.prefixBias) = ([3, 20], 0.5) }
      ),
      (
        "prefix_bias_beta is 0.5 with 1 forced tokens",
        { ($0.ctranslate2.prefixCount, $0.ctranslate2.prefixBias) = (1, 0.5) }
      ),
      (
        "prefix_bias_beta is 0.5 with return_alternatives",
        { ($0.ctranslate2.alternatives, $0.ctranslate2.prefixBias) = (true, 0.5) }
      ),
      ("return_attention needs a model that attends to a source", { $0.attention = true }),
      ("do_sample is true", { $0.samples = true }),
    ]
    for (wanted, change) in cases {
      let message = try refused {
        $0.rules = .ctranslate2
        $0.beams = 4
        change(&$0)
      }
      #expect(message.contains(wanted), "\(message)")
    }
  }
}
