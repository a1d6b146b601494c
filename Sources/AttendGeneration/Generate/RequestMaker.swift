import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendDispatch
import AttendGrammars
import AttendLayers
import AttendModels

/// A maker of requests from the tokens of prompts or sources: the options of a call, with the stop strings and the
/// grammar that were made of them. Any thread may use it.
package final class RequestMaker: @unchecked Sendable {
  private let session: Session
  private let options: GenerationOptions
  private let grammar: CompiledGrammar?
  private let stopStrings: StopStrings?
  private let assistant: Model?

  /// `resources` are those of the session's model. `assistant` is a smaller model that drafts; nil: none.
  package init(
    _ session: Session, _ options: GenerationOptions, _ resources: TextResources, assistant: Model? = nil
  ) throws(Failure) {
    if session.model.blueprint.stage != nil { _ = try session.nextTokenHead() }
    guard let head = session.model.head, head.tellsNextToken, session.model.decoder != nil else {
      throw Failure(
        .unsupported,
        "this checkpoint is of a \(session.model.blueprint.family) model: it has no decoder that tells the next token")
    }
    if assistant == nil, let name = options.assistantOption {
      throw Failure(.invalidArgument, "\(name) is set, and there is no assistant model")
    }
    (self.session, self.options, self.assistant) = (session, options, assistant)
    stopStrings = try options.stopStrings.isEmpty ? nil : resources.stopStrings(options.stopStrings)
    grammar = try resources.constraint(options).map { (constraint) throws(Failure) in
      try resources.grammar(constraint)
    }
  }

  /// Rows that a request has in a batch at most.
  var rows: Int {
    max(options.search.beams, options.search.sequences).saturatingMultiply(
      options.search.logits.guidanceScale == 1 ? 1 : 2)
  }

  /// The nanoseconds that the options give a call; nil: all there are.
  var timeLimit: Int? { options.maximalTime.map { $0 < 1e9 ? Int($0 * 1e9) : .max } }

  /// The request of the prompt of a decoder, or the source of an encoder-decoder.
  ///
  /// `input` are pictures or sounds, which a model that reads them takes in place of a source.
  package func request(
    _ tokens: UnsafeBufferPointer<Int32>, input: MediaInput? = nil
  ) throws(Failure) -> Scheduler.Request {
    if input == nil, session.readsSources, let reader = session.model.encoder, reader.embedding == nil {
      throw Failure(.invalidArgument, "this model reads \(reader.input.reads), and was given tokens")
    }
    guard !tokens.isEmpty || input != nil else {
      throw Failure(.invalidArgument, "it is empty: there is nothing to go on from")
    }
    let given: TokenList
    var input = input
    if let pictures = input, !session.readsSources || session.model.readsPicturesWithSources {
      if session.model.blueprint.placeholder == nil {
        given = try TokenList(tokens)
      } else {
        let expanded = try session.model.expanded(tokens, for: pictures)
        given = try TokenList(UnsafeBufferPointer(expanded.elements))
      }
      if session.readsSources { input = MediaInput(pictures, with: given) }
    } else {
      try session.model.refusePlaces(in: tokens)
      given = try TokenList(tokens)
    }
    let prompt = try session.readsSources ? decoderPrompt() : given
    var other: TokenList?
    if options.search.logits.guidanceScale != 1 {
      other = try TokenList(negative: options.negativePrompt, last: tokens.last ?? prompt.tokens[prompt.count - 1])
    }
    var search = try options.search(promptCount: prompt.count, positions: session.positions)
    search.ctranslate2.prefixCount = prompt.count - 1
    let context = try SearchContext(
      search, prompt: prompt, source: session.readsSources ? given : nil, input: input,
      otherPrompt: other, model: session,
      stopStrings: stopStrings, grammar: grammar, assistant: try draftModel())
    var request = Scheduler.Request(context)
    request.timeLimit = timeLimit
    return request
  }

  /// The assistant, with a session for each request.
  private func draftModel() throws(Failure) -> Assistant? {
    guard let assistant else { return nil }
    guard let head = assistant.head, head.tellsNextToken, assistant.decoder != nil else {
      throw Failure(
        .unsupported, "the assistant model is of a \(assistant.blueprint.family) model: it tells no next token")
    }
    var options = Session.Options()
    options.threads = min(session.engine.threads, assistant.engine.threads)
    options.allowsBeyondPositions = session.allowsBeyondPositions
    return Assistant(
      vocabulary: head.outputs, readsSources: assistant.blueprint.kind == .encoderDecoder,
      begin: { [options] () throws(Failure) in try Session(model: assistant, options: options) })
  }

  /// The answer to a request for which there was no time: nothing.
  func unbegun(_ tokens: UnsafeBufferPointer<Int32>) throws(Failure) -> Hypothesis {
    let prompt = try session.readsSources ? decoderPrompt() : TokenList(tokens)
    defer { withExtendedLifetime(prompt) {} }
    return try Hypothesis(
      tokens: prompt.tokens, promptCount: prompt.count,
      logProbabilities: UnsafeBufferPointer(start: nil, count: 0), score: nil, reason: .time)
  }

  /// Start and forced prefix of a decoder that reads a source.
  private func decoderPrompt() throws(Failure) -> TokenList {
    if let prompt = options.decoderPrompt { return try TokenList(prompt) }
    guard let start = options.start else {
      throw Failure(
        .invalidArgument,
        "decoder_start_token_id is in neither configuration of the checkpoint, and is not given either")
    }
    return try TokenList([start])
  }
}

extension TokenList {
  /// The prompt that guidance leads away from: the caller's, or else the last token of the request alone.
  convenience init(negative: [Int32]?, last: Int32) throws(Failure) { try self.init(negative ?? [last]) }
}
