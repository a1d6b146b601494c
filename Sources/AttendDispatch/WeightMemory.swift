import AttendBase
import CInstructions

/// The memory of packed weights: their own, or a block of a store, of which not all need to be there at a time.
enum WeightMemory: Sendable {
  case resident(AlignedBuffer)
  case mapped(WeightBlock, bytes: Int)

  /// Room for so many floats, in a store where one is given and they are enough to be worth it. `interleaved` memory
  /// lies on all memory nodes in turn.
  init(floats: Int, in store: WeightStore?, interleaved: Bool) throws(Failure) {
    let (bytes, overflow) = floats.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    guard !overflow else { throw .outOfMemory(Int.max, for: "weights") }
    if let store, bytes >= WeightStore.smallestBlock {
      self = .mapped(try store.block(bytes: bytes), bytes: bytes)
      return
    }
    let buffer = try AlignedBuffer(bytes: bytes, for: "weights")
    if interleaved { NodeSpread.spread(buffer) }
    self = .resident(buffer)
  }

  var bytes: Int {
    switch self {
    case .resident(let buffer): buffer.bytes
    case .mapped(_, let bytes): bytes
    }
  }

  var base: UnsafeMutableRawPointer {
    switch self {
    case .resident(let buffer): buffer.base
    case .mapped(let block, _): block.base
    }
  }

  /// Says that the weights are written.
  func settle() { if case .mapped(let block, _) = self { block.settle() } }

  /// Runs `body` with all weights in memory.
  func use(_ body: () throws(Failure) -> Void) throws(Failure) {
    guard case .mapped(let block, _) = self else { return try body() }
    let start = try block.begin()
    defer { block.end(start) }
    try body()
  }

  func expect() { if case .mapped(let block, _) = self { block.expect() } }

  /// Has a part of the weights in memory.
  func bring(_ range: Range<Int>) throws(Failure) { if case .mapped(let block, _) = self { try block.bring(range) } }
}

/// Memory on several nodes: weights that all threads read lie on the nodes in turn, so that the bandwidth of each is
/// used whichever thread reads them.
enum NodeSpread {
  /// The nodes of the processors that this process may use, where there are several.
  private static let nodes: ProcessorSet? = {
    // Most machines have one: then no other file is read.
    guard ProcessorSet.read("/sys", "/devices/system/node/online").count > 1,
      let nodes = Topology.machine?.nodes(in: Processors.mask), nodes.count > 1
    else { return nil }
    return nodes
  }()

  static var isNeeded: Bool { nodes != nil }

  /// Asks for the pages of a large buffer, which nobody has written, on all nodes in turn. A wish: where the system
  /// refuses, they lie where they are first written.
  static func spread(_ buffer: AlignedBuffer) {
    guard let nodes, buffer.bytes >= AlignedBuffer.largePage else { return }
    let refused = nodes.withWords {
      attend_interleave(buffer.base, buffer.bytes & -AlignedBuffer.largePage, $0.baseAddress!, $0.count) != 0
    }
    if refused { Log.write(.debug, "\(buffer.bytes) bytes of weights could not be spread over memory nodes") }
  }
}
