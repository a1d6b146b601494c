import AttendBase

extension LogitsOptions {
  /// Throws `invalidArgument`, with the name of the option and the numbers, for what is out of range or cannot be
  /// meant.
  func check(vocabulary: Int) throws(Failure) {
    let tokens = TokenCheck(vocabulary: vocabulary)
    try checkBiases(tokens)
    try checkPenalties()
    try checkLengths()
    try checkDecay()
    try tokens.check(endTokens, "eos_token_id")
    try tokens.check(suppressed, "suppress_tokens")
    try tokens.check(suppressedFirst, "begin_suppress_tokens")
    try timestamps?.check(tokens)
    try tokens.check(allowed, "allowed_tokens")
    try tokens.check(forcedFirst, "forced_bos_token_id")
    try tokens.check(forcedLast, "forced_eos_token_id")
    if forcedLast != nil, maximalLength == nil, maximalNewTokens == nil {
      throw invalid("forced_eos_token_id", "needs max_length or max_new_tokens")
    }
    guard guidanceScale.isFinite else { throw invalid("guidance_scale", "is \(guidanceScale); it must be finite") }
  }

  private func checkBiases(_ tokens: TokenCheck) throws(Failure) {
    if let sequenceBias {
      for place in 0..<sequenceBias.count {
        try tokens.checkSequence(sequenceBias[place].tokens, "sequence_bias", place)
        try checkBias(sequenceBias[place].bias, "sequence_bias", place)
      }
    }
    if let logitBias {
      for place in 0..<logitBias.count {
        try tokens.check(logitBias[place].token, "logit_bias", place)
        try checkBias(logitBias[place].bias, "logit_bias", place)
      }
    }
    if let badWords {
      for place in 0..<badWords.count { try tokens.checkSequence(badWords[place], "bad_words_ids", place) }
    }
  }

  private func checkBias(_ bias: Float, _ option: String, _ place: Int) throws(Failure) {
    guard bias < .infinity else {
      throw invalid(option, "adds \(bias) in entry \(place); it must be a number below infinity")
    }
  }

  private func checkPenalties() throws(Failure) {
    for (option, penalty) in [
      ("repetition_penalty", repetitionPenalty), ("encoder_repetition_penalty", encoderRepetitionPenalty),
    ] {
      guard penalty > 0, penalty.isFinite, (1 / penalty).isFinite else {
        throw invalid(option, "is \(penalty); it must be above 0 and finite")
      }
    }
    for (option, penalty) in [("frequency_penalty", frequencyPenalty), ("presence_penalty", presencePenalty)] {
      guard penalty.isFinite else { throw invalid(option, "is \(penalty); it must be finite") }
    }
    guard penaltyWindow >= -1 else {
      throw invalid("penalty_last_n", "is \(penaltyWindow); it must be -1, for all ids, or at least 0")
    }
  }

  private func checkLengths() throws(Failure) {
    for (option, count) in [
      ("no_repeat_ngram_size", noRepeatSize), ("encoder_no_repeat_ngram_size", encoderNoRepeatSize),
      ("min_length", minimalLength), ("min_new_tokens", minimalNewTokens),
    ] {
      guard count >= 0 else { throw invalid(option, "is \(count); it must be at least 0") }
    }
    for (option, count) in [("max_length", maximalLength), ("max_new_tokens", maximalNewTokens)] {
      if let count, count <= 0 { throw invalid(option, "is \(count); it must be at least 1") }
    }
    if let most = maximalNewTokens, minimalNewTokens > most {
      throw invalid("min_new_tokens", "is \(minimalNewTokens), more than the \(most) of max_new_tokens")
    }
    if maximalNewTokens == nil, let most = maximalLength {
      if minimalLength > most {
        throw invalid("min_length", "is \(minimalLength), more than the \(most) of max_length")
      }
      if minimalNewTokens > most {
        throw invalid("min_new_tokens", "is \(minimalNewTokens), more than the \(most) of max_length")
      }
    }
  }

  private func checkDecay() throws(Failure) {
    guard let decay = exponentialDecay else { return }
    let option = "exponential_decay_length_penalty"
    guard decay.start >= 0 else { throw invalid(option, "starts at \(decay.start); it must be at least 0") }
    guard decay.factor > 0, decay.factor.isFinite else {
      throw invalid(option, "has the factor \(decay.factor); it must be above 0 and finite")
    }
    guard let endTokens, !endTokens.isEmpty else { throw invalid(option, "needs an end token") }
  }
}

/// A failure about an option.
func invalid(_ option: String, _ reason: String) -> Failure { Failure(.invalidArgument, "\(option) \(reason)") }

/// Checks of ids against a vocabulary.
package struct TokenCheck {
  let vocabulary: Int

  package init(vocabulary: Int) { self.vocabulary = vocabulary }

  /// An id that an option names, in entry `place` of it.
  package func check(_ token: Int32?, _ option: String, _ place: Int? = nil) throws(Failure) {
    guard let token, token < 0 || Int(token) >= vocabulary else { return }
    let entry = place.map { " in entry \($0)" } ?? ""
    throw invalid(option, "names token \(token)\(entry); the vocabulary has \(vocabulary)")
  }

  func check(_ tokens: FixedArray<Int32>?, _ option: String) throws(Failure) {
    guard let tokens else { return }
    for place in 0..<tokens.count { try check(tokens[place], option, place) }
  }

  /// Entry `place` of an option, which is a sequence of ids.
  func checkSequence(_ tokens: FixedArray<Int32>, _ option: String, _ place: Int) throws(Failure) {
    guard !tokens.isEmpty else { throw invalid(option, "has no ids in entry \(place)") }
    for token in tokens { try check(token, option, place) }
  }
}
