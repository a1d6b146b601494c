import CInstructions
import Glibc
import Synchronization

/// The threads of the library: made when first wanted, shared by every session, asleep when there is nothing to do.
///
/// Work is cut into parts by its caller and part i always runs on thread i of the pool (part 0 on the caller's), so
/// nothing is queued, stolen or allocated. A call that finds the pool at work for another session runs its parts one
/// after another on its own thread: a result never depends on who computed which part. A thread waits for work a few
/// microseconds in a loop and then sleeps.
package final class ThreadPool: @unchecked Sendable {
  /// The code of a part: gets the caller's data and the number of the part.
  package typealias Work = @convention(c) (_ context: UnsafeMutableRawPointer, _ part: Int) -> Void

  /// The pool of this process. A child of a fork has one of its own, for its parent's threads are not there.
  package static var shared: ThreadPool { pools.object }

  private static let pools = PerProcess<ThreadPool> { _ in ThreadPool() }

  /// Threads that the pool will make at most.
  package static let maximumThreads = 1024

  /// The number of threads of a call that asks for `wanted`; 0: one for each processor available to the process.
  package static func count(wanted: Int) -> Int {
    min(wanted > 0 ? wanted : Int(attend_available_processors()), maximumThreads)
  }

  private let busy = Atomic<Bool>(false)
  fileprivate let remaining = Atomic<Int>(0)  // workers that have not finished the job at hand
  fileprivate let gate = Gate()  // where the caller waits for them

  // Guarded by `busy`.
  private var workers: [Worker] = []
  fileprivate var context = UnsafeMutableRawPointer(bitPattern: 64)!
  fileprivate var work: Work = { _, _ in }
  fileprivate var parts = 0
  fileprivate var strides = 1  // threads at the job, the caller's included

  private init() {}

  /// Runs `work(context, part)` for every part of `[0, parts)`, on as many threads, and returns when all have run.
  package func run(_ parts: Int, _ context: UnsafeMutableRawPointer, _ work: Work) {
    guard parts > 1, busy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
      for part in 0..<max(parts, 0) { work(context, part) }
      return
    }
    defer { busy.store(false, ordering: .releasing) }
    startWorkers(min(parts, ThreadPool.maximumThreads) - 1)
    let helpers = min(workers.count, parts - 1)
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
      let worker = Worker(index: workers.count + 1, pool: self)
      guard worker.start() else { return }
      workers.append(worker)
    }
  }
}

/// One thread of the pool.
private final class Worker: @unchecked Sendable {
  let gate = Gate()
  private let index: Int
  private let pool: ThreadPool

  init(index: Int, pool: ThreadPool) {
    self.index = index
    self.pool = pool
  }

  /// Starts the thread, which never ends; false where the system gives none. Signals stay with the host's threads.
  func start() -> Bool {
    var thread = pthread_t()
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let this = Unmanaged.passRetained(self)
    let failed = pthread_create(
      &thread, nil, { Unmanaged<Worker>.fromOpaque($0!).takeUnretainedValue().loop() }, this.toOpaque())
    guard failed == 0 else {
      this.release()
      return false
    }
    pthread_detach(thread)
    return true
  }

  private func loop() -> Never {
    var seen = 0
    while true {
      gate.wait { gate.opened != seen }
      seen &+= 1
      var part = index
      while part < pool.parts {
        pool.work(pool.context, part)
        part += pool.strides
      }
      if pool.remaining.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { pool.gate.open() }
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
