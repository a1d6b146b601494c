import AttendBase
import AttendDispatch
import AttendKernelInterface
import Foundation
import Testing

@Suite struct NormTests {
  @Test(arguments: engines) func normsAreRightForAnyWidth(engine: Engine) {
    var numbers = Numbers(11)
    for (rows, columns) in [(1, 1), (3, 8), (2, 16), (5, 37), (40, 512), (7, 769)] {
      let x = Table(rows, columns, gap: 2, &numbers, scale: 3), y = Table(rows, columns)
      let gain = numbers.normals(columns), bias = numbers.normals(columns)
      for threads in [1, 3] {
        engine.with(threads: threads).layerNorm(x.matrix, gain: gain, bias: bias, epsilon: 1e-5, into: y.matrix)
        var expected: [Double] = []
        for row in 0..<rows {
          let values = (0..<columns).map { Double(x.matrix[row][$0]) }
          let mean = values.reduce(0, +) / Double(columns)
          let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns)
          expected += (0..<columns).map {
            (values[$0] - mean) / (variance + 1e-5).squareRoot() * Double(gain[$0]) + Double(bias[$0])
          }
        }
        #expect(largestError(y.values, expected) < 2e-6, "\(columns)")
        engine.with(threads: threads).rmsNorm(x.matrix, gain: gain, offset: 1, epsilon: 1e-6, into: y.matrix)
        expected = []
        for row in 0..<rows {
          let values = (0..<columns).map { Double(x.matrix[row][$0]) }
          let square = values.reduce(0) { $0 + $1 * $1 } / Double(columns)
          expected += (0..<columns).map { values[$0] / (square + 1e-6).squareRoot() * (1 + Double(gain[$0])) }
        }
        #expect(largestError(y.values, expected) < 2e-6, "\(columns)")
      }
    }
  }

  @Test(.enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512")) func instructionSetsGiveTheSameBits()
  {
    var numbers = Numbers(12)
    for columns in [5, 64, 300] {
      let x = Table(4, columns, &numbers), gain = numbers.normals(columns)
      let results = exactEngines.map { engine in
        let y = Table(4, columns), z = Table(4, columns)
        engine.layerNorm(x.matrix, gain: gain, bias: gain, epsilon: 1e-5, into: y.matrix)
        engine.rmsNorm(x.matrix, gain: gain, epsilon: 1e-5, into: z.matrix)
        return y.bits + z.bits
      }
      #expect(results[0] == results[1])
    }
  }

  @Test(arguments: engines) func aGroupIsNormalisedAsARowOfItsOwn(engine: Engine) {
    var numbers = Numbers(14)
    for (groups, width) in [(1, 40), (3, 16), (4, 7), (12, 64)] {
      let x = Table(6, groups * width, gap: 5, &numbers, scale: 3)
      let gain = numbers.normals(groups * width), bias = numbers.normals(groups * width)
      for perGroup in [false, true] {
        let layer = Table(6, groups * width), rms = Table(6, groups * width, gap: 1)
        engine.with(threads: 3).layerNorm(
          x.matrix, gain: gain, bias: bias, epsilon: 1e-5, groups: groups, gainPerGroup: perGroup, into: layer.matrix)
        engine.with(threads: 3).rmsNorm(
          x.matrix, gain: gain, offset: 1, epsilon: 1e-6, groups: groups, gainPerGroup: perGroup, into: rms.matrix)
        for group in 0..<groups {
          let first = group * width, row = x.matrix.columns(first, width), own = perGroup ? first : 0
          let alone = Table(6, width), other = Table(6, width)
          engine.layerNorm(row, gain: Array(gain[own...]), bias: Array(bias[own...]), epsilon: 1e-5, into: alone.matrix)
          engine.rmsNorm(row, gain: Array(gain[own...]), offset: 1, epsilon: 1e-6, into: other.matrix)
          for token in 0..<6 {
            #expect((0..<width).allSatisfy { layer.matrix[token][first + $0] == alone.matrix[token][$0] })
            #expect((0..<width).allSatisfy { rms.matrix[token][first + $0] == other.matrix[token][$0] })
          }
        }
      }
    }
  }
}

@Suite struct RowTests {
  @Test(arguments: engines) func rowsAreAddedInPlace(engine: Engine) {
    var numbers = Numbers(13)
    let x = Table(9, 21, gap: 1, &numbers), y = Table(9, 21, gap: 4, &numbers)
    let expected = zip(x.values, y.values).map { $0 + $1 }
    engine.add(x.matrix, to: y.matrix)
    #expect(y.values == expected)
    let scaled = zip(x.values, y.values).map { Double($1) + 0.22 * Double($0) }
    engine.with(threads: 2).add(x.matrix, to: y.matrix, scale: 0.22)
    #expect(largestError(y.values, scaled) < 2e-7)
  }

  @Test(arguments: engines) func rowsAreScaledAndCappedInPlace(engine: Engine) {
    var numbers = Numbers(15)
    for (rows, columns) in [(1, 1), (7, 35), (40, 512)] {
      let x = Table(rows, columns, gap: 2, &numbers, scale: 20), values = x.values
      engine.with(threads: 2).scale(x.matrix, by: 1.5)
      #expect(x.values == values.map { $0 * 1.5 })
      engine.with(threads: 2).scale(x.matrix, by: 2, cap: 30)
      #expect(largestError(x.values, values.map { 30 * tanh(Double($0) * 3 / 30) }) < 1e-6)
      #expect(x.values.allSatisfy { abs($0) <= 30 })
    }
  }

  @Test(arguments: engines) func softmaxOfAnyNumberOfColumnsIsRight(engine: Engine) {
    var numbers = Numbers(16)
    for (rows, columns) in [(1, 1), (5, 4), (3, 16), (2, 37), (300, 128), (1, 5000)] {
      let x = Table(rows, columns, gap: 3, &numbers, scale: 6)
      x.matrix[0][0] = columns > 1 ? -.infinity : 3
      let expected = (0..<rows).flatMap { row -> [Double] in
        let values = (0..<columns).map { Double(x.matrix[row][$0]) }, most = values.max()!
        let total = values.reduce(0) { $0 + exp($1 - most) }
        return values.map { exp($0 - most) / total }
      }
      engine.with(threads: 2).softmax(x.matrix)
      #expect(largestError(x.values, expected) < 4e-7, "\(columns)")
    }
    let nothing = Table(1, 5, fill: -.infinity)
    engine.softmax(nothing.matrix)
    #expect(nothing.values == [0, 0, 0, 0, 0])
  }

  @Test(.enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512")) func instructionSetsGiveTheSameBits()
  {
    var numbers = Numbers(17)
    for columns in [3, 32, 300] {
      let x = Table(4, columns, &numbers, scale: 5), y = Table(4, columns, &numbers)
      let results = exactEngines.map { engine in
        let a = Table(4, columns, x.values), b = Table(4, columns, y.values)
        engine.scale(a.matrix, by: 1.1, cap: 4)
        engine.add(a.matrix, to: b.matrix, scale: 0.3)
        engine.softmax(b.matrix)
        return b.bits
      }
      #expect(results[0] == results[1])
    }
  }

  @Test(arguments: engines) func sumsOfExponentialsAreRight(engine: Engine) {
    var numbers = Numbers(18)
    for columns in [1, 15, 16, 300, 5003, 128_000] {
      var x = numbers.normals(columns, scale: 4)
      if columns > 20 { (x[3], x[17]) = (.nan, -.infinity) }
      let most = x.filter { !$0.isNaN }.max()!, scale: Float = 0.8
      let sums = engine.kernels.rows.exponentials(x, columns, most, scale)
      let differences = x.filter { $0 > -.infinity }.map { (Double($0) - Double(most)) * Double(scale) }
      let sum = differences.reduce(0) { $0 + exp($1) }
      #expect(abs(Double(sums.sum) / sum - 1) < 1e-6, "\(columns)")
      #expect(abs(Double(sums.weighted) - differences.reduce(0) { $0 + $1 * exp($1) }) < 2e-6 * sum, "\(columns)")
    }
    #expect(engine.kernels.rows.exponentials([-.infinity, .nan], 2, 0, 1).sum == 0)
  }

  @Test(.enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512")) func sumsHaveTheSameBits() {
    var numbers = Numbers(19)
    for columns in [3, 32, 300, 50_021] {
      let x = numbers.normals(columns, scale: 3)
      let sums = exactEngines.map { $0.kernels.rows.exponentials(x, columns, x.max()!, 1.3) }
      #expect(sums[0].sum.bitPattern == sums[1].sum.bitPattern)
      #expect(sums[0].weighted.bitPattern == sums[1].weighted.bitPattern)
    }
  }
}

@Suite struct CancelledRowTests {
  /// Millions of numbers are left between their rows.
  @Test(arguments: [1, 3]) func manyRowsAreLeftInBetween(threads: Int) throws {
    let cancellation = Cancellation()
    let engine = try Engine(kernels: nil, threads: threads).with(threads: threads, cancellation: cancellation)
    let x = Table(8192, 512, fill: 1), y = Table(8192, 512, fill: 2)
    func holds(_ value: Float) -> Bool {
      (0..<8192).allSatisfy { y.matrix[$0][0] == value && y.matrix[$0][511] == value }
    }
    cancellation.begin(work: 0)
    cancellation.request()
    engine.add(x.matrix, to: y.matrix)
    #expect(holds(2))
    #expect(throws: Failure.self) { try cancellation.check() }
    engine.add(x.matrix, to: y.matrix)
    #expect(holds(3))
  }
}
