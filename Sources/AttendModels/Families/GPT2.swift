import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"), pre-norm, and GPT (Radford et
/// al. 2018), post-norm: learned positions, weights stored `[inputs, outputs]`, queries, keys and values as one. GPT
/// BigCode (Allal et al. 2023, arXiv:2301.03988; Li et al. 2023, arXiv:2305.06161): GPT-2 with weights the usual way
/// round and one head of keys and values for all.
enum GPT2: Family {
  static let modelTypes = ["gpt2", "openai-gpt", "gpt_bigcode"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])
  static let keyAliases = [
    "n_embd": "hidden_size", "n_head": "num_attention_heads", "n_layer": "num_hidden_layers",
    "n_positions": "max_position_embeddings",
  ]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let isFirst = modelType == "openai-gpt"
    try config.require("add_cross_attention", false)
    let width = try config.size("n_embd")
    let epsilon = Float(try config.number("layer_norm_epsilon", default: 1e-5))
    let heads = try config.divisor("n_head", of: width, "n_embd")
    let sharesKeys = modelType == "gpt_bigcode" ? try config.boolean("multi_query", default: true) : false
    let scale = try config.boolean("scale_attn_weights", default: true) ? 1 / Float(width / heads).squareRoot() : 1
    let dividesByLayer = try config.boolean("scale_attn_by_inverse_layer_idx", default: false)
    let feedForwardWidth = try config.optionalSize("n_inner") ?? 4 * width
    // GPT calls "gelu" what others call "gelu_new".
    let named = try config.activation(isFirst ? "afn" : "activation_function", default: isFirst ? "gelu" : "gelu_new")
    let activation = isFirst && named == .gelu ? .geluTanh : named
    let layers = (0..<(try config.layers("n_layer"))).map { index in
      let options = AttentionOptions(
        heads: heads, keyValueHeads: sharesKeys ? 1 : heads, headDim: width / heads,
        scale: dividesByLayer ? scale / Float(index + 1) : scale, causal: true)
      return layer(
        "h.\(index)", options, width: width, feedForwardWidth: feedForwardWidth, activation, epsilon, modelType)
    }
    let tokens = isFirst ? "tokens_embed" : "wte"
    let vocabulary = try config.size("vocab_size")
    return Blueprint(
      family: modelType, prefixes: ["transformer.", ""],
      towers: [
        .decoder(
          StackBlueprint(
            width: width, vocabulary: vocabulary, causal: true,
            embedding: EmbeddingBlueprint(
              tokens: ["\(tokens).weight"],
              positions: .learned(
                name: isFirst ? "positions_embed.weight" : "wpe.weight", count: try config.size("n_positions"),
                offset: 0)),
            layers: layers, finalNorm: isFirst ? nil : NormBlueprint(name: "ln_f", epsilon: epsilon)))
      ],
      head: try .nextToken(config, vocabulary: vocabulary, width: width).ofDecoder(
        try headTask(config), config, width: width),
      ignored: layers.indices.flatMap { ["h.\($0).attn.bias", "h.\($0).attn.masked_bias"] })
  }

  private static func layer(
    _ name: String, _ options: AttentionOptions, width: Int, feedForwardWidth: Int, _ activation: Activation,
    _ epsilon: Float,
    _ modelType: String
  ) -> LayerBlueprint {
    func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(
        name: "\(name).\(part)", outputs: outputs, inputs: inputs, isTransposed: modelType != "gpt_bigcode")
    }
    func norms(_ part: String) -> ResidualNorms {
      let norm = NormBlueprint(name: "\(name).\(part)", epsilon: epsilon)
      return modelType == "openai-gpt" ? ResidualNorms(post: norm) : ResidualNorms(pre: norm)
    }
    let whole = linear("attn.c_attn", options.queryWidth + 2 * options.keyValueWidth, width)
    let input = modelType == "gpt_bigcode" ? whole.headByHead(options) : whole.inThirds()
    return LayerBlueprint(
      attention: AttentionBlueprint(
        options: options, query: input.query, key: input.key, value: input.value,
        output: linear("attn.c_proj", width, width)), attentionNorms: norms("ln_1"),
      feedForward: FeedForwardBlueprint(
        up: linear("mlp.c_fc", feedForwardWidth, width), down: linear("mlp.c_proj", width, feedForwardWidth),
        activation: activation),
      feedForwardNorms: norms("ln_2"))
  }
}
