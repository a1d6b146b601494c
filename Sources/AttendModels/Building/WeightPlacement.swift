import AttendBase
import AttendCheckpoints
import AttendDispatch

/// The place of packed weights: memory, or a file of which so much is in memory as a budget allows.
package struct WeightPlacement: Sendable {
  /// The raw values are those of `attend_weight_placement`.
  package enum Kind: UInt32, Sendable {
    case resident = 0
    case mapped = 1
    /// Mapped where they would take more than the budget.
    case automatic = 2
  }

  package var kind = Kind.resident
  /// The most bytes that mapped weights take in memory; 0: nine tenths of what is available when the model is loaded.
  package var budget = 0
  /// Where the file lies; nil: where temporary files do.
  package var directory: String?

  package init() {}

  /// The file for the weights of a checkpoint; nil: they stay in memory.
  func store(for checkpoint: Checkpoint, _ compute: ComputeType) throws(Failure) -> WeightStore? {
    guard kind != .resident else { return nil }
    let budget = budget > 0 ? budget : AvailableMemory.current / 10 * 9
    if kind == .automatic, WeightPlacement.packedBytes(of: checkpoint, compute) <= budget { return nil }
    return try WeightStore(budget: budget, directory: directory)
  }

  /// About the bytes of all tensors as the kernels read them.
  private static func packedBytes(of checkpoint: Checkpoint, _ compute: ComputeType) -> Int {
    let numbers = checkpoint.tensors.reduce(0) { $0 + min($1.count, 1 << 50) }
    return switch compute {
    case .float32: 4 * numbers
    case .bfloat16: 2 * numbers
    case .int8: numbers
    case .int4: numbers / 16 * 9
    }
  }
}
