import AttendBase
import AttendDecoding
import AttendLayers
import AttendModels

/// Generates for many requests with one session: as many at a time as fit, each leaving when it is finished and making
/// room for the next. What becomes of a request depends on it alone.
package final class Generator {
  private let session: Session
  private let maker: RequestMaker

  /// Rows of the batch at most; a request that needs more runs by itself. Drafts are for small batches, and each
  /// request with an assistant has a session of it.
  private let mostRows: Int

  /// `resources` are those of the session's model.
  package init(
    _ session: Session, _ options: GenerationOptions, _ resources: TextResources, assistant: Model? = nil
  ) throws(Failure) {
    self.session = session
    maker = try RequestMaker(session, options, resources, assistant: assistant)
    mostRows = assistant == nil ? 256 : 16
  }

  /// The answers to requests, each the prompt of a decoder or the source of an encoder-decoder, which is tokens or an
  /// input. The `observer` of each
  /// request, where it has one, hears its tokens; once `isEnded`, the call is cancelled.
  ///
  /// Where the session's cancellation ends the call, or memory runs out, what there is by then is kept, and `failure`
  /// says why it is not whole.
  package func generate(
    _ count: Int, observer: (Int) -> (any TokenObserver)? = { _ in nil }, isEnded: () -> Bool = { false },
    input: (Int) -> MediaInput? = { _ in nil }, prompt: (Int) -> UnsafeBufferPointer<Int32>
  ) throws(Failure) -> (generation: Generation, failure: Failure?) {
    let generation = try Generation(count: count)
    session.drop()
    let records = session.recordsAttentions
    defer {
      session.recordAttentions(records)
      session.drop()
    }
    var options = Scheduler.Options()
    options.maximalRows = max(mostRows, maker.rows)
    options.waitsForPrefixes = session.prefixStatistics != nil
    let scheduler = try Scheduler(session, options)
    defer { scheduler.close() }
    let deadline = maker.timeLimit.map { MonotonicTime.now.saturatingAdd($0) }
    var failure: Failure?
    do throws(Failure) {
      try session.cancellation.enclose(work: count) { () throws(Failure) in
        try scheduler.generate(
          count, length: { input($0)?.length ?? prompt($0).count }, isEnded: isEnded,
          request: { (index) throws(Failure) in
            if let deadline, MonotonicTime.now >= deadline {
              generation.answers[index].answer.hypotheses = [try maker.unbegun(prompt(index))]
              return nil
            }
            var request = try maker.request(prompt(index), input: input(index))
            request.timeLimit = deadline.map { max($0 - MonotonicTime.now, 0) }
            request.observer = observer(index)
            return request
          },
          finished: { index, outcome, hasBegun in
            session.cancellation.advanceEnclosing(1)
            let isLate = deadline.map { MonotonicTime.now >= $0 } ?? false
            let unbegun: UnsafeBufferPointer<Int32>? = hasBegun ? nil : prompt(index)
            keep(outcome, in: generation.answers[index], unbegun: unbegun, isLate: isLate)
          })
        if isEnded() { throw Failure(.cancelled, "the call was cancelled by the token callback") }
        try session.cancellation.check()
      }
    } catch { failure = error }
    return (generation, failure ?? generation.namedFailure)
  }

  /// Keeps what became of a request. One that was cancelled before it began, which its tokens tell, has nothing.
  private func keep(
    _ outcome: Ticket.Outcome, in box: Generation.Box, unbegun: UnsafeBufferPointer<Int32>?, isLate: Bool
  ) {
    do throws(Failure) {
      let hypotheses = try outcome.get()
      guard let unbegun else { return box.answer.hypotheses = hypotheses }
      if isLate { box.answer.hypotheses = [try maker.unbegun(unbegun)] }
    } catch { box.answer.failure = error }
  }
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
