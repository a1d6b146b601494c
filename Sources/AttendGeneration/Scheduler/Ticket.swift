import AttendBase
import AttendDecoding
import Synchronization

/// A request that a scheduler has taken. Any thread may ask it how far it is, wait for it, or cancel it.
package final class Ticket: @unchecked Sendable {
  /// What became of a request: its hypotheses, the best first, or why there are none.
  package typealias Outcome = Result<[Hypothesis], Failure>

  /// Where a ticket is. Changes under the scheduler's lock.
  enum Place {
    case waiting
    case running
    case done(Outcome)
  }

  let job: DecodingJob
  /// The smaller, the sooner: the time of submission, earlier by the waiting that its priority is worth.
  let urgency: Int
  /// In nanoseconds of `MonotonicTime`.
  let submitted: Int
  let deadline: Int?
  let size: RequestSize
  private let scheduler: Scheduler
  /// Kept here, for the search holds it weakly.
  private let observer: (any TokenObserver)?
  private let cancelled = Atomic(false)

  // Under the scheduler's lock.
  var place = Place.waiting
  /// Of the heap of those that wait.
  var child: Ticket?
  var sibling: Ticket?
  /// When it first joined the batch.
  var begun: Int?

  init(_ request: Scheduler.Request, _ job: DecodingJob, _ size: RequestSize, _ scheduler: Scheduler) {
    (self.job, self.size, self.scheduler, observer) = (job, size, scheduler, request.observer)
    let submitted = MonotonicTime.now
    self.submitted = submitted
    urgency = submitted - Int(request.priority) * scheduler.options.agingNanoseconds
    deadline = request.timeLimit.map { submitted.saturatingAdd($0) }
    job.context.observer = request.observer
  }

  /// Why the request is to end now, though its search has not; nil: it is not.
  var ending: FinishReason? {
    if cancelled.load(ordering: .relaxed) { return .cancelled }
    if let deadline, MonotonicTime.now >= deadline { return .time }
    return nil
  }

  /// Ends the request as soon as possible: what it has by then is its outcome. One that is done stays so.
  package func cancel() {
    cancelled.store(true, ordering: .relaxed)
    scheduler.endWaiting(self)
  }

  /// The outcome; nil: there is none yet.
  package func poll() -> Outcome? { scheduler.poll(self) }

  /// The outcome, when there is one. Without a thread of the scheduler's own, this one does its work meanwhile.
  package func wait() -> Outcome { scheduler.wait(for: self) }
}
