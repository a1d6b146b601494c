import AttendBase
import AttendCheckpoints
import AttendLayers

/// GPT-NeoX (Black et al. 2022, arXiv:2204.06745) and Pythia (Biderman et al. 2023, arXiv:2304.01373): attention and
/// feed-forward network side by side, each with a norm of its own, a quarter of each head rotated, queries, keys and
/// values as one, head by head.
enum GPTNeoX: Family {
  static let modelTypes = ["gpt_neox"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let (width, vocabulary) = (try config.size("hidden_size"), try config.size("vocab_size"))
    let heads = try config.heads("num_attention_heads")
    let options = AttentionOptions(heads: heads, headDim: try config.headDim(width: width, heads: heads), causal: true)
    let rotary = try config.rotary(
      headDim: options.headDim, RotaryDefaults(thetaKey: "rotary_emb_base", share: 0.25, shareKey: "rotary_pct"))
    let feedForwardWidth = try config.size("intermediate_size")
    let epsilon = Float(try config.number("layer_norm_eps", default: 1e-5))
    let activation = try config.activation("hidden_act", default: "gelu")
    let hasBias = try config.boolean("attention_bias", default: true)
    let isParallel = try config.boolean("use_parallel_residual", default: true)
    let layers = try FixedArray(try config.layers("num_hidden_layers"), for: LayerBlueprint.purpose) { index in
      let name = "layers.\(index)"
      func linear(_ part: String, _ outputs: Int, _ inputs: Int, bias: LinearBlueprint.Bias = .own) -> LinearBlueprint {
        LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: bias)
      }
      let bias = hasBias ? LinearBlueprint.Bias.own : .none
      let input = linear("attention.query_key_value", 3 * width, width, bias: bias).headByHead(options)
      return LayerBlueprint(
        attention: AttentionBlueprint(
          options: options, query: input.query, key: input.key, value: input.value,
          output: linear("attention.dense", width, width, bias: bias), rotary: rotary),
        attentionNorms: ResidualNorms(pre: NormBlueprint(name: "\(name).input_layernorm", epsilon: epsilon)),
        feedForward: FeedForwardBlueprint(
          up: linear("mlp.dense_h_to_4h", feedForwardWidth, width),
          down: linear("mlp.dense_4h_to_h", width, feedForwardWidth),
          activation: activation),
        feedForwardNorms: ResidualNorms(
          pre: NormBlueprint(name: "\(name).post_attention_layernorm", epsilon: epsilon)), isParallel: isParallel)
    }
    let isTied = try config.boolean("tie_word_embeddings", default: false)
    let output = LinearBlueprint(name: "embed_out", outputs: vocabulary, inputs: width, bias: .none)
    return Blueprint(
      family: modelType, prefixes: ["gpt_neox.", ""],
      towers: [
        .decoder(
          StackBlueprint(
            width: width, vocabulary: vocabulary, causal: true,
            embedding: EmbeddingBlueprint(tokens: ["embed_in.weight"]),
            layers: layers, finalNorm: NormBlueprint(name: "final_layer_norm", epsilon: epsilon)))
      ],
      head: try HeadBlueprint(pooling: .nextToken, output: isTied ? .ownOrTied(output) : .linear(output)).ofDecoder(
        try headTask(config), config, width: width),
      ignored: [
        "layers.#.attention.bias", "layers.#.attention.masked_bias", "layers.#.attention.rotary_emb.inv_freq",
      ])
  }
}
