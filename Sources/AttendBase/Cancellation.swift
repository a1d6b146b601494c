import Glibc
import Synchronization

/// The way to end a long call before its time, and to hear how far it is. Every thread of the call looks at it between
/// parts of its work; the thread that made the call reports the progress.
///
/// A request is used up by the call that it ends. One that comes when no call is under way ends the next one.
package final class Cancellation: @unchecked Sendable {
  /// Hears the share that is done, from 0 to 1; false ends the call.
  package typealias Progress = (_ fraction: Double) -> Bool

  private let isRequested = Atomic(false)
  private let progress: Progress?
  private let done = Atomic(0)  // units of the call under way

  // Of the call under way; touched by the thread that made it alone.
  private var caller = pthread_self()
  private var work = 0
  private var nextReport = 0
  private var progressRefused = false
  private var isEnclosed = false  // a call of many parts is under way, each of which begins like a call

  /// Nanoseconds from one report to the next, at least.
  private static let interval = 20_000_000

  /// `progress` nil: nobody wants to hear.
  package init(progress: Progress? = nil) { self.progress = progress }

  /// Asks for an end. From any thread.
  package func request() { isRequested.store(true, ordering: .relaxed) }

  /// Begins a call of `work` units, whatever they are, on this thread.
  package func begin(work: Int) {
    guard !isEnclosed else { return }
    caller = pthread_self()
    self.work = work
    done.store(0, ordering: .relaxed)
    if progress != nil { nextReport = MonotonicTime.now + Cancellation.interval }
  }

  /// Counts units of the call as done. Of calls that are enclosed, on the thread that made the call.
  package func advance(_ units: Int) { if !isEnclosed { advanceEnclosing(units) } }

  /// Runs a call of `work` units that is made of calls: what those begin and count is not heard.
  package func enclose(work: Int, _ body: () throws(Failure) -> Void) throws(Failure) {
    begin(work: work)
    let isInner = isEnclosed
    isEnclosed = true
    defer { isEnclosed = isInner }
    try body()
  }

  /// Counts units of an enclosing call as done.
  package func advanceEnclosing(_ units: Int) { done.add(units, ordering: .relaxed) }

  /// Whether the call is to end. On the thread that made the call, this is also where progress is reported.
  package func look() -> Bool {
    if let progress, pthread_equal(pthread_self(), caller) != 0, !progressRefused { report(progress) }
    return isRequested.load(ordering: .relaxed)
  }

  private func report(_ progress: Progress) {
    guard MonotonicTime.now >= nextReport else { return }
    let done = Double(done.load(ordering: .relaxed))
    if !progress(work > 0 ? min(done / Double(work), 1) : 0) {
      progressRefused = true
      request()
    }
    nextReport = MonotonicTime.now + Cancellation.interval
  }

  /// Throws `cancelled` where the call is to end, which uses the request up. On the thread that made the call.
  package func check() throws(Failure) {
    guard look() else { return }
    isRequested.store(false, ordering: .relaxed)
    let reason = progressRefused ? "by the progress callback" : "on request"
    progressRefused = false
    throw Failure(.cancelled, "the call was cancelled \(reason)")
  }

  /// Throws `cancelled` where the only call of this object is to end, on each of its threads that asks.
  package func checkOnAnyThread() throws(Failure) {
    guard look() else { return }
    throw Failure(.cancelled, "the call was cancelled by the progress callback")
  }
}
