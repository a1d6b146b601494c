import AttendBase
import AttendCheckpoints
import AttendDecoding

extension LogitsOptions {
  /// Reads what concerns the logits. `ends` are the end tokens of the checkpoint.
  init(_ reader: OptionReader, ends: [Int]) throws(Failure) {
    self.init()
    try readBiases(reader)
    repetitionPenalty = Float(try reader.number("repetition_penalty") ?? 1)
    frequencyPenalty = Float(try reader.number("frequency_penalty") ?? 0)
    presencePenalty = Float(try reader.number("presence_penalty") ?? 0)
    penaltyWindow = try reader.whole("penalty_last_n") ?? -1
    encoderRepetitionPenalty = Float(try reader.number("encoder_repetition_penalty") ?? 1)
    noRepeatSize = try reader.integer("no_repeat_ngram_size") ?? 0
    encoderNoRepeatSize = try reader.integer("encoder_no_repeat_ngram_size") ?? 0
    endTokens = try reader.tokens("eos_token_id")
    if endTokens == nil, !ends.isEmpty, !reader.isAsked("eos_token_id") {
      endTokens = try OptionReader.fixed(ends.map { Int32($0) })
    }
    minimalLength = try reader.integer("min_length") ?? 0
    minimalNewTokens = try reader.integer("min_new_tokens") ?? 0
    forcedFirst = try reader.token("forced_bos_token_id")
    forcedLast = try reader.token("forced_eos_token_id")
    exponentialDecay = try LogitsOptions.decay(reader.json("exponential_decay_length_penalty"))
    suppressed = try reader.tokens("suppress_tokens")
    suppressedFirst = try reader.tokens("begin_suppress_tokens")
    timestamps = try timestamps(reader)
    allowed = try reader.tokens("allowed_tokens")
    renormalizes = try reader.boolean("renormalize_logits") ?? false
    guidanceScale = Float(try reader.number("guidance_scale") ?? 1)
  }

  /// The rules of timestamps, where the options ask for these.
  private func timestamps(_ reader: OptionReader) throws(Failure) -> TimestampRules? {
    let latest = try reader.integer("max_initial_timestamp_index")
    let none = try reader.token("no_timestamps_token_id")
    guard try reader.boolean("return_timestamps") ?? false else { return nil }
    guard let none, none < .max, let end = endTokens?.first else {
      throw Failure(
        .invalidArgument, "return_timestamps is set, and there is no no_timestamps_token_id or no eos_token_id")
    }
    return TimestampRules(first: none + 1, end: end, latestInitial: latest)
  }

  private mutating func readBiases(_ reader: OptionReader) throws(Failure) {
    if let entries = try reader.biases("sequence_bias") {
      sequenceBias = try FixedArray(entries.count, for: "an option") { (place) throws(Failure) in
        SequenceBias(tokens: try OptionReader.fixed(entries[place].tokens), bias: entries[place].bias)
      }
    }
    if let entries = try reader.biases("logit_bias") {
      for place in 0..<entries.count where entries[place].tokens.count != 1 {
        throw Failure(
          .invalidArgument, "logit_bias: entry \(place) has \(entries[place].tokens.count) tokens; one is wanted")
      }
      logitBias = try FixedArray(entries.count, for: "an option") { place in
        TokenBias(token: entries[place].tokens[0], bias: entries[place].bias)
      }
    }
    if let words = try reader.sequences("bad_words_ids") {
      badWords = try FixedArray(words.count, for: "an option") { (place) throws(Failure) in
        try OptionReader.fixed(words[place])
      }
    }
  }

  /// [start, factor]
  private static func decay(_ json: JSON?) throws(Failure) -> ExponentialDecay? {
    guard let json, !json.isNull else { return nil }
    guard json.kind == .array, json.count == 2, let start = json[0]?.int, let factor = json[1]?.double else {
      throw Failure(
        .invalidArgument,
        "exponential_decay_length_penalty is \(json.excerpt), expected [start, factor]")
    }
    return ExponentialDecay(start: start, factor: factor)
  }
}
