import AttendBase
import AttendDispatch
import AttendKernelInterface
import Foundation
import Testing

/// The kernel sets that this machine runs.
let engines: [Engine] = ["amx", "avx512", "avx2", "portable"].compactMap { try? Engine(kernels: $0, threads: 1) }

/// Those that promise equal bits: all but the portable ones.
let exactEngines = engines.filter { $0.kernelsName != "portable" }

extension Engine: CustomTestStringConvertible { public var testDescription: String { kernelsName } }

/// Numbers that look like activations or weights, the same in every run: roughly normal, variance 1.
struct Numbers {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

  mutating func bits() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }

  mutating func uniform() -> Float { Float(bits() >> 40) / Float(1 << 24) }

  mutating func normal() -> Float {
    var sum: Float = 0
    for _ in 0..<12 { sum += uniform() }
    return sum - 6
  }

  mutating func normals(_ count: Int, scale: Float = 1) -> [Float] { (0..<count).map { _ in normal() * scale } }
}

/// A matrix with memory of its own, whose rows may be further apart than they are long.
final class Table {
  let buffer: AlignedBuffer
  let matrix: Matrix

  /// All elements, and the gaps between rows, are `fill`.
  init(_ rows: Int, _ columns: Int, gap: Int = 0, fill: Float = .nan) {
    buffer = try! AlignedBuffer(max(1, rows * (columns + gap)), of: Float.self, for: "a test")
    matrix = Matrix(buffer.pointer(), rows: rows, columns: columns, stride: columns + gap)
    buffer.pointer(to: Float.self).update(repeating: fill, count: rows * (columns + gap))
  }

  convenience init(_ rows: Int, _ columns: Int, gap: Int = 0, _ numbers: inout Numbers, scale: Float = 1) {
    self.init(rows, columns, gap: gap)
    for row in 0..<rows { for column in 0..<columns { matrix[row][column] = numbers.normal() * scale } }
  }

  convenience init(_ rows: Int, _ columns: Int, _ values: [Float]) {
    self.init(rows, columns)
    for i in 0..<rows * columns { matrix.base[i] = values[i] }
  }

  var values: [Float] { (0..<matrix.rows).flatMap { row in (0..<matrix.columns).map { matrix[row][$0] } } }

  var bits: [UInt32] { values.map(\.bitPattern) }
}

/// The largest difference, measured in units of the larger of 1 and the expected value.
func largestError(_ actual: [Float], _ expected: [Double]) -> Double {
  precondition(actual.count == expected.count)
  return zip(actual, expected).map { $0.isFinite ? abs(Double($0) - $1) / max(1, abs($1)) : .infinity }.max() ?? 0
}

/// An activation in double precision, as its definition reads.
func reference(_ activation: Activation, _ x: Double) -> Double {
  switch activation {
  case .none: x
  case .relu: max(x, 0)
  case .gelu: x * 0.5 * erfc(-x / 2.0.squareRoot())
  case .geluTanh: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  case .quickGelu: x / (1 + exp(-1.702 * x))
  case .silu: x / (1 + exp(-x))
  case .tanh: tanh(x)
  case .sigmoid: 1 / (1 + exp(-x))
  case .reluSquared: max(x, 0) * max(x, 0)
  case .relu6: min(max(x, 0), 6)
  case .leakyRelu: x < 0 ? Double(Float(0.01)) * x : x
  case .geluClipped: min(max(reference(.gelu, x), -10), 10)
  case .laplace: 0.5 * erfc((0.707107 - x) / (0.282095 * 2.0.squareRoot()))
  case .mish: x * tanh(reference(.softplus, x))
  case .hardSwish: x * min(max(x + 3, 0), 6) / 6
  case .softplus: max(x, 0) + log1p(exp(-abs(x)))
  case .softplusRoot: reference(.softplus, x).squareRoot()
  case .clampedSwiglu: min(x, 7) / (1 + exp(-1.702 * min(x, 7)))
  }
}

let activations = Activation.allCases
