import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// MPT (MosaicML 2023): linear biases in place of positions, queries, keys and values as one, no biases anywhere.
enum MPT: Family {
  static let modelTypes = ["mpt"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let (width, vocabulary) = (try config.size("d_model"), try config.size("vocab_size"))
    let heads = try config.heads("n_heads")
    let options = AttentionOptions(
      heads: heads, headDim: try config.headDim(width: width, heads: heads), scale: try attentionScale(config),
      causal: true)
    try config.require("no_bias", true)
    try config.refuse("logit_scale")
    let feedForwardWidth = width * (try config.size("expansion_ratio", default: 4))
    let epsilon = Float(try config.number("layer_norm_epsilon", default: 1e-5))
    let slopes = Alibi.slopes(heads: heads)
    func norm(_ name: String) -> NormBlueprint { NormBlueprint(name: name, epsilon: epsilon, hasBias: false) }
    let layers = try FixedArray(try config.layers("n_layers"), for: LayerBlueprint.purpose) { index in
      let name = "blocks.\(index)"
      func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
        LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: .none)
      }
      let input = linear("attn.Wqkv", 3 * width, width).inThirds()
      return LayerBlueprint(
        attention: AttentionBlueprint(
          options: options, query: input.query, key: input.key, value: input.value,
          output: linear("attn.out_proj", width, width), bias: .slopes(slopes)),
        attentionNorms: ResidualNorms(pre: norm("\(name).norm_1")),
        feedForward: FeedForwardBlueprint(
          up: linear("ffn.up_proj", feedForwardWidth, width), down: linear("ffn.down_proj", width, feedForwardWidth),
          activation: .gelu),
        feedForwardNorms: ResidualNorms(pre: norm("\(name).norm_2")))
    }
    return Blueprint(
      family: modelType, prefixes: ["transformer.", ""],
      towers: [
        .decoder(
          StackBlueprint(
            width: width, vocabulary: vocabulary, causal: true, embedding: EmbeddingBlueprint(tokens: ["wte.weight"]),
            layers: layers, finalNorm: norm("norm_f")))
      ],
      head: try .nextToken(config, vocabulary: vocabulary, width: width).ofDecoder(
        try headTask(config), config, width: width),
      ignored: [])
  }

  /// The factor on scores; nil: the usual. Throws for an attention of another kind.
  private static func attentionScale(_ config: Configuration) throws(Failure) -> Float? {
    guard let attention = try config.child("attn_config") else { return nil }
    let kind = try attention.string("attn_type", default: "multihead_attention")
    guard kind == "multihead_attention" else {
      throw Failure(.unsupported, "\(config.path): attn_config.attn_type \"\(kind)\" is not implemented")
    }
    try attention.require("alibi", true)
    try attention.require("qk_ln", false)
    try attention.require("prefix_lm", false)
    try attention.refuse("clip_qkv")
    return try attention.optionalNumber("softmax_scale").map { Float($0) }
  }
}
