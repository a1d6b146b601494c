import AttendBase
import AttendDecoding

/// Many requests to one model: submitted from any thread, they join the batch and leave it between two steps
/// (continuous batching; Yu et al. 2022, Orca). What becomes of one does not depend on the others.
///
/// The most urgent ones run, as far as rows and memory go; priority makes one more urgent, and so does waiting. The
/// work is done by a thread of the scheduler's own between `start` and `stop`, else by whoever waits for a ticket.
package final class Scheduler: @unchecked Sendable {
  package let options: Options
  let model: any StepModel

  /// What threads share.
  struct Shared {
    var waiting = WaitingQueue()
    var statistics = Statistics()
    /// Whether a thread does the work.
    var isDriven = false
    /// Whether that is to be one of the scheduler's own, and whether there is one.
    var wantsThread = false
    var hasThread = false
    /// Tickets that are not done.
    var open = 0
    /// Of the tickets that wait; some may have joined since.
    var earliestDeadline: Int?
  }

  let shared = Monitor(Shared())
  /// The batch; only for the thread that does the work.
  let batch: SchedulerBatch
  private let generation = Fork.generation

  /// The rows of `model` are the scheduler's alone. Throws `invalidArgument` for options that make no sense.
  package init(_ model: any StepModel, _ options: Options = Options()) throws(Failure) {
    try options.check()
    (self.model, self.options) = (model, options)
    batch = try SchedulerBatch(model, options, shared)
  }

  package var statistics: Statistics {
    shared.withLock { state in
      var statistics = state.statistics
      statistics.waiting = state.open - statistics.running
      return statistics
    }
  }

  // MARK: Requests

  /// Takes a request. Throws `invalidArgument` for one that would not fit if it were alone.
  package func submit(_ request: Request) throws(Failure) -> Ticket {
    guard Fork.generation == generation else {
      throw Failure(.invalidState, "the scheduler was made by a process that this one was forked from")
    }
    let size = RequestSize(request.context, model)
    guard size.allRows <= options.maximalRows else {
      throw Failure(.invalidArgument, "the request has \(size.allRows) rows; max_rows is \(options.maximalRows)")
    }
    if let limit = options.maximalCacheBytes, size.most(model) > limit {
      throw Failure(
        .invalidArgument,
        "the caches of the request may take \(size.most(model)) bytes; max_cache_bytes is \(limit)")
    }
    let job = DecodingJob(number: 0, context: request.context, search: try request.context.makeSearch())
    let ticket = Ticket(request, job, size, self)
    shared.change { state in
      state.waiting.insert(ticket)
      state.note(ticket.deadline)
      state.statistics.submitted += 1
      state.open += 1
    }
    return ticket
  }

  /// Ends a ticket that waits and is to end; one in the batch ends before the next step.
  func endWaiting(_ ticket: Ticket) { shared.change { state in batch.endWaiting(ticket, &state) } }

  func poll(_ ticket: Ticket) -> Ticket.Outcome? {
    shared.withLock { state in
      batch.endWaiting(ticket, &state)
      if case .done(let outcome) = ticket.place { return outcome }
      return nil
    }
  }

  func wait(for ticket: Ticket) -> Ticket.Outcome {
    var outcome: Ticket.Outcome?
    drive { state in
      batch.endWaiting(ticket, &state)
      guard case .done(let result) = ticket.place else { return false }
      outcome = result
      return true
    }
    return outcome ?? .failure(Failure(.internalError, "a wait ended without an outcome"))
  }

  /// Returns when every request is done. Without a thread of the scheduler's own, this one does the work meanwhile.
  package func run() { drive { $0.open == 0 } }

  // MARK: Threads

  /// Returns when `isDone`, does the work until then or, where another thread does it, waits.
  func drive(until isDone: (inout Shared) -> Bool) {
    while true {
      let drives: Bool = shared.wait { state in
        if isDone(&state) { return false }
        if state.isDriven || state.wantsThread { return nil }
        state.isDriven = true
        return true
      }
      guard drives else { return }
      while !shared.withLock({ isDone(&$0) || $0.wantsThread }) { batch.step() }
      shared.change { $0.isDriven = false }
    }
  }

  /// Makes a thread that does the work. One that there is already goes on. Throws `outOfMemory` where the system gives
  /// no thread.
  package func start() throws(Failure) {
    let isNew = shared.change { state in
      defer { (state.wantsThread, state.hasThread) = (true, true) }
      return !state.hasThread
    }
    guard isNew else { return }
    let status = BackgroundThread.run { self.work() }
    guard status == 0 else {
      shared.change { ($0.wantsThread, $0.hasThread) = (false, false) }
      throw Failure(.outOfMemory, "out of memory: the system gives no thread for a scheduler (error \(status))")
    }
  }

  /// Ends the scheduler's thread behind the step under way. Requests that are not done stay, and go on with the next
  /// `start`, `run` or wait for a ticket.
  package func stop() {
    shared.change { $0.wantsThread = false }
    shared.wait { $0.hasThread ? nil : () }
  }

  private func work() {
    let drives: Bool = shared.wait { state in
      if !state.wantsThread { return false }
      if state.isDriven { return nil }
      state.isDriven = true
      return true
    }
    while drives, shared.wait({ $0.wantsThread ? $0.open > 0 ? true : nil : false }) { batch.step() }
    shared.change { state in
      state.hasThread = false
      if drives { state.isDriven = false }
    }
  }
}
