import Glibc

/// The one piece of global state: where log lines go. Off until the host sets a receiver.
package enum Log {
  /// How much a line matters; the raw values are those of `attend_log_level`.
  package enum Level: UInt32, Sendable {
    case debug = 10
    case info = 20
    case warning = 30
  }

  /// Gets a line and its level, on whichever thread wrote it.
  package typealias Receiver = @Sendable (Level, String) -> Void

  private final class State: @unchecked Sendable {
    var lock = pthread_rwlock_t()
    var receiver: Receiver?
    init() { pthread_rwlock_init(&lock, nil) }
  }

  private static let state = State()

  /// Replaces the receiver; returns when no line is on its way to the old one.
  package static func set(_ receiver: Receiver?) {
    pthread_rwlock_wrlock(&state.lock)
    state.receiver = receiver
    pthread_rwlock_unlock(&state.lock)
  }

  /// Sends a line to the receiver; the line is not even made where there is none.
  package static func write(_ level: Level, _ line: @autoclosure () -> String) {
    // Readers share the lock: lines from several threads are delivered side by side, and `set` waits for all of them.
    pthread_rwlock_rdlock(&state.lock)
    if let receiver = state.receiver { receiver(level, line()) }
    pthread_rwlock_unlock(&state.lock)
  }
}
