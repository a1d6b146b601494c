import AttendBase
import AttendDispatch

/// Layer normalisation (Ba, Kiros and Hinton 2016, arXiv:1607.06450, equation 4), over the width of each token.
package struct Norm: Sendable {
  /// `[width]`
  package let gain: AlignedBuffer
  /// `[width]`, or nil.
  package let bias: AlignedBuffer?
  package let epsilon: Float

  package init(gain: AlignedBuffer, bias: AlignedBuffer?, epsilon: Float) {
    self.gain = gain
    self.bias = bias
    self.epsilon = epsilon
  }

  /// Normalises the rows of x, `[tokens, width]`, into y, which may be x.
  package func apply(_ x: Matrix, into y: Matrix, _ pass: Pass) {
    pass.engine.layerNorm(
      x, gain: gain.pointer(to: Float.self), bias: bias.map { UnsafePointer($0.pointer(to: Float.self)) }, epsilon: epsilon, into: y)
  }
}
