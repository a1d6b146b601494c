import Glibc
import Synchronization

/// The one piece of global state that a host sets: where log lines go. Off until there is a receiver.
package enum Log {
  /// The importance of a line; the raw values are those of `attend_log_level`.
  package enum Level: UInt32, Sendable {
    case debug = 10
    case info = 20
    case warning = 30
  }

  /// Gets a line and its level, on whichever thread wrote it.
  package typealias Receiver = @Sendable (Level, String) -> Void

  /// A receiver as one word, which a fork copies whole.
  private final class Boxed: Sendable {
    let receive: Receiver
    init(_ receive: @escaping Receiver) { self.receive = receive }
  }

  private final class State: @unchecked Sendable {
    let lock = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)
    let receiver: Atomic<UnsafeMutableRawPointer?>  // retained

    /// A child of a fork goes on with the receiver of its parent.
    init(parent: State?) {
      pthread_rwlock_init(lock, nil)
      receiver = Atomic(parent?.receiver.load(ordering: .acquiring))
    }
  }

  private static let states = PerProcess<State> { State(parent: $0) }

  /// Replaces the receiver; returns when no line is on its way to the old one.
  package static func set(_ receiver: Receiver?) {
    let new = receiver.map { Unmanaged.passRetained(Boxed($0)).toOpaque() }
    let state = states.object
    pthread_rwlock_wrlock(state.lock)
    let old = state.receiver.exchange(new, ordering: .acquiringAndReleasing)
    pthread_rwlock_unlock(state.lock)
    if let old { Unmanaged<Boxed>.fromOpaque(old).release() }
  }

  /// Sends a line to the receiver; the line is not even made where there is none.
  package static func write(_ level: Level, _ line: @autoclosure () -> String) {
    let state = states.object
    // Readers share the lock: lines from several threads are delivered side by side, and `set` waits for all of them.
    pthread_rwlock_rdlock(state.lock)
    if let receiver = state.receiver.load(ordering: .acquiring) {
      Unmanaged<Boxed>.fromOpaque(receiver).takeUnretainedValue().receive(level, line())
    }
    pthread_rwlock_unlock(state.lock)
  }
}
