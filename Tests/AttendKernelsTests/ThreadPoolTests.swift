import AttendBase
import Foundation
import Testing

/// Seconds that all threads of this process have computed.
private func computed() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

@Suite(.serialized) struct ThreadPoolTests {
  @Test func everyPartRunsOnce() {
    for parts in [0, 1, 2, 3, 7, 40] {
      var counts = [Int32](repeating: 0, count: 40)
      counts.withUnsafeMutableBytes { buffer in
        ThreadPool.shared.run(parts, buffer.baseAddress!) { context, part in
          context.assumingMemoryBound(to: Int32.self)[part] += 1
        }
      }
      #expect(counts == (0..<40).map { $0 < parts ? 1 : 0 })
    }
  }

  /// In a child of its own, where no other test computes: the pool works there (a fork takes the workers away), and
  /// then sleeps.
  @Test func aForkedChildComputesAndAnIdlePoolUsesNoTime() {
    typealias Fork = @convention(c) () -> pid_t
    let fork = unsafeBitCast(dlsym(nil, "fork")!, to: Fork.self)
    var sums = [Int](repeating: 0, count: 2)
    sums.withUnsafeMutableBytes { buffer in
      let work: ThreadPool.Work = { context, part in context.assumingMemoryBound(to: Int.self)[part] += 1 }
      ThreadPool.shared.run(2, buffer.baseAddress!, work)
      let child = fork()
      if child == 0 {
        ThreadPool.shared.run(2, buffer.baseAddress!, work)
        usleep(100_000)
        let before = computed()
        usleep(500_000)
        let used = computed() - before
        let right = buffer.assumingMemoryBound(to: Int.self).allSatisfy { $0 >= 1 }
        _exit(!right ? 1 : used > 0.005 ? 2 : 0)
      }
      var status: Int32 = -1
      let end = Date().addingTimeInterval(30)
      while waitpid(child, &status, WNOHANG) == 0, Date() < end { usleep(20_000) }
      if status == -1 { kill(child, SIGKILL) }
      #expect(status == 0, "the child hung (-1), computed wrongly (256) or used time while idle (512)")
    }
  }
}
