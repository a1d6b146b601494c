// Whole layers of the encoder and the decoder of Vaswani et al. 2017, arXiv:1706.03762, figure 1.
import AttendBase
import AttendDispatch

/// The sub-layers of a layer, with the norm of each.
package struct LayerFunction {
  package var selfAttention: MultiHeadFunction
  package var selfAttentionNorm: NormFunction
  /// Of decoders.
  package var cross: (attention: MultiHeadFunction, norm: NormFunction)?
  package var feedForward: FeedForwardFunction
  package var feedForwardNorm: NormFunction
  /// Norms stand before the sub-layers (Xiong et al. 2020, arXiv:2002.04745), not behind their sums.
  package var isNormFirst: Bool

  package init(
    selfAttention: MultiHeadFunction, selfAttentionNorm: NormFunction,
    cross: (attention: MultiHeadFunction, norm: NormFunction)?, feedForward: FeedForwardFunction,
    feedForwardNorm: NormFunction, isNormFirst: Bool
  ) {
    self.selfAttention = selfAttention
    self.selfAttentionNorm = selfAttentionNorm
    self.cross = cross
    self.feedForward = feedForward
    self.feedForwardNorm = feedForwardNorm
    self.isNormFirst = isNormFirst
  }
}

/// The memory that a decoder's layer looks at, and how.
package struct LayerSource {
  package var memory: ArrayView
  package var options: AttentionFunction

  package init(memory: ArrayView, options: AttentionFunction) {
    self.memory = memory
    self.options = options
  }
}

extension FunctionContext {
  /// A layer: x and output `[..., tokens, width]`; with `source` a decoder's.
  package func layer(
    _ x: ArrayView, _ layer: LayerFunction, _ options: AttentionFunction, source: LayerSource?, into target: ArrayView
  ) throws(Failure) {
    try x.require(rank: 2)
    try target.require(x.shape, x.rank, beside: x)
    guard (layer.cross == nil) == (source == nil) else {
      throw Failure(
        .invalidArgument,
        source == nil
          ? "weights.cross_attention is set; an encoder's layer has none" : "weights.cross_attention is NULL")
    }
    let input = try matrix(x)
    let (output, states) = try rows(
      target, beside: [x, source?.memory, options.mask, source?.options.mask], isRowByRow: true)
    if states.base != input.base { engine.copy(input, into: states) }
    try add(states, x, layer, layer.selfAttentionNorm) { (input, view) throws(Failure) in
      try multiHead(view, view, view, layer.selfAttention, options, residual: states, into: states)
    }
    if let cross = layer.cross, let source {
      try add(states, x, layer, cross.norm) { (input, view) throws(Failure) in
        try multiHead(
          view, source.memory, source.memory, cross.attention, source.options, residual: states, into: states)
      }
    }
    try add(states, x, layer, layer.feedForwardNorm) { (input, view) throws(Failure) in
      try feedForward(input, layer.feedForward, residual: states, into: states, beside: view)
    }
    finish(output)
  }

  /// x += f(x), with the norm before or behind it. `f` gets its input as rows and as an array of the shape of `view`.
  private func add(
    _ x: Matrix, _ view: ArrayView, _ layer: LayerFunction, _ norm: NormFunction,
    _ f: (Matrix, ArrayView) throws(Failure) -> Void
  ) throws(Failure) {
    try scoped { () throws(Failure) in
      var input = x
      if layer.isNormFirst {
        input = try workspace.matrix(x.rows, x.columns)
        try apply(norm, x, input)
      }
      try f(input, rows(input, shapedLike: view))
      if !layer.isNormFirst { try apply(norm, x, x) }
    }
  }

  /// Rows as an array of another's shape.
  private func rows(_ rows: Matrix, shapedLike view: ArrayView) -> ArrayView {
    var strides = Dimensions(repeating: 0)
    strides[view.rank - 1] = 1
    var step = rows.stride
    for dimension in stride(from: view.rank - 2, through: 0, by: -1) {
      strides[dimension] = step
      step *= view.shape[dimension]
    }
    return ArrayView(view.name, rows.base, .float32, rank: view.rank, shape: view.shape).with(strides)
  }
}
