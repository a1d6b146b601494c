import AttendBase
import Synchronization

/// A thread that reads what will be needed, in the order in which it was asked.
final class ReadAhead: Sendable {
  /// What the thread shares with those that ask.
  private struct Queue {
    /// Those that wait, in a ring; who comes when it is full is read when it is needed.
    var regions = InlineArray<32, WeightStore.Region?>(repeating: nil)
    var first = 0
    var count = 0
    var ends = false
    var hasEnded = false

    mutating func next() -> WeightStore.Region? {
      guard count > 0 else { return nil }
      defer { (first, count) = (first + 1, count - 1) }
      return regions[first % regions.count]
    }
  }

  private let queue = Monitor(Queue())
  private let read = Atomic(0)
  private let generation = Fork.generation

  /// Throws `outOfMemory` where the system gives no thread.
  init() throws(Failure) {
    guard BackgroundThread.run({ [self] in work() }) == 0 else {
      throw Failure(.outOfMemory, "the system gives no thread that reads mapped weights ahead")
    }
  }

  /// Reads region after region until there is to be an end.
  private func work() {
    while let region = queue.wait({ $0.ends ? .some(nil) : $0.next().map(Optional.some) }) ?? nil {
      let missing = ResidentPages.missing(region.base, region.bytes)
      if missing > 0, ResidentPages.bring(region.base, region.bytes) { read.add(missing, ordering: .relaxed) }
    }
    queue.change { $0.hasEnded = true }
  }

  /// Ends the thread; nothing is read when this returns. To be called once, last. In the child of a fork the thread is
  /// not there.
  func stop() {
    guard generation == Fork.generation else { return }
    queue.change { $0.ends = true }
    _ = queue.wait { $0.hasEnded ? true : nil }
  }

  /// Bytes that were read ahead.
  var bytes: Int { read.load(ordering: .relaxed) }

  func ask(for region: WeightStore.Region) {
    queue.change {
      guard $0.count < $0.regions.count else { return }
      $0.regions[($0.first + $0.count) % $0.regions.count] = region
      $0.count += 1
    }
  }
}
