import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// GPT-2 and its kin: learned positions, queries, keys and values as one.
enum GPT2: Family {
  static let modelTypes = ["gpt2", "openai-gpt", "gpt_bigcode"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])
  static let keyAliases = [
    "n_embd": "hidden_size", "n_head": "num_attention_heads", "n_layer": "num_hidden_layers",
    "n_positions": "max_position_embeddings",
  ]

  private static let variants: [String: GPT2Variant] = [
    // Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"
    "gpt2": GPT2Variant(),
    // Radford et al. 2018: norms after the sums. What it calls "gelu" others call "gelu_new".
    "openai-gpt": GPT2Variant(
      isPreNorm: false, activationKey: "afn", activation: "gelu", readsGeluAsTanh: true, tokens: "tokens_embed",
      positions: "positions_embed"),
    // Allal et al. 2023, arXiv:2301.03988; Li et al. 2023, arXiv:2305.06161: weights the usual way round and one head
    // of keys and values for all.
    "gpt_bigcode": GPT2Variant(activation: "gelu_pytorch_tanh", isTransposed: false, mayShareKeys: true),
  ]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    guard let variant = variants[modelType] else { throw Failure(.internalError, "\(modelType) is not of this line") }
    try config.require("add_cross_attention", false)
    let stack = try stack(config, variant)
    return Blueprint(
      family: modelType, prefixes: ["transformer.", ""], towers: [.decoder(stack)],
      head: try .nextToken(config, vocabulary: stack.vocabulary, width: stack.width).ofDecoder(
        try headTask(config), config, width: stack.width), ignored: ["h.#.attn.bias", "h.#.attn.masked_bias"])
  }

  /// GPT-2 behind an encoder whose states have `sourceWidth` numbers.
  static func decoder(
    _ config: Configuration, sourceWidth: Int
  ) throws(Failure) -> (stack: StackBlueprint, head: HeadBlueprint) {
    config.keyAliases = keyAliases
    try config.require("add_cross_attention", true)
    try config.refuse("cross_attention_hidden_size")
    var stack = try stack(config, GPT2Variant(looksAtSource: true))
    if sourceWidth != stack.width {
      stack.sourceProjection = LinearBlueprint(name: "enc_to_dec_proj", outputs: stack.width, inputs: sourceWidth)
    }
    let output = LinearBlueprint(
      name: "decoder.lm_head", outputs: stack.vocabulary, inputs: stack.width, bias: .none)
    let tied = try config.boolean("tie_word_embeddings", default: true)
    return (stack, HeadBlueprint(pooling: .nextToken, output: tied ? .ownOrTied(output) : .linear(output)))
  }

  private static func stack(_ config: Configuration, _ variant: GPT2Variant) throws(Failure) -> StackBlueprint {
    let (width, vocabulary) = (try config.size("n_embd"), try config.size("vocab_size"))
    let epsilon = Float(try config.number("layer_norm_epsilon", default: 1e-5))
    let heads = try config.divisor("n_head", of: width, "n_embd")
    let sharesKeys = variant.mayShareKeys ? try config.boolean("multi_query", default: true) : false
    let scale = try config.boolean("scale_attn_weights", default: true) ? 1 / Float(width / heads).squareRoot() : 1
    let dividesByLayer = try config.boolean("scale_attn_by_inverse_layer_idx", default: false)
    let feedForwardWidth = try config.optionalSize("n_inner") ?? 4 * width
    let activation = try variant.readActivation(config)
    let layers = try FixedArray(try config.layers("n_layer"), for: LayerBlueprint.purpose) { index in
      let options = AttentionOptions(
        heads: heads, keyValueHeads: sharesKeys ? 1 : heads, headDim: width / heads,
        scale: dividesByLayer ? scale / Float(index + 1) : scale, causal: true)
      return variant.layer(
        "h.\(index)", options, width: width, feedForwardWidth: feedForwardWidth, activation, epsilon)
    }
    return StackBlueprint(
      width: width, vocabulary: vocabulary, causal: true,
      embedding: EmbeddingBlueprint(
        tokens: ["\(variant.tokens).weight"],
        positions: .learned(name: "\(variant.positions).weight", count: try config.size("n_positions"), offset: 0)),
      layers: layers, finalNorm: variant.isPreNorm ? NormBlueprint(name: "ln_f", epsilon: epsilon) : nil)
  }
}

/// The differences between the models of this line.
private struct GPT2Variant {
  /// Norms before the sub-layers and at the end, or after their sums.
  var isPreNorm = true
  var activationKey = "activation_function"
  var activation = "gelu_new"
  /// "gelu" means its approximation through tanh.
  var readsGeluAsTanh = false
  /// Weights are stored `[inputs, outputs]`.
  var isTransposed = true
  /// Keys and values may have one head for all queries, and are stored head by head.
  var mayShareKeys = false
  /// Each layer has an attention to the states of a source.
  var looksAtSource = false
  /// The tables of tokens and positions.
  var tokens = "wte"
  var positions = "wpe"

  func readActivation(_ config: Configuration) throws(Failure) -> Activation {
    let named = try config.activation(activationKey, default: activation)
    return readsGeluAsTanh && named == .gelu ? .geluTanh : named
  }

  func layer(
    _ name: String, _ options: AttentionOptions, width: Int, feedForwardWidth: Int, _ activation: Activation,
    _ epsilon: Float
  ) -> LayerBlueprint {
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, isTransposed: isTransposed)
    }
    func norms(_ part: String) -> ResidualNorms {
      let norm = NormBlueprint(name: "\(name).\(part)", epsilon: epsilon)
      return isPreNorm ? ResidualNorms(pre: norm) : ResidualNorms(post: norm)
    }
    let whole = linear("attn.c_attn", options.queryWidth + 2 * options.keyValueWidth, width)
    let input = mayShareKeys ? whole.headByHead(options) : whole.inThirds()
    return LayerBlueprint(
      attention: AttentionBlueprint(
        options: options, query: input.query, key: input.key, value: input.value,
        output: linear("attn.c_proj", width, width)), attentionNorms: norms("ln_1"),
      crossAttention: looksAtSource ? crossAttention(options, linear, width) : nil,
      crossAttentionNorms: looksAtSource ? norms("ln_cross_attn") : ResidualNorms(),
      feedForward: FeedForwardBlueprint(
        up: linear("mlp.c_fc", feedForwardWidth, width), down: linear("mlp.c_proj", width, feedForwardWidth),
        activation: activation),
      feedForwardNorms: norms("ln_2"))
  }

  private func crossAttention(
    _ options: AttentionOptions, _ linear: (_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint,
    _ width: Int
  ) -> AttentionBlueprint {
    let both = linear("crossattention.c_attn", 2 * width, width)
    return AttentionBlueprint(
      options: AttentionOptions(heads: options.heads, headDim: options.headDim, scale: options.scale, causal: false),
      query: linear("crossattention.q_attn", width, width), key: both.part(0, of: 2), value: both.part(1, of: 2),
      output: linear("crossattention.c_proj", width, width))
  }
}
