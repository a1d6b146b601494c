import AttendBase
import AttendKernelInterface
import AttendKernels
import AttendKernelsAVX2
import AttendKernelsAVX512
import CInstructions
import Glibc

/// The means of a forward pass: the kernels chosen for this CPU and the threads that it may use. A value; any
/// thread may use it.
package struct Engine: Sendable {
  package let kernels: KernelTable
  /// Threads of a call, the caller's included; at least 1.
  package let threads: Int
  /// Whether each thread, but for the caller's, stays on a processor.
  package let isPinned: Bool
  /// Ends long calls before their time; nil: nobody can.
  package let cancellation: Cancellation?
  /// The place of weights that are packed; nil: in memory.
  let store: WeightStore?

  /// The kernels called `kernels`, or by default those that `defaultKernelsName()` names, and `threads` threads, or
  /// with 0 as many as `Processors.defaultThreads`. Throws `unsupported` for a name that is unknown or that this CPU
  /// cannot run.
  package init(kernels name: String?, threads: Int, isPinned: Bool = false) throws(Failure) {
    let name = name ?? Engine.defaultKernelsName()
    guard let set = KernelSet(rawValue: name) else {
      let known = KernelSet.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure(.unsupported, "there are no kernels called \"\(name)\"; known are \(known)")
    }
    guard set.runsHere else {
      throw Failure(.unsupported, "this CPU cannot run the \(name) kernels; its best are \(KernelSet.best.rawValue)")
    }
    self.kernels = try set.table()
    self.threads = ThreadPool.count(wanted: threads)
    self.isPinned = isPinned
    (cancellation, store) = (nil, nil)
  }

  /// "amx", "avx512", "avx2" or "portable".
  package var kernelsName: String { kernels.name }

  init(
    _ kernels: KernelTable, threads: Int, isPinned: Bool = false, _ cancellation: Cancellation? = nil,
    _ store: WeightStore? = nil
  ) {
    (self.kernels, self.threads, self.isPinned) = (kernels, threads, isPinned)
    (self.cancellation, self.store) = (cancellation, store)
  }

  /// The same kernels with another number of threads, at least 1, for calls that `cancellation` may end; nil for
  /// `isPinned`: as before.
  package func with(threads: Int, isPinned: Bool? = nil, cancellation: Cancellation? = nil) -> Engine {
    let threads = min(max(threads, 1), ThreadPool.maximumThreads)
    return Engine(kernels, threads: threads, isPinned: isPinned ?? self.isPinned, cancellation, nil)
  }

  /// The same, whose packed weights lie in a store; nil: in memory.
  package func packing(into store: WeightStore?) -> Engine {
    Engine(kernels, threads: threads, isPinned: isPinned, cancellation, store)
  }

  /// Marks the weights that `body` packs as such of which a router chooses.
  package func choosing(_ body: () throws(Failure) -> Void) throws(Failure) {
    if let store { try store.choosing(body) } else { try body() }
  }

  /// Whether packed weights are spread over the memory nodes: threads that are pinned and few enough stay on one.
  var spreadsWeights: Bool { NodeSpread.isNeeded && !(isPinned && ThreadPool.shared.isOnOneNode(threads)) }

  /// The name that ATTEND_KERNELS gives, read once, as it was written; without it the best kernels of this CPU.
  package static func defaultKernelsName() -> String { defaultName }

  private static let defaultName: String = {
    guard let value = getenv("ATTEND_KERNELS"), value.pointee != 0 else { return KernelSet.best.rawValue }
    return String(cString: value)
  }()

  /// Parts to cut `work` into, each worth a thread's while: not more than there are threads or `pieces`.
  func parts(_ pieces: Int, work: Int, grain: Grain) -> Int { max(1, min(threads, pieces, work / grain.rawValue)) }

  /// Runs `work` for every part of a job; its context is the job.
  func run<Job>(_ job: inout Job, parts: Int, _ work: ThreadPool.Work) {
    withUnsafeMutablePointer(to: &job) { ThreadPool.shared.run(parts, pinned: isPinned, $0, work) }
  }
}

/// Work that is worth waking another thread for, which takes some microseconds; counted in the numbers that a part
/// reads or makes, or as a case says.
enum Grain: Int {
  /// Inputs times panels times rows: 32 multiply-adds each.
  case product = 0x800
  /// Keys and values, copied across memory.
  case store = 0x1000
  /// Numbers of norms, sums and softmaxes.
  case rows = 0x2000
  /// Numbers that only change their type.
  case conversion = 0x4000
  /// Multiply-adds of queries with keys; as many follow with values.
  static let scores = conversion
  /// Weights, gathered from the mapped file and rounded.
  case packing = 0x8000
}

/// The sets of kernels, best first.
private enum KernelSet: String, CaseIterable {
  case amx, avx512, avx2, portable

  private static let features = attend_cpu_features()

  static var best: KernelSet { allCases.first(where: \.runsHere)! }

  var runsHere: Bool {
    switch self {
    case .amx: TileKernels.serve
    case .avx512: KernelSet.features & UInt32(ATTEND_CPU_AVX512) != 0
    case .avx2: KernelSet.features & UInt32(ATTEND_CPU_AVX2) != 0
    case .portable: true
    }
  }

  // Filled where first asked for: what fills a table is already code for its instruction set.
  private static let amxTable = AttendKernelsAVX512.kernelTable(features: features)
  private static let avx512Table = AttendKernelsAVX512.kernelTable(features: features & ~TileKernels.feature)
  private static let avx2Table = AttendKernelsAVX2.kernelTable(features: features)
  private static let portableKernels = PerProcess<PortableKernels> { _ in PortableKernels(features: features) }

  func table() throws(Failure) -> KernelTable {
    switch self {
    case .amx: KernelSet.amxTable
    case .avx512: KernelSet.avx512Table
    case .avx2: KernelSet.avx2Table
    case .portable: try KernelSet.portableKernels.object.table.get()
    }
  }
}

/// The kernels that take their products from OpenBLAS, or the reason why there are none.
private final class PortableKernels: Sendable {
  let table: Result<KernelTable, Failure>

  init(features: UInt32) {
    let table = AttendKernels.kernelTable(features: features)
    self.table = Result { () throws(Failure) in
      let blas = try OpenBLAS()
      return table.with(float32: { blas.multiply($0, $1, $2, $3, table) })
    }
  }
}

extension Range where Bound == Int {
  /// Share `part` of `parts` nearly equal shares.
  func share(_ part: Int, of parts: Int) -> Range<Int> {
    lowerBound + count * part / parts..<lowerBound + count * (part + 1) / parts
  }

  /// Pieces of `count` one after another, the last perhaps shorter.
  func pieces(of count: Int) -> LazyMapSequence<StrideTo<Int>, Range<Int>> {
    let end = upperBound
    return stride(from: lowerBound, to: end, by: count).lazy.map { $0..<Swift.min($0 + count, end) }
  }
}
