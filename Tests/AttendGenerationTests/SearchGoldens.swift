import AttendBase
import AttendDecoding
import AttendGeneration
import AttendModels
import AttendTestSupport
import Foundation

/// A case of ../shared/generation/search: options by transformers' names, inputs, and what transformers made of them.
struct SearchCase {
  struct Output {
    let ids: [Int32]
    let score: Double?
    let finish: String
    let logProbabilities: [Double]?
  }

  let name: String
  let options: [String: Any]
  let inputs: [[Int32]]
  let outputs: [[Output]]

  init(_ json: [String: Any]) {
    name = json["name"] as! String
    options = json["options"] as! [String: Any]
    inputs = (json["inputs"] as! [[Int]]).map { $0.map(Int32.init) }
    outputs = (json["outputs"] as! [[[String: Any]]]).map {
      $0.map {
        Output(
          ids: ($0["ids"] as! [Int]).map(Int32.init), score: $0["score"] as? Double, finish: $0["finish"] as! String,
          logProbabilities: $0["token_logprobs"] as? [Double])
      }
    }
  }

  func integer(_ key: String) -> Int? { options[key] as? Int }
  func number(_ key: String) -> Double? { (options[key] as? NSNumber)?.doubleValue }
  func ids(_ key: String) -> [Int32]? {
    if let one = options[key] as? Int { return [Int32(one)] }
    return (options[key] as? [Int])?.map(Int32.init)
  }
}

/// The cases of one model.
struct SearchFile {
  let model: String
  let start: Int32?
  let ends: [Int32]
  let forcedEnd: Int32?
  let padding: Int32?
  let cases: [SearchCase]

  /// nil where the shared folder is not there.
  init?(_ name: String) throws {
    guard let shared = Shared.path else { return nil }
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(shared)/generation/search/\(name).json"))
    let json = try JSONSerialization.jsonObject(with: data) as! [String: Any]
    model = json["model"] as! String
    start = (json["decoder_start_token_id"] as? Int).map(Int32.init)
    ends = (json["eos_token_id"] as? Int).map { [Int32($0)] } ?? (json["eos_token_id"] as? [Int] ?? []).map(Int32.init)
    forcedEnd = (json["forced_eos_token_id"] as? Int).map(Int32.init)
    padding = (json["pad_token_id"] as? Int).map(Int32.init)
    cases = (json["cases"] as! [[String: Any]]).map(SearchCase.init)
  }

  private var folder: String {
    let shared = Shared.path!
    let folders = ["conformance", "models"].map { "\(shared)/\($0)/\(model)" }
    return folders.first { FileManager.default.fileExists(atPath: $0 + "/config.json") }!
  }

  func makeModel() throws -> Model { try AttendGenerationTests.model(folder) }

  private func stopStrings(_ test: SearchCase) throws -> StopStrings? {
    guard let strings = test.options["stop_strings"] as? [String] else { return nil }
    let bytes = try tokenBytes()
    return try StopStrings(
      try FixedArray(strings.count, for: "a test") { (index) throws(Failure) in try text(Array(strings[index].utf8)) }
    ) { bytes[Int($0)].bytes }
  }

  private func text(_ bytes: [UInt8]) throws(Failure) -> TextBytes {
    let memory = try AlignedBuffer(max(bytes.count, 1), of: UInt8.self, for: "a test")
    memory.pointer(to: UInt8.self).update(from: bytes, count: bytes.count)
    let text = try TextBytes(UnsafeBufferPointer(start: memory.pointer(), count: bytes.count))
    withExtendedLifetime(memory) {}
    return text
  }

  /// The bytes of each token of a SentencePiece vocabulary; those of special tokens are none.
  private func tokenBytes() throws -> FixedArray<TextBytes> {
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/tokenizer.json"))
    let json = try JSONSerialization.jsonObject(with: data) as! [String: Any]
    let vocabulary = (json["model"] as! [String: Any])["vocab"] as! [String: Int]
    var pieces: [[UInt8]] = Array(repeating: [], count: vocabulary.count)
    for (piece, token) in vocabulary {
      if piece.hasPrefix("<0x") {
        pieces[token] = [UInt8(piece.dropFirst(3).dropLast(), radix: 16)!]
      } else if !["<unk>", "<s>", "</s>"].contains(piece) {
        pieces[token] = Array(piece.replacingOccurrences(of: "▁", with: " ").utf8)
      }
    }
    return try FixedArray(pieces.count, for: "a test") { (token) throws(Failure) in try text(pieces[token]) }
  }

  private func list(_ ids: [Int32]) throws -> FixedArray<Int32> { try FixedArray(ids.count, for: "a test") { ids[$0] } }

  /// The options of a case for prompts, or starts and prefixes, of `promptCount` tokens.
  func options(_ test: SearchCase, promptCount: Int) throws -> SearchOptions {
    var options = SearchOptions()
    options.beams = test.integer("num_beams") ?? 1
    options.groups = test.integer("num_beam_groups") ?? 1
    options.diversityPenalty = Float(test.number("diversity_penalty") ?? 0)
    options.paddingToken = padding
    options.sequences = test.integer("num_return_sequences") ?? 1
    options.lengthPenalty = test.number("length_penalty") ?? 1
    options.penaltyAlpha = Float(test.number("penalty_alpha") ?? 0)
    options.contrastiveTopK = test.integer("top_k") ?? 0
    if let early = test.options["early_stopping"] {
      options.earlyStopping = early is String ? .never : (early as! Bool) ? .first : .likely
    }
    if let phrases = test.options["force_words_ids"] as? [Any] {
      options.requiredPhrases = phrases.map { phrase in
        if let alternatives = phrase as? [[Int]] { return alternatives.map { $0.map(Int32.init) } }
        return [(phrase as! [Int]).map(Int32.init)]
      }
    }
    options.maximalNewTokens =
      test.integer("max_new_tokens") ?? test.integer("max_length").map { $0 - promptCount } ?? 20
    options.logProbabilities = true
    options.logits = try logits(test)
    return options
  }

  private func logits(_ test: SearchCase) throws -> LogitsOptions {
    var logits = LogitsOptions()
    logits.endTokens = try list(test.ids("eos_token_id") ?? ends)
    if let bias = test.options["sequence_bias"] as? [[Any]] {
      logits.sequenceBias = try FixedArray(bias.count, for: "a test") { (place) throws(Failure) in
        let ids = bias[place][0] as! [Int]
        return SequenceBias(
          tokens: try FixedArray(ids.count, for: "a test") { Int32(ids[$0]) },
          bias: (bias[place][1] as! NSNumber).floatValue)
      }
    }
    if let words = test.options["bad_words_ids"] as? [[Int]] {
      logits.badWords = try FixedArray(words.count, for: "a test") { (place) throws(Failure) in
        try FixedArray(words[place].count, for: "a test") { Int32(words[place][$0]) }
      }
    }
    logits.repetitionPenalty = Float(test.number("repetition_penalty") ?? 1)
    logits.encoderRepetitionPenalty = Float(test.number("encoder_repetition_penalty") ?? 1)
    logits.noRepeatSize = test.integer("no_repeat_ngram_size") ?? 0
    logits.encoderNoRepeatSize = test.integer("encoder_no_repeat_ngram_size") ?? 0
    logits.minimalLength = test.integer("min_length") ?? 0
    logits.minimalNewTokens = test.integer("min_new_tokens") ?? 0
    logits.maximalLength = test.integer("max_length")
    logits.forcedFirst = test.ids("forced_bos_token_id")?.first
    logits.forcedLast = test.ids("forced_eos_token_id")?.first ?? forcedEnd
    if let decay = test.options["exponential_decay_length_penalty"] as? [NSNumber] {
      logits.exponentialDecay = ExponentialDecay(start: decay[0].intValue, factor: decay[1].doubleValue)
    }
    logits.suppressed = try test.ids("suppress_tokens").map(list)
    logits.suppressedFirst = try test.ids("begin_suppress_tokens").map(list)
    logits.guidanceScale = Float(test.number("guidance_scale") ?? 1)
    logits.renormalizes = test.options["renormalize_logits"] as? Bool ?? false
    return logits
  }

  /// The requests of some inputs of a case.
  func jobs(_ test: SearchCase, _ inputs: [[Int32]], _ session: Session) throws -> [DecodingJob] {
    try inputs.enumerated().map { index, input in
      let prompt = start == nil ? input : test.ids("decoder_input_ids") ?? [start!]
      let options = try options(test, promptCount: prompt.count)
      var other: TokenList?
      if options.logits.guidanceScale != 1 {
        other = try tokens(test.ids("negative_prompt_ids") ?? [input.last!])
      }
      let context = try SearchContext(
        options, prompt: try tokens(prompt), source: start == nil ? nil : try tokens(input), otherPrompt: other,
        model: session, stopStrings: try stopStrings(test))
      return DecodingJob(number: index, context: context, search: try context.makeSearch())
    }
  }

  private func tokens(_ ids: [Int32]) throws -> TokenList { try ids.withUnsafeBufferPointer { try TokenList($0) } }
}
