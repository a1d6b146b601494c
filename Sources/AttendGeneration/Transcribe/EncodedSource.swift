import AttendBase
import AttendDecoding
import AttendLayers

/// The hidden states that an encoder made of a source, in memory of its own: what is decoded more than once is encoded
/// once.
package final class EncodedSource: StepInput, @unchecked Sendable {
  private let memory: AlignedBuffer
  /// How many states there are.
  package let length: Int
  /// Numbers of a state.
  package let width: Int

  /// A copy of `[length, width]` states.
  init(copying states: Matrix) throws(Failure) {
    let (count, overflow) = states.rows.multipliedReportingOverflow(by: states.columns)
    guard !overflow else { throw .outOfMemory(.max, for: EncodedSource.purpose) }
    memory = try AlignedBuffer(count, of: Float.self, for: EncodedSource.purpose)
    (length, width) = (states.rows, states.columns)
    copy(states, into: matrix)
  }

  private static let purpose = "the states of a source"

  private var matrix: Matrix { Matrix(memory.pointer(), rows: length, columns: width) }

  /// Writes the states to `target`, [length, width].
  func write(to target: Matrix) { copy(matrix, into: target) }

  private func copy(_ from: Matrix, into target: Matrix) {
    for row in 0..<length { target[row].update(from: from[row], count: width) }
  }
}
