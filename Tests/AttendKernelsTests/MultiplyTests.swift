import AttendBase
import AttendDispatch
import AttendKernelInterface
import Foundation
import Testing

/// A product and everything that it reads.
private struct Product {
  let x: Table
  let weights: [Float]  // [outputs, inputs]
  let bias: [Float]
  let residual: Table
  let rows: Int, inputs: Int, outputs: Int

  init(rows: Int, inputs: Int, outputs: Int, seed: UInt64 = 1) {
    var numbers = Numbers(seed)
    self.rows = rows
    self.inputs = inputs
    self.outputs = outputs
    x = Table(rows, inputs, gap: 3, &numbers)
    weights = numbers.normals(outputs * inputs, scale: 1 / Float(max(1, inputs)).squareRoot())
    bias = numbers.normals(outputs)
    residual = Table(rows, outputs, gap: 1, &numbers)
  }

  func packed(_ engine: Engine, threads: Int = 1) throws -> PackedMatrix {
    try weights.withUnsafeBytes {
      try PackedMatrix(
        [StoredMatrix(base: $0.baseAddress!, type: .float32, rows: outputs, columns: inputs)], compute: .float32,
        engine: engine.with(threads: threads))
    }
  }

  func run(
    _ engine: Engine, threads: Int = 1, activation: Activation = .none, bias useBias: Bool = true,
    residual useResidual: Bool = true
  ) throws -> Table {
    let y = Table(rows, outputs, gap: 5)
    let packed = try packed(engine, threads: threads)
    try bias.withUnsafeBufferPointer {
      try engine.with(threads: threads).multiply(
        x.matrix, packed, bias: useBias ? $0.baseAddress : nil, activation: activation,
        residual: useResidual ? residual.matrix : nil, into: y.matrix, workspace: Workspace())
    }
    return y
  }

  func expected(
    activation: Activation = .none, bias useBias: Bool = true, residual useResidual: Bool = true
  ) -> [Double] {
    var y: [Double] = []
    for row in 0..<rows {
      for column in 0..<outputs {
        var sum = 0.0
        for k in 0..<inputs { sum += Double(x.matrix[row][k]) * Double(weights[column * inputs + k]) }
        y.append(
          reference(activation, sum + (useBias ? Double(bias[column]) : 0))
            + (useResidual ? Double(residual.matrix[row][column]) : 0))
      }
    }
    return y
  }
}

@Suite struct MultiplyTests {
  @Test(arguments: engines) func productsOfAnyShapeAreRight(engine: Engine) throws {
    for (rows, inputs, outputs) in [
      (1, 1, 1), (1, 64, 33), (1, 100, 300), (2, 17, 129), (3, 40, 70), (4, 33, 31), (5, 64, 64), (7, 9, 65),
      (12, 128, 96), (13, 50, 32), (23, 31, 47), (25, 64, 100), (98, 70, 40), (200, 8, 34),
    ] {
      for threads in [1, 2, 3] {
        let product = Product(rows: rows, inputs: inputs, outputs: outputs)
        #expect(
          largestError(try product.run(engine, threads: threads).values, product.expected()) < 3e-6,
          "\(rows) x \(inputs) x \(outputs)")
      }
    }
  }

  @Test(arguments: engines) func everyWayOutIsRight(engine: Engine) throws {
    for rows in [1, 3, 14] {
      let product = Product(rows: rows, inputs: 40, outputs: 70)
      for activation in activations {
        for (bias, residual) in [(false, false), (true, false), (false, true), (true, true)] {
          let y = try product.run(engine, activation: activation, bias: bias, residual: residual)
          #expect(
            largestError(y.values, product.expected(activation: activation, bias: bias, residual: residual)) < 3e-6,
            "\(activation)")
        }
      }
    }
  }

  @Test(arguments: engines) func aResidualMayBeTheResultItself(engine: Engine) throws {
    for rows in [1, 30] {
      let product = Product(rows: rows, inputs: 64, outputs: 100)
      let expected = product.expected()
      try product.bias.withUnsafeBufferPointer {
        try engine.multiply(
          product.x.matrix, try product.packed(engine), bias: $0.baseAddress, residual: product.residual.matrix,
          into: product.residual.matrix, workspace: Workspace())
      }
      #expect(largestError(product.residual.values, expected) < 3e-6)
    }
  }

  @Test(arguments: engines) func nothingOutsideTheResultIsWritten(engine: Engine) throws {
    let product = Product(rows: 13, inputs: 20, outputs: 37)
    let y = try product.run(engine)
    for row in 0..<12 { for gap in 37..<42 { #expect(y.matrix[row][gap].isNaN) } }
  }

  @Test(arguments: exactEngines) func aRowHasTheSameBitsInAnyCompany(engine: Engine) throws {
    let all = Product(rows: 61, inputs: 300, outputs: 130)
    let packed = try all.packed(engine)
    let together = try all.run(engine, activation: .gelu).values
    for count in [1, 2, 3, 4, 7, 11, 12, 13, 31] {
      for threads in [1, 2, 3] {
        let y = Table(count, all.outputs)
        try all.bias.withUnsafeBufferPointer {
          try engine.with(threads: threads).multiply(
            all.x.matrix.rows(20, count), packed, bias: $0.baseAddress, activation: .gelu,
            residual: all.residual.matrix.rows(20, count), into: y.matrix, workspace: Workspace())
        }
        #expect(
          y.values == Array(together[20 * all.outputs..<(20 + count) * all.outputs]),
          "\(count) rows, \(threads) threads")
      }
    }
  }

  @Test(.enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512")) func instructionSetsGiveTheSameBits()
    throws
  {
    for rows in [1, 5, 29] {
      for activation in activations {
        let product = Product(rows: rows, inputs: 210, outputs: 75)
        #expect(
          try product.run(exactEngines[0], activation: activation).bits
            == product.run(exactEngines[1], activation: activation).bits)
      }
    }
  }
}

@Suite struct PackingTests {
  /// What a product with the identity reads out of packed weights: the weights.
  private func unpacked(_ matrix: PackedMatrix, _ engine: Engine) throws -> [Float] {
    let identity = Table(matrix.inputs, matrix.inputs, fill: 0)
    for i in 0..<matrix.inputs { identity.matrix[i][i] = 1 }
    let y = Table(matrix.inputs, matrix.outputs)
    try engine.multiply(identity.matrix, matrix, into: y.matrix, workspace: Workspace())
    return (0..<matrix.outputs).flatMap { output in (0..<matrix.inputs).map { y.matrix[$0][output] } }
  }

  @Test(arguments: engines) func halfSizeWeightsAreWidenedExactly(engine: Engine) throws {
    // Every float16 and bfloat16 that is a number, subnormals too; the bits of a result that reaches NaN or infinity
    // are not compared.
    let half = (0..<65536).map { UInt16($0) }.filter { $0 & 0x7c00 != 0x7c00 }
    let bfloat16 = (0..<65536).map { UInt16($0) }.filter { $0 & 0x7f80 != 0x7f80 }
    for (type, stored, expected) in [
      (
        ElementType.float16, half,
        half.map { Double(sign: $0 & 0x8000 == 0 ? .plus : .minus, exponent: 0, significand: halfValue($0)) }
      ), (.bfloat16, bfloat16, bfloat16.map { Double(Float(bitPattern: UInt32($0) << 16)) }),
    ] {
      let y = Table(1, stored.count)
      stored.withUnsafeBytes {
        let row = StoredMatrix(base: $0.baseAddress!, type: type, rows: 1, columns: stored.count)
        var id: Int32 = 0
        engine.gather(&id, count: 1, from: row, into: y.matrix)
      }
      #expect(zip(y.values, expected).allSatisfy { Double($0) == $1 })
    }
  }

  private func halfValue(_ bits: UInt16) -> Double {
    let exponent = Int(bits >> 10 & 31), fraction = Double(bits & 1023)
    return exponent == 0 ? fraction * pow(2, -24) : (1 + fraction / 1024) * pow(2, Double(exponent - 15))
  }

  @Test(arguments: engines) func stackedAndTransposedSourcesArePackedInOrder(engine: Engine) throws {
    var numbers = Numbers(3)
    let inputs = 37
    let first = numbers.normals(20 * inputs), second = numbers.normals(inputs * 45), third = numbers.normals(7 * inputs)
    for threads in [1, 3] {
      let packed = try first.withUnsafeBytes { a in
        try second.withUnsafeBytes { b in
          try third.withUnsafeBytes { c in
            try PackedMatrix(
              [
                StoredMatrix(base: a.baseAddress!, type: .float32, rows: 20, columns: inputs),
                StoredMatrix(base: b.baseAddress!, type: .float32, rows: 45, columns: inputs, transposed: true),
                StoredMatrix(base: c.baseAddress!, type: .float32, rows: 7, columns: inputs),
              ], compute: .float32, engine: engine.with(threads: threads))
          }
        }
      }
      #expect(packed.outputs == 72 && packed.inputs == inputs)
      let turned = (0..<45).flatMap { row in (0..<inputs).map { second[$0 * 45 + row] } }
      #expect(try unpacked(packed, engine) == first + turned + third)
      let ids: [Int32] = [71, 0, 30, 19]
      let rows = Table(ids.count, inputs)
      try engine.gather(ids, count: ids.count, from: packed, scale: 2, into: rows.matrix)
      let all = first + turned + third
      #expect(rows.values == ids.flatMap { id in all[Int(id) * inputs..<(Int(id) + 1) * inputs].map { $0 * 2 } })
    }
  }

  @Test func weightsOfAnotherTypeAreRefused() throws {
    let engine = engines[0]
    let values: [Int32] = [1, 2, 3, 4]
    _ = values.withUnsafeBytes { bytes in
      #expect(throws: Failure.self) {
        try PackedMatrix(
          [StoredMatrix(base: bytes.baseAddress!, type: .int32, rows: 2, columns: 2)], compute: .float32, engine: engine
        )
      }
    }
  }
}
