// Single calls of processors and samplers against transformers, numpy and llama.cpp.
import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendTestSupport
import Foundation
import Testing

@Suite struct FixtureTests {
  /// Tests/Fixtures/decoding/make.py: the classes of transformers.
  @Test func rowsBecomeWhatTransformersMakesOfThem() throws {
    let cases = try JSON.file(repository + "/Tests/Fixtures/decoding/processors.json")
    #expect(cases.count >= 37)
    for entry in cases.elements {
      let options = try #require(entry["options"]), logits = try #require(entry["logits"]).floats
      let written = try Written(
        #require(entry["history"]).tokens, prompt: #require(entry["prompt"]?.int),
        source: #require(entry["source"]).tokens)
      let ends = try #require(entry["ends"]).tokens
      var row = try processed(logitsOptions(options, ends: ends), logits, written)
      row = try Sampler(samplingOptions(options), vocabulary: row.count, rows: rows).filtered(row, written)
      let expected = try #require(entry["processed"]).floats
      #expect(kept(row) == kept(expected), "\(options.excerpt)")
      // Renormalisation comes after the steps there, before them here: the same probabilities.
      if options["renormalize_logits"] != nil { row = softmax(row).map { Float(log($0)) } }
      for (one, other) in zip(row, expected) where other.isFinite {
        #expect(abs(one - other) <= 1e-6 * max(1, abs(other)), "\(options.excerpt)")
      }
    }
  }
}

@Suite(.enabled(if: Shared.isThere, "the shared folder is not beside this checkout")) struct SharedGoldenTests {
  @Test func rowsAndKeptIdsAreThoseOfTheReferences() throws {
    let cases = try #require(JSON.file(Shared.path! + "/generation/processors.json")["cases"])
    #expect(cases.count == 102)
    for entry in cases.elements {
      let name = entry["name"]?.string ?? "", kind = entry["kind"]?.string ?? ""
      let parameters = try #require(entry["params"]), logits = try #require(entry["logits"]).floats
      let history = entry["history"]?.tokens ?? [0]
      let prompt = parameters["prompt_length"]?.int ?? min(1, history.count)
      let written = Written(history, prompt: prompt)
      let ends = parameters["eos_token_id"].map { $0.kind == .array ? $0.tokens : [Int32($0.int!)] } ?? []
      let sampling = try samplingOptions(parameters, kind: kind)
      var row = try processed(logitsOptions(parameters, ends: ends, kind: kind), logits, written)
      let sampler = try Sampler(sampling, vocabulary: row.count, rows: rows)
      let draw = parameters["u"]?.double ?? 0
      var mu = parameters["mu"]?.double ?? 0
      let before = row
      row = try sampler.filtered(row, written, exclusion: draw, mu: mu)
      if let expected = entry["kept"] { #expect(kept(row) == expected.tokens.map { Int($0) }, "\(name)") }
      if let expected = entry["processed"]?.floats {
        for (one, other) in zip(row, expected) {
          #expect(one == other || abs(one - other) <= 2e-6 * max(1, abs(other)), "\(name)")
        }
      }
      for (one, other) in zip(softmax(row), try #require(entry["probabilities"]).elements) {
        #expect(abs(one - other.double!) <= 1e-6, "\(name)")
      }
      guard let drawn = entry["drawn"]?.int else { continue }
      let sample = try sampler.sample(before, written, draw: draw, mu: &mu)
      #expect(sample.map { Int($0.token) } == drawn, "\(name)")
      #expect(abs(mu - entry["mu_after"]!.double!) <= 1e-6, "\(name)")
    }
  }
}

extension Sampler {
  fileprivate func sample(
    _ logits: [Float], _ written: Written, draw: Double, mu: inout Double
  ) throws -> Sample? {
    let scratch = try LogitsScratch(vocabulary: vocabulary)
    var row = logits
    return try row.withUnsafeMutableBufferPointer { row throws(Failure) in
      try choose(row, written.history, scratch, Draws(token: draw, exclusion: 0), mu: &mu)
    }
  }
}

/// The options that a case sets; `kind` is the only one where its parameters have other names.
private func logitsOptions(_ json: JSON, ends: [Int32], kind: String = "") -> LogitsOptions {
  func number(_ key: String) -> Float? { json[key]?.double.map { Float($0) } }
  func lists(_ key: String) -> FixedArray<FixedArray<Int32>>? { json[key].map { fixed($0.elements.map(\.tokens)) } }
  var options = LogitsOptions()
  options.endTokens = fixed(ends)
  options.sequenceBias = json["sequence_bias"].map { list in
    fixed(list.elements.map { SequenceBias(tokens: fixed($0[0]!.tokens), bias: Float($0[1]!.double!)) })
  }
  options.badWords = lists("bad_words_ids")
  options.repetitionPenalty = number("repetition_penalty") ?? 1
  options.encoderRepetitionPenalty = number("encoder_repetition_penalty") ?? 1
  options.noRepeatSize = json["no_repeat_ngram_size"]?.int ?? 0
  options.encoderNoRepeatSize = json["encoder_no_repeat_ngram_size"]?.int ?? 0
  options.minimalLength = json["min_length"]?.int ?? 0
  options.minimalNewTokens = json["min_new_tokens"]?.int ?? 0
  options.maximalLength = json["max_length"]?.int
  options.forcedFirst = json["forced_bos_token_id"]?.int.map { Int32($0) }
  options.forcedLast = json["forced_eos_token_id"]?.int.map { Int32($0) }
  options.exponentialDecay = json["exponential_decay_length_penalty"].map {
    ExponentialDecay(start: $0[0]!.int!, factor: $0[1]!.double!)
  }
  options.suppressed = json["suppress_tokens"].map { fixed($0.tokens) }
  options.suppressedFirst = json["begin_suppress_tokens"].map { fixed($0.tokens) }
  options.renormalizes = kind == "renormalize_logits" || json["renormalize_logits"] != nil
  if kind == "penalties" {
    options.repetitionPenalty = number("repetition") ?? 1
    options.frequencyPenalty = number("frequency") ?? 0
    options.presencePenalty = number("presence") ?? 0
    options.penaltyWindow = json["last_n"]?.int ?? -1
  }
  return options
}

private func samplingOptions(_ json: JSON, kind: String = "") throws -> SamplingOptions {
  var options = SamplingOptions()
  options.temperature = json["temperature"]?.double ?? 1
  options.topK = json["top_k"]?.int ?? 0
  options.topP = json["top_p"]?.double ?? 1
  options.minP = json["min_p"]?.double ?? 0
  options.typicalP = json["typical_p"]?.double ?? 1
  options.topH = json["top_h"]?.double ?? 0
  options.epsilon = json["epsilon_cutoff"]?.double ?? 0
  options.eta = json["eta_cutoff"]?.double ?? 0
  options.minimalKept = json["min_tokens_to_keep"]?.int ?? 1
  if kind == "top_n_sigma" { options.topNSigma = json["n"]?.double ?? 0 }
  if kind == "xtc" {
    options.xtcProbability = json["probability"]?.double ?? 0
    options.xtcThreshold = json["threshold"]?.double ?? 0
  }
  if kind == "mirostat_v2" {
    options.mirostat = MirostatOptions(tau: json["tau"]?.double ?? 0, eta: json["eta"]?.double ?? 0)
  }
  if kind == "dry" {
    var dry = DryOptions(multiplier: json["multiplier"]?.double ?? 0)
    dry.base = json["base"]?.double ?? 0
    dry.allowedLength = json["allowed_length"]?.int ?? 0
    dry.window = json["last_n"]?.int ?? -1
    dry.breakers = json["breakers"].map { fixed($0.elements.map(\.tokens)) }
    options.dry = dry
  }
  if let order = json["order"] {
    options.order = try order.elements.map { try #require(SamplingStep(rawValue: $0.string ?? "")) }
  }
  return options
}
