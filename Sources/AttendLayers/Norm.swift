import AttendBase
import AttendDispatch

/// Normalisation over the width of each token.
package struct Norm: Sendable {
  package enum Kind: Sendable, Equatable {
    /// To mean 0 and variance 1 (Ba, Kiros and Hinton 2016, arXiv:1607.06450, equation 4).
    case layer
    /// To a mean square of 1 (Zhang and Sennrich 2019, arXiv:1910.07467, equation 4); `offset` is added to every gain,
    /// 1 in Gemma.
    case rms(offset: Float)
  }

  package let kind: Kind
  /// `[width]`, or nil: 1.
  package let gain: AlignedBuffer?
  /// `[width]`, or nil: 0.
  package let bias: AlignedBuffer?
  package let epsilon: Float
  /// A row is this many heads, each normalised by itself.
  package let heads: Int
  /// Gain and bias are `[width]` over all heads; otherwise `[width / heads]`, the same for each.
  package let gainPerHead: Bool

  package init(
    kind: Kind, gain: AlignedBuffer?, bias: AlignedBuffer?, epsilon: Float, heads: Int = 1, gainPerHead: Bool = false
  ) {
    self.kind = kind
    self.gain = gain
    self.bias = bias
    self.epsilon = epsilon
    self.heads = heads
    self.gainPerHead = gainPerHead
  }

  /// The same over each of `heads` heads, whose gains it holds one after another if `gainPerHead`.
  package func forEach(of heads: Int, gainPerHead: Bool) -> Norm {
    Norm(kind: kind, gain: gain, bias: bias, epsilon: epsilon, heads: heads, gainPerHead: gainPerHead)
  }

  /// Normalises the rows of x, `[tokens, width]`, into y, which may be x.
  package func apply(_ x: Matrix, into y: Matrix, _ pass: Pass) {
    let gain = gain.map { UnsafePointer($0.pointer(to: Float.self)) }
    switch kind {
    case .layer:
      pass.engine.layerNorm(
        x, gain: gain, bias: bias.map { UnsafePointer($0.pointer(to: Float.self)) }, epsilon: epsilon, groups: heads,
        gainPerGroup: gainPerHead, into: y)
    case .rms(let offset):
      pass.engine.rmsNorm(
        x, gain: gain, offset: offset, epsilon: epsilon, groups: heads, gainPerGroup: gainPerHead, into: y)
    }
  }
}
