import AttendBase
import AttendCheckpoints
import AttendLayers

/// GPT-Neo (Black et al. 2021): GPT-2 whose layers take turns between looking at everything and at the last
/// `window_size` positions, with scores that are not scaled.
enum GPTNeo: Family {
  static let modelTypes = ["gpt_neo"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])
  static let keyAliases = ["num_heads": "num_attention_heads", "num_layers": "num_hidden_layers"]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let width = try config.size("hidden_size")
    let epsilon = Float(try config.number("layer_norm_epsilon", default: 1e-5))
    let heads = try config.divisor("num_heads", of: width, "hidden_size")
    let feedForwardWidth = try config.optionalSize("intermediate_size") ?? 4 * width
    let activation = try config.activation("activation_function", default: "gelu_new")
    let window = try config.size("window_size", default: 256)
    let kinds = try attentionKinds(config)
    let layers = try FixedArray(kinds.count, for: LayerBlueprint.purpose) { index in
      let kind = kinds[index]
      let name = "h.\(index)"
      func linear(_ part: String, _ outputs: Int, _ inputs: Int, bias: LinearBlueprint.Bias = .own) -> LinearBlueprint {
        LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: bias)
      }
      return LayerBlueprint(
        attention: AttentionBlueprint(
          options: AttentionOptions(
            heads: heads, headDim: width / heads, scale: 1, causal: true, window: kind == "local" ? window : 0),
          query: linear("attn.attention.q_proj", width, width, bias: .none),
          key: linear("attn.attention.k_proj", width, width, bias: .none),
          value: linear("attn.attention.v_proj", width, width, bias: .none),
          output: linear("attn.attention.out_proj", width, width)),
        attentionNorms: ResidualNorms(pre: NormBlueprint(name: "\(name).ln_1", epsilon: epsilon)),
        feedForward: FeedForwardBlueprint(
          up: linear("mlp.c_fc", feedForwardWidth, width), down: linear("mlp.c_proj", width, feedForwardWidth),
          activation: activation),
        feedForwardNorms: ResidualNorms(pre: NormBlueprint(name: "\(name).ln_2", epsilon: epsilon)))
    }
    let vocabulary = try config.size("vocab_size")
    return Blueprint(
      family: modelType, prefixes: ["transformer.", ""],
      towers: [
        .decoder(
          StackBlueprint(
            width: width, vocabulary: vocabulary, causal: true,
            embedding: EmbeddingBlueprint(
              tokens: ["wte.weight"],
              positions: .learned(name: "wpe.weight", count: try config.size("max_position_embeddings"), offset: 0)),
            layers: layers, finalNorm: NormBlueprint(name: "ln_f", epsilon: epsilon)))
      ],
      head: try .nextToken(config, vocabulary: vocabulary, width: width).ofDecoder(
        try headTask(config), config, width: width),
      ignored: ["h.#.attn.attention.bias", "h.#.attn.attention.masked_bias"])
  }

  /// "global" or "local" for each layer: spelled out, or as groups that are repeated.
  private static func attentionKinds(_ config: Configuration) throws(Failure) -> [String] {
    let layers = try config.layers("num_layers")
    var kinds = try config.optionalStrings("attention_layers") ?? []
    if kinds.isEmpty, let groups = config.json["attention_types"] {
      for group in groups.elements {
        guard let names = group[0], let count = group[1]?.int, (1...layers).contains(count) else {
          throw config.invalid("attention_types", "is not a list of pairs: kinds, and how often they are repeated")
        }
        for _ in 0..<count { kinds += names.elements.map { $0.string ?? "" } }
      }
    }
    guard kinds.count == layers, kinds.allSatisfy({ $0 == "global" || $0 == "local" }) else {
      throw config.invalid(
        "attention_types", "gives \(kinds.count) layers of kinds \(Set(kinds).sorted()); num_layers is \(layers)")
    }
    return kinds
  }
}
