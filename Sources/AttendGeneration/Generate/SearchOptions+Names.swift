import AttendBase
import AttendCheckpoints
import AttendDecoding

extension SearchOptions {
  /// Reads what concerns the search.
  mutating func readSearch(_ reader: OptionReader) throws(Failure) {
    beams = try reader.integer("num_beams") ?? 1
    groups = try reader.integer("num_beam_groups") ?? 1
    diversityPenalty = Float(try reader.number("diversity_penalty") ?? 0)
    sequences = try reader.integer("num_return_sequences") ?? 1
    lengthPenalty = try reader.number("length_penalty") ?? 1
    if let early = reader.json("early_stopping"), !early.isNull {
      switch (early.string, early.bool) {
      case ("never", _): earlyStopping = .never
      case (nil, let isFirst?): earlyStopping = isFirst ? .first : .likely
      default: throw Failure(.invalidArgument, "early_stopping is \(early.excerpt), expected true, false or \"never\"")
      }
    }
    requiredPhrases = try SearchOptions.phrases(reader.json("force_words_ids"))
    penaltyAlpha = Float(try reader.number("penalty_alpha") ?? 0)
    if penaltyAlpha > 0 { contrastiveTopK = try reader.integer("top_k") ?? 0 }
    try readCTranslate2(reader)
    logProbabilities = try reader.boolean("output_scores") ?? false
    alternatives = try reader.integer("top_logprobs") ?? 0
    // A beam search has them at no cost.
    if alternatives > 0 || beams > 1 { logProbabilities = true }
    attention = try reader.boolean("return_attention") ?? false
    fastForward = try reader.boolean("grammar_fast_forward") ?? true
    speculation.promptLookupTokens = try reader.integer("prompt_lookup_num_tokens") ?? 0
    speculation.maximalMatchingSize = try reader.integer("max_matching_ngram_size") ?? 0
    let drafts = SpeculationOptions()
    speculation.assistantTokens = try reader.integer("num_assistant_tokens") ?? drafts.assistantTokens
    speculation.assistantConfidence =
      try reader.number("assistant_confidence_threshold") ?? drafts.assistantConfidence
  }

  /// Options that CTranslate2 alone has, by its names; each of them asks for its rules.
  private mutating func readCTranslate2(_ reader: OptionReader) throws(Failure) {
    ctranslate2.patience = try reader.number("patience") ?? 1
    ctranslate2.coveragePenalty = try reader.number("coverage_penalty") ?? 0
    ctranslate2.prefixBias = try reader.number("prefix_bias_beta") ?? 0
    ctranslate2.alternatives = try reader.boolean("return_alternatives") ?? false
    ctranslate2.minimalAlternativeProbability = try reader.number("min_alternative_expansion_prob") ?? 0
    let names = ["patience", "coverage_penalty", "prefix_bias_beta", "return_alternatives"]
    var isAsked = false
    for name in names where reader.isAsked(name) { isAsked = true }
    switch try reader.string("beam_rules") {
    case nil: rules = isAsked ? .ctranslate2 : .transformers
    case "transformers":
      for name in names where reader.isAsked(name) {
        throw Failure(.invalidArgument, "\(name) is set, which beam_rules \"transformers\" does not know")
      }
    case "ctranslate2": rules = .ctranslate2
    case let other?:
      throw Failure(.invalidArgument, "beam_rules is \"\(other)\"; known are \"transformers\" and \"ctranslate2\"")
    }
  }

  /// A list of requirements, each one phrase or a list of alternative phrases.
  private static func phrases(_ json: JSON?) throws(Failure) -> [[[Int32]]] {
    guard let json, !json.isNull else { return [] }
    func phrase(_ json: JSON) -> [Int32]? { Configuration.list(json) { $0.int.flatMap { Int32(exactly: $0) } } }
    let requirements = Configuration.list(json) { requirement in
      phrase(requirement).map { [$0] } ?? Configuration.list(requirement, phrase)
    }
    guard let requirements else {
      throw Failure(
        .invalidArgument, "force_words_ids is \(json.excerpt), expected a list of phrases or of lists of phrases")
    }
    return requirements
  }

  /// Reads what concerns sampling.
  mutating func readSampling(_ reader: OptionReader) throws(Failure) {
    samples = try reader.boolean("do_sample") ?? false
    for name in SearchOptions.samplingNames where reader.isAsked(name) && !samples {
      if name == "top_k" && penaltyAlpha > 0 { continue }
      throw Failure(.invalidArgument, "\(name) is set, and do_sample is not: nothing would be drawn")
    }
    sampling.temperature = try reader.number("temperature") ?? 1
    sampling.topK = try reader.integer("top_k") ?? 0
    sampling.topP = try reader.number("top_p") ?? 1
    sampling.minP = try reader.number("min_p") ?? 0
    sampling.typicalP = try reader.number("typical_p") ?? 1
    sampling.topH = try reader.number("top_h") ?? 0
    sampling.epsilon = try reader.number("epsilon_cutoff") ?? 0
    sampling.eta = try reader.number("eta_cutoff") ?? 0
    sampling.topNSigma = try reader.number("top_n_sigma") ?? 0
    sampling.xtcProbability = try reader.number("xtc_probability") ?? 0
    sampling.xtcThreshold = try reader.number("xtc_threshold") ?? 0.1
    sampling.minimalKept = try reader.integer("min_tokens_to_keep") ?? 1
    sampling.seed = try reader.unsigned("seed") ?? 0
    if let names = try reader.strings("samplers") {
      sampling.order = []
      for name in names {
        guard let step = SamplingStep(rawValue: name) else {
          let known = SamplingStep.allCases.map(\.rawValue).joined(separator: ", ")
          throw Failure(.invalidArgument, "samplers: \"\(name)\" is none of \(known)")
        }
        sampling.order.append(step)
      }
    }
    try readRepetitionSamplers(reader)
  }

  private mutating func readRepetitionSamplers(_ reader: OptionReader) throws(Failure) {
    if let multiplier = try reader.number("dry_multiplier"), multiplier != 0 {
      var dry = DryOptions(multiplier: multiplier)
      dry.base = try reader.number("dry_base") ?? dry.base
      dry.allowedLength = try reader.integer("dry_allowed_length") ?? dry.allowedLength
      dry.window = try reader.whole("dry_penalty_last_n") ?? dry.window
      if let breakers = try reader.sequences("dry_sequence_breakers") {
        dry.breakers = try FixedArray(breakers.count, for: "an option") { (place) throws(Failure) in
          try OptionReader.fixed(breakers[place])
        }
      }
      sampling.dry = dry
    }
    if let tau = try reader.number("mirostat_tau") {
      sampling.mirostat = MirostatOptions(tau: tau, eta: try reader.number("mirostat_eta") ?? 0.1)
    }
  }

  /// The options that mean something only where tokens are drawn.
  private static let samplingNames = [
    "temperature", "top_k", "top_p", "min_p", "typical_p", "top_h", "epsilon_cutoff", "eta_cutoff", "top_n_sigma",
    "xtc_probability", "dry_multiplier", "mirostat_tau", "samplers", "seed",
  ]
}
