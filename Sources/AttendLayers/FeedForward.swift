import AttendBase
import AttendDispatch
import AttendKernelInterface

/// The sub-layer behind the attention of a layer.
package enum FeedForward: Sendable {
  case dense(FeedForwardNetwork)
  case mixture(MixtureOfExperts)

  /// Adds f(x) for the input x, `[tokens, width]`.
  func apply(_ sum: ResidualSum, _ pass: Pass) throws(Failure) {
    switch self {
    case .dense(let network): try network.apply(sum.input, residual: sum.residual, into: sum.output, pass)
    case .mixture(let mixture): try mixture.apply(sum.input, residual: sum.residual, into: sum.output, pass)
    }
  }
}

/// The position-wise feed-forward network: `activation(x W₁ + b₁) W₂ + b₂` (Vaswani et al. 2017, arXiv:1706.03762,
/// equation 2).
package struct FeedForwardNetwork: Sendable {
  package let up: Linear
  package let down: Linear
  package let activation: Activation
  /// Between the two products (Shleifer et al. 2021, "NormFormer", arXiv:2110.09456, section 2.1).
  package let innerNorm: Norm?

  package init(up: Linear, down: Linear, activation: Activation, innerNorm: Norm? = nil) {
    self.up = up
    self.down = down
    self.activation = activation
    self.innerNorm = innerNorm
  }

  /// Says that the network will be applied soon, for weights that are not all in memory.
  func expect() {
    up.weights.expect()
    down.weights.expect()
  }

  /// `y = residual + network(x)`, or without a residual network(x); all `[tokens, width]`, residual may be y.
  package func apply(_ x: Matrix, residual: Matrix?, into y: Matrix, _ pass: Pass) throws(Failure) {
    try pass.scoped { () throws(Failure) in
      let hidden = try pass.workspace.matrix(x.rows, up.outputs)  // [tokens, up.outputs]
      try up.apply(x, activation: activation, into: hidden, pass)
      innerNorm?.apply(hidden, into: hidden, pass)
      try down.apply(hidden, residual: residual, into: y, pass)
    }
  }
}
