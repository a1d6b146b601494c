import Synchronization

/// Says that an answer is wanted no more: its client hung up, or its time is over. Any thread may use it.
final class Cancellation: Sendable {
  private struct State {
    var isAsked = false
    var actions: [@Sendable () -> Void] = []
  }
  private let state = Mutex(State())

  var isAsked: Bool { state.withLock { $0.isAsked } }

  /// Runs an action when it is asked for; at once where it was.
  func onAsked(_ action: @escaping @Sendable () -> Void) {
    let isAsked = state.withLock { state in
      if !state.isAsked { state.actions.append(action) }
      return state.isAsked
    }
    if isAsked { action() }
  }

  func ask() {
    let actions = state.withLock { state in
      state.isAsked = true
      defer { state.actions = [] }
      return state.actions
    }
    for action in actions { action() }
  }

  /// Forgets the actions, and what they hold: the work is done.
  func settle() { state.withLock { $0.actions = [] } }
}
