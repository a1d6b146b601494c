import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The way from the hidden states of a text's tokens to its embedding: a pooling, and steps that change its vector.
package struct SentenceHead: Sendable {
  package enum Step: Sendable {
    /// `activation(x Wᵀ + b) (+ shortcut)`
    case dense(Linear, DenseActivation, Shortcut)
    case norm(Norm)
    /// To a length of 1.
    case unitLength
  }

  /// The way around a dense step: the step's input, which is added to its output.
  package enum Shortcut: Sendable {
    case none
    case input
    /// The input times a matrix, where the widths differ.
    case product(Linear)
  }

  package let pooling: Pooling
  package let steps: [Step]
  /// The width of the embedding, of which a caller may ask for less.
  package let width: Int
  /// The number of its components that are kept where the caller asks for none.
  package let outputs: Int

  /// For hidden states of `width` numbers. Of an embedding with more than `longest` numbers only the first are kept, as
  /// models that were trained for that allow (Kusupati et al. 2022, arXiv:2205.13147).
  package init(_ pooling: Pooling, steps: [Step] = [], width: Int, longest: Int? = nil) {
    self.pooling = pooling
    self.steps = steps
    var outputs = pooling.outputs(width: width)
    for case .dense(let linear, _, _) in steps { outputs = linear.outputs }
    self.width = outputs
    self.outputs = min(outputs, longest ?? outputs)
  }

  /// y, the first numbers of each embedding, `[sequences, as many]`, from the states of all sequences, `[tokens,
  /// width]`; sequence i has `lengths[i]` of them, of which the first `prompt` belong to a prompt. Each sequence has
  /// more.
  package func apply(
    _ states: Matrix, lengths: SequenceLengths, prompt: Int = 0, into y: Matrix, _ pass: Pass
  ) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let x = try pass.workspace.matrix(lengths.count, pooling.outputs(width: states.columns))
      try pooling.apply(states, lengths: lengths, prompt: prompt, into: x, pass)
      try finish(x, into: y, pass)
    }
  }

  /// y, the first numbers of each embedding, from what the pooling gave, `[sequences, outputs of the pooling]`, which
  /// is written over.
  package func finish(_ pooled: Matrix, into y: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      var x = pooled
      for step in steps {
        switch step {
        case .dense(let linear, let activation, let shortcut):
          let output = try pass.workspace.matrix(x.rows, linear.outputs)
          try linear.apply(x, activation: activation.fused, into: output, pass)
          activation.finish(output, pass)
          try shortcut.add(x, to: output, pass)
          x = output
        case .norm(let norm): norm.apply(x, into: x, pass)
        case .unitLength: toUnitLength(x, pass)
        }
      }
      for row in 0..<y.rows { y[row].update(from: x[row], count: y.columns) }
    }
  }

  /// x / |x|: with n components the length is √n times the root of the mean of squares. A vector of zeros stays one.
  private func toUnitLength(_ x: Matrix, _ pass: Pass) {
    pass.engine.rmsNorm(x, gain: nil, epsilon: 1e-24, into: x)
    pass.engine.scale(x, by: 1 / Float(x.columns).squareRoot())
  }
}

extension SentenceHead.Shortcut {
  /// Adds what it makes of a step's input x to its output y.
  fileprivate func add(_ x: Matrix, to y: Matrix, _ pass: Pass) throws(Failure) {
    switch self {
    case .none: break
    case .input: for row in 0..<y.rows { for column in 0..<y.columns { y[row][column] += x[row][column] } }
    case .product(let linear): try linear.apply(x, residual: y, into: y, pass)
    }
  }
}
