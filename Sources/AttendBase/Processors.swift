import CInstructions
import Glibc

/// The processors that this process may use, as its affinity and its control group have it.
package enum Processors {
  /// The mask of the calling thread; 0 and nothing else where the system does not say.
  package static var mask: ProcessorSet { mask(of: 0) }

  private static func mask(of thread: Int32) -> ProcessorSet {
    let words = Topology.mostProcessors / 64
    return withUnsafeTemporaryAllocation(of: UInt64.self, capacity: words) { buffer in
      let bytes = attend_get_affinity(thread, buffer.baseAddress!, words * 8)
      if bytes > 0 { return ProcessorSet(words: UnsafeBufferPointer(rebasing: buffer[..<(Int(bytes) / 8)])) }
      return ProcessorSet(list: "0")
    }
  }

  /// Processors that the quota of the control group comes to, read once; nil: no limit.
  private static let quota = ControlGroup.current.processors

  /// Threads of a call that says nothing of them: one for each fast core that the calling thread may use, as far as the
  /// quota reaches.
  package static var defaultThreads: Int {
    threads(on: Topology.machine, mask: mask, quota: quota)
  }

  /// The same for any machine.
  package static func threads(on machine: Topology?, mask: ProcessorSet, quota: Int?) -> Int {
    let cores = machine.map { $0.fastCores(in: mask) } ?? 0
    return max(1, min(cores > 0 ? cores : mask.count, quota ?? Int.max))
  }

  /// Threads that can compute at once, on cores of all kinds. A program may have tied its first thread to a single
  /// processor, or the calling one, and mean no other by it.
  static var capacity: Int { max(1, min(max(mask.count, mask(of: getpid()).count), quota ?? Int.max)) }

  /// The processors that pinned threads take, in their order, of those that the process may use.
  static let places: FixedArray<Topology.Processor>? = {
    let (own, first) = (mask, mask(of: getpid()))
    return try? Topology.machine?.places(in: own.count >= first.count ? own : first)
  }()

  /// Ties the calling thread to a processor. A wish: where the system refuses, the thread runs where it did.
  static func pin(to processor: Int) {
    var set = ProcessorSet()
    guard set.insert(processor) else { return }
    let isPinned = set.withWords { attend_set_affinity($0.baseAddress!, $0.count * 8) == 0 }
    if !isPinned { Log.write(.warning, "a thread could not be pinned to processor \(processor)") }
  }
}
