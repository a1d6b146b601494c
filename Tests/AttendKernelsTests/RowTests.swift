import AttendBase
import AttendDispatch
import Foundation
import Testing

@Suite struct NormTests {
  @Test(arguments: engines)
  func normsAreRightForAnyWidth(engine: Engine) {
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
          expected += (0..<columns).map { (values[$0] - mean) / (variance + 1e-5).squareRoot() * Double(gain[$0]) + Double(bias[$0]) }
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

  @Test(.enabled(if: exactEngines.count > 1, "needs a CPU with AVX2 and AVX-512"))
  func instructionSetsGiveTheSameBits() {
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

  @Test(arguments: engines)
  func rowsAreAddedInPlace(engine: Engine) {
    var numbers = Numbers(13)
    let x = Table(9, 21, gap: 1, &numbers), y = Table(9, 21, gap: 4, &numbers)
    let expected = zip(x.values, y.values).map { $0 + $1 }
    engine.add(x.matrix, to: y.matrix)
    #expect(y.values == expected)
  }
}
