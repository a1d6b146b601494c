import AttendBase
import AttendDispatch
import AttendKernelInterface
import Foundation
import Testing

/// Every 3,701st float32 from -20 to 20, small and large sizes alike: 600,000 numbers.
private let sweep: [Float] = stride(from: UInt32(0), through: Float(20).bitPattern, by: 3701).flatMap {
  [Float(bitPattern: $0), -Float(bitPattern: $0)]
}

/// Every 601st float32 from -89 to 89, 3.8 million numbers, and the edges.
private let dense: [Float] = {
  let edges: [Float] = [1, 3.95, 4, 9.2, 9.5, 0x1.5d589ep6, 88.37, 89, .leastNonzeroMagnitude, .leastNormalMagnitude]
  let numbers =
    stride(from: UInt32(0), through: Float(89).bitPattern, by: 601).map { Float(bitPattern: $0) }
    + edges.flatMap { [$0.nextDown, $0, $0.nextUp] }
  return numbers + numbers.map { -$0 }
}()

/// The definitions, in double precision.
private func reference(_ function: KernelTable.Function, _ x: Double) -> Double {
  switch function {
  case .exp: exp(x)
  case .erf: erf(x)
  case .sigmoid: 1 / (1 + exp(-x))
  }
}

@Suite struct FunctionTests {
  private func values(_ function: KernelTable.Function, _ engine: Engine, _ x: [Float]) -> [Float] {
    var y = [Float](repeating: .nan, count: x.count)
    engine.kernels.evaluate(function, x, &y, x.count)
    return y
  }

  /// The largest error in units in the last place of the exact result, over all numbers that satisfy `includes`.
  /// Results that are not normal are left out.
  private func units(_ function: KernelTable.Function, _ engine: Engine, where includes: (Float) -> Bool) -> Double {
    let x = dense.filter(includes)
    var worst = 0.0
    for (x, y) in zip(x, values(function, engine, x)) {
      let exact = reference(function, Double(x)), size = abs(exact)
      guard size >= Double(Float.leastNormalMagnitude), size <= Double(Float.greatestFiniteMagnitude) else { continue }
      worst = max(worst, abs(Double(y) - exact) / (size.binade * 0x1p-23))
    }
    return worst
  }

  @Test(arguments: exactEngines) func expIsWithinItsBound(engine: Engine) {
    #expect(units(.exp, engine) { $0 >= -0x1.5d589ep6 && $0 <= 88.37 } <= 1.2)
    #expect(
      values(.exp, engine, [-(0x1.5d589ep6 as Float).nextUp, -100, -1e30, -.infinity, 0, -0.0]) == [0, 0, 0, 0, 1, 1])
  }

  @Test(arguments: exactEngines) func erfIsWithinItsBound(engine: Engine) {
    #expect(units(.erf, engine) { _ in true } <= 6)
    #expect(values(.erf, engine, [3.95, 1e30, .infinity, -3.95, -.infinity, 0]) == [1, 1, 1, -1, -1, 0])
    #expect(values(.erf, engine, [.nan])[0].isNaN)
  }

  @Test(arguments: exactEngines) func sigmoidIsWithinItsBound(engine: Engine) {
    #expect(units(.sigmoid, engine) { _ in true } <= 3)
    #expect(values(.sigmoid, engine, [0, 40, .infinity, -100, -.infinity]) == [0.5, 1, 1, 0, 0])
    #expect(values(.sigmoid, engine, [.nan])[0].isNaN)
  }

  @Test(
    .enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512"), arguments: KernelTable.Function.allCases)
  func functionsHaveTheSameBits(function: KernelTable.Function) {
    let results = exactEngines.map { values(function, $0, dense).map(\.bitPattern) }
    #expect(results[0] == results[1])
  }

  @Test(arguments: exactEngines) func activationsKeepTheirEdges(engine: Engine) {
    let edges = Table(1, 4, [.nan, .infinity, 0, 100])
    for activation in activations {
      let y = Table(1, 4)
      engine.activate(edges.matrix, activation, into: y.matrix)
      #expect(y.values[0].isNaN, "\(activation)")
      let expected = [0, 100].map { reference(activation, $0) }
      #expect(largestError(Array(y.values[2...]), expected) < 1e-6, "\(activation)")
      switch activation {
      case .clampedSwiglu: #expect(abs(y.values[1] - 7) < 1e-4)
      case .tanh, .sigmoid, .laplace: #expect(y.values[1] == 1)
      case .relu6: #expect(y.values[1] == 6)
      case .geluClipped: #expect(y.values[1] == 10)
      default: #expect(y.values[1] == .infinity, "\(activation)")
      }
    }
  }

  /// The largest error of an activation over the sweep, relative to `floor` where the result is smaller than that.
  private func error(_ activation: Activation, _ engine: Engine, floor: Double) -> Double {
    let x = Table(1, sweep.count, sweep), y = Table(1, sweep.count)
    engine.activate(x.matrix, activation, into: y.matrix)
    return zip(sweep, y.values).map {
      abs(Double($1) - reference(activation, Double($0))) / max(floor, abs(reference(activation, Double($0))))
    }.max()!
  }

  /// 6 ulp of a result are at most 6 * 2^-23 of it.
  @Test(arguments: exactEngines) func tanhIsWithinSixUnitsInTheLastPlace(engine: Engine) {
    #expect(error(.tanh, engine, floor: Double(Float.leastNormalMagnitude)) <= 6 * 0x1p-23)
    let edges = Table(1, 4, [9.2, 1e30, -9.2, .nan])
    engine.activate(edges.matrix, .tanh, into: edges.matrix)
    #expect(Array(edges.values[..<3]) == [1, 1, -1] && edges.values[3].isNaN)
  }

  /// x sigmoid(x): 3 ulp of the sigmoid and the rounding of a product, at most 4 ulp together, where e^-x is not
  /// subnormal.
  @Test(arguments: exactEngines) func siluIsWithinFourUnitsInTheLastPlace(engine: Engine) {
    #expect(error(.silu, engine, floor: Double(Float.leastNormalMagnitude)) <= 0x1p-21)
  }

  /// Where 1 + erf(x / sqrt 2) cancels, what erf has lost stays: 2^-22 beside 1, times half of x. The others round the
  /// argument of a sigmoid. In units of the larger of 1 and the result.
  @Test(
    arguments: exactEngines,
    [
      Activation.gelu, .geluTanh, .quickGelu, .clampedSwiglu, .sigmoid, .reluSquared, .relu6, .leakyRelu, .geluClipped,
      .laplace, .mish, .hardSwish, .softplus, .softplusRoot,
    ])
  func gatesAreWithinAMillionth(engine: Engine, activation: Activation) {
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
