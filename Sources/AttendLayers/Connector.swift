import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The way from the states of a tower to what another stack reads: in LLaVA the two products between CLIP and Llama
/// (Liu et al. 2023, arXiv:2310.03744, section 3).
package struct Connector: Sendable {
  package enum Step: Sendable {
    /// `activation(x Wᵀ + b)`
    case linear(Linear, Activation)
    case norm(Norm)
  }

  /// States at the beginning of each sequence that are left out: the class token.
  package let skipped: Int
  package let steps: [Step]
  /// Of what it gives.
  package let width: Int

  /// For states of `width` numbers.
  package init(skipped: Int, steps: [Step], width: Int) {
    self.skipped = skipped
    self.steps = steps
    var outputs = width
    for case .linear(let linear, _) in steps { outputs = linear.outputs }
    self.width = outputs
  }

  /// The number of states that it gives for a sequence of `count`.
  package func length(of count: Int) -> Int { count - skipped }

  /// y, `[sum of lengths, width]`, from the states of all sequences, `[tokens, width of the tower]`.
  package func apply(_ states: Matrix, lengths: SequenceLengths, into y: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      var x = try kept(states, lengths, rows: y.rows, pass)
      for step in steps {
        switch step {
        case .linear(let linear, let activation):
          let output = try pass.workspace.matrix(x.rows, linear.outputs)
          try linear.apply(x, activation: activation, into: output, pass)
          x = output
        case .norm(let norm):
          let output = try pass.workspace.matrix(x.rows, x.columns)
          norm.apply(x, into: output, pass)
          x = output
        }
      }
      for row in 0..<y.rows { y[row].update(from: x[row], count: y.columns) }
    }
  }

  /// The states without those that are left out.
  private func kept(
    _ states: Matrix, _ lengths: SequenceLengths, rows: Int, _ pass: Pass
  ) throws(Failure) -> Matrix {
    if skipped == 0 { return states }
    let x = try pass.workspace.matrix(rows, states.columns)
    var (from, to) = (0, 0)
    for sequence in 0..<lengths.count {
      for row in skipped..<lengths[sequence] {
        x[to].update(from: states[from + row], count: states.columns)
        to += 1
      }
      from += lengths[sequence]
    }
    return x
  }
}
