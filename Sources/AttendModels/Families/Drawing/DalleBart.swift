import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// DALL·E mini and mega (Dayma et al. 2021, doi:10.5281/zenodo.5146400): a BART that reads a text and writes the tokens
/// of a picture, which a VQGAN paints. The names of tensors are those of its program in Flax, which counts the norms of
/// a layer as it meets them.
enum DalleBart: Family {
  static let modelTypes = ["dallebart"]
  static let capabilities = Capabilities.encoderDecoder

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let plan = try DalleBartPlan(config)
    let head = HeadBlueprint(
      pooling: .nextToken,
      output: .linear(LinearBlueprint(name: "lm_head", outputs: plan.codes + 1, inputs: plan.width, bias: .none)))
    var blueprint = Blueprint(
      family: modelType, prefixes: ["model."],
      towers: [.encoder(try plan.stack(.encoder)), .decoder(try plan.stack(.decoder))], head: head, ignored: [])
    blueprint.drawing = DrawingBlueprint(
      count: try config.size("image_length", default: 256), preparation: try preparation(config),
      conditionScale: try config.number("default_condition_scale", default: 10))
    config.understand("architectures", "use_scan", "use_cache", "init_std", "do_sample")
    return blueprint
  }

  private static func preparation(_ config: Configuration) throws(Failure) -> DrawingBlueprint.Preparation {
    if try config.optionalString("text_preparation") == "min-dalle" { return .plain }
    return try config.boolean("normalize_text", default: false) ? .normalised : .none
  }
}

/// The contents of config.json, read once.
private struct DalleBartPlan {
  enum Side: String {
    case encoder = "Encoder"
    case decoder = "Decoder"

    var key: String { self == .encoder ? "encoder" : "decoder" }
  }

  /// The places of norms, `ln_positions`.
  enum Norms: String, CaseIterable {
    case normformer, swinv2, cogview, preln, subln

    /// Whether they stand before the attention of a side. Sub-LN has them in the encoder only.
    func areBefore(_ side: Side) -> Bool { self != .swinv2 && (self != .subln || side == .encoder) }
    var areBeforeNetwork: Bool { self != .swinv2 }
    var areBehindAttention: Bool { [.normformer, .swinv2, .cogview].contains(self) }
    var areInNetwork: Bool { [.normformer, .subln].contains(self) }
    var areBehindNetwork: Bool { [.swinv2, .cogview].contains(self) }
  }

  let config: Configuration
  let width: Int
  /// The tokens of pictures, without the one that the decoder starts from.
  let codes: Int
  private let norms: Norms
  private let isRMS: Bool
  private let isGated: Bool
  private let activation: Activation
  /// The divisor of the cosines of queries and keys; nil: attention is that of products.
  private let temperature: Float?
  private let hasHeadScale: Bool

  init(_ config: Configuration) throws(Failure) {
    self.config = config
    width = try config.size("d_model", default: 1024)
    codes = try config.size("image_vocab_size", default: 16384)
    let norms = try config.string("ln_positions", default: "normformer")
    guard let known = Norms(rawValue: norms) else {
      let all = Norms.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure(
        .unsupported, "\(config.path): ln_positions \"\(norms)\" is not implemented; implemented are \(all)")
    }
    self.norms = known
    let kind = try config.string("ln_type", default: "layernorm")
    guard ["layernorm", "rmsnorm"].contains(kind) else {
      throw Failure(.unsupported, "\(config.path): ln_type \"\(kind)\" is not implemented")
    }
    isRMS = kind == "rmsnorm"
    isGated = try config.boolean("use_glu", default: true)
    activation = try config.activation("activation_function", default: "gelu")
    let tau = try config.number("tau_init", default: 0.05)
    temperature = try config.boolean("use_cosine_attention", default: false) ? Float(tau) : nil
    hasHeadScale = try config.boolean("use_head_scale", default: false)
    try refuseOtherChoices()
  }

  /// Throws `unsupported` for what no public checkpoint has.
  private func refuseOtherChoices() throws(Failure) {
    let off = [
      "use_bias", "use_alibi", "use_swin_position_embeddings", "use_deepnet_scaling", "tie_word_embeddings",
    ]
    for key in off { try config.require(key, false) }
    for key in ["use_absolute_position_embeddings", "use_final_ln_encoder", "use_final_ln_decoder"] {
      try config.require(key, true)
    }
    config.understand("force_ln_scale", "use_subln_init")
  }

  func stack(_ side: Side) throws(Failure) -> StackBlueprint {
    let count = try config.layers("\(side.key)_layers", default: 12)
    let heads = try config.divisor("\(side.key)_attention_heads", of: width, "d_model", default: 16)
    let inner = try config.size("\(side.key)_ffn_dim", default: 2730)
    let length =
      side == .encoder ? try config.size("max_text_length", default: 64) : try config.size("image_length", default: 256)
    let vocabulary = side == .encoder ? try config.size("encoder_vocab_size", default: 50264) : codes + 1
    let scale = try config.boolean("scale_embedding", default: false) ? Float(width).squareRoot() : 1
    var stack = StackBlueprint(
      width: width, vocabulary: vocabulary, causal: side == .decoder,
      embedding: EmbeddingBlueprint(
        tokens: ["\(side.key).embed_tokens.weight"], scale: scale,
        positions: .learned(name: "\(side.key).embed_positions.weight", count: length, offset: 0),
        norm: norm("\(side.key).layernorm_embedding")),
      layers: try FixedArray(count, for: LayerBlueprint.purpose) { layer(side, $0, of: count, heads, inner) },
      finalNorm: norm("\(side.key).final_ln"))
    let iterations = try config.size("sinkhorn_iters", default: 1)
    guard iterations <= 1024 else {
      throw config.invalid("sinkhorn_iters", "is \(iterations); more than 1024 are not plausible")
    }
    if side == .encoder, iterations > 1 {
      guard temperature == nil else {
        throw Failure(.unsupported, "\(config.path): sinkhorn_iters with use_cosine_attention is not implemented")
      }
      stack.sinkhorn = SinkhornIterations(count: iterations, length: length, padding: DalleBartPlan.padding)
    }
    return stack
  }

  /// The padding of BART's tokenizer, which the texts of all are made with.
  private static let padding: Int32 = 1

  /// A norm whose factors are left out where a product follows, which could take them up.
  private func norm(_ name: String) -> NormBlueprint {
    NormBlueprint(
      name: name, kind: isRMS ? .rms(offset: 0) : .layer, epsilon: 1e-5, hasBias: !isRMS, gain: .optional)
  }

  private func layer(_ side: Side, _ index: Int, of count: Int, _ heads: Int, _ inner: Int) -> LayerBlueprint {
    let name = "\(side.key).layers.FlaxBart\(side.rawValue)Layer_\(index)"
    var counted = 0
    func next() -> NormBlueprint {
      defer { counted += 1 }
      return norm("\(name).\(isRMS ? "RMSNorm" : "LayerNorm")_\(counted)")
    }
    func around() -> ResidualNorms {
      ResidualNorms(
        pre: norms.areBefore(side) ? next() : nil, onOutput: norms.areBehindAttention ? next() : nil)
    }
    let own = around(), cross = side == .decoder ? around() : ResidualNorms()
    var (network, networkNorms) = network(name, inner)
    // Every sixth layer but the last one normalises the residual stream (Liu et al. 2021, arXiv:2111.09883, 3.2).
    if norms == .swinv2, (index + 1) % 6 == 0, index + 1 < count { networkNorms.post = next() }
    return LayerBlueprint(
      attention: attention("\(name).FlaxBartAttention_0", heads, causal: side == .decoder), attentionNorms: own,
      crossAttention: side == .decoder ? attention("\(name).FlaxBartAttention_1", heads, crosses: true) : nil,
      crossAttentionNorms: cross, feedForward: network, feedForwardNorms: networkNorms)
  }

  private func attention(
    _ name: String, _ heads: Int, causal: Bool = false, crosses: Bool = false
  ) -> AttentionBlueprint {
    func linear(_ part: String) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: width, inputs: width, bias: .none)
    }
    let headDim = width / heads
    // Heads of mean square 1 are √headDim times those of length 1.
    let scale = temperature.map { 1 / (Float(headDim) * $0) }
    let unit = HeadNormBlueprint(
      norm: NormBlueprint(name: name, kind: .rms(offset: 0), epsilon: 1e-16, hasBias: false, gain: .none),
      span: .eachHead)
    return AttentionBlueprint(
      options: AttentionOptions(heads: heads, headDim: headDim, scale: scale, causal: causal),
      query: linear("q_proj"), key: linear("k_proj"), value: linear("v_proj"), output: linear("out_proj"),
      queryNorm: temperature == nil ? nil : unit, keyNorm: temperature == nil ? nil : unit,
      innerNorm: norms == .subln && !crosses ? norm("\(name).mid_layernorm") : nil,
      headScale: hasHeadScale ? "\(name).head_scale" : nil)
  }

  /// The feed-forward network of a layer with the norms around it.
  private func network(_ layer: String, _ inner: Int) -> (FeedForwardBlueprint, ResidualNorms) {
    let name = "\(layer).\(isGated ? "GLU" : "FFN")_0"
    var counted = 0
    func next() -> NormBlueprint {
      defer { counted += 1 }
      return norm("\(name).\(isRMS ? "RMSNorm" : "LayerNorm")_\(counted)")
    }
    func linear(_ number: Int, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).Dense_\(number)", outputs: outputs, inputs: inputs, bias: .none)
    }
    let pre = norms.areBeforeNetwork ? next() : nil
    let between = norms.areInNetwork ? next() : nil
    let behind = norms.areBehindNetwork ? next() : nil
    let first = linear(0, inner, width)
    let network = FeedForwardBlueprint(
      gate: isGated ? first : nil, up: isGated ? linear(1, inner, width) : first,
      down: linear(isGated ? 2 : 1, width, inner), activation: activation, innerNorm: between)
    return (network, ResidualNorms(pre: pre, onOutput: behind))
  }
}
