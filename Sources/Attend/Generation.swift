internal import CAttend

/// Why a sequence has ended.
public enum FinishReason: UInt32, Sendable {
  case end = 10
  case length = 20
  case stop = 30
  case grammar = 40
  case time = 50
  case cancelled = 60
}

/// How to generate; what is not said is as the checkpoint says.
public struct GenerationOptions: Sendable, ExpressibleByDictionaryLiteral {
  /// Options by name, all in docs/generation.md: `["num_beams": 4, "length_penalty": 0.6]`.
  public var settings: [String: Setting]
  /// A smaller model that drafts what this one confirms.
  public var assistant: Model?

  public init(_ settings: [String: Setting] = [:], assistant: Model? = nil) {
    self.settings = settings
    self.assistant = assistant
  }
  public init(dictionaryLiteral elements: (String, Setting)...) {
    self.init(Dictionary(elements) { _, last in last })
  }

  /// The options as the header takes them, for the time of a call.
  func with<Result>(
    _ listener: Callback<TokenHandler>?, _ body: (inout attend_generation_options) -> Result
  ) -> Result {
    var raw = initial(attend_generation_options.self)
    raw.assistant = assistant?.handle
    if let listener {
      raw.on_token = hearToken
      raw.on_token_context = listener.context
    }
    defer { withExtendedLifetime((listener, assistant)) {} }
    return withText(settings.isEmpty ? nil : Setting.object(settings).text) {
      raw.config = $0
      return body(&raw)
    }
  }
}

/// A token as it is chosen, with the text that is certain by then.
public struct Piece: Sendable {
  /// The place of the request in its call.
  public let request: Int
  /// The sample of the request.
  public let sequence: Int
  public let token: Int32
  /// Whole characters, often none.
  public let text: String
  /// Where `output_scores` or `top_logprobs` asks for it, otherwise nil.
  public let logProbability: Float?
  /// Of the last token.
  public let finish: FinishReason?

  init(_ event: attend_token_event) {
    request = event.request
    sequence = event.sequence
    token = event.token
    text = Attend.text(event.text, event.text_length)
    logProbability = event.log_probability.isNaN ? nil : event.log_probability
    finish = FinishReason(rawValue: event.finish_reason)
  }
}

/// Hears the tokens of greedy search and sampling on the thread of the call. False ends the call with `.cancelled`.
public typealias TokenHandler = (Piece) -> Bool

let hearToken: attend_token_callback = { event, context in
  Callback<TokenHandler>.function(context)(Piece(event!.pointee)) ? ATTEND_VERDICT_GO_ON : ATTEND_VERDICT_END_ALL
}

/// A sequence that was generated.
public struct Hypothesis: Sendable {
  /// What was generated, special tokens left out.
  public let text: String
  /// The tokens of it.
  public let ids: [Int32]
  /// nil: nothing is ranked.
  public let score: Double?
  /// Of each token, where `output_scores` asks for it.
  public let logProbabilities: [Float]
  public let finish: FinishReason?

  init(_ raw: attend_hypothesis) {
    text = Attend.text(raw.text, raw.text_length)
    let generated = raw.count - raw.prompt_count
    ids = array(raw.ids.map { $0 + raw.prompt_count }, generated)
    score = raw.score.isNaN ? nil : raw.score
    let all = array(raw.log_probabilities, generated)
    logProbabilities = all.contains { $0.isNaN } ? [] : all
    finish = FinishReason(rawValue: raw.finish_reason.rawValue)
  }
}

/// What was generated for a request: its sequences, the best first.
public struct Answer: Sendable {
  public let hypotheses: [Hypothesis]
  /// The best as a message of a conversation, a JSON object, with the functions that the model calls; only of `chat`.
  public let message: String?
  /// The text of the best; empty, where there is none.
  public var text: String { hypotheses.first?.text ?? "" }

  /// All answers of a handle, which is freed.
  static func take(_ handle: OpaquePointer?, messages: Bool = false) throws(AttendError) -> [Answer] {
    guard let handle else { return [] }
    defer { attend_generation_free(handle) }
    var answers: [Answer] = []
    for request in 0..<attend_generation_count(handle) {
      var found: [Hypothesis] = []
      for index in 0..<attend_generation_hypothesis_count(handle, request) {
        var raw = initial(attend_hypothesis.self)
        try attempt(attend_generation_get_hypothesis(handle, request, index, &raw))
        found.append(Hypothesis(raw))
      }
      var message: OpaquePointer?
      if messages && !found.isEmpty { try attempt(attend_generation_message(handle, request, 0, &message)) }
      answers.append(Answer(hypotheses: found, message: message.map { Attend.take($0) }))
    }
    return answers
  }
}

extension Session {
  /// Generates for prompts or sources of ids. All live sequences are dropped, before and after, as by every call below.
  public func generate(
    tokens: [[Int32]], options: GenerationOptions = [:], onToken: TokenHandler? = nil
  ) throws(AttendError) -> [Answer] {
    try generated(options, onToken) { how, made in Session.with(tokens) { attend_generate(handle, $0, how, made) } }
  }

  /// The same for texts: of each an answer.
  public func generate(
    _ texts: [String], options: GenerationOptions = [:], onToken: TokenHandler? = nil
  ) throws(AttendError) -> [Answer] {
    try generated(options, onToken) { how, made in
      withTexts(texts) { attend_generate_texts(handle, $0, $1, $2, how, made) }
    }
  }

  /// The same for one text: its best sequence.
  public func generate(_ text: String, options: GenerationOptions = [:]) throws(AttendError) -> String {
    try generate([text], options: options).first?.text ?? ""
  }

  /// Answers a conversation.
  public func chat(
    _ messages: [Message], options: GenerationOptions = [:], onToken: TokenHandler? = nil
  ) throws(AttendError) -> Answer {
    let json = Message.text(messages)
    let answers = try generated(options, onToken, messages: true) { how, made in
      attend_generate_chat(handle, json, json.utf8.count, nil, how, made)
    }
    guard let answer = answers.first else { throw AttendError(.internal, "a conversation had no answer") }
    return answer
  }

  /// Describes pictures, each in a text of its own, which goes on from the prompt or answers it.
  public func describe(
    _ pictures: [MediaInput], prompt: String? = nil, options: GenerationOptions = [:], onToken: TokenHandler? = nil
  ) throws(AttendError) -> [Answer] {
    for picture in pictures { try picture.check() }
    return try generated(options, onToken) { how, made in
      withText(prompt) { prompt in
        MediaInput.lend(pictures) { attend_describe(handle, $0, $1, prompt, how, made) }
      }
    }
  }

  /// Translates texts; languages by name, nil as the checkpoint says. Texts longer than `maxLength` tokens are cut; 0:
  /// one that the model cannot read is an error.
  public func translate(
    _ texts: [String], from source: String? = nil, to target: String? = nil, maxLength: Int = 0,
    options: GenerationOptions = [:], onToken: TokenHandler? = nil
  ) throws(AttendError) -> [Answer] {
    var raw = initial(attend_translate_options.self)
    raw.max_length = max(maxLength, 0)
    return try generated(options, onToken) { how, made in
      withText(source) { source in
        withText(target) { target in
          raw.src_lang = source
          raw.tgt_lang = target
          return withTexts(texts) { attend_translate(handle, $0, $1, $2, &raw, how, made) }
        }
      }
    }
  }

  /// Summarizes texts; `byParts`: those that are too long part by part.
  public func summarize(
    _ texts: [String], byParts: Bool = false, maxLength: Int = 0, options: GenerationOptions = [:],
    onToken: TokenHandler? = nil
  ) throws(AttendError) -> [Answer] {
    var raw = initial(attend_summarize_options.self)
    raw.max_length = max(maxLength, 0)
    raw.by_parts = byParts
    return try generated(options, onToken) { how, made in
      withTexts(texts) { attend_summarize(handle, $0, $1, $2, &raw, how, made) }
    }
  }

  /// Makes texts of texts; `task` is one of config.json's task_specific_params.
  public func rewrite(
    _ texts: [String], task: String? = nil, maxLength: Int = 0, options: GenerationOptions = [:],
    onToken: TokenHandler? = nil
  ) throws(AttendError) -> [Answer] {
    var raw = initial(attend_rewrite_options.self)
    raw.max_length = max(maxLength, 0)
    return try generated(options, onToken) { how, made in
      withText(task) { task in
        raw.task = task
        return withTexts(texts) { attend_rewrite(handle, $0, $1, $2, &raw, how, made) }
      }
    }
  }

  /// A call that generates: its answers, or the error with what there is by then.
  private func generated(
    _ options: GenerationOptions, _ onToken: TokenHandler?, messages: Bool = false,
    _ call: (UnsafePointer<attend_generation_options>, UnsafeMutablePointer<OpaquePointer?>) -> OpaquePointer?
  ) throws(AttendError) -> [Answer] {
    // The function does not outlive the call, whatever its type says.
    let listener = onToken.map { Callback($0) }
    var made: OpaquePointer?
    let failure = options.with(listener) { call(&$0, &made) }
    guard let failure else { return try Answer.take(made, messages: messages) }
    let answers = try? Answer.take(made)
    throw AttendError(taking: failure, partial: made == nil ? nil : answers.map { .answers($0) })
  }
}
