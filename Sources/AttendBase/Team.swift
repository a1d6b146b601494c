import CInstructions
import Glibc
import Synchronization

/// Threads that compute one call at a time. Part i always runs on thread i of those at the job (part 0 on the
/// caller's), then part i + threads, so nothing is queued, stolen or allocated. A thread waits for work a few
/// microseconds in a loop and then sleeps.
final class Team: @unchecked Sendable {
  private let busy = Atomic<Bool>(false)
  fileprivate let remaining = Atomic<Int>(0)  // workers that have not finished the job at hand
  fileprivate let gate = Gate()  // where the caller waits for them
  /// The team that was made before this one; does not change once others see this one.
  var next: UnsafeMutableRawPointer?
  /// The processors to which threads are tied; nil: to none. Thread i takes place `first + i`.
  private let places: FixedArray<Topology.Processor>?
  private let first: Int

  // Guarded by `busy`.
  private var workers: [Worker] = []
  fileprivate var context = UnsafeMutableRawPointer(bitPattern: 64)!
  fileprivate var work: ThreadPool.Work = { _, _ in }
  fileprivate var parts = 0
  fileprivate var strides = 1  // threads at the job, the caller's included

  init(places: FixedArray<Topology.Processor>?, first: Int) {
    self.places = places
    self.first = first
  }

  /// Makes the team the caller's; false where somebody has it.
  func claim() -> Bool { busy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged }

  func release() { busy.store(false, ordering: .releasing) }

  /// Runs all parts on `threads` threads, as far as the system gives them. The team is the caller's.
  func run(_ parts: Int, threads: Int, _ context: UnsafeMutableRawPointer, _ work: ThreadPool.Work) {
    startWorkers(threads - 1)
    let helpers = min(workers.count, threads - 1)
    self.context = context
    self.work = work
    self.parts = parts
    strides = helpers + 1
    remaining.store(helpers, ordering: .releasing)
    for index in 0..<helpers { workers[index].gate.open() }
    var part = 0
    while part < parts {
      work(context, part)
      part += strides
    }
    gate.wait { remaining.load(ordering: .acquiring) == 0 }
  }

  /// Makes the workers that are missing up to `count`, as far as the system gives threads.
  private func startWorkers(_ count: Int) {
    while workers.count < count {
      let index = workers.count + 1
      let worker = Worker(index: index, processor: places.map { $0[(first + index) % $0.count].number }, team: self)
      guard worker.start() else { return }
      workers.append(worker)
    }
  }
}

/// One thread of a team.
private final class Worker: @unchecked Sendable {
  let gate = Gate()
  private let index: Int
  private let processor: Int?  // to which it is tied
  private let team: Team

  init(index: Int, processor: Int?, team: Team) {
    self.index = index
    self.processor = processor
    self.team = team
  }

  /// Starts the thread, which never ends; false where the system gives none. Signals stay with the host's threads.
  func start() -> Bool { BackgroundThread.run { self.loop() } == 0 }

  private func loop() -> Never {
    if let processor { Processors.pin(to: processor) }
    var seen = 0
    while true {
      gate.wait { gate.opened != seen }
      seen &+= 1
      var part = index
      while part < team.parts {
        team.work(team.context, part)
        part += team.strides
      }
      if team.remaining.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { team.gate.open() }
    }
  }
}

/// A place where one thread waits, first in a loop and then asleep, until another opens it.
private final class Gate: @unchecked Sendable {
  private let count = Atomic<Int>(0)
  private let asleep = Atomic<Bool>(false)
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  /// Turns of the loop before a thread sleeps: some tens of microseconds, more than lies between two products of one
  /// forward pass, or between two calls of a program in Python.
  private static let spinLimit = 5000

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(condition)
    mutex.deallocate()
    condition.deallocate()
  }

  /// The number of times that the gate was opened.
  var opened: Int { count.load(ordering: .acquiring) }

  /// Lets the waiting thread look again. What was written before is visible to it.
  func open() {
    count.add(1, ordering: .sequentiallyConsistent)
    guard asleep.load(ordering: .sequentiallyConsistent) else { return }
    pthread_mutex_lock(mutex)
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }

  /// Returns when `ready()` holds, which becomes true only before an `open()`.
  func wait(_ ready: () -> Bool) {
    for _ in 0..<Gate.spinLimit {
      if ready() { return }
      attend_pause()
    }
    pthread_mutex_lock(mutex)
    asleep.store(true, ordering: .sequentiallyConsistent)
    while !ready() { pthread_cond_wait(condition, mutex) }
    asleep.store(false, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(mutex)
  }
}
