import Glibc

/// State that threads share, with a place where they wait for it to change (Hoare 1974).
package final class Monitor<State>: @unchecked Sendable {
  private var state: State
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  package init(_ state: State) {
    self.state = state
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(condition)
    mutex.deallocate()
    condition.deallocate()
  }

  /// Runs `body` while no other thread is at the state.
  package func withLock<Result, Thrown: Error>(
    _ body: (inout State) throws(Thrown) -> Result
  ) throws(Thrown) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Runs `body` and wakes all threads that wait.
  package func change<Result, Thrown: Error>(
    _ body: (inout State) throws(Thrown) -> Result
  ) throws(Thrown) -> Result {
    defer { pthread_cond_broadcast(condition) }
    return try withLock(body)
  }

  /// Runs `body`, again after each change, until it returns something; nil: it has not by `deadline`, in nanoseconds of
  /// `MonotonicTime`. No deadline, no nil.
  package func wait<Result>(until deadline: Int? = nil, _ body: (inout State) -> Result?) -> Result? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&state) { return result }
      guard let deadline else {
        pthread_cond_wait(condition, mutex)
        continue
      }
      guard MonotonicTime.now < deadline else { return nil }
      var time = timespec(tv_sec: deadline / 1_000_000_000, tv_nsec: deadline % 1_000_000_000)
      pthread_cond_timedwait(condition, mutex, &time)
    }
  }
}
