import AttendBase
import AttendDispatch
import AttendKernelInterface
import Foundation
import Testing

private let compressed: [ComputeType] = [.bfloat16, .int8, .int4]

/// A product in a smaller type and what it should give for weights and inputs as they are rounded.
private struct Rounded {
  let rows: Int, inputs: Int, outputs: Int
  let x: Table
  let weights: [Float]

  init(_ rows: Int, _ inputs: Int, _ outputs: Int) {
    var numbers = Numbers(UInt64(rows + inputs + outputs))
    self.rows = rows
    self.inputs = inputs
    self.outputs = outputs
    x = Table(rows, inputs, gap: 1, &numbers)
    weights = numbers.normals(outputs * inputs, scale: 1 / Float(inputs).squareRoot())
  }

  func packed(_ compute: ComputeType, _ engine: Engine) throws -> PackedMatrix {
    try weights.withUnsafeBytes {
      try PackedMatrix(
        [StoredMatrix(base: $0.baseAddress!, type: .float32, rows: outputs, columns: inputs)], compute: compute,
        engine: engine)
    }
  }

  func run(_ packed: PackedMatrix, _ engine: Engine, rows some: Range<Int>? = nil) throws -> Table {
    let some = some ?? 0..<rows
    let y = Table(some.count, outputs, gap: 2)
    try engine.multiply(x.matrix.rows(some.lowerBound, some.count), packed, into: y.matrix, workspace: Workspace())
    return y
  }

  /// The weights as products see them.
  func seen(_ packed: PackedMatrix, _ engine: Engine) throws -> Table {
    let table = Table(outputs, inputs), ids = (0..<outputs).map { Int32($0) }
    try engine.gather(ids, count: outputs, from: packed, into: table.matrix)
    return table
  }

  /// The inputs of a row as products see them.
  func seen(_ row: Int, _ compute: ComputeType, _ engine: Engine) -> [Double] {
    let values = (0..<inputs).map { x.matrix[row][$0] }
    switch compute {
    case .float32: return values.map { Double($0) }
    case .bfloat16:
      return values.map {
        let bits = $0.bitPattern
        return Double(Float(bitPattern: (bits &+ 0x7fff &+ (bits >> 16 & 1)) & 0xffff_0000))
      }
    case .int8, .int4:
      let block = min(128, inputs & -inputs)
      var rotated = values
      engine.kernels.conversions.rotate(values, &rotated, inputs, block)
      let top = rotated.map { abs($0) }.max()!
      let numbers = rotated.map { Double(($0 * (127 / top)).rounded(.toNearestOrEven)) * Double(top / 127) }
      return hadamard(numbers, block).map { $0 / Double(block) }
    }
  }
}

/// The definition: component i of a block becomes the sum of its components j, negated where i and j have an odd number
/// of bits in common.
private func hadamard(_ x: [Double], _ block: Int) -> [Double] {
  x.indices.map { i in
    let first = i / block * block
    return (0..<block).reduce(0) {
      ((i - first) & $1).nonzeroBitCount % 2 == 0 ? $0 + x[first + $1] : $0 - x[first + $1]
    }
  }
}

@Suite struct QuantizedTests {
  @Test(arguments: engines) func rotationsAreThoseOfHadamard(engine: Engine) {
    for (count, block) in [(640, 128), (192, 64), (96, 32), (48, 16), (40, 8), (12, 4), (6, 2)] {
      var numbers = Numbers(UInt64(count))
      let x = numbers.normals(count, scale: 1)
      var y = [Float](repeating: .nan, count: count)
      engine.kernels.conversions.rotate(x, &y, count, block)
      #expect(largestError(y, hadamard(x.map { Double($0) }, block)) < 2e-6, "\(block)")
      let panel = Table(count, 32, &numbers)
      let expected = (0..<32).map { lane in
        hadamard((0..<count).map { Double(panel.matrix[$0][lane]) }, block).map { $0 / Double(block) }
      }
      engine.kernels.conversions.rotatePanel(panel.matrix.base, count, block)
      for lane in 0..<32 {
        #expect(largestError((0..<count).map { panel.matrix[$0][lane] }, expected[lane]) < 1e-6, "\(block)")
      }
    }
  }

  @Test(arguments: engines) func productsAreThoseOfTheRoundedNumbers(engine: Engine) throws {
    for compute in compressed {
      for (rows, inputs, outputs) in [
        (1, 64, 300), (1, 37, 33), (2, 100, 130), (3, 31, 70), (7, 256, 64), (29, 130, 40), (29, 500, 40),
        (14, 512, 520),
        (100, 1600, 35),
      ] {
        let product = Rounded(rows, inputs, outputs)
        let packed = try product.packed(compute, engine)
        let weights = try product.seen(packed, engine)
        let y = try product.run(packed, engine)
        var expected: [Double] = []
        for row in 0..<rows {
          let x = product.seen(row, compute, engine)
          for output in 0..<outputs {
            expected.append(zip(x, 0..<inputs).reduce(0) { $0 + $1.0 * Double(weights.matrix[output][$1.1]) })
          }
        }
        #expect(
          largestError(y.values, expected) < (compute == .bfloat16 ? 1e-5 : 3e-6),
          "\(compute) \(rows) x \(inputs) x \(outputs)")
      }
    }
  }

  @Test(arguments: engines) func roundedWeightsAreNearTheStoredOnes(engine: Engine) throws {
    let product = Rounded(1, 100, 70)
    for (compute, most) in [(ComputeType.bfloat16, 0.003), (.int8, 0.008), (.int4, 0.09)] {
      let seen = try product.seen(try product.packed(compute, engine), engine)
      let error = zip(seen.values, product.weights).reduce(0.0) { $0 + pow(Double($1.0 - $1.1), 2) }
      let size = product.weights.reduce(0.0) { $0 + Double($1) * Double($1) }
      #expect((error / size).squareRoot() < most, "\(compute)")
    }
  }

  @Test(arguments: engines) func aRowHasTheSameBitsInAnyCompany(engine: Engine) throws {
    let product = Rounded(61, 1700, 130)
    for compute in compressed where engine.kernelsName != "portable" || compute != .float32 {
      let packed = try product.packed(compute, engine)
      let together = try product.run(packed, engine).values
      for count in [1, 2, 3, 5, 13] {
        for threads in [1, 2, 3] {
          let some = try product.run(packed, engine.with(threads: threads), rows: 11..<11 + count).values
          #expect(some == Array(together[11 * 130..<(11 + count) * 130]), "\(compute), \(count) rows")
        }
      }
    }
  }

  @Test(.enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512")) func instructionSetsGiveTheSameBits()
    throws
  {
    for compute in compressed {
      for (rows, inputs, outputs) in [
        (1, 200, 75), (4, 200, 75), (40, 200, 75), (1, 640, 530), (3, 640, 530), (30, 640, 530), (30, 400, 75),
      ] {
        let product = Rounded(rows, inputs, outputs)
        let results = try exactEngines.map { try product.run(try product.packed(compute, $0), $0).bits }
        #expect(results[0] == results[1], "\(compute) \(rows) x \(inputs)")
      }
    }
  }

  /// One number of a block becomes a block of equal ones when it is rotated: here all of them are the largest, and all
  /// products of neighbours the largest sums that 16 bits must hold.
  @Test(arguments: engines) func theLargestBytesAreMultipliedExactly(engine: Engine) throws {
    for (compute, inputs) in [(ComputeType.int8, 512), (.int8, 384), (.int4, 512)] {
      let outputs = 512
      let product = Rounded(20, inputs, outputs)
      let table = Table(outputs, inputs, fill: 0)
      for block in stride(from: 0, to: inputs, by: 128) {
        for output in 0..<outputs { table.matrix[output][block] = output % 3 == 0 ? -1 : 1 }
        for row in 0..<20 {
          for k in 0..<128 { product.x.matrix[row][block + k] = k > 0 ? 0 : row % 2 == 0 ? 1 : -1 }
        }
      }
      let packed = try table.values.withUnsafeBytes {
        try PackedMatrix(
          [StoredMatrix(base: $0.baseAddress!, type: .float32, rows: outputs, columns: inputs)],
          compute: compute, engine: engine)
      }
      let y = try product.run(packed, engine)
      let most = compute == .int4 ? 0.1 : 1e-2
      var worst = 0.0
      for row in 0..<20 {
        for output in 0..<outputs {
          let expected = Float(inputs / 128) * (row % 2 == 0 ? 1 : -1) * (output % 3 == 0 ? -1 : 1)
          worst = max(worst, abs(Double(y.matrix[row][output] / expected) - 1))
        }
      }
      #expect(worst < most, "\(compute) \(inputs)")
    }
  }

  @Test(arguments: engines) func zerosAndNaNStayWhatTheyAre(engine: Engine) throws {
    for compute in compressed {
      let product = Rounded(2, 64, 40)
      for column in 0..<64 { product.x.matrix[0][column] = 0 }
      product.x.matrix[1][7] = .nan
      let y = try product.run(try product.packed(compute, engine), engine)
      #expect((0..<40).allSatisfy { y.matrix[0][$0] == 0 && y.matrix[1][$0].isNaN }, "\(compute)")
    }
  }

  /// What an activation lets through of a gate's partner.
  private func partner(_ u: Double, _ activation: Activation) -> Double {
    if case .clampedSwiglu = activation { min(max(u, -7), 7) + 1 } else { u }
  }

  @Test(arguments: engines, ComputeType.allCases) func gatesOpenWhatTheyShould(
    engine: Engine, compute: ComputeType
  ) throws {
    let gates: [Activation] = [.silu, .gelu, .clampedSwiglu]
    for (gate, shape) in zip(
      gates + gates, [(1, 64, 300), (2, 40, 33), (30, 96, 70), (30, 96, 70), (1, 64, 300), (2, 40, 33)])
    { try gateOpens(engine, compute, gate, rows: shape.0, inputs: shape.1, outputs: shape.2) }
  }

  private func gateOpens(
    _ engine: Engine, _ compute: ComputeType, _ activation: Activation, rows: Int, inputs: Int, outputs: Int
  ) throws {
    let gate = Rounded(rows, inputs, outputs), up = Rounded(rows, inputs, outputs + 1)
    let packed = try gate.weights.withUnsafeBytes { g in
      try up.weights.withUnsafeBytes { u in
        try PackedMatrix(
          gate: StoredMatrix(base: g.baseAddress!, type: .float32, rows: outputs, columns: inputs),
          up: StoredMatrix(base: u.baseAddress!, type: .float32, rows: outputs, columns: inputs), compute: compute,
          engine: engine)
      }
    }
    var numbers = Numbers(4)
    let bias = numbers.normals(2 * outputs, scale: 5)
    let fused = Table(rows, outputs), g = Table(rows, outputs), u = Table(rows, outputs)
    try engine.multiply(
      gate.x.matrix, packed, bias: bias, activation: activation, into: fused.matrix, workspace: Workspace())
    try bias.withUnsafeBufferPointer {
      let upPacked = try up.weights.withUnsafeBytes {
        try PackedMatrix(
          [StoredMatrix(base: $0.baseAddress!, type: .float32, rows: outputs, columns: inputs)], compute: compute,
          engine: engine)
      }
      try engine.multiply(
        gate.x.matrix, try gate.packed(compute, engine), bias: $0.baseAddress, activation: activation, into: g.matrix,
        workspace: Workspace())
      try engine.multiply(
        gate.x.matrix, upPacked, bias: $0.baseAddress! + outputs, into: u.matrix, workspace: Workspace())
    }
    #expect(
      largestError(fused.values, zip(g.values, u.values).map { Double($0) * partner(Double($1), activation) }) < 1e-5,
      "\(activation)")
  }
}
