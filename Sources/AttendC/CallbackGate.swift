import Glibc
import Synchronization

/// The way to the functions of a caller, until he wants to hear no more.
final class CallbackGate: @unchecked Sendable {
  private let isOpen = Atomic(true)
  /// The thread that is at a function which is called by one thread at a time; 0: none is.
  private let visitor = Atomic<UInt>(0)
  private let lock = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)

  init() { pthread_rwlock_init(lock, nil) }

  deinit {
    pthread_rwlock_destroy(lock)
    lock.deallocate()
  }

  /// What a function gives that any number of threads may be at; nil: the gate is closed. Without a gate it is open.
  static func passing<Result>(_ gate: CallbackGate?, _ body: () -> Result) -> Result? {
    guard let gate else { return body() }
    pthread_rwlock_rdlock(gate.lock)
    defer { pthread_rwlock_unlock(gate.lock) }
    return gate.isOpen.load(ordering: .acquiring) ? body() : nil
  }

  /// The same for a function that one thread at a time is at, and that may close the gate.
  static func passingAlone<Result>(_ gate: CallbackGate?, _ body: () -> Result) -> Result? {
    gate?.visitor.store(UInt(pthread_self()), ordering: .relaxed)
    defer { gate?.visitor.store(0, ordering: .relaxed) }
    return passing(gate, body)
  }

  /// Lets nobody through any more; returns when nobody is behind the gate but perhaps this thread.
  func close() {
    isOpen.store(false, ordering: .releasing)
    guard visitor.load(ordering: .relaxed) != UInt(pthread_self()) else { return }
    pthread_rwlock_wrlock(lock)
    pthread_rwlock_unlock(lock)
  }
}
