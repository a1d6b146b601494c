import CAttend
import Glibc
import Synchronization

/// Ctrl-C. A thread waits for it: where a job is at work, the call that computes for it, or its next one, is cancelled,
/// so that what is done is kept and written whole; a second one, or one outside of a job, ends the program with status
/// 130 at once. The same thread hears SIGTERM, which ends the program unless it wants to end by itself.
final class Interrupt: Sendable {
  static let exitCode: Int32 = 130

  private struct State {
    /// The address of the session of the job; 0: there is none.
    var session: UInt = 0
    var isAsked = false
    /// What a program that ends by itself does.
    var end: (@Sendable () -> Void)?
  }
  private let state = Mutex(State())

  /// Starts to listen. Called before any other thread is made, for threads inherit which signals are blocked.
  func listen() {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { _ in
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        while true {
          var number: Int32 = 0
          if sigwait(&signals, &number) == 0 { interrupt.arrive(number) }
        }
      }, nil)
  }

  /// Whether Ctrl-C was pressed since the last `forget`.
  var isAsked: Bool { state.withLock { $0.isAsked } }

  func forget() { state.withLock { $0.isAsked = false } }

  /// Says whose session computes from now on, by its address, 0: nobody's; gives the one before.
  @discardableResult func watch(_ session: UInt) -> UInt {
    state.withLock { state in
      defer { state.session = session }
      return state.session
    }
  }

  /// Says what the first signal asks for in place of ending the program.
  func end(by action: @escaping @Sendable () -> Void) { state.withLock { $0.end = action } }

  private func arrive(_ signal: Int32) {
    let end = state.withLock { state in
      defer { state.isAsked = state.isAsked || state.end != nil }
      return state.isAsked ? nil : state.end
    }
    if let end { return end() }
    if signal == SIGTERM {
      Terminal.restore()
      _exit(128 + SIGTERM)
    }
    state.withLock { state in
      if state.session == 0 || state.isAsked {
        Terminal.restore()
        _exit(Interrupt.exitCode)
      }
      state.isAsked = true
      attend_session_cancel(OpaquePointer(bitPattern: state.session))
    }
  }
}

let interrupt = Interrupt()

/// Thrown where Ctrl-C ended the work; what was done is written.
struct Interrupted: Error {}
