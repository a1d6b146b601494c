// What a checkpoint says about generating with it.
import AttendBase

/// A checkpoint's defaults of generation; nil is what it does not say. Ids are from 0 to
/// `Configuration.maximalInteger`; whether the vocabulary has them is for the model to check.
///
/// Where there is a generation_config.json, it is the only source, and a key left over in config.json has no say; only
/// what names a token of the vocabulary (begin, end, pad, unknown) may come from config.json still. Without it all keys
/// are those of config.json, as older checkpoints have them, or of the object in it that describes the decoder. The
/// names are those of transformers' GenerationConfig,
/// https://huggingface.co/docs/transformers/main_classes/text_generation
package struct GenerationDefaults: Sendable {
  // MARK: Tokens

  /// decoder_start_token_id
  package var decoderStart: Int?
  /// bos_token_id
  package let begin: Int?
  /// eos_token_id, one or several; empty where there is none
  package var end: [Int]
  /// pad_token_id
  package let pad: Int?
  /// unk_token_id
  package let unknown: Int?
  /// forced_bos_token_id: the token that must follow the start token
  package let forcedBegin: Int?
  /// forced_eos_token_id: the token that must stand at the maximal length
  package let forcedEnd: Int?
  /// suppress_tokens: never produced
  package let suppressed: [Int]
  /// begin_suppress_tokens: never produced first
  package let suppressedFirst: [Int]
  /// bad_words_ids: sequences that are never completed
  package let badWords: [[Int]]

  // MARK: Lengths

  /// max_length, the start token or the prompt included
  package let maximalLength: Int?
  /// max_new_tokens
  package let maximalNewTokens: Int?
  /// min_length
  package let minimalLength: Int?
  /// min_new_tokens
  package let minimalNewTokens: Int?

  // MARK: Search and sampling

  /// num_beams
  package let beams: Int?
  /// length_penalty, the exponent of the length that the score of a finished beam is divided by
  package let lengthPenalty: Double?
  /// early_stopping
  package let earlyStopping: EarlyStopping?
  /// no_repeat_ngram_size
  package let noRepeatSize: Int?
  /// repetition_penalty
  package let repetitionPenalty: Double?
  /// do_sample
  package let samples: Bool?
  /// temperature
  package let temperature: Double?
  /// top_k
  package let topK: Int?
  /// top_p
  package let topP: Double?

  /// When a beam search ends, once it has as many finished sequences as beams.
  package enum EarlyStopping: Sendable {
    /// true: at once
    case first
    /// false: when a better one is not to be expected
    case likely
    /// "never": when a better one is impossible
    case never
  }

  /// Reads the keys from `generation` where there is one, otherwise from `model`. Throws `invalidFile`; `unsupported`
  /// for several forced last tokens.
  package init(model: Configuration, generation: Configuration?) throws(Failure) {
    let source = try GenerationSource(model: model, generation: generation)
    decoderStart = try source.token("decoder_start_token_id")
    begin = try source.token("bos_token_id", isFact: true)
    end = try source.tokens("eos_token_id", isFact: true) ?? []
    pad = try source.token("pad_token_id", isFact: true)
    unknown = try source.token("unk_token_id", isFact: true)
    forcedBegin = try source.token("forced_bos_token_id")
    forcedEnd = try source.singleToken("forced_eos_token_id")
    suppressed = try source.tokens("suppress_tokens") ?? []
    suppressedFirst = try source.tokens("begin_suppress_tokens") ?? []
    badWords = try source.sequences("bad_words_ids") ?? []

    maximalLength = try source.integer("max_length")
    maximalNewTokens = try source.integer("max_new_tokens")
    minimalLength = try source.integer("min_length")
    minimalNewTokens = try source.integer("min_new_tokens")
    beams = try source.size("num_beams")
    lengthPenalty = try source.number("length_penalty")
    earlyStopping = try source.earlyStopping()
    noRepeatSize = try source.integer("no_repeat_ngram_size")
    repetitionPenalty = try source.number("repetition_penalty")
    samples = try source.boolean("do_sample")
    temperature = try source.number("temperature")
    topK = try source.integer("top_k")
    topP = try source.number("top_p")
  }
}

/// The files in which the keys of generation are looked for.
private struct GenerationSource {
  private let places: [Configuration]
  private let facts: [Configuration]  // the places that may still name a token of the vocabulary

  init(model: Configuration, generation: Configuration?) throws(Failure) {
    var models = [model]
    for key in ["decoder", "generator", "text_config"] where model.json[key]?.kind == .object {
      if let nested = try model.child(key) { models.append(nested) }
    }
    places = generation.map { [$0] } ?? models
    facts = generation.map { [$0] + models } ?? models
  }

  /// The configuration that has the say about `key`. All others know the key too.
  private func place(of key: String, isFact: Bool = false) -> Configuration {
    for place in facts { _ = place.read(key) }
    return (isFact ? facts : places).first { $0.holds(key) } ?? places[0]
  }

  func integer(_ key: String) throws(Failure) -> Int? { try place(of: key).optionalInteger(key) }
  func size(_ key: String) throws(Failure) -> Int? { try place(of: key).optionalSize(key) }
  func number(_ key: String) throws(Failure) -> Double? { try place(of: key).optionalNumber(key) }
  func boolean(_ key: String) throws(Failure) -> Bool? { try place(of: key).optionalBoolean(key) }

  /// A token; -1, which some checkpoints write, is none.
  func token(_ key: String, isFact: Bool = false) throws(Failure) -> Int? {
    let token = try place(of: key, isFact: isFact).optional([key], "a token") {
      $0.int == -1 ? -1 : Configuration.natural($0, from: 0)
    }
    return token == -1 ? nil : token
  }

  func tokens(_ key: String, isFact: Bool = false) throws(Failure) -> [Int]? {
    try place(of: key, isFact: isFact).optionalIntegers(key)
  }

  func singleToken(_ key: String) throws(Failure) -> Int? {
    let tokens = try tokens(key) ?? []
    guard tokens.count <= 1 else {
      throw Failure(.unsupported, "\(place(of: key).path): \(key) lists \(tokens.count) tokens; this version takes one")
    }
    return tokens.first
  }

  func sequences(_ key: String) throws(Failure) -> [[Int]]? {
    try place(of: key).optional([key], "a list of lists of tokens") { json in
      Configuration.list(json) { Configuration.list($0) { Configuration.natural($0, from: 0) } }
    }
  }

  func earlyStopping() throws(Failure) -> GenerationDefaults.EarlyStopping? {
    try place(of: "early_stopping").optional(["early_stopping"], "true, false or \"never\"") { json in
      json.string == "never" ? .never : json.bool.map { $0 ? .first : .likely }
    }
  }
}
