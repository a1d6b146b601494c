import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// The Transformer (Vaswani et al. 2017, arXiv:1706.03762) with its choices open, in the format of this project, which
/// docs/transformer.md describes: keys and defaults are the arguments of PyTorch's `torch.nn.Transformer`, tensors have
/// the names of its `state_dict()`.
enum Transformer: Family {
  static let modelTypes = ["transformer"]
  static let capabilities = Capabilities(kinds: [.encoderDecoder, .encoder, .decoder], heads: [.nextToken])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let plan = try TransformerPlan(config)
    var towers: [TowerBlueprint] = []
    if plan.kind != .decoder { towers.append(.encoder(try plan.stack("encoder"))) }
    if plan.kind != .encoder { towers.append(.decoder(try plan.stack("decoder"))) }
    let result = Blueprint(
      family: modelType, prefixes: [""], towers: towers, head: try plan.head(), ignored: [])
    try config.refuseOthers()
    return result
  }
}

/// The contents of config.json, read once.
private struct TransformerPlan {
  let config: Configuration
  let kind: ModelKind
  let width: Int
  let heads: Int
  let feedForwardWidth: Int
  let activation: Activation
  let isPreNorm: Bool
  let hasBias: Bool
  let epsilon: Float
  let finalNorm: Bool
  let sharesTables: Bool
  let scale: Float

  init(_ config: Configuration) throws(Failure) {
    self.config = config
    kind = try config.modelKind()
    width = try config.size("d_model", default: 512)
    heads = try config.size("nhead", default: 8)
    guard width.isMultiple(of: heads) else {
      throw config.invalid("nhead", "is \(heads), which does not divide d_model \(width)")
    }
    feedForwardWidth = try config.size("dim_feedforward", default: 2048)
    activation = try config.activation("activation", default: "relu")
    isPreNorm = try config.boolean("norm_first", default: false)
    hasBias = try config.boolean("bias", default: true)
    epsilon = Float(try config.number("layer_norm_eps", default: 1e-5))
    finalNorm = try config.boolean("final_norm", default: true)
    sharesTables = kind == .encoderDecoder ? try config.boolean("share_embeddings", default: true) : false
    scale = try config.optionalNumber("embedding_scale").map { Float($0) } ?? Float(width).squareRoot()
  }

  /// The number of ids of a side.
  func vocabulary(_ side: String) throws(Failure) -> Int {
    guard kind == .encoderDecoder, !sharesTables else { return try config.size("vocab_size") }
    return side == "encoder"
      ? try config.size("src_vocab_size", "vocab_size") : try config.size("tgt_vocab_size", "vocab_size")
  }

  func stack(_ side: String) throws(Failure) -> StackBlueprint {
    let causal = side == "decoder"
    let count = try config.layers("num_\(side)_layers", default: 6)
    let layers = try FixedArray(count, for: LayerBlueprint.purpose) { layer("\(side).layers.\($0)", causal: causal) }
    return StackBlueprint(
      width: width, vocabulary: try vocabulary(side), causal: causal,
      embedding: EmbeddingBlueprint(
        tokens: [sharesTables ? "embedding.weight" : "\(side).embedding.weight"], scale: scale,
        positions: try positions(side)), layers: layers, finalNorm: finalNorm ? norm("\(side).norm") : nil)
  }

  private func positions(_ side: String) throws(Failure) -> PositionBlueprint {
    let kinds = ["sinusoidal", "sinusoidal-marian", "sinusoidal-tensor2tensor", "learned", "none"]
    let kind = try config.choice(
      "positions", Dictionary(uniqueKeysWithValues: kinds.map { ($0, $0) }), default: "sinusoidal")
    guard kind != "none" else { return .none }
    let count = try config.size("max_positions", default: 1024)
    if kind == "learned" { return .learned(name: "\(side).positions.weight", count: count, offset: 0) }
    return .sinusoidal(
      name: nil, count: count, offset: 0, endsAtLongest: kind == "sinusoidal-tensor2tensor",
      interleaved: kind == "sinusoidal")
  }

  private func norm(_ name: String) -> NormBlueprint { NormBlueprint(name: name, epsilon: epsilon, hasBias: hasBias) }

  private func norms(_ name: String) -> ResidualNorms {
    isPreNorm ? ResidualNorms(pre: norm(name)) : ResidualNorms(post: norm(name))
  }

  /// A layer with the names that PyTorch gives its parts.
  private func layer(_ name: String, causal: Bool) -> LayerBlueprint {
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: hasBias ? .own : .none)
    }
    func attention(_ part: String, causal: Bool) -> AttentionBlueprint {
      var input = linear("\(part).in_proj", 3 * width, width)
      input.separator = "_"
      return AttentionBlueprint(
        options: AttentionOptions(heads: heads, headDim: width / heads, causal: causal), query: input.part(0, of: 3),
        key: input.part(1, of: 3), value: input.part(2, of: 3), output: linear("\(part).out_proj", width, width))
    }
    let crosses = causal && kind == .encoderDecoder
    return LayerBlueprint(
      attention: attention("self_attn", causal: causal), attentionNorms: norms("\(name).norm1"),
      crossAttention: crosses ? attention("multihead_attn", causal: false) : nil,
      crossAttentionNorms: crosses ? norms("\(name).norm2") : ResidualNorms(),
      feedForward: FeedForwardBlueprint(
        up: linear("linear1", feedForwardWidth, width), down: linear("linear2", width, feedForwardWidth),
        activation: activation
      ), feedForwardNorms: norms("\(name).norm\(crosses ? 3 : 2)"))
  }

  /// The head that makes logits: of an encoder only where `head` says so.
  func head() throws(Failure) -> HeadBlueprint? {
    var isClassifier = false, pooling = Head.Selection.nextToken
    if kind == .encoder {
      let kinds = ["none", "tokens", "token-classes", "sequence-classes"]
      let head = try config.choice("head", Dictionary(uniqueKeysWithValues: kinds.map { ($0, $0) }), default: "none")
      guard head != "none" else { return nil }
      isClassifier = head != "tokens"
      pooling = head == "sequence-classes" ? .firstToken : .everyToken
    }
    let name = isClassifier ? "classifier" : "generator"
    if !isClassifier, try config.boolean("tie_word_embeddings", default: true) {
      return HeadBlueprint(pooling: pooling, output: .tied(bias: "\(name).bias"))
    }
    let outputs = isClassifier ? try config.labels() : try vocabulary("decoder")
    return HeadBlueprint(
      pooling: pooling,
      output: .linear(LinearBlueprint(name: name, outputs: outputs, inputs: width, bias: .optional("\(name).bias"))))
  }
}
