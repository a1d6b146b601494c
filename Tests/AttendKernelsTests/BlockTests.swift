import AttendBase
import AttendDispatch
import AttendKernelInterface
import Testing

/// Blocks of some rows with their memory.
private struct Summary {
  let memory: AlignedBuffer
  let blocks: RowBlocks

  init(rows: Int, columns: Int) {
    let numbers = RowBlocks.numbers(rows: rows, columns: columns)!
    memory = try! AlignedBuffer(max(1, numbers), of: Float.self, for: "a test")
    memory.pointer(to: Float.self).update(repeating: .nan, count: numbers)
    blocks = RowBlocks(memory.pointer(), rows: rows, columns: columns)
  }

  init(_ x: Matrix, _ engine: Engine) {
    self.init(rows: x.rows, columns: x.columns)
    engine.summarize(x, into: blocks)
  }

  /// The logarithm of the sum of exponentials of each row, and its largest number.
  func logarithms(_ engine: Engine, rows: Int) -> [UInt32] {
    (0..<rows).flatMap { row -> [UInt32] in
      var largest: Float = 0
      let logarithm = engine.logSumOfExponentials(blocks, row: row, largest: &largest)
      return [logarithm.bitPattern, largest.bitPattern]
    }
  }
}

private func logarithms(_ engine: Engine, _ x: Matrix) -> [UInt32] {
  (0..<x.rows).flatMap { row -> [UInt32] in
    var largest: Float = 0
    let logarithm = engine.logSumOfExponentials(x[row], count: x.columns, largest: &largest)
    return [logarithm.bitPattern, largest.bitPattern]
  }
}

@Suite struct BlockTests {
  private static let widths = [1, 15, 256, 257, 4096, 5000, 58_101]

  @Test(arguments: engines) func sumsOfBlocksAreThoseOfRows(engine: Engine) {
    var numbers = Numbers(31)
    for columns in BlockTests.widths {
      let x = Table(3, columns, gap: 1, &numbers, scale: 4)
      // Whole blocks without a probability, as processors leave them.
      for column in 0..<min(columns - 1, 600) { x.matrix[1][column] = -.infinity }
      for threads in [1, 3] {
        let summary = Summary(x.matrix, engine.with(threads: threads))
        #expect(summary.logarithms(engine, rows: 3) == logarithms(engine, x.matrix), "\(columns)")
      }
    }
  }

  @Test(.enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512"))
  func instructionSetsGiveTheSameSums() {
    var numbers = Numbers(32)
    for columns in BlockTests.widths {
      let x = Table(2, columns, &numbers, scale: 4)
      let results = exactEngines.map { Summary(x.matrix, $0).logarithms($0, rows: 2) }
      #expect(results[0] == results[1], "\(columns)")
    }
  }

  /// The largest of a row whose numbers have become smaller since its blocks were summed up: none, some, most, all.
  @Test(arguments: engines) func theLargestAreFoundInFewBlocks(engine: Engine) {
    var numbers = Numbers(33)
    for (columns, k) in [(5, 2), (256, 1), (3000, 8), (3000, 12), (3000, 13), (58_101, 8), (58_101, 200)] {
      for lowered in [0, 1, columns / 3, columns - 3, columns] {
        // Few values that often repeat, and NaN, which is never preferred.
        let x = Table(1, columns)
        for column in 0..<columns { x.matrix[0][column] = (numbers.normal() * 4).rounded() }
        if columns > 300 { x.matrix[0][columns / 2] = .nan }
        let summary = Summary(x.matrix, engine)
        let largestFirst = (0..<columns).sorted { x.matrix[0][$0] > x.matrix[0][$1] }
        for column in largestFirst.prefix(lowered) { x.matrix[0][column] = -.infinity }
        var values = [Float](repeating: 0, count: k), indices = [Int32](repeating: 0, count: k)
        engine.topK(x.matrix[0], summary.blocks, row: 0, k: k, values: &values, indices: &indices)
        var expected = values, places = indices
        engine.topK(x.matrix[0], count: columns, k: k, values: &expected, indices: &places)
        #expect(indices == places, "\(k) of \(columns), \(lowered) lowered")
        #expect(values.map(\.bitPattern) == expected.map(\.bitPattern))
      }
    }
  }

  /// Products that go past the caches are those that do not, and their blocks those of their rows.
  @Test(arguments: engines, ComputeType.allCases) func farProductsAreTheNearOnes(
    engine: Engine, compute: ComputeType
  ) throws {
    var numbers = Numbers(34)
    for (rows, inputs, outputs) in [(1, 64, 700), (3, 32, 31), (5, 96, 256), (130, 64, 1100), (300, 32, 257)] {
      let x = Table(rows, inputs, gap: 3, &numbers)
      let weights = numbers.normals(outputs * inputs, scale: 1 / Float(inputs).squareRoot())
      let bias = numbers.normals(outputs)
      let packed = try weights.withUnsafeBytes {
        try PackedMatrix(
          [StoredMatrix(base: $0.baseAddress!, type: .float32, rows: outputs, columns: inputs)], compute: compute,
          engine: engine)
      }
      let near = Table(rows, outputs, gap: 2)
      try engine.multiply(x.matrix, packed, bias: bias, into: near.matrix, workspace: Workspace())
      for (threads, gap) in [(1, 0), (2, 16 - outputs % 16), (3, 1), (7, 5)] {
        let far = Table(rows, outputs, gap: gap), summary = Summary(rows: rows, columns: outputs)
        try engine.with(threads: threads).multiply(
          x.matrix, packed, bias: bias, into: far.matrix, results: .far(summary.blocks), workspace: Workspace())
        // OpenBLAS promises no bits.
        let isExact = engine.kernelsName != "portable" || compute != .float32
        let isNear =
          isExact ? far.bits == near.bits : largestError(far.values, near.values.map { Double($0) }) < 3e-6
        #expect(isNear, "\(rows) x \(inputs) x \(outputs), \(threads) threads")
        let isSummedUp = summary.logarithms(engine, rows: rows) == logarithms(engine, far.matrix)
        #expect(isSummedUp)
        for row in 0..<rows - 1 { for column in outputs..<outputs + gap { #expect(far.matrix[row][column].isNaN) } }
      }
    }
  }
}
