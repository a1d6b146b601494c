import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendLayers
import AttendModels

/// How to transcribe, of one call. The names are those of `WhisperForConditionalGeneration.generate` of transformers,
/// where it has the option; what else generation knows (beams, suppressed tokens, top_k) is there too.
package struct TranscriptionOptions: Sendable {
  /// language: one for all recordings, one for each, or none: it is detected.
  let languages: [String]
  /// task; nil: what the checkpoint says, or else transcribe where a language is named.
  let task: SpeechTask?
  /// return_timestamps: whether the model is to write timestamps. Recordings that are longer than a window need them.
  let timestamps: Bool
  /// Whether the caller says that it is not to.
  let refusesTimestamps: Bool
  /// return_token_timestamps: whether the time of each token is looked for in the cross-attention.
  let tokenTimes: Bool
  /// return_timestamps "word": whether the times of words are made of those.
  let wordTimes: Bool
  /// temperature: what is tried in turn; 0 is greedy search, or beams.
  let temperatures: [Double]
  /// compression_ratio_threshold: what compresses better is tried again.
  let compressionThreshold: Double?
  /// logprob_threshold: what has a lower mean of log-probabilities is tried again.
  let logProbabilityThreshold: Double?
  /// no_speech_threshold: a window is skipped where silence is more probable, and its text improbable.
  let noSpeechThreshold: Double?
  /// condition_on_prev_tokens: whether a window is told what was written of those before.
  let conditions: Bool
  /// prompt_ids: tokens before the text, such as names that will be said.
  let promptTokens: [Int32]
  /// prompt: the same as a text, which the tokenizer of the model reads.
  let prompt: String?
  /// prompt_condition_type "all-segments": whether the prompt stands before what was written of every window.
  let promptsAll: Bool
  /// max_new_tokens or max_length: tokens of a window at most.
  let mostTokens: Int?
  /// max_initial_timestamp_index: the latest timestamp, in steps, that a window may begin with; nil: any.
  let latestInitial: Int?
  /// step_s: seconds that are heard between two hypotheses, where somebody speaks meanwhile.
  let step: Double
  /// How a window is decoded, at temperature 0.
  var generation: GenerationOptions { boxedGeneration.value }
  /// Large: these options stand in several objects, which stay below 1 KB without it.
  private let boxedGeneration: Boxed<GenerationOptions>
  let tokens: SpeechTokens

  /// The options of `call`, an object whose keys are options by name, for a model; `isLive`: for what is heard while it
  /// is said.
  ///
  /// Throws `invalidArgument` for an option that there is none of, or that has no such value.
  package init(_ call: Configuration?, _ model: Model, isLive: Bool = false) throws(Failure) {
    do throws(Failure) {
      let reader = OptionReader(call: call, checkpoint: try GenerationOptions.configuration(of: model))
      tokens = try SpeechTokens(reader, model)
      languages = try reader.strings("language") ?? []
      let task = try TranscriptionOptions.task(try reader.string("task"))
      // The only task of a model of one language is not named.
      self.task = task == .transcribe && !tokens.isMultilingual ? nil : task
      let wanted = reader.json("return_timestamps")
      wordTimes = try TranscriptionOptions.wantsWords(wanted)
      timestamps = wordTimes || wanted?.bool == true
      refusesTimestamps = call?.json["return_timestamps"]?.bool == false
      tokenTimes = try reader.boolean("return_token_timestamps") ?? false
      temperatures = try TranscriptionOptions.temperatures(call?.json["temperature"])
      compressionThreshold = try reader.number("compression_ratio_threshold")
      logProbabilityThreshold = try reader.number("logprob_threshold")
      noSpeechThreshold = try reader.number("no_speech_threshold")
      conditions = try reader.boolean("condition_on_prev_tokens") ?? false
      promptTokens = try reader.tokens("prompt_ids").map { Array($0) } ?? []
      prompt = try reader.string("prompt")
      promptsAll = try TranscriptionOptions.promptsAll(try reader.string("prompt_condition_type"))
      let (new, all) = (try reader.integer("max_new_tokens"), try reader.integer("max_length"))
      mostTokens = reader.isAsked("max_length") && !reader.isAsked("max_new_tokens") ? all : new ?? all
      latestInitial = try reader.integer("max_initial_timestamp_index")
      step = try call?.optionalNumber("step_s") ?? 1
      guard step > 0, step <= 30, isLive || call?.holds("step_s") != true else {
        throw Failure(.invalidArgument, "step_s is \(step); it is above 0 and at most 30, and an option of streams")
      }
      let draws = temperatures.contains { $0 > 0 }
      let rest = try call.map { (call) throws(Failure) in try TranscriptionOptions.rest(of: call, draws: draws) }
      boxedGeneration = .of(try GenerationOptions(rest, model))
      try check(model)
    } catch { throw Failure(error.code == .invalidFile ? .invalidArgument : error.code, error.message) }
  }

  /// The keys that are read here; the others are options of generation.
  private static let own = [
    "language", "task", "return_timestamps", "return_token_timestamps", "temperature", "compression_ratio_threshold",
    "logprob_threshold", "no_speech_threshold", "condition_on_prev_tokens", "prompt_ids", "prompt",
    "prompt_condition_type", "max_new_tokens", "max_length", "max_initial_timestamp_index", "step_s",
    "no_timestamps_token_id",
    "lang_to_id", "task_to_id", "is_multilingual", "forced_decoder_ids", "alignment_heads", "prev_sot_token_id",
  ]

  /// The options of `call` that are not read here, as an object of its own. Where a temperature `draws`, it says so.
  private static func rest(of call: Configuration, draws: Bool) throws(Failure) -> Configuration {
    if call.holds("do_sample") {
      throw Failure(.invalidArgument, "do_sample is set; temperature says whether a transcription is drawn")
    }
    return try call.without(own, adding: "\"do_sample\":\(draws)")
  }

  private static func task(_ name: String?) throws(Failure) -> SpeechTask? {
    guard let name else { return nil }
    guard let task = SpeechTask(rawValue: name) else {
      throw Failure(.invalidArgument, "task is \"\(name)\", expected \"transcribe\" or \"translate\"")
    }
    return task
  }

  private static func wantsWords(_ json: JSON?) throws(Failure) -> Bool {
    guard let json, !json.isNull, json.bool == nil else { return false }
    guard json.equals("word") else {
      throw Failure(.invalidArgument, "return_timestamps is \(json.excerpt), expected true, false or \"word\"")
    }
    return true
  }

  private static func temperatures(_ json: JSON?) throws(Failure) -> [Double] {
    guard let json, !json.isNull else { return [0] }
    let list = json.double.map { [$0] } ?? Configuration.list(json, \.double)
    guard let list, !list.isEmpty, list.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
      throw Failure(.invalidArgument, "temperature is \(json.excerpt), expected a number from 0 on or a list of them")
    }
    return list
  }

  private static func promptsAll(_ type: String?) throws(Failure) -> Bool {
    switch type {
    case nil, "first-segment": return false
    case "all-segments": return true
    case let other?:
      throw Failure(
        .invalidArgument, "prompt_condition_type is \"\(other)\", expected \"first-segment\" or \"all-segments\"")
    }
  }

  private func check(_ model: Model) throws(Failure) {
    func refuse(_ isSet: Bool, _ name: String) throws(Failure) {
      if isSet { throw Failure(.invalidArgument, "\(name) is set, which is no option of a transcription") }
    }
    try refuse(!generation.stopStrings.isEmpty, "stop_strings")
    try refuse(generation.constraint != nil, "a grammar")
    try refuse(generation.tools != nil, "tools")
    try refuse(generation.decoderPrompt != nil, "decoder_input_ids")
    try refuse(generation.maximalTime != nil, "max_time")
    try refuse(generation.search.logits.guidanceScale != 1, "guidance_scale")
    try refuse(generation.search.sequences != 1, "num_return_sequences")
    if promptsAll, !conditions {
      throw Failure(
        .invalidArgument, "prompt_condition_type is \"all-segments\", which needs condition_on_prev_tokens")
    }
    if promptTokens.isEmpty == false, prompt != nil {
      throw Failure(.invalidArgument, "prompt and prompt_ids are both set; a text has one prompt")
    }
    let vocabulary = TokenCheck(vocabulary: model.head?.outputs ?? 0)
    for (place, token) in promptTokens.enumerated() { try vocabulary.check(token, "prompt_ids", place) }
    if !tokens.isMultilingual, task != nil || !languages.isEmpty {
      throw Failure(
        .invalidArgument, "\(task == nil ? "language" : "task") is set, and the model knows English alone")
    }
    if timestamps, tokens.noTimestamps == nil {
      throw Failure(.invalidArgument, "return_timestamps is set, and the checkpoint has no no_timestamps_token_id")
    }
    if tokenTimes || wordTimes, tokens.alignmentHeads.isEmpty {
      throw Failure(
        .invalidArgument, "times of tokens are asked for, and the checkpoint has no alignment_heads to tell them by")
    }
  }
}

extension Configuration {
  /// An object of the same members but those of `keys`, with more members in front, as JSON has them.
  func without(_ keys: [String], adding more: String = "") throws(Failure) -> Configuration {
    var text = GrowingList<UInt8>(for: "the options of a transcription")
    func write(_ bytes: some Collection<UInt8>) throws(Failure) { for byte in bytes { try text.append(byte) } }
    try write("{\(more)".utf8)
    var isFirst = more.isEmpty
    for (key, value) in json.members where !keys.contains(where: { key.equals($0) }) {
      if !isFirst { try write(",".utf8) }
      isFirst = false
      try write(key.source)
      try write(":".utf8)
      try write(value.source)
    }
    try write("}".utf8)
    guard let memory = text.memory else { throw Failure(.internalError, "an object of options without text") }
    return try Configuration(
      try JSON.parse(UnsafeRawBufferPointer(start: memory.base, count: text.count), file: path, owner: memory))
  }
}
