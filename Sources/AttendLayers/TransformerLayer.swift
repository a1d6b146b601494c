import AttendBase

/// One layer of a stack: self-attention, in a decoder with a source also cross-attention, and a feed-forward network.
package struct TransformerLayer: Sendable {
  package let selfAttention: SelfAttention
  package let selfAttentionResidual: Residual
  package let crossAttention: CrossAttention?
  package let crossAttentionResidual: Residual
  package let feedForward: FeedForward
  package let feedForwardResidual: Residual

  package init(
    selfAttention: SelfAttention, selfAttentionResidual: Residual, crossAttention: CrossAttention?, crossAttentionResidual: Residual,
    feedForward: FeedForward, feedForwardResidual: Residual
  ) {
    self.selfAttention = selfAttention
    self.selfAttentionResidual = selfAttentionResidual
    self.crossAttention = crossAttention
    self.crossAttentionResidual = crossAttentionResidual
    self.feedForward = feedForward
    self.feedForwardResidual = feedForwardResidual
  }

  /// x, `[tokens, width]`, becomes the layer's output. Its keys and values have place `index` in the pages `own`; `source` holds those of the encoder.
  package func apply(_ x: Matrix, index: Int, own: KeyValues, source: KeyValues?, _ pass: Pass) throws(Failure) {
    try selfAttentionResidual.apply(x, pass) { (input, residual, output) throws(Failure) in
      try selfAttention.apply(input, layer: index, own, residual: residual, into: output, pass)
    }
    if let crossAttention, let source {
      try crossAttentionResidual.apply(x, pass) { (input, residual, output) throws(Failure) in
        try crossAttention.apply(input, layer: index, source, residual: residual, into: output, pass)
      }
    }
    try feedForwardResidual.apply(x, pass) { (input, residual, output) throws(Failure) in
      try feedForward.apply(input, residual: residual, into: output, pass)
    }
  }
}
