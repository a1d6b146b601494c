import AttendBase
import AttendDispatch
import AttendKernelInterface
import Foundation
import Testing

private let cells: [RecurrentCell] = [.lstm, .gru, .tanh, .relu]

@Suite struct RecurrentKernelTests {
  /// The equations of docs/recurrent.md, in double precision: the next state of one row.
  private func next(_ cell: RecurrentCell, _ x: [Double], _ u: [Double], _ state: [Double], _ width: Int) -> [Double] {
    func logistic(_ x: Double) -> Double { 1 / (1 + Foundation.exp(-x)) }
    func gate(_ number: Int, _ i: Int) -> Double { x[number * width + i] + u[number * width + i] }
    let components = 0..<width
    switch cell {
    case .lstm:
      let c = components.map {
        logistic(gate(1, $0)) * state[width + $0] + logistic(gate(0, $0)) * Foundation.tanh(gate(2, $0))
      }
      return components.map { logistic(gate(3, $0)) * Foundation.tanh(c[$0]) } + c
    case .gru:
      return components.map {
        let n = Foundation.tanh(x[2 * width + $0] + logistic(gate(0, $0)) * u[2 * width + $0])
        let z = logistic(gate(1, $0))
        return (1 - z) * n + z * state[$0]
      }
    case .tanh: return components.map { Foundation.tanh(gate(0, $0)) }
    case .relu: return components.map { max(gate(0, $0), 0) }
    }
  }

  private func sum(_ x: Table, _ u: Table) -> Table {
    let (rows, columns) = (x.matrix.rows, x.matrix.columns), sum = Table(rows, columns, gap: 2)
    for row in 0..<rows {
      for column in 0..<columns { sum.matrix[row][column] = x.matrix[row][column] + u.matrix[row][column] }
    }
    return sum
  }

  @Test(arguments: engines, cells) func aStepIsThatOfTheEquations(engine: Engine, cell: RecurrentCell) {
    var numbers = Numbers(51)
    for (rows, width) in [(1, 1), (3, 7), (2, 16), (5, 33), (70, 48)] {
      let x = Table(rows, cell.gates * width, gap: 3, &numbers, scale: 2)
      let u = Table(rows, cell.gates * width, gap: 1, &numbers, scale: 2)
      let gates = cell.addsProducts ? sum(x, u) : x
      let before = Table(rows, cell.vectors * width, &numbers)
      let expected = (0..<rows).flatMap { row in
        func doubles(_ table: Table) -> [Double] { (0..<table.matrix.columns).map { Double(table.matrix[row][$0]) } }
        return next(cell, doubles(x), doubles(u), doubles(before), width)
      }
      for (threads, columns) in [(1, width), (3, cell.vectors * width)] {
        let state = Table(rows, cell.vectors * width, gap: 2), output = Table(rows, columns, gap: 5)
        for row in 0..<rows { state.matrix[row].update(from: before.matrix[row], count: before.matrix.columns) }
        engine.with(threads: threads).advance(
          cell, input: gates.matrix, recurrent: cell.addsProducts ? nil : u.matrix, state: state.matrix,
          into: output.matrix)
        #expect(largestError(state.values, expected) < 2e-6, "\(rows) x \(width)")
        for row in 0..<rows {
          #expect((0..<columns).allSatisfy { output.matrix[row][$0] == state.matrix[row][$0] })
          #expect((columns..<columns + 5).allSatisfy { output.matrix[row][$0].isNaN }, "written beside a row")
        }
      }
    }
  }

  @Test(arguments: cells) func everyKernelSetGivesTheSameBits(cell: RecurrentCell) {
    var found: Set<[UInt32]> = []
    for engine in exactEngines {
      var numbers = Numbers(52)
      let (rows, width) = (9, 37)
      let x = Table(rows, cell.gates * width, &numbers, scale: 3), u = Table(rows, cell.gates * width, &numbers)
      let state = Table(rows, cell.vectors * width, &numbers), output = Table(rows, width)
      engine.advance(
        cell, input: x.matrix, recurrent: cell.addsProducts ? nil : u.matrix, state: state.matrix,
        into: output.matrix)
      found.insert(state.bits)
    }
    #expect(found.count <= 1)
  }

  /// Pages of 32 positions, in which keys stand transposed; sequences of several lengths, with unequal widths of keys
  /// and values.
  @Test(arguments: engines) func additiveAttentionIsThatOfTheEquation(engine: Engine) throws {
    let (inner, width, headDim) = (11, 18, 18)
    var numbers = Numbers(53)
    let lengths = [1, 32, 33, 70], queries = [2, 1, 3, 2]
    let vector = Table(1, inner, &numbers), q = Table(8, inner, gap: 4, &numbers)
    let stride = KeyValuePage.headUnits(headDim, .float32)
    let heads = AttentionHeads(
      heads: 1, keyValueHeads: 1, headDim: headDim, keyOffset: 0, valueOffset: stride, headStride: stride, scale: 1)
    let memory = Table(7 * 2, stride)  // NaN where nothing is stored
    var pages: [UnsafeMutableRawPointer] = (0..<7).map { UnsafeMutableRawPointer(memory.matrix[2 * $0]) }
    let keys = Table(lengths.reduce(0, +), headDim, &numbers), values = Table(lengths.reduce(0, +), headDim, &numbers)
    var expected: [Double] = [], expectedWeights: [Double] = []
    let weights = Table(1, zip(lengths, queries).reduce(0) { $0 + $1.0 * $1.1 }), out = Table(8, width, gap: 1)
    try pages.withUnsafeMutableBufferPointer { pages in
      var sequences: [AttentionSequence] = []
      var (row, key, page) = (0, 0, 0)
      for (length, count) in zip(lengths, queries) {
        let own = UnsafePointer(pages.baseAddress! + page)
        let stored = AttentionSequence(row: key, count: length, position: 0, keys: length, pages: own)
        withUnsafePointer(to: stored) {
          engine.storeKeyValues(keys.matrix, values.matrix, UnsafeBufferPointer(start: $0, count: 1), heads)
        }
        sequences.append(AttentionSequence(row: row, count: count, position: 0, keys: length, pages: own))
        for query in row..<row + count {
          let scores = (key..<key + length).map { key in
            (0..<inner).reduce(0.0) {
              $0 + Double(vector.matrix[0][$1]) * Foundation.tanh(Double(q.matrix[query][$1] + keys.matrix[key][$1]))
            }
          }
          let sum = scores.reduce(0) { $0 + Foundation.exp($1) }
          let probabilities = scores.map { Foundation.exp($0) / sum }
          expectedWeights += probabilities
          expected += (0..<width).map { column in
            probabilities.indices.reduce(0) { $0 + probabilities[$1] * Double(values.matrix[key + $1][column]) }
          }
        }
        (row, key, page) = (row + count, key + length, page + (length + 31) / 32)
      }
      try sequences.withUnsafeBufferPointer { sequences in
        for threads in [1, 3] {
          try engine.with(threads: threads).additiveAttention(
            q.matrix, vector: vector.matrix.base, sequences, heads, into: out.matrix, weights: weights.matrix.base,
            workspace: Workspace())
          #expect(largestError(out.values, expected) < 1e-5)
          #expect(largestError(weights.values, expectedWeights) < 1e-5)
        }
      }
    }
  }
}
