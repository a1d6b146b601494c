import AttendBase
import AttendCheckpoints
import AttendLayers

/// GPT-J (Wang and Komatsuzaki 2021): attention and feed-forward network side by side, reading one norm, the first
/// `rotary_dim` components of each head rotated in neighbouring pairs. CodeGen (Nijkamp et al. 2022, arXiv:2203.13474):
/// the same with queries, values and keys as one, in four blocks.
enum GPTJ: Family {
  static let modelTypes = ["gptj", "codegen"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .questionAnswering])
  static let keyAliases = GPT2.keyAliases

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let (width, vocabulary) = (try config.size("n_embd"), try config.size("vocab_size"))
    let heads = try config.divisor("n_head", of: width, "n_embd")
    let rotary = Rotary(
      dimensions: try rotatedComponents(config, headDim: width / heads), interleaved: true, theta: 10_000)
    let options = AttentionOptions(heads: heads, headDim: width / heads, causal: true)
    let feedForwardWidth = try config.optionalSize("n_inner") ?? 4 * width
    let epsilon = Float(try config.number("layer_norm_epsilon", default: 1e-5))
    let activation = try config.activation("activation_function", default: "gelu_new")
    if modelType == "codegen", !heads.isMultiple(of: 4) {
      throw config.invalid("n_head", "is \(heads); the heads of a codegen model are stored in four blocks")
    }
    let layers = try FixedArray(try config.layers("n_layer"), for: LayerBlueprint.purpose) { index in
      let name = "h.\(index)"
      func linear(_ part: String, _ outputs: Int, _ inputs: Int, bias: LinearBlueprint.Bias) -> LinearBlueprint {
        LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: bias)
      }
      var input = ["attn.q_proj", "attn.k_proj", "attn.v_proj"].map { linear($0, width, width, bias: .none) }
      if modelType == "codegen" {
        let (whole, share) = (linear("attn.qkv_proj", 3 * width, width, bias: .none), width / 4)
        input = [0, 2, 1].map { whole.rows($0 * share, share, ofEvery: 3 * share) }
      }
      return LayerBlueprint(
        attention: AttentionBlueprint(
          options: options, query: input[0], key: input[1], value: input[2],
          output: linear("attn.out_proj", width, width, bias: .none), rotary: rotary),
        attentionNorms: ResidualNorms(pre: NormBlueprint(name: "\(name).ln_1", epsilon: epsilon)),
        feedForward: FeedForwardBlueprint(
          up: linear("mlp.fc_in", feedForwardWidth, width, bias: .own),
          down: linear("mlp.fc_out", width, feedForwardWidth, bias: .own),
          activation: activation), feedForwardNorms: ResidualNorms(), isParallel: true)
    }
    let isTied = try config.boolean("tie_word_embeddings", default: false)
    let output = LinearBlueprint(name: "lm_head", outputs: vocabulary, inputs: width)
    return Blueprint(
      family: modelType, prefixes: ["transformer.", ""],
      towers: [
        .decoder(
          StackBlueprint(
            width: width, vocabulary: vocabulary, causal: true, embedding: EmbeddingBlueprint(tokens: ["wte.weight"]),
            layers: layers, finalNorm: NormBlueprint(name: "ln_f", epsilon: epsilon)))
      ],
      head: try HeadBlueprint(pooling: .nextToken, output: isTied ? .ownOrTied(output) : .linear(output)).ofDecoder(
        try headTask(config), config, width: width),
      ignored: [
        "h.#.attn.bias", "h.#.attn.masked_bias", "h.#.attn.causal_mask", "h.#.attn.embed_positions",
      ])
  }

  /// Components of a head that are rotated.
  private static func rotatedComponents(_ config: Configuration, headDim: Int) throws(Failure) -> Int {
    let count = try config.size("rotary_dim", default: 64)
    guard count <= headDim, count.isMultiple(of: 2) else {
      throw config.invalid(
        "rotary_dim", "is \(count); it must be even and not exceed the \(headDim) components of a head")
    }
    return count
  }
}
