import AttendBase
import AttendCheckpoints
import AttendDispatch
import AttendLayers

extension Builder {
  /// A layer of `stack`, whose rotary embeddings come to those of the layers before it.
  func layer(
    _ layer: LayerBlueprint, _ stack: StackBlueprint, _ rotaries: inout RotaryTables
  ) throws(Failure) -> TransformerLayer {
    TransformerLayer(
      selfAttention: try layer.attention.map { (attention) throws(Failure) in
        try selfAttention(attention, &rotaries)
      },
      selfAttentionNorms: try norms(layer.attentionNorms, stack),
      crossAttention: try layer.crossAttention.map { (cross) throws(Failure) in
        try crossAttention(cross, prefix: prefix)
      }, crossAttentionNorms: try norms(layer.crossAttentionNorms, stack),
      feedForward: try feedForward(layer.feedForward), feedForwardNorms: try norms(layer.feedForwardNorms, stack),
      isParallel: layer.isParallel, passesUnseeing: layer.passesUnseeing,
      conformer: try layer.conformer.map { (conformer) throws(Failure) in try self.conformer(conformer, stack) })
  }

  func crossAttention(_ attention: AttentionBlueprint, prefix: String) throws(Failure) -> CrossAttention {
    let options = attention.options
    return CrossAttention(
      options: options, query: try packer.linear([attention.query], prefix: prefix),
      keyValue: try packer.linear([attention.key, attention.value], prefix: prefix, refinesLast: true),
      output: try packer.linear([attention.output], prefix: prefix),
      queryNorm: try headNorm(
        attention.queryNorm, heads: options.heads, headDim: options.headDim, prefix: prefix),
      keyNorm: try headNorm(
        attention.keyNorm, heads: options.keyValueHeads, headDim: options.headDim, prefix: prefix),
      finish: try finish(attention, prefix: prefix))
  }

  private func selfAttention(
    _ attention: AttentionBlueprint, _ rotaries: inout RotaryTables
  ) throws(Failure) -> SelfAttention {
    let options = attention.options
    // Of the three, values alone go on as they are: scores tell only which of them.
    let input = try linear([attention.query, attention.key, attention.value], refinesLast: true)
    return SelfAttention(
      options: options, input: input, output: try linear([attention.output]),
      queryNorm: try headNorm(attention.queryNorm, heads: options.heads, headDim: options.headDim),
      keyNorm: try headNorm(attention.keyNorm, heads: options.keyValueHeads, headDim: options.headDim),
      rotary: attention.rotary.map { rotaries.place(of: $0) }, bias: try scoreBias(attention, input),
      finish: try finish(attention, prefix: prefix))
  }

  private func finish(_ attention: AttentionBlueprint, prefix: String) throws(Failure) -> AttentionFinish? {
    let (options, heads) = (attention.options, attention.options.heads)
    if let name = attention.headScale {
      return .scale(try packer.numbers(prefix + name, TensorShape(1, 1, heads, 1)), heads: heads)
    }
    return try norm(attention.innerNorm, options.queryWidth, prefix: prefix).map { .norm($0) }
  }

  func headNorm(
    _ norm: HeadNormBlueprint?, heads: Int, headDim: Int, prefix: String? = nil
  ) throws(Failure) -> Norm? {
    guard let norm else { return nil }
    let prefix = prefix ?? self.prefix
    switch norm.span {
    case .allHeads: return try self.norm(norm.norm, heads * headDim, prefix: prefix)
    case .eachHead: return try self.norm(norm.norm, headDim, prefix: prefix)?.forEach(of: heads, gainPerHead: false)
    case .eachHeadByItself:
      let names = (0..<heads).map { "\(prefix)\(norm.norm.name).\($0)" }
      return Norm(
        kind: norm.norm.kind, gain: try packer.vectors(names.map { "\($0).weight" }, headDim),
        bias: norm.norm.hasBias ? try packer.vectors(names.map { "\($0).bias" }, headDim) : nil,
        epsilon: norm.norm.epsilon, heads: heads, gainPerHead: true)
    }
  }

  /// `input` is the product that makes queries, keys and values.
  private func scoreBias(_ attention: AttentionBlueprint, _ input: Linear) throws(Failure) -> ScoreBias {
    let heads = attention.options.heads
    var bias = ScoreBias()
    switch attention.bias {
    case .none, .grid: break
    case .slopes(let slopes):
      let buffer = try AlignedBuffer(heads, of: Float.self, for: "the slopes of the heads")
      for (head, slope) in slopes.enumerated() { buffer.pointer(to: Float.self)[head] = slope }
      bias.slopes = buffer
    case .relative(let name, let buckets):
      bias.distances = try packer.relativeBias(prefix + name, buckets, heads: heads)
      bias.reach = buckets.maxDistance
    case .disentangled(let positions): bias.disentangled = try disentangled(positions, attention.options, input)
    case .relativeKeys(let keys): bias.disentangled = try relativeKeys(keys, attention.options)
    case .projected(let projected): try self.projected(projected, attention.options, &bias)
    case .gated(let gated):
      bias.disentangled = try Disentangled(
        radius: gated.buckets.maxDistance, columns: gated.buckets.count, .gated(try gates(gated, attention.options))
      ) { gated.buckets.bucket(-$0) }
    }
    if case .grid(let names, let side) = attention.bias {
      bias.grid = try packer.gridBias(names.map { prefix + $0 }, side: side, heads: heads)
    }
    bias.sinks = try attention.sinks.map { (name) throws(Failure) in try packer.vector(prefix + name, heads) }
    return bias
  }

  /// Keys and queries of relative positions, which are the same in every pass.
  private func disentangled(
    _ positions: DisentangledBlueprint, _ options: AttentionOptions, _ input: Linear
  ) throws(Failure) -> Disentangled {
    let (count, width) = (2 * positions.relativeIndex.buckets, input.inputs)
    let pass = Pass(engine: packer.engine, workspace: Workspace())
    let table = try packer.withoutCounting { () throws(Failure) in
      try packer.table(prefix + positions.table, rows: count, width: width)
    }
    let vectors = Matrix(table.pointer(), rows: count, columns: width)
    let tableNorm = try packer.withoutCounting { () throws(Failure) in try norm(positions.norm, width) }
    tableNorm?.apply(vectors, into: vectors, pass)
    /// Those that a product, or its outputs from `column` on where it is that of tokens, makes.
    func heads(_ projection: DisentangledBlueprint.Projection, column: Int) throws(Failure) -> [PackedMatrix] {
      let (linear, first): (Linear, Int)
      switch projection {
      case .none: return []
      case .shared: (linear, first) = (input, column)
      case .own(let own):
        let product = try packer.withoutCounting { () throws(Failure) in try self.linear([own]) }
        (linear, first) = (product, 0)
      }
      let all = try pass.workspace.matrix(count, linear.outputs)
      try linear.apply(vectors, into: all, pass)
      return try packer.heads(all.columns(first, options.queryWidth), headDim: options.headDim)
    }
    defer { withExtendedLifetime(table) {} }
    let keys = try heads(positions.keys, column: options.queryWidth)
    let index = positions.relativeIndex
    return try Disentangled(
      radius: index.radius, columns: count,
      .products(keys: keys, queries: try heads(positions.queries, column: 0))
    ) { index.row($0) }
  }

  /// A convolution over neighbouring tokens.
  func convolution(_ convolution: ConvolutionBlueprint, _ width: Int) throws(Failure) -> DebertaConvolution {
    DebertaConvolution(
      taps: convolution.kernel.taps, linear: try packer.convolution(convolution.kernel, prefix: prefix)[0],
      activation: convolution.activation, norm: try norm(convolution.norm, width))
  }

  func feedForward(_ feedForward: FeedForwardBlueprint) throws(Failure) -> FeedForward {
    switch feedForward {
    case .dense(let network): .dense(try self.network(network))
    case .mixture(let mixture): .mixture(try self.mixture(mixture))
    }
  }

  func network(
    _ network: FeedForwardNetworkBlueprint, prefix other: String? = nil
  ) throws(Failure) -> FeedForwardNetwork {
    let prefix = other ?? prefix
    let up =
      if let gate = network.gate { try packer.gated(gate, network.up, prefix: prefix) } else {
        try packer.linear([network.up], prefix: prefix)
      }
    return FeedForwardNetwork(
      up: up, down: try packer.linear([network.down], prefix: prefix), activation: network.activation,
      innerNorm: try norm(network.innerNorm, network.down.inputs, prefix: prefix))
  }

  /// Routers stay in float32: they are small, and a rounding that lets a token choose another expert changes more than
  /// any in the experts.
  private func mixture(_ mixture: MixtureBlueprint) throws(Failure) -> MixtureOfExperts {
    let layout =
      mixture.layouts.first { packer.matrices.holds(mixture.expert(0, $0).down, prefix: prefix) } ?? mixture.layouts[0]
    var experts: [FeedForwardNetwork] = []
    try packer.engine.choosing { () throws(Failure) in
      for index in 0..<mixture.sizes.count { experts.append(try network(mixture.expert(index, layout))) }
    }
    let router = Router(
      linear: try packer.linear([layout.router], prefix: prefix, compute: .float32), topK: mixture.topK,
      weights: mixture.weights)
    let shared = try mixture.shared.map { (shared) throws(Failure) in
      SharedExpert(
        network: try network(shared.network), gate: try packer.linear([shared.gate], prefix: prefix, compute: .float32))
    }
    return MixtureOfExperts(router: router, experts: experts, shared: shared)
  }

  func norms(_ norms: ResidualNorms, _ stack: StackBlueprint) throws(Failure) -> SublayerNorms {
    try self.norms(norms, stack.width)
  }

  func norms(_ norms: ResidualNorms, _ width: Int) throws(Failure) -> SublayerNorms {
    SublayerNorms(
      pre: try norm(norms.pre, width), onOutput: try norm(norms.onOutput, width), post: try norm(norms.post, width),
      scale: norms.scale)
  }
}
