import AttendBase
import AttendKernelInterface

/// The tokens of ragged sequences in the order of their steps: of each step those of all sequences that have one,
/// longer sequences first, as in PyTorch's `PackedSequence`. So the rows of a step are one matrix, and are the first
/// rows of the states.
struct StepOrder {
  private let tokens: UnsafeBufferPointer<AttentionSequence>
  /// `[sequences]`: their numbers, the longest first.
  let sequences: UnsafeMutableBufferPointer<Int>
  /// `[steps + 1]`: the first row of each step.
  private let starts: UnsafeMutablePointer<Int>
  let steps: Int

  /// In memory that is valid as long as what is taken from the workspace now.
  init(_ tokens: UnsafeBufferPointer<AttentionSequence>, _ workspace: Workspace) throws(Failure) {
    self.tokens = tokens
    let steps = tokens.reduce(0) { max($0, $1.count) }
    self.steps = steps
    starts = try workspace.take(steps + 2, of: Int.self)
    sequences = UnsafeMutableBufferPointer(start: try workspace.take(tokens.count, of: Int.self), count: tokens.count)
    // Sequences longer than each length, which is both the place of the first one of that length and, as lengths are
    // places of steps, the number of rows of a step.
    starts.update(repeating: 0, count: steps + 2)
    for sequence in tokens { starts[sequence.count] += 1 }
    var longer = 0
    for length in stride(from: steps, through: 0, by: -1) {
      (starts[length], longer) = (longer, longer + starts[length])
    }
    let places = try workspace.take(steps + 1, of: Int.self)
    places.update(from: starts, count: steps + 1)
    for (number, sequence) in tokens.enumerated() {
      sequences[places[sequence.count]] = number
      places[sequence.count] += 1
    }
    var row = 0
    for step in 0...steps { (starts[step], row) = (row, row + starts[step]) }
  }

  /// Rows of a step, which belong to the first ones of `sequences`.
  func count(_ step: Int) -> Int { starts[step + 1] - starts[step] }

  /// The rows of a step in a matrix that is in this order.
  func rows(_ step: Int, of x: Matrix) -> Matrix { x.rows(starts[step], count(step)) }

  /// A sequence as the pass has it.
  func sequence(_ place: Int) -> AttentionSequence { tokens[sequences[place]] }

  /// Rows of tokens, sequence after sequence, to this order.
  func pack(_ x: Matrix, into packed: Matrix) {
    forEach { (sequence, step, row) in packed[row].update(from: x[sequence.row + step], count: packed.columns) }
  }

  /// Rows in this order to those of the tokens, sequence after sequence.
  func unpack(_ packed: Matrix, into x: Matrix) {
    forEach { (sequence, step, row) in x[sequence.row + step].update(from: packed[row], count: x.columns) }
  }

  /// Visits all tokens with their rows in this order.
  func forEach(_ body: (_ sequence: AttentionSequence, _ step: Int, _ row: Int) -> Void) {
    for step in 0..<steps {
      for index in 0..<count(step) { body(sequence(index), step, starts[step] + index) }
    }
  }
}
