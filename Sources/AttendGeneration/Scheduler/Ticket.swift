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
  /// The smaller, the sooner: the time of submission, earlier by the waiting that its priority is worth, and by a
  /// thousandth of that for each token that it may write, up to one unit. So of those that come together the long ones
  /// are not left for the end, when little runs beside them (longest processing time first; Graham 1969).
  let urgency: Int
  /// In nanoseconds of `MonotonicTime`.
  let submitted: Int
  let deadline: Int?
  let size: RequestSize
  private let scheduler: Scheduler
  /// Kept here, for the search holds it weakly.
  private let observer: (any TokenObserver)?
  private let onDone: (@Sendable () -> Void)?
  private let cancelled = Atomic(false)

  // Under the scheduler's lock.
  var place = Place.waiting
  /// Of the heap of those that wait.
  var child: Ticket?
  var sibling: Ticket?
  /// When it first joined the batch.
  var begun: Int?

  init(_ request: Scheduler.Request, _ job: DecodingJob, _ size: RequestSize, _ scheduler: Scheduler) {
    (self.job, self.size, self.scheduler) = (job, size, scheduler)
    (observer, onDone) = (request.observer, request.onDone)
    let submitted = MonotonicTime.now
    self.submitted = submitted
    let aging = scheduler.options.agingNanoseconds
    let tokens = min(request.context.options.maximalNewTokens, 1000)
    urgency = submitted - Int(request.priority) * aging - aging / 1000 * tokens
    deadline = request.timeLimit.map { submitted.saturatingAdd($0) }
  }

  /// Why the request is to end now, though its search has not; nil: it is not.
  var ending: FinishReason? {
    if cancelled.load(ordering: .relaxed) || scheduler.isClosing { return .cancelled }
    if let deadline, MonotonicTime.now >= deadline { return .time }
    return nil
  }

  /// What became of it, under the scheduler's lock; nil: it is not done.
  var outcome: Outcome? {
    guard case .done(let outcome) = place else { return nil }
    return outcome
  }

  /// Whether it ever was in the batch, once it is done.
  package var hasBegun: Bool { begun != nil }

  /// Whether somebody wants to know when it is done.
  var isHeard: Bool { onDone != nil }

  func tell() { onDone?() }

  /// Ends the request as soon as possible: what it has by then is its outcome. One that is done stays so.
  package func cancel() {
    cancelled.store(true, ordering: .relaxed)
    scheduler.endWaiting(self)
  }

  /// The outcome; nil: there is none yet.
  package func poll() -> Outcome? { scheduler.poll(self) }

  /// The outcome, when there is one; nil: there was none by `deadline`, in nanoseconds of `MonotonicTime`. Without a
  /// thread of the scheduler's own, this one does its work meanwhile. Throws `invalidState` on the thread that does it
  /// already.
  package func wait(until deadline: Int?) throws(Failure) -> Outcome? {
    try scheduler.wait(for: self, until: deadline)
  }

  /// The outcome, when there is one.
  package func wait() -> Outcome {
    do throws(Failure) {
      return try wait(until: nil) ?? .failure(Failure(.internalError, "a wait without an end has ended"))
    } catch { return .failure(error) }
  }
}
