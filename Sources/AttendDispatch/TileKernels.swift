import AttendBase
import AttendKernelInterface
import AttendKernelsAVX512
import CInstructions

/// The kernels with products of bytes in the tiles of AMX, and the reasons for which they may not be used.
package enum TileKernels {
  static let feature = UInt32(ATTEND_CPU_AMX_INT8)

  /// Whether this CPU has tiles, the system keeps them for this process, and a product in them is what it should be: a
  /// CPU, or whatever stands in for one, that is wrong here is left alone. Asked once.
  static let serve: Bool = {
    let features = attend_cpu_features()
    guard features & feature != 0, attend_request_tiles() != 0 else { return false }
    let others = AttendKernelsAVX512.kernelTable(features: features & ~feature)
    return agree(AttendKernelsAVX512.kernelTable(features: features), others)
  }()

  /// An engine with tiles on a CPU with AVX-512 and dot products of bytes that does not say it has them, for whoever
  /// executes their instructions in its stead. nil: the CPU lacks the rest.
  package static func emulated(threads: Int) -> Engine? {
    let features = attend_cpu_features()
    guard features & UInt32(ATTEND_CPU_AVX512_VNNI) != 0 else { return nil }
    return Engine(AttendKernelsAVX512.kernelTable(features: features | feature), threads: threads)
  }

  /// Whether products of bytes by two tables are the same, bit for bit, where neither rows nor inputs nor outputs are
  /// whole tiles. False too where there is no memory to tell.
  package static func agree(_ tiles: KernelTable, _ others: KernelTable) -> Bool {
    guard let one = try? TrialProduct(), let other = try? TrialProduct() else { return false }
    one.run(tiles.products(.int8, paired: false))
    other.run(others.products(.int8, paired: false))
    return one == other
  }
}

/// A product of bytes that look random, all values among them.
private struct TrialProduct {
  private static let rows = 43, steps = 37, stride = 48, panels = 2, outputs = 57
  private let x, weights, scales, y, scratch: AlignedBuffer

  init() throws(Failure) {
    let purpose = "a trial of the kernels"
    let columns = TrialProduct.panels * panelWidth
    x = try AlignedBuffer(TrialProduct.rows * TrialProduct.stride, of: Float.self, for: purpose)
    weights = try AlignedBuffer(TrialProduct.steps * columns, of: Float.self, for: purpose)
    scales = try AlignedBuffer(TrialProduct.rows + columns, of: Float.self, for: purpose)
    y = try AlignedBuffer(TrialProduct.rows * columns, of: Float.self, for: purpose)
    scratch = try AlignedBuffer(MultiplyArguments.scratch, of: Float.self, for: purpose)
    var state: UInt32 = 1
    for buffer in [x, weights] {
      let units = buffer.pointer(to: UInt32.self)
      for unit in 0..<buffer.bytes / 4 {
        state = state &* 1_664_525 &+ 1_013_904_223
        units[unit] = state ^ state >> 15
      }
    }
    scales.pointer(to: Float.self).update(repeating: 1, count: TrialProduct.rows + columns)
    y.pointer(to: Float.self).update(repeating: 0, count: TrialProduct.rows * columns)
  }

  func run(_ multiply: KernelTable.Multiply) {
    defer { withExtendedLifetime(self) {} }
    let columns = TrialProduct.panels * panelWidth, ones: UnsafeMutablePointer<Float> = scales.pointer()
    // Offsets are any integers: those of the first weights.
    var arguments = MultiplyArguments(
      x: x.pointer(), xStride: TrialProduct.stride, xScales: ones, xSums: nil, weights: weights.pointer(),
      weightScales: ones + TrialProduct.rows, weightOffsets: UnsafePointer(weights.pointer(to: Int32.self)),
      steps: TrialProduct.steps, outputs: TrialProduct.outputs, gated: false, bias: nil, activation: .none,
      residual: nil, residualStride: 0, y: y.pointer(), yStride: columns)
    multiply(&arguments, 0..<TrialProduct.rows, 0..<TrialProduct.panels, scratch.pointer())
  }

  static func == (one: TrialProduct, other: TrialProduct) -> Bool {
    let a = one.y.pointer(to: UInt32.self), b = other.y.pointer(to: UInt32.self)
    defer { withExtendedLifetime((one, other)) {} }
    return (0..<one.y.bytes / 4).allSatisfy { a[$0] == b[$0] }
  }
}
