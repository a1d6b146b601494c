import AttendBase
import Glibc
import Synchronization

/// A thread that reads what will be needed, in the order in which it was asked.
final class ReadAhead: Sendable {
  private let queue: Queue
  private let thread: pthread_t
  private let generation = Fork.generation

  /// What the thread shares with those that ask; it outlives both.
  private final class Queue: @unchecked Sendable {
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    let bytes = Atomic(0)
    // Guarded by `mutex`.
    let regions: UnsafeMutablePointer<WeightStore.Region>
    var first = 0
    var count = 0
    var ends = false

    static let most = 32  // regions that wait; who comes when there are so many is read when it is needed

    init() {
      regions = .allocate(capacity: Queue.most)
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(condition, nil)
    }

    deinit {
      pthread_mutex_destroy(mutex)
      pthread_cond_destroy(condition)
      mutex.deallocate()
      condition.deallocate()
      regions.deallocate()
    }

    func change(_ body: () -> Void) {
      pthread_mutex_lock(mutex)
      body()
      pthread_cond_signal(condition)
      pthread_mutex_unlock(mutex)
    }

    /// Reads region after region until there is to be an end.
    func work() {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      while !ends {
        guard count > 0 else {
          pthread_cond_wait(condition, mutex)
          continue
        }
        let region = regions[first % Queue.most]
        first += 1
        count -= 1
        pthread_mutex_unlock(mutex)
        let missing = ResidentPages.missing(region.base, region.bytes)
        if missing > 0, ResidentPages.bring(region.base, region.bytes) { bytes.add(missing, ordering: .relaxed) }
        pthread_mutex_lock(mutex)
      }
    }
  }

  /// Throws `outOfMemory` where the system gives no thread.
  init() throws(Failure) {
    let queue = Queue()
    var thread = pthread_t()
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let shared = Unmanaged.passRetained(queue)
    let failed = pthread_create(
      &thread, nil,
      {
        Unmanaged<Queue>.fromOpaque($0!).takeRetainedValue().work()
        return nil
      }, shared.toOpaque())
    guard failed == 0 else {
      shared.release()
      throw Failure(.outOfMemory, "the system gives no thread that reads mapped weights ahead")
    }
    (self.queue, self.thread) = (queue, thread)
  }

  /// Ends the thread; nothing is read when this returns. To be called once, last. In the child of a fork the thread is
  /// not there.
  func stop() {
    guard generation == Fork.generation else { return }
    queue.change { queue.ends = true }
    pthread_join(thread, nil)
  }

  /// Bytes that were read ahead.
  var bytes: Int { queue.bytes.load(ordering: .relaxed) }

  func ask(for region: WeightStore.Region) {
    queue.change {
      guard queue.count < Queue.most else { return }
      queue.regions[(queue.first + queue.count) % Queue.most] = region
      queue.count += 1
    }
  }
}
