import AttendBase
import Foundation
import Synchronization
import Testing

/// A place that `count` threads must reach together: that they did proves that they ran at the same time.
private final class Meeting: Sendable {
  private let arrived = Atomic(0)
  private let count: Int
  let failures = Atomic(0)

  init(_ count: Int) { self.count = count }

  func wait() {
    arrived.add(1, ordering: .sequentiallyConsistent)
    let end = Date().addingTimeInterval(20)
    while arrived.load(ordering: .sequentiallyConsistent) < count {
      guard Date() < end else {
        failures.add(1, ordering: .relaxed)
        return
      }
      usleep(50)
    }
  }
}

/// The threads that ran parts, and how many at once at most.
private final class Census: Sendable {
  private let now = Atomic(0)
  let most = Atomic(0)
  let parts = Atomic(0)

  func visit() {
    let count = now.add(1, ordering: .sequentiallyConsistent).newValue
    most.max(count, ordering: .relaxed)
    parts.add(1, ordering: .relaxed)
    usleep(200)
    now.subtract(1, ordering: .sequentiallyConsistent)
  }
}

/// Runs `body` on `count` threads at once and waits for all of them.
private func together(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let group = DispatchGroup()
  for index in 0..<count {
    group.enter()
    Thread.detachNewThread {
      body(index)
      group.leave()
    }
  }
  group.wait()
}

@Suite(.serialized) struct TeamTests {
  /// Four threads of two callers meet: both callers have two at the same time, pinned or not.
  @Test(arguments: [false, true]) func twoCallersHaveATeamEach(isPinned: Bool) {
    let pool = ThreadPool(processors: 4)
    for _ in 0..<20 {
      let meeting = Meeting(4)
      together(2) { _ in
        pool.run(2, pinned: isPinned, Unmanaged.passUnretained(meeting).toOpaque()) { context, _ in
          Unmanaged<Meeting>.fromOpaque(context).takeUnretainedValue().wait()
        }
      }
      #expect(meeting.failures.load(ordering: .relaxed) == 0)
      guard meeting.failures.load(ordering: .relaxed) == 0 else { return }
    }
  }

  /// More is wanted than there are processors: every part runs once, and no caller waits for threads without one.
  @Test(arguments: [1, 2, 3]) func callersShareWhatThereIs(processors: Int) {
    let pool = ThreadPool(processors: processors)
    let census = Census()
    together(3) { _ in
      for _ in 0..<50 {
        pool.run(4, Unmanaged.passUnretained(census).toOpaque()) { context, _ in
          Unmanaged<Census>.fromOpaque(context).takeUnretainedValue().visit()
        }
      }
    }
    #expect(census.parts.load(ordering: .relaxed) == 3 * 50 * 4)
    // A caller alone takes all processors; those that come then have at least their own thread.
    #expect(census.most.load(ordering: .relaxed) <= processors + 2)
  }

  @Test func aCallerAloneHasAllThreadsThatItAsksFor() {
    let pool = ThreadPool(processors: 3)
    let meeting = Meeting(3)
    pool.run(3, Unmanaged.passUnretained(meeting).toOpaque()) { context, _ in
      Unmanaged<Meeting>.fromOpaque(context).takeUnretainedValue().wait()
    }
    #expect(meeting.failures.load(ordering: .relaxed) == 0)
  }

  /// Threads that are pinned may run on one processor only, of those of the process.
  @Test func pinnedThreadsStayOnAProcessor() {
    final class Masks: Sendable {
      let meeting = Meeting(2)
      let found = Mutex<[Int: ProcessorSet]>([:])
    }
    let masks = Masks()
    ThreadPool(processors: 2).run(2, pinned: true, Unmanaged.passUnretained(masks).toOpaque()) { context, part in
      let masks = Unmanaged<Masks>.fromOpaque(context).takeUnretainedValue()
      masks.meeting.wait()
      masks.found.withLock { $0[part] = Processors.mask }
    }
    let found = masks.found.withLock { $0 }
    let all = Processors.mask
    #expect(found[0] == all, "the caller's thread is the caller's")
    #expect(found[1]?.count == 1)
    #expect(found[1]?.allSatisfy { all.contains($0) } == true)
  }
}
