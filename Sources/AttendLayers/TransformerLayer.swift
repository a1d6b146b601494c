import AttendBase

/// One layer of a stack: self-attention, in a decoder with a source also cross-attention, and a feed-forward network.
package struct TransformerLayer: Sendable {
  package let selfAttention: SelfAttention
  package let selfAttentionResidual: Residual
  package let crossAttention: CrossAttention?
  package let crossAttentionResidual: Residual
  package let feedForward: FeedForward
  package let feedForwardResidual: Residual
  /// Self-attention and feed-forward network read the same x, and both are added to it (Wang and Komatsuzaki 2021,
  /// GPT-J).
  package let isParallel: Bool

  package init(
    selfAttention: SelfAttention, selfAttentionResidual: Residual, crossAttention: CrossAttention?,
    crossAttentionResidual: Residual, feedForward: FeedForward, feedForwardResidual: Residual, isParallel: Bool
  ) {
    self.selfAttention = selfAttention
    self.selfAttentionResidual = selfAttentionResidual
    self.crossAttention = crossAttention
    self.crossAttentionResidual = crossAttentionResidual
    self.feedForward = feedForward
    self.feedForwardResidual = feedForwardResidual
    self.isParallel = isParallel
  }

  /// x, `[tokens, width]`, becomes the layer's output. Its keys and values have place `index` in the pages.
  package func apply(_ x: Matrix, index: Int, _ context: LayerContext, _ pass: Pass) throws(Failure) {
    if isParallel { return try applyParallel(x, index: index, context, pass) }
    try selfAttentionResidual.apply(x, pass) { (input, residual, output) throws(Failure) in
      try selfAttention.apply(input, layer: index, context, residual: residual, into: output, pass)
    }
    if let crossAttention, let source = context.source {
      try crossAttentionResidual.apply(x, pass) { (input, residual, output) throws(Failure) in
        try crossAttention.apply(input, layer: index, source, residual: residual, into: output, pass)
      }
    }
    try feedForwardResidual.apply(x, pass) { (input, residual, output) throws(Failure) in
      try feedForward.apply(input, residual: residual, into: output, pass)
    }
  }

  /// `x += attention(norm(x)) + feedForward(norm'(x))`; without a norm of its own the feed-forward network shares that
  /// of the attention.
  private func applyParallel(_ x: Matrix, index: Int, _ context: LayerContext, _ pass: Pass) throws(Failure) {
    guard let before = selfAttentionResidual.pre else {
      throw Failure(.internalError, "a parallel layer without a norm before it")
    }
    try pass.scoped { () throws(Failure) in
      let normed = try pass.workspace.matrix(x.rows, x.columns)
      before.apply(x, into: normed, pass)
      var second = normed
      if let norm = feedForwardResidual.pre {
        second = try pass.workspace.matrix(x.rows, x.columns)
        norm.apply(x, into: second, pass)
      }
      try selfAttention.apply(normed, layer: index, context, residual: x, into: x, pass)
      try feedForward.apply(second, residual: x, into: x, pass)
    }
  }
}
