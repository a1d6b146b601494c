import AttendBase
import AttendDispatch
import AttendKernelInterface

/// y = x Wᵀ + b. Weights `[outputs, inputs]` packed for the kernels.
package struct Linear: Sendable {
  package let weights: PackedMatrix
  /// `[outputs]`, or nil.
  package let bias: AlignedBuffer?
  /// The rounding errors of the weights of the last outputs, added by a second product, for products without an
  /// activation; nil: they do not matter.
  package let refinement: PackedMatrix?

  package init(weights: PackedMatrix, bias: AlignedBuffer?, refinement: PackedMatrix? = nil) {
    self.weights = weights
    self.bias = bias
    self.refinement = refinement
  }

  package var outputs: Int { weights.outputs }
  package var inputs: Int { weights.inputs }

  /// `y = activation(x Wᵀ + b) (+ residual)`: x is `[tokens, inputs]`, y and residual `[tokens, outputs]`; residual may
  /// be y.
  package func apply(
    _ x: Matrix, activation: Activation = .none, residual: Matrix? = nil, into y: Matrix,
    results: ProductResults = .near, _ pass: Pass
  ) throws(Failure) {
    try pass.engine.multiply(
      x, weights, refinement: refinement, bias: bias.map { UnsafePointer($0.pointer(to: Float.self)) },
      activation: activation, residual: residual, into: y, results: results, workspace: pass.workspace)
  }
}
