import Glibc
import Synchronization

/// Forks of this process. A child has its parent's memory but only the thread that forked: a lock that another thread
/// held, or a condition that one waited for, stays so for good. Objects that a process has one of are therefore made
/// anew in a child, and never touched again as they were copied.
///
/// Tables of constants are filled when they are first asked for, in a moment, under locks of the language runtime: a
/// fork in that very moment by another thread would leave them locked. Filling all of them beforehand would cost every
/// process time for tables that it never reads; the header forbids such forks instead.
package enum Fork {
  /// The number of forks that made this process since it was first asked. An object that was made under a smaller
  /// number was made by a parent.
  package static var generation: Int {
    _ = isWatched
    return count.load(ordering: .acquiring)
  }

  /// Runs `body` while nobody forks: a fork waits until it is done. For code of other libraries, whose locks cannot be
  /// made anew. Not to be nested.
  package static func holdingOff<Thrown: Error>(_ body: () throws(Thrown) -> Void) throws(Thrown) {
    _ = isWatched
    pthread_rwlock_rdlock(gate)
    defer { pthread_rwlock_unlock(gate) }
    try body()
  }

  private static let count = Atomic<Int>(0)

  /// Shared by those who hold forks off, taken by a fork.
  nonisolated(unsafe) private static let gate = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)

  private static let isWatched: Bool = {
    openGate()
    return pthread_atfork(
      { pthread_rwlock_wrlock(Fork.gate) }, { pthread_rwlock_unlock(Fork.gate) },
      {
        Fork.count.add(1, ordering: .sequentiallyConsistent)
        Fork.openGate()
      }) == 0
  }()

  /// A gate that a fork passes before those who come later to hold it off.
  private static func openGate() {
    var attributes = pthread_rwlockattr_t()
    pthread_rwlockattr_init(&attributes)
    pthread_rwlockattr_setkind_np(&attributes, Int32(PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP))
    pthread_rwlock_init(gate, &attributes)
    pthread_rwlockattr_destroy(&attributes)
  }
}

/// An object that every process has one of, made when it is first asked for, also by a child of a fork. It is never
/// freed: a thread that a child does not have may have been at it.
package struct PerProcess<Object: AnyObject & Sendable>: ~Copyable, @unchecked Sendable {
  private final class Made: Sendable {
    let object: Object
    let generation: Int

    init(_ object: Object, generation: Int) {
      self.object = object
      self.generation = generation
    }
  }

  private let made = Atomic<UnsafeMutableRawPointer?>(nil)
  private let make: @Sendable (_ parent: Object?) -> Object

  /// `make` gets the object of the process that this one was forked from, if that had one. Two threads may call it at
  /// once; one of the results is dropped.
  package init(_ make: @escaping @Sendable (_ parent: Object?) -> Object) { self.make = make }

  /// The object of this process.
  package var object: Object {
    let generation = Fork.generation
    var last = made.load(ordering: .acquiring)
    while true {
      let before = last.map { Unmanaged<Made>.fromOpaque($0) }
      // Nothing that was made is freed, so that the usual case counts one reference, not two.
      let known = before?._withUnsafeGuaranteedRef { $0.generation == generation ? $0.object : nil }
      if let known { return known }
      let own = Unmanaged.passRetained(Made(make(before?.takeUnretainedValue().object), generation: generation))
      let (isPlaced, other) = made.compareExchange(
        expected: last, desired: own.toOpaque(), ordering: .acquiringAndReleasing)
      if isPlaced { return own.takeUnretainedValue().object }
      own.release()
      last = other
    }
  }
}
