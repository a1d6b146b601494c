import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendGrammars
import AttendLayers
import AttendModels

/// Generates for many requests with one session: as many at a time as fit, each leaving when it is finished and making
/// room for the next. What becomes of a request depends on it alone.
package final class Generator {
  private let session: Session
  private let options: GenerationOptions
  private let grammar: CompiledGrammar?
  private let stopStrings: StopStrings?

  /// Rows of the batch at most; a request that needs more runs by itself.
  private static let mostRows = 256

  /// `resources` are those of the session's model.
  package init(_ session: Session, _ options: GenerationOptions, _ resources: TextResources) throws(Failure) {
    guard let head = session.model.head, head.tellsNextToken, session.model.decoder != nil else {
      throw Failure(
        .unsupported,
        "this checkpoint is of a \(session.model.blueprint.family) model: it has no decoder that tells the next token")
    }
    (self.session, self.options) = (session, options)
    stopStrings = try options.stopStrings.isEmpty ? nil : resources.stopStrings(options.stopStrings)
    grammar = try options.constraint.map { (constraint) throws(Failure) in try resources.grammar(constraint) }
  }

  /// The answers to requests, each the prompt of a decoder or the source of an encoder-decoder. The `observers`, one
  /// for each request or none, hear the tokens; once `isEnded`, the call is cancelled.
  ///
  /// Where the session's cancellation ends the call, or memory runs out, what there is by then is kept, and `failure`
  /// says why it is not whole.
  package func generate(
    _ count: Int, observers: [any TokenObserver] = [], isEnded: () -> Bool = { false },
    prompt: (Int) -> UnsafeBufferPointer<Int32>
  ) throws(Failure) -> (generation: Generation, failure: Failure?) {
    let generation = try Generation(count: count)
    session.drop()
    let records = session.recordsAttentions
    defer {
      session.recordAttentions(records)
      session.drop()
    }
    let loop = try DecodingLoop(session)
    let start = MonotonicTime.now
    var queue = try AdmissionQueue(count) { prompt($0).count }
    var failure: Failure?
    do throws(Failure) {
      try session.cancellation.enclose(work: count) { () throws(Failure) in
        while true {
          try admit(&queue, to: loop, generation, observers, prompt)
          guard !loop.jobs.isEmpty else { return try session.cancellation.check() }
          keep(try loop.step(), in: generation)
          if isEnded() { throw Failure(.cancelled, "the call was cancelled by the token callback") }
          if let limit = options.maximalTime, Double(MonotonicTime.now - start) * 1e-9 >= limit {
            try end(loop, .time, in: generation)
            while let request = queue.next() { generation.answers[request].answer = try unbegun(prompt(request)) }
          }
        }
      }
    } catch {
      failure = error
      try? end(loop, .cancelled, in: generation)
    }
    return (generation, failure ?? generation.firstFailure.map { Generator.naming($0.request, $0.failure, of: count) })
  }

  /// Lets requests join while there is room.
  private func admit(
    _ queue: inout AdmissionQueue, to loop: DecodingLoop, _ generation: Generation, _ observers: [any TokenObserver],
    _ prompt: (Int) -> UnsafeBufferPointer<Int32>
  ) throws(Failure) {
    var new: [DecodingJob] = []
    let rows = max(options.search.beams, options.search.sequences) * (options.search.logits.guidanceScale == 1 ? 1 : 2)
    var free = loop.jobs.isEmpty ? max(Generator.mostRows, rows) : Generator.mostRows - loop.rowCount
    while free >= rows, let request = queue.next() {
      do throws(Failure) {
        new.append(try job(request, prompt(request), request < observers.count ? observers[request] : nil))
        free -= rows
      } catch { generation.answers[request].answer.failure = error }
    }
    try loop.add(new)
  }

  private func job(
    _ request: Int, _ tokens: UnsafeBufferPointer<Int32>, _ observer: (any TokenObserver)?
  ) throws(Failure) -> DecodingJob {
    guard !tokens.isEmpty else { throw Failure(.invalidArgument, "it is empty: there is nothing to go on from") }
    let given = try TokenList(tokens)
    let prompt = try session.readsSources ? decoderPrompt() : given
    var other: TokenList?
    if options.search.logits.guidanceScale != 1 {
      other = try TokenList(negative: options.negativePrompt, last: tokens[tokens.count - 1])
    }
    var search = try options.search(promptCount: prompt.count, positions: session.positions)
    search.ctranslate2.prefixCount = prompt.count - 1
    search.paddingToken = session.model.generation.pad.map { Int32($0) } ?? search.paddingToken
    let context = try SearchContext(
      search, prompt: prompt, source: session.readsSources ? given : nil, otherPrompt: other, model: session,
      stopStrings: stopStrings, grammar: grammar)
    context.observer = observer
    return DecodingJob(number: request, context: context, search: try context.makeSearch())
  }

  /// The answer to a request for which there was no time: nothing.
  private func unbegun(_ tokens: UnsafeBufferPointer<Int32>) throws(Failure) -> Generation.Answer {
    let prompt = try session.readsSources ? decoderPrompt() : TokenList(tokens)
    let nothing = try Hypothesis(
      tokens: prompt.tokens, promptCount: prompt.count,
      logProbabilities: UnsafeBufferPointer(start: nil, count: 0), score: nil, reason: .time)
    withExtendedLifetime(prompt) {}
    return Generation.Answer(hypotheses: [nothing])
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

  private func keep(_ jobs: [DecodingJob], in generation: Generation) {
    session.cancellation.advanceEnclosing(jobs.count)
    for job in jobs {
      let box = generation.answers[job.number]
      box.answer.failure = job.failure
      guard job.failure == nil else { continue }
      do throws(Failure) { box.answer.hypotheses = try job.search.hypotheses() } catch { box.answer.failure = error }
    }
  }

  /// Ends all requests where they stand.
  private func end(_ loop: DecodingLoop, _ reason: FinishReason, in generation: Generation) throws(Failure) {
    for job in loop.jobs { try job.search.finish(reason) }
    keep(try loop.remove { _ in true }, in: generation)
  }

  private static func naming(_ request: Int, _ failure: Failure, of count: Int) -> Failure {
    count == 1 ? failure : Failure(failure.code, "request \(request): \(failure.message)")
  }
}

/// The order in which requests join: the longest first, so that what runs side by side is of a length.
private struct AdmissionQueue: ~Copyable {
  private let order: FixedArray<Int>
  private var place = 0

  init(_ count: Int, length: (Int) -> Int) throws(Failure) {
    order = try FixedArray(count, for: "the order of \(count) requests") { $0 }
    order.sort { (length($0), -$0) > (length($1), -$1) }
  }

  mutating func next() -> Int? {
    guard place < order.count else { return nil }
    defer { place += 1 }
    return order[place]
  }
}

extension TokenList {
  /// The prompt that guidance leads away from: the caller's, or else the last token of the request alone.
  convenience init(negative: [Int32]?, last: Int32) throws(Failure) { try self.init(negative ?? [last]) }
}

extension Session {
  /// Throws `invalidArgument` for prompts or sources that the model cannot read.
  package func checkPrompts(_ batch: Batch) throws(Failure) {
    guard batch.types == nil else {
      throw Failure(.invalidArgument, "batch.token_types is set: what is generated from has no token types")
    }
    try check(batch, try readingStack())
  }
}
