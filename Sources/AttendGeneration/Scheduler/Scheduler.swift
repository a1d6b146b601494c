import AttendBase
import AttendDecoding
import Glibc
import Synchronization

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
    /// The thread that does the work.
    var worker: pthread_t?
    /// Whether that is to be one of the scheduler's own, and whether there is one.
    var wantsThread = false
    var hasThread = false
    /// Tickets that are not done.
    var open = 0
    /// Of the tickets that wait; some may have joined since.
    var earliestDeadline: Int?
    /// Tickets that are done, whose owners are still to be told.
    var untold: [Ticket] = []
    /// Why the model ended a step before its time, which ended all that ran.
    var cancellation: Failure?
  }

  let shared = Monitor(Shared())
  /// The batch; only for the thread that does the work.
  let batch: SchedulerBatch
  private let generation = Fork.generation
  private let closing = Atomic(false)

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

  /// Takes a request. Throws `invalidArgument` for one that would not fit if it were alone, `invalidState` where the
  /// scheduler is closed.
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
    request.context.observer = request.observer
    let job = DecodingJob(number: 0, context: request.context, search: try request.context.makeSearch())
    let ticket = Ticket(request, job, size, self)
    try shared.change { (state) throws(Failure) in
      guard !isClosing else { throw Failure(.invalidState, "the scheduler is closed") }
      state.waiting.insert(ticket)
      state.note(ticket.deadline)
      state.statistics.submitted += 1
      state.open += 1
    }
    return ticket
  }

  /// Whether all requests are to end.
  var isClosing: Bool { closing.load(ordering: .relaxed) }

  /// Ends a ticket that waits and is to end; one in the batch ends before the next step.
  func endWaiting(_ ticket: Ticket) {
    shared.change { state in batch.endWaiting(ticket, &state) }
    tell()
  }

  func poll(_ ticket: Ticket) -> Ticket.Outcome? {
    defer { tell() }
    return shared.withLock { state in
      batch.endWaiting(ticket, &state)
      return ticket.outcome
    }
  }

  func wait(for ticket: Ticket, until deadline: Int?) throws(Failure) -> Ticket.Outcome? {
    guard !isWorker || poll(ticket) != nil else {
      throw Failure(.invalidState, "a callback of the scheduler waits for a request, which would wait for the callback")
    }
    var outcome: Ticket.Outcome?
    drive(until: deadline) { state in
      batch.endWaiting(ticket, &state)
      outcome = ticket.outcome
      return outcome != nil
    }
    return outcome
  }

  /// Tells those who want to know that their tickets are done. Not under the lock: they may submit others.
  func tell() {
    while let ticket = shared.withLock({ $0.untold.popLast() }) { ticket.tell() }
  }

  /// Returns when every request is done. Without a thread of the scheduler's own, this one does the work meanwhile.
  package func run() { drive { $0.open == 0 } }

  // MARK: Threads

  /// Returns when `isDone`, or the deadline has come; does the work until then or, where another thread does it, waits.
  func drive(until deadline: Int? = nil, _ isDone: (inout Shared) -> Bool) {
    defer { tell() }
    while true {
      let drives: Bool? = shared.wait(until: deadline) { state in
        if isDone(&state) { return false }
        if state.worker != nil || state.wantsThread { return nil }
        state.worker = pthread_self()
        return true
      }
      guard drives == true else { return }
      var isLate = false
      while !isLate, !shared.withLock({ isDone(&$0) || $0.wantsThread }) {
        batch.step()
        tell()
        if let deadline { isLate = MonotonicTime.now >= deadline }
      }
      shared.change { $0.worker = nil }
      if isLate { return }
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
    _ = shared.wait { $0.hasThread ? nil : () }
  }

  /// Whether this is the thread that does the work.
  private var isWorker: Bool {
    shared.withLock { state in state.worker.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
  }

  /// Cancels all requests and takes no more; returns when they are done and the scheduler's thread has ended, to the
  /// thread itself at once. What waits refers to its scheduler, so that only a closed one is ever freed.
  package func close() {
    closing.store(true, ordering: .relaxed)
    shared.change { $0.earliestDeadline = .min }
    guard !isWorker else { return }
    run()
    stop()
    shared.withLock { state in while state.waiting.removeFirst() != nil {} }
  }

  private func work() {
    let drives: Bool? = shared.wait { state in
      if !state.wantsThread { return false }
      if state.worker != nil { return nil }
      state.worker = pthread_self()
      return true
    }
    let goesOn = { (state: inout Shared) -> Bool? in
      if !state.wantsThread { return false }
      return state.open > 0 ? true : self.isClosing ? false : nil
    }
    while drives == true, shared.wait(goesOn) == true {
      batch.step()
      tell()
    }
    shared.change { state in
      state.hasThread = false
      if drives == true { state.worker = nil }
    }
  }
}
