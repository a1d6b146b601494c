import AttendBase

/// Where a norm stands: after the residual sum, as in the paper of 2017, or before each sub-layer (Xiong et al. 2020, arXiv:2002.04745).
package enum NormPlacement: Sendable {
  case post
  case pre
}

/// One layer of a stack: self-attention, in a decoder with a source also cross-attention, and a feed-forward network.
package struct TransformerLayer: Sendable {
  package let placement: NormPlacement
  package let selfAttention: SelfAttention
  package let selfAttentionNorm: Norm
  package let crossAttention: CrossAttention?
  package let crossAttentionNorm: Norm?
  package let feedForward: FeedForward
  package let feedForwardNorm: Norm

  package init(
    placement: NormPlacement, selfAttention: SelfAttention, selfAttentionNorm: Norm, crossAttention: CrossAttention?,
    crossAttentionNorm: Norm?, feedForward: FeedForward, feedForwardNorm: Norm
  ) {
    self.placement = placement
    self.selfAttention = selfAttention
    self.selfAttentionNorm = selfAttentionNorm
    self.crossAttention = crossAttention
    self.crossAttentionNorm = crossAttentionNorm
    self.feedForward = feedForward
    self.feedForwardNorm = feedForwardNorm
  }

  /// x, `[tokens, width]`, becomes the layer's output. Its keys and values have place `index` in the pages `own`; `source` holds those of the encoder.
  package func apply(_ x: Matrix, index: Int, own: KeyValues, source: KeyValues?, _ pass: Pass) throws(Failure) {
    try residual(x, selfAttentionNorm, pass) { (input) throws(Failure) in
      try selfAttention.apply(input, layer: index, own, residual: x, into: x, pass)
    }
    if let crossAttention, let crossAttentionNorm, let source {
      try residual(x, crossAttentionNorm, pass) { (input) throws(Failure) in
        try crossAttention.apply(input, layer: index, source, residual: x, into: x, pass)
      }
    }
    try residual(x, feedForwardNorm, pass) { (input) throws(Failure) in
      try feedForward.apply(input, residual: x, into: x, pass)
    }
  }

  /// `x += sublayer(norm(x))`, or `x = norm(x + sublayer(x))`. The sub-layer adds its own input x, so that the sum is part of its last product.
  private func residual(_ x: Matrix, _ norm: Norm, _ pass: Pass, _ sublayer: (Matrix) throws(Failure) -> Void) throws(Failure) {
    switch placement {
    case .post:
      try sublayer(x)
      norm.apply(x, into: x, pass)
    case .pre:
      try pass.scoped { () throws(Failure) in
        let normed = try pass.workspace.matrix(x.rows, x.columns)
        norm.apply(x, into: normed, pass)
        try sublayer(normed)
      }
    }
  }
}
