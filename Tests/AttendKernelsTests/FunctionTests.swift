import AttendBase
import AttendDispatch
import Foundation
import Testing

/// Every 3,701st float32 from -20 to 20, small and large sizes alike: 600,000 numbers.
private let sweep: [Float] = stride(from: UInt32(0), through: Float(20).bitPattern, by: 3701).flatMap { [Float(bitPattern: $0), -Float(bitPattern: $0)] }

@Suite struct FunctionTests {
  /// The largest error of an activation over the sweep, relative to `floor` where the result is smaller than that.
  private func error(_ activation: Activation, _ engine: Engine, floor: Double) -> Double {
    let x = Table(1, sweep.count, sweep), y = Table(1, sweep.count)
    engine.activate(x.matrix, activation, into: y.matrix)
    return zip(sweep, y.values).map { abs(Double($1) - reference(activation, Double($0))) / max(floor, abs(reference(activation, Double($0)))) }.max()!
  }

  /// 2 ulp of a result are at most 2^-22 of it.
  @Test(arguments: exactEngines) func tanhIsWithinTwoUnitsInTheLastPlace(engine: Engine) {
    #expect(error(.tanh, engine, floor: Double(Float.leastNormalMagnitude)) <= 0x1p-22)
  }

  /// x sigmoid(x): 3 ulp of the sigmoid and the rounding of a product, at most 4 ulp together, where e^-x is not subnormal.
  @Test(arguments: exactEngines) func siluIsWithinFourUnitsInTheLastPlace(engine: Engine) {
    #expect(error(.silu, engine, floor: Double(Float.leastNormalMagnitude)) <= 0x1p-21)
  }

  /// Where 1 + erf(x / sqrt 2) cancels, what erf has lost stays: 2^-22 beside 1, times half of x. In units of the larger of 1 and the result.
  @Test(arguments: exactEngines, [Activation.gelu, .geluTanh]) func geluIsWithinTwoMillionths(engine: Engine, activation: Activation) {
    #expect(error(activation, engine, floor: 1) <= 1e-6)
  }

  /// e^x as the softmax sees it: logarithms of the probabilities of two scores a distance apart, against exact ones.
  @Test(arguments: exactEngines) func logSoftmaxIsWithinThreeTenMillionths(engine: Engine) {
    for distance in stride(from: Float(0), through: 80, by: 0.37) {
      let x = Table(1, 2, [0, -distance]), y = Table(1, 2)
      engine.logSoftmax(x.matrix, into: y.matrix)
      let total = log1p(exp(-Double(distance)))
      #expect(largestError(y.values, [-total, -Double(distance) - total]) <= 3e-7)
    }
  }

  @Test(.enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512"), arguments: activations)
  func instructionSetsGiveTheSameBits(activation: Activation) {
    let results = exactEngines.map { engine in
      let x = Table(1, sweep.count, sweep), y = Table(1, sweep.count)
      engine.activate(x.matrix, activation, into: y.matrix)
      return y.bits
    }
    #expect(results[0] == results[1])
  }
}

@Suite struct VocabularyTests {
  @Test(arguments: engines) func logSoftmaxOfALargeVocabularyIsRight(engine: Engine) {
    var numbers = Numbers(21)
    for columns in [1, 5, 16, 300, 58_101] {
      let x = Table(3, columns, gap: 1, &numbers, scale: 4), y = Table(3, columns)
      for threads in [1, 2] {
        engine.with(threads: threads).logSoftmax(x.matrix, into: y.matrix)
        let expected = (0..<3).flatMap { row -> [Double] in
          let values = (0..<columns).map { Double(x.matrix[row][$0]) }
          let most = values.max()!
          let shift = most + log(values.reduce(0) { $0 + exp($1 - most) })
          return values.map { $0 - shift }
        }
        #expect(largestError(y.values, expected) < 1e-6, "\(columns)")
      }
    }
  }

  @Test(arguments: engines) func theLargestComeInOrderAndTheFirstOfEqualsFirst(engine: Engine) {
    var numbers = Numbers(22)
    for (count, k) in [(1, 1), (16, 16), (17, 3), (1000, 40), (58_101, 5)] {
      // A few values that often repeat, and NaN, which is never preferred.
      let row = (0..<count).map { $0 % 11 == 7 ? Float.nan : (numbers.normal() * 4).rounded() }
      var values = [Float](repeating: 0, count: k), indices = [Int32](repeating: 0, count: k)
      engine.topK(row, count: count, k: k, values: &values, indices: &indices)
      let order = row.indices.sorted { a, b in
        let x = row[a].isNaN ? -Float.infinity : row[a], y = row[b].isNaN ? -Float.infinity : row[b]
        return x > y || (x == y && a < b)
      }
      #expect(indices.map(Int.init) == Array(order.prefix(k)), "\(k) of \(count)")
      #expect(zip(values, indices).allSatisfy { $0 == row[Int($1)] || row[Int($1)].isNaN })
    }
  }
}
