import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// wav2vec 2.0 BERT (Barrault et al. 2023, arXiv:2312.05187, section 3.2.1): a Conformer over frames of a log-mel
/// spectrogram, with relative positions.
enum Wav2Vec2Bert: Family {
  static let modelTypes = ["wav2vec2-bert"]
  static let capabilities = Capabilities.encoder([.ctc, .sequenceClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try config.require("add_adapter", false)
    try config.require("use_intermediate_ffn_before_adapter", false)
    let line = try ConformerLine(config)
    let bins = try config.size("feature_projection_input_dim", default: 160)
    let name = "feature_projection"
    let stack = StackBlueprint(
      width: line.width,
      input: .sound(
        SoundBlueprint(
          form: .framesByBins(bins: bins), norm: line.norm("\(name).layer_norm"),
          projection: LinearBlueprint(name: "\(name).projection", outputs: line.width, inputs: bins))),
      layers: try FixedArray(
        try config.layers("num_hidden_layers", default: 24), for: LayerBlueprint.purpose
      ) { line.layer($0) })
    return Blueprint(
      family: modelType, prefixes: ["wav2vec2_bert.", ""],
      towers: [.encoder(try SpeechHead.stack(stack, behind: config))],
      head: try SpeechHead.head(config, line.width), ignored: ["masked_spec_embed"])
  }
}

/// The sizes of a Conformer, and its layers.
private struct ConformerLine {
  let width: Int
  private let heads: Int
  private let feedForwardWidth: Int
  private let activation: Activation
  private let epsilon: Float
  private let taps: Int
  /// The farthest positions that scores tell apart; nil: they know none.
  private let distances: (left: Int, right: Int)?

  init(_ config: Configuration) throws(Failure) {
    width = try config.size("hidden_size", default: 1024)
    heads = try config.divisor("num_attention_heads", of: width, "hidden_size", default: 16)
    feedForwardWidth = try config.size("intermediate_size", default: 4096)
    activation = try config.activation("hidden_act", default: "swish")
    epsilon = Float(try config.number("layer_norm_eps", default: 1e-5))
    taps = try config.plausibleSize("conv_depthwise_kernel_size", default: 31)
    guard !taps.isMultiple(of: 2) else {
      throw config.invalid("conv_depthwise_kernel_size", "is \(taps); it must be odd")
    }
    switch try config.positionKind() {
    case nil: distances = nil
    case "relative_key":
      distances = (
        try config.plausibleSize("left_max_position_embeddings", default: 64),
        try config.plausibleSize("right_max_position_embeddings", default: 8)
      )
    case let kind?:
      throw Failure(
        .unsupported,
        "\(config.path): position_embeddings_type \"\(kind)\" is not implemented for this model_type")
    }
  }

  func norm(_ name: String) -> NormBlueprint { NormBlueprint(name: name, epsilon: epsilon) }

  func layer(_ index: Int) -> LayerBlueprint {
    let name = "encoder.layers.\(index)"
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs)
    }
    func feedForward(_ part: String) -> FeedForwardBlueprint {
      FeedForwardBlueprint(
        up: linear("\(part).intermediate_dense", feedForwardWidth, width),
        down: linear("\(part).output_dense", width, feedForwardWidth), activation: activation)
    }
    var attention = AttentionBlueprint(
      options: AttentionOptions(heads: heads, headDim: width / heads, causal: false),
      query: linear("self_attn.linear_q", width, width), key: linear("self_attn.linear_k", width, width),
      value: linear("self_attn.linear_v", width, width), output: linear("self_attn.linear_out", width, width))
    if let distances {
      attention.bias = .relativeKeys(
        RelativeKeysBlueprint(
          table: "\(name).self_attn.distance_embedding.weight", left: distances.left, right: distances.right))
    }
    var layer = LayerBlueprint(
      attention: attention, attentionNorms: ResidualNorms(pre: norm("\(name).self_attn_layer_norm")),
      feedForward: feedForward("ffn2"),
      feedForwardNorms: ResidualNorms(
        pre: norm("\(name).ffn2_layer_norm"), post: norm("\(name).final_layer_norm"), scale: 0.5))
    func pointwise(_ part: String, _ outputs: Int) -> LinearBlueprint {
      var product = linear("conv_module.\(part)", outputs, width)
      (product.bias, product.isPointwise) = (.none, true)
      return product
    }
    layer.conformer = ConformerBlueprint(
      feedForward: feedForward("ffn1"),
      feedForwardNorms: ResidualNorms(pre: norm("\(name).ffn1_layer_norm"), scale: 0.5),
      input: pointwise("pointwise_conv1", 2 * width), kernel: ("\(name).conv_module.depthwise_conv", taps),
      norm: norm("\(name).conv_module.depthwise_layer_norm"), activation: activation,
      output: pointwise("pointwise_conv2", width),
      convolutionNorms: ResidualNorms(pre: norm("\(name).conv_module.layer_norm")))
    return layer
  }
}

extension Configuration {
  /// The kind of positions; nil where it is null.
  fileprivate func positionKind() throws(Failure) -> String? {
    if let value = json["position_embeddings_type"], value.isNull {
      understand("position_embeddings_type")
      return nil
    }
    return try string("position_embeddings_type", default: "relative_key")
  }
}
