import Synchronization

/// The threads of the library: made when first wanted, shared by every session, asleep when there is nothing to do.
///
/// Threads work in teams. A call takes a team that is free, so that calls of several sessions compute side by side, and
/// as many threads of it as it asks for and the machine has processors for: threads that wait for one another on fewer
/// processors than they are lose more than they bring. Where several calls want more than there is, each gets its share
/// of the processors. A result never depends on who computed which part.
package final class ThreadPool: @unchecked Sendable {
  /// The code of a part: gets the caller's data and the number of the part.
  package typealias Work = @convention(c) (_ context: UnsafeMutableRawPointer, _ part: Int) -> Void

  /// The pool of this process. A child of a fork has one of its own, for its parent's threads are not there.
  package static var shared: ThreadPool { pools.object }

  private static let pools = PerProcess<ThreadPool> { _ in ThreadPool(processors: Processors.capacity) }

  /// Threads of a call at most.
  package static let maximumThreads = 1024

  /// The number of threads of a call that asks for `wanted`; 0: as `Processors.defaultThreads`.
  package static func count(wanted: Int) -> Int {
    min(wanted > 0 ? wanted : Processors.defaultThreads, maximumThreads)
  }

  /// Threads that compute at once.
  private let processors: Int
  private let callers = Atomic(0)  // calls of several parts under way
  private let claimed = Atomic(0)  // threads that they have
  private let free = TeamList()
  private let pinned = TeamList()
  private let placed = Atomic(0)  // places that pinned teams have taken

  /// A pool of threads for so many processors, at least 1; for tests other than those of this machine.
  package init(processors: Int) {
    self.processors = processors
  }

  /// Runs `work(context, part)` for every part of `[0, parts)`, on as many threads or fewer, and returns when all have
  /// run. Threads that are `pinned` stay on a processor each, those of one team on neighbouring ones; the caller's own
  /// stays as it is.
  package func run(_ parts: Int, pinned isPinned: Bool = false, _ context: UnsafeMutableRawPointer, _ work: Work) {
    guard parts > 1 else {
      if parts == 1 { work(context, 0) }
      return
    }
    let threads = claim(min(parts, ThreadPool.maximumThreads))
    defer { giveBack(threads) }
    guard threads > 1, let team = team(isPinned, threads) else {
      for part in 0..<parts { work(context, part) }
      return
    }
    team.run(parts, threads: threads, context, work)
    team.release()
  }

  /// Whether the first so many places of pinned threads are on one memory node.
  package func isOnOneNode(_ threads: Int) -> Bool {
    guard let places = Processors.places, let node = places.first?.node else { return true }
    return threads <= places.count && places.prefix(threads).allSatisfy { $0.node == node }
  }

  /// The number of threads for a call that wants `wanted`: what is free of the processors, or if that is more its share
  /// of them. As few as finish in as many rounds.
  private func claim(_ wanted: Int) -> Int {
    let calls = callers.add(1, ordering: .relaxed).newValue
    let unclaimed = processors - claimed.load(ordering: .relaxed)
    let most = max(1, min(wanted, max(unclaimed, processors / calls)))
    let rounds = (wanted + most - 1) / most
    let threads = (wanted + rounds - 1) / rounds
    claimed.add(threads, ordering: .relaxed)
    return threads
  }

  private func giveBack(_ threads: Int) {
    claimed.subtract(threads, ordering: .relaxed)
    callers.subtract(1, ordering: .relaxed)
  }

  /// A team that nobody else uses; nil where there are as many as processors.
  private func team(_ isPinned: Bool, _ threads: Int) -> Team? {
    guard isPinned, let places = Processors.places, !places.isEmpty else {
      return free.take(most: processors) { Team(places: nil, first: 0) }
    }
    return pinned.take(most: processors) {
      Team(places: places, first: placed.add(threads, ordering: .relaxed).oldValue)
    }
  }
}

/// Teams, which are made when all are at work and never go.
private final class TeamList: @unchecked Sendable {
  private let first = Atomic<UnsafeMutableRawPointer?>(nil)  // retained, the newest

  /// A team that is nobody's, one of at most `most`.
  func take(most: Int, _ make: () -> Team) -> Team? {
    var count = 0
    var next = first.load(ordering: .acquiring)
    while let pointer = next {
      let team = Unmanaged<Team>.fromOpaque(pointer)
      if team._withUnsafeGuaranteedRef({ $0.claim() }) { return team.takeUnretainedValue() }
      count += 1
      next = team._withUnsafeGuaranteedRef { $0.next }
    }
    guard count < most else { return nil }
    let team = make()
    _ = team.claim()
    let pointer = Unmanaged.passRetained(team).toOpaque()
    team.next = first.load(ordering: .acquiring)
    while true {
      let (exchanged, original) = first.compareExchange(
        expected: team.next, desired: pointer, ordering: .acquiringAndReleasing)
      if exchanged { return team }
      team.next = original
    }
  }
}
