import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendLayers
import AttendModels

/// How to generate, of one call: what the call says, else what the checkpoint says, else the defaults of the field.
package struct GenerationOptions: Sendable {
  package var search = SearchOptions()
  /// The first token of a decoder that reads a source, decoder_start_token_id; nil: the model says none.
  package let start: Int32?
  /// decoder_input_ids of the call: start and forced prefix of every request; nil: the start alone.
  package var decoderPrompt: [Int32]?
  /// negative_prompt_ids
  package let negativePrompt: [Int32]?
  /// stop_strings
  package var stopStrings: [String]
  /// max_time, in seconds; nil: no limit.
  package let maximalTime: Double?
  /// What the generated text must match.
  package let constraint: Constraint?
  /// The functions that the text may call; nil: none are given.
  package let tools: ToolOptions?
  /// An option of the call that is about an assistant model; nil: there is none.
  let assistantOption: String?
  /// Tokens of the whole sequence, max_length, where no number of new ones is given.
  private let maximalLength: Int?
  private var maximalNewTokens: Int?

  /// Tokens that are generated at most where neither call nor checkpoint says.
  package static let defaultNewTokens = 256

  /// A language for the generated text.
  package enum Constraint: Sendable, Equatable {
    case jsonSchema(String)
    case regex(String)
    case gbnf(String)
    case lark(String)
    case calls(ToolOptions.Language)
  }

  /// The options of `call`, an object whose keys are options by name, for a model; `task` says what holds where the
  /// call is silent, before the checkpoint.
  ///
  /// Throws `invalidArgument` for an option that there is none of, that has no such value, or that contradicts another.
  package init(_ call: Configuration?, _ model: Model, task: Configuration? = nil) throws(Failure) {
    do throws(Failure) {
      let reader = OptionReader(
        call: call, task: task, checkpoint: try GenerationOptions.configuration(of: model))
      let defaults = model.generation
      let begin = try reader.token("bos_token_id") ?? defaults.begin.map { Int32($0) }
      start = try reader.token("decoder_start_token_id") ?? defaults.decoderStart.map { Int32($0) } ?? begin
      decoderPrompt = try reader.tokens("decoder_input_ids").map { Array($0) }
      negativePrompt = try reader.tokens("negative_prompt_ids").map { Array($0) }
      stopStrings = try reader.strings("stop_strings") ?? []
      maximalTime = try reader.number("max_time")
      constraint = try Constraint(reader)
      tools = try ToolOptions(reader)
      assistantOption = ["num_assistant_tokens", "assistant_confidence_threshold"].first { reader.isAsked($0) }
      (maximalNewTokens, maximalLength) = try GenerationOptions.lengths(reader)
      try search.readSearch(reader)
      try search.readSampling(reader)
      search.logits = try LogitsOptions(reader, ends: defaults.end)
      search.paddingToken = try reader.token("pad_token_id") ?? defaults.pad.map { Int32($0) }
      try reader.refuseUnimplemented()
      try checkPrompts(reader, model)
      if let unknown = call?.unread.first { throw Failure(.invalidArgument, "\(unknown) is no option of generation") }
    } catch {
      throw Failure(error.code == .invalidFile ? .invalidArgument : error.code, error.message)
    }
  }

  /// Throws for prompts that nothing would be made of. That an encoder writes nothing is said elsewhere.
  private func checkPrompts(_ reader: OptionReader, _ model: Model) throws(Failure) {
    guard let decoder = model.decoder else { return }
    for name in ["decoder_input_ids", "decoder_start_token_id"] where reader.isAsked(name) && model.encoder == nil {
      throw Failure(.invalidArgument, "\(name) is set, and the model is a decoder, which goes on from its prompt")
    }
    let written = TokenCheck(vocabulary: min(decoder.vocabulary, model.head?.outputs ?? .max))
    if model.encoder != nil, decoderPrompt == nil { try written.check(start, "decoder_start_token_id") }
    for (place, token) in (decoderPrompt ?? []).enumerated() {
      try written.check(token, "decoder_input_ids", place)
    }
    let read = TokenCheck(vocabulary: (model.encoder ?? decoder).vocabulary)
    for (place, token) in (negativePrompt ?? []).enumerated() { try read.check(token, "negative_prompt_ids", place) }
    if let maximalTime, maximalTime < 0 {
      throw Failure(.invalidArgument, "max_time is \(maximalTime); it is 0 seconds or more")
    }
    guard negativePrompt == nil || search.logits.guidanceScale != 1 else {
      throw Failure(
        .invalidArgument, "negative_prompt_ids is set, and guidance_scale is 1: nothing is led away from it")
    }
  }

  /// What the checkpoint says: generation_config.json, or config.json where there is none.
  static func configuration(of model: Model) throws(Failure) -> Configuration {
    let file = model.generationText ?? model.configText
    return try Configuration(try JSON.parse(file.bytes, file: file.path, owner: file))
  }

  /// The larger say has the call; of one place, the number of new tokens.
  private static func lengths(_ reader: OptionReader) throws(Failure) -> (new: Int?, all: Int?) {
    let (new, all) = (try reader.integer("max_new_tokens"), try reader.integer("max_length"))
    if reader.isStated("max_length"), !reader.isStated("max_new_tokens") { return (nil, all) }
    return (new, all)
  }

  /// Puts numbers above 0 in the place of those that are there.
  package mutating func override(maximalNewTokens new: Int, beams: Int, sequences: Int) {
    if new > 0 { maximalNewTokens = new }
    if beams > 0 { search.beams = beams }
    if sequences > 0 { search.sequences = sequences }
  }

  /// The options for a prompt, or start and prefix, of `promptCount` tokens, where the model has `positions`.
  package func search(promptCount: Int, positions: Int?) throws(Failure) -> SearchOptions {
    var search = search
    search.maximalNewTokens =
      maximalNewTokens ?? maximalLength.map { $0 - promptCount } ?? GenerationOptions.defaultNewTokens
    if maximalNewTokens == nil, let maximalLength, maximalLength <= promptCount {
      throw Failure(
        .invalidArgument, "max_length is \(maximalLength), and the prompt alone has \(promptCount) tokens")
    }
    if let positions {
      // The last token that is generated is not read, but by contrastive search, which reads all that it tries.
      let last = search.penaltyAlpha > 0 ? 0 : 1
      guard promptCount < positions + last else {
        throw Failure(.invalidArgument, "the prompt has \(promptCount) tokens; the model has \(positions) positions")
      }
      search.maximalNewTokens = min(search.maximalNewTokens, positions - promptCount + last)
    }
    guard search.maximalNewTokens >= 1 else {
      throw Failure(.invalidArgument, "max_new_tokens is \(search.maximalNewTokens); at least 1 is generated")
    }
    return search
  }
}

extension GenerationOptions.Constraint {
  /// The one language that the options name; nil: none.
  init?(_ reader: OptionReader) throws(Failure) {
    var found: [(name: String, value: GenerationOptions.Constraint)] = []
    if let schema = reader.json("json_schema") {
      found.append(("json_schema", .jsonSchema(schema.string ?? String(decoding: schema.source, as: UTF8.self))))
    }
    if let regex = try reader.string("regex") { found.append(("regex", .regex(regex))) }
    if let grammar = try reader.string("grammar") { found.append(("grammar", .gbnf(grammar))) }
    if let lark = try reader.string("lark") { found.append(("lark", .lark(lark))) }
    guard found.count <= 1 else {
      throw Failure(.invalidArgument, "\(found[0].name) and \(found[1].name) are both set; a text has one language")
    }
    guard let first = found.first else { return nil }
    self = first.value
  }
}
