import AttendBase

extension SearchOptions {
  /// Beams, and sequences, at most.
  static let mostBeams = 1 << 16

  /// Whether several hypotheses are continued side by side, none of which is certain until the end.
  var searchesBeams: Bool { beams > 1 || rules == .ctranslate2 }

  /// Throws `invalidArgument` for what is out of range, for options that contradict each other, and for those that a
  /// model of this kind, or a prompt of this length, cannot meet.
  func check(vocabulary: Int, isEncoderDecoder: Bool, promptCount: Int) throws(Failure) {
    guard promptCount > 0 else { throw Failure(.invalidArgument, "the prompt is empty; it needs at least 1 token") }
    for (option, count, most) in [
      ("num_beams", beams, SearchOptions.mostBeams), ("num_beam_groups", groups, SearchOptions.mostBeams),
      ("num_return_sequences", sequences, SearchOptions.mostBeams), ("max_new_tokens", maximalNewTokens, Int.max),
    ] {
      guard count >= 1, count <= most else {
        throw invalid(option, "is \(count); it must be \(most == .max ? "at least 1" : "from 1 to \(most)")")
      }
    }
    guard lengthPenalty.isFinite else { throw invalid("length_penalty", "is \(lengthPenalty); it must be finite") }
    guard alternatives >= 0, alternatives <= vocabulary else {
      throw invalid("the number of alternatives", "is \(alternatives); it must be from 0 to \(vocabulary)")
    }
    try checkSequences()
    try checkGroups()
    if groups > 1 { try TokenCheck(vocabulary: vocabulary).check(paddingToken, "pad_token_id") }
    try checkPhrases(vocabulary: vocabulary)
    try checkContrastive()
    if rules == .ctranslate2 { try checkCTranslate2(vocabulary, promptCount: promptCount) }
    try checkAttention(isEncoderDecoder: isEncoderDecoder)
  }

  private func checkSequences() throws(Failure) {
    if searchesBeams {
      if samples { try checkDrawnBeams() }
      guard alternatives == 0 else {
        throw invalid(
          "the number of alternatives", "is \(alternatives) with num_beams \(beams); only one sequence has alternatives"
        )
      }
      guard sequences <= beams || rules == .ctranslate2 else {
        throw invalid("num_return_sequences", "is \(sequences), more than the \(beams) of num_beams")
      }
    } else if sequences > 1, !samples {
      throw invalid("num_return_sequences", "is \(sequences); more than 1 needs num_beams or do_sample")
    }
  }

  private func checkDrawnBeams() throws(Failure) {
    guard rules == .transformers else {
      throw invalid("do_sample", "is true with CTranslate2's beam search, which draws nothing")
    }
    guard groups == 1 else {
      throw invalid("do_sample", "is true with num_beam_groups \(groups); groups are not drawn")
    }
    guard requiredPhrases.isEmpty else {
      throw invalid("do_sample", "is true with force_words_ids; beams with required phrases are not drawn")
    }
    guard sampling.mirostat == nil else {
      throw invalid("mirostat_tau", "is set with num_beams \(beams); mirostat follows one sequence")
    }
  }

  private func checkGroups() throws(Failure) {
    guard diversityPenalty.isFinite, diversityPenalty >= 0 else {
      throw invalid("diversity_penalty", "is \(diversityPenalty); it must be at least 0 and finite")
    }
    guard groups > 1 else {
      guard diversityPenalty == 0 else {
        throw invalid("diversity_penalty", "is \(diversityPenalty); it needs num_beam_groups above 1")
      }
      return
    }
    guard beams % groups == 0 else {
      throw invalid("num_beam_groups", "is \(groups); it must divide num_beams, which is \(beams)")
    }
    guard requiredPhrases.isEmpty else {
      throw invalid("num_beam_groups", "is \(groups) with force_words_ids; groups have no required phrases")
    }
  }

  private func checkPhrases(vocabulary: Int) throws(Failure) {
    guard !requiredPhrases.isEmpty else { return }
    let option = "force_words_ids"
    guard beams > 1 else { throw invalid(option, "needs num_beams above 1; it is \(beams)") }
    for (place, phrases) in requiredPhrases.enumerated() {
      guard !phrases.isEmpty else { throw invalid(option, "has no phrase in entry \(place)") }
      for phrase in phrases {
        guard !phrase.isEmpty else { throw invalid(option, "has no ids in entry \(place)") }
        for token in phrase {
          try TokenCheck(vocabulary: vocabulary).check(token, option, place)
          if let ends = logits.endTokens, ends.contains(token) {
            throw invalid(option, "has the end token \(token) in entry \(place); nothing is written behind it")
          }
        }
      }
      for (index, phrase) in phrases.enumerated() {
        for (other, longer) in phrases.enumerated() where other != index && longer.starts(with: phrase) {
          throw invalid(option, "has in entry \(place) phrase \(other), which begins with phrase \(index)")
        }
      }
    }
  }

  private func checkContrastive() throws(Failure) {
    guard penaltyAlpha >= 0, penaltyAlpha <= 1 else {
      throw invalid("penalty_alpha", "is \(penaltyAlpha); it must be from 0 to 1")
    }
    guard penaltyAlpha > 0 else { return }
    guard contrastiveTopK >= 1, contrastiveTopK <= SearchOptions.mostBeams else {
      throw invalid(
        "top_k",
        "is \(contrastiveTopK) with penalty_alpha \(penaltyAlpha); it must be from 1 to \(SearchOptions.mostBeams)")
    }
    guard !searchesBeams else {
      throw invalid("penalty_alpha", "is \(penaltyAlpha) with num_beams \(beams); contrastive search has no beams")
    }
    guard !samples else {
      throw invalid("penalty_alpha", "is \(penaltyAlpha) with do_sample; contrastive search draws nothing")
    }
    guard alternatives == 0 else {
      throw invalid(
        "the number of alternatives", "is \(alternatives) with penalty_alpha \(penaltyAlpha); the choice is not by them"
      )
    }
    guard logits.guidanceScale == 1 else {
      throw invalid(
        "guidance_scale", "is \(logits.guidanceScale) with penalty_alpha \(penaltyAlpha); these are not combined")
    }
  }

  private func checkCTranslate2(_ vocabulary: Int, promptCount: Int) throws(Failure) {
    let own = ctranslate2
    guard groups == 1, requiredPhrases.isEmpty else {
      throw Failure(
        .invalidArgument,
        "num_beam_groups is \(groups), force_words_ids has \(requiredPhrases.count) entries; "
          + "CTranslate2's beam search has neither")
    }
    guard own.patience > 0, own.patience * Double(beams) <= Double(SearchOptions.mostBeams) else {
      throw invalid(
        "patience",
        "is \(own.patience); it must be above 0, and with \(beams) beams at most "
          + "\(Double(SearchOptions.mostBeams) / Double(beams))")
    }
    guard own.alternatives || sequences <= own.mostResults(beams: beams) else {
      throw invalid(
        "num_hypotheses",
        "is \(sequences); the search stops with \(own.mostResults(beams: beams)), which are beam_size "
          + "\(beams) * patience \(own.patience)")
    }
    guard own.coveragePenalty.isFinite else {
      throw invalid("coverage_penalty", "is \(own.coveragePenalty); it must be finite")
    }
    guard own.prefixCount >= 0, own.prefixCount < promptCount else {
      throw invalid(
        "target_prefix", "has \(own.prefixCount) tokens; the prompt has \(promptCount), of which the first is the start"
      )
    }
    try checkPrefixBias(own, vocabulary)
    let least = own.minimalAlternativeProbability
    guard least >= 0, least <= 1 else {
      throw invalid("min_alternative_expansion_prob", "is \(least); it must be from 0 to 1")
    }
  }

  private func checkPrefixBias(_ own: CTranslate2Options, _ vocabulary: Int) throws(Failure) {
    guard own.prefixBias >= 0, own.prefixBias < 1 else {
      throw invalid("prefix_bias_beta", "is \(own.prefixBias); it must be at least 0 and below 1")
    }
    for (place, token) in own.biasedPrefix.enumerated() {
      try TokenCheck(vocabulary: vocabulary).check(token, "target_prefix", place)
    }
    guard own.prefixBias > 0 else {
      guard own.biasedPrefix.isEmpty else {
        throw invalid("prefix_bias_beta", "is 0; a prefix that beams are drawn to needs more")
      }
      return
    }
    guard own.prefixCount == 0 else {
      throw invalid(
        "prefix_bias_beta", "is \(own.prefixBias) with \(own.prefixCount) forced tokens; a prefix is forced or drawn to"
      )
    }
    guard !own.alternatives else {
      throw invalid("prefix_bias_beta", "is \(own.prefixBias) with return_alternatives; these are not combined")
    }
  }

  private func checkAttention(isEncoderDecoder: Bool) throws(Failure) {
    let penalty = ctranslate2.coveragePenalty
    guard rules == .ctranslate2 else {
      guard !attention else { throw invalid("return_attention", "needs the rules of CTranslate2") }
      guard penalty == 0 else { throw invalid("coverage_penalty", "is \(penalty); it needs the rules of CTranslate2") }
      return
    }
    guard isEncoderDecoder || (!attention && penalty == 0) else {
      throw invalid(
        attention ? "return_attention" : "coverage_penalty", "needs a model that attends to a source; this one has none"
      )
    }
  }
}
