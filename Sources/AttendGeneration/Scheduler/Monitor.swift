import Glibc

/// State that threads share, with a place where they wait for it to change (Hoare 1974).
final class Monitor<State>: @unchecked Sendable {
  private var state: State
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init(_ state: State) {
    self.state = state
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(condition)
    mutex.deallocate()
    condition.deallocate()
  }

  /// Runs `body` while no other thread is at the state.
  func withLock<Result, Thrown: Error>(_ body: (inout State) throws(Thrown) -> Result) throws(Thrown) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Runs `body` and wakes all threads that wait.
  func change<Result, Thrown: Error>(_ body: (inout State) throws(Thrown) -> Result) throws(Thrown) -> Result {
    defer { pthread_cond_broadcast(condition) }
    return try withLock(body)
  }

  /// Runs `body`, again after each change, until it returns something.
  func wait<Result>(_ body: (inout State) -> Result?) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      if let result = body(&state) { return result }
      pthread_cond_wait(condition, mutex)
    }
  }
}
