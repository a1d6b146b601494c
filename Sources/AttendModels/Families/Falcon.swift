import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Falcon (Almazrouei et al. 2023, arXiv:2311.16867) in its three forms: 7B with one head of keys and values and one
/// norm for attention and feed-forward network; 40B and later with groups of heads and a norm for each of the two;
/// RefinedWeb (Penedo et al. 2023, arXiv:2306.01116) with linear biases, one sub-layer after the other.
///
/// The reference rounds the product of a slope and a position to bfloat16, and thereby confuses neighbouring positions
/// from the 256th on; here only the slope is rounded.
enum Falcon: Family {
  static let modelTypes = ["falcon"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try config.require("apply_residual_connection_post_layernorm", false)
    let (width, vocabulary) = (try config.size("hidden_size", "n_embed"), try config.size("vocab_size"))
    let shape = try FalconLayer(config, width: width)
    let layers = try FixedArray(try config.layers("num_hidden_layers", "n_layer"), for: LayerBlueprint.purpose) {
      shape.layer("h.\($0)")
    }
    return Blueprint(
      family: modelType, prefixes: ["transformer.", ""],
      towers: [
        .decoder(
          StackBlueprint(
            width: width, vocabulary: vocabulary, causal: true,
            embedding: EmbeddingBlueprint(tokens: ["word_embeddings.weight"]), layers: layers,
            finalNorm: NormBlueprint(name: "ln_f", epsilon: shape.epsilon)))
      ],
      head: try .nextToken(config, vocabulary: vocabulary, width: width).ofDecoder(
        try headTask(config), config, width: width),
      ignored: ["h.#.self_attention.rotary_emb.inv_freq"])
  }
}

/// The sizes and choices of a layer.
private struct FalconLayer {
  let width: Int
  let feedForwardWidth: Int
  let options: AttentionOptions
  let epsilon: Float
  let activation: Activation
  let hasBias: Bool
  let isParallel: Bool
  /// Attention and feed-forward network, side by side, have a norm each.
  let hasTwoNorms: Bool
  let rotary: Rotary?
  let bias: AttentionBlueprint.BiasBlueprint

  init(_ config: Configuration, width: Int) throws(Failure) {
    self.width = width
    feedForwardWidth = try config.optionalSize("ffn_hidden_size") ?? 4 * width
    epsilon = Float(try config.number("layer_norm_epsilon", default: 1e-5))
    activation = try config.activation("activation", default: "gelu")
    hasBias = try config.boolean("bias", default: false)
    let isNew = try config.boolean("new_decoder_architecture", default: false)
    // null means no; only a key that is not there means yes.
    isParallel = try config.boolean("parallel_attn", default: config.json["parallel_attn"] == nil) || isNew
    let norms = try config.size("num_ln_in_parallel_attn", default: 2)
    hasTwoNorms = isNew && norms == 2
    let heads = try config.heads("num_attention_heads", "n_head")
    let groups = try config.size("num_kv_heads", "n_head_kv", default: heads)
    let isMultiQuery = try config.boolean("multi_query", default: true)
    guard !isNew || heads.isMultiple(of: groups) else {
      throw config.invalid("num_kv_heads", "is \(groups), which does not divide num_attention_heads \(heads)")
    }
    options = AttentionOptions(
      heads: heads, keyValueHeads: isNew ? groups : isMultiQuery ? 1 : heads,
      headDim: try config.headDim(width: width, heads: heads), causal: true)
    if try config.boolean("alibi", default: false) {
      // The biases are scaled together with the scores.
      bias = .slopes(Alibi.slopes(heads: heads, scale: options.scale, isRounded: true))
      rotary = nil
    } else {
      bias = .none
      rotary = try config.rotary(headDim: options.headDim)
    }
  }

  func layer(_ name: String) -> LayerBlueprint {
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: hasBias ? .own : .none)
    }
    func norm(_ part: String) -> ResidualNorms {
      ResidualNorms(pre: NormBlueprint(name: "\(name).\(part)", epsilon: epsilon))
    }
    let input = linear("self_attention.query_key_value", options.queryWidth + 2 * options.keyValueWidth, width)
      .headByHead(options)
    let second = hasTwoNorms ? norm("ln_mlp") : isParallel ? ResidualNorms() : norm("post_attention_layernorm")
    return LayerBlueprint(
      attention: AttentionBlueprint(
        options: options, query: input.query, key: input.key, value: input.value,
        output: linear("self_attention.dense", width, options.queryWidth), rotary: rotary, bias: bias),
      attentionNorms: norm(hasTwoNorms ? "ln_attn" : "input_layernorm"),
      feedForward: FeedForwardBlueprint(
        up: linear("mlp.dense_h_to_4h", feedForwardWidth, width),
        down: linear("mlp.dense_4h_to_h", width, feedForwardWidth),
        activation: activation), feedForwardNorms: second, isParallel: isParallel)
  }
}
