import AttendBase
import AttendDispatch
import AttendKernelInterface

/// A convolution over the tokens of each sequence, beside a stack's first layer, as DeBERTa V2 has it in its larger
/// sizes (He et al. 2020, arXiv:2006.03654): after the layer `x = norm(x + activation(convolution(embedding)))`.
package struct DebertaConvolution: Sendable {
  /// Neighbours that a token's output depends on, itself in their middle; odd. What lies outside of a sequence is zero.
  package let taps: Int
  /// `[width, taps * width]`, the inputs of one neighbour together.
  package let linear: Linear
  package let activation: Activation
  package let norm: Norm?

  package init(taps: Int, linear: Linear, activation: Activation, norm: Norm?) {
    self.taps = taps
    self.linear = linear
    self.activation = activation
    self.norm = norm
  }

  /// The sum's second part, to be added to the first layer's output, `[tokens, width]`, in scratch memory; x is the
  /// embedding.
  func apply(_ x: Matrix, _ sequences: UnsafeBufferPointer<AttentionSequence>, _ pass: Pass) throws(Failure) -> Matrix {
    let y = try pass.workspace.matrix(x.rows, linear.outputs)
    try pass.scoped { () throws(Failure) in
      let neighbours = try pass.workspace.matrix(x.rows, taps * x.columns)
      for sequence in sequences {
        for token in 0..<sequence.count {
          for tap in 0..<taps {
            let from = token + tap - taps / 2, to = neighbours[sequence.row + token] + tap * x.columns
            if (0..<sequence.count).contains(from) {
              to.update(from: x[sequence.row + from], count: x.columns)
            } else {
              to.update(repeating: 0, count: x.columns)
            }
          }
        }
      }
      try linear.apply(neighbours, activation: activation, into: y, pass)
    }
    return y
  }

  /// Adds its output to that of the layer, x.
  func add(_ output: Matrix, to x: Matrix, _ pass: Pass) {
    pass.engine.add(output, to: x)
    norm?.apply(x, into: x, pass)
  }
}
