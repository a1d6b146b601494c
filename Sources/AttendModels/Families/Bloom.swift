import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// BLOOM (BigScience 2022, arXiv:2211.05100): linear biases in place of positions, a norm on the embeddings, queries,
/// keys and values as one, head by head.
enum Bloom: Family {
  static let modelTypes = ["bloom"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try config.require("apply_residual_connection_post_layernorm", false)
    let (width, vocabulary) = (try config.size("hidden_size", "n_embed"), try config.size("vocab_size"))
    let heads = try config.heads("n_head", "num_attention_heads")
    let options = AttentionOptions(heads: heads, headDim: try config.headDim(width: width, heads: heads), causal: true)
    let epsilon = Float(try config.number("layer_norm_epsilon", default: 1e-5))
    let slopes = Alibi.slopes(heads: heads)
    let layers = try FixedArray(try config.layers("n_layer", "num_hidden_layers"), for: LayerBlueprint.purpose) {
      index in
      let name = "h.\(index)"
      func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
        LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs)
      }
      let input = linear("self_attention.query_key_value", 3 * width, width).headByHead(options)
      return LayerBlueprint(
        attention: AttentionBlueprint(
          options: options, query: input.query, key: input.key, value: input.value,
          output: linear("self_attention.dense", width, width), bias: .slopes(slopes)),
        attentionNorms: ResidualNorms(pre: NormBlueprint(name: "\(name).input_layernorm", epsilon: epsilon)),
        feedForward: FeedForwardBlueprint(
          up: linear("mlp.dense_h_to_4h", 4 * width, width), down: linear("mlp.dense_4h_to_h", width, 4 * width),
          activation: .geluTanh),
        feedForwardNorms: ResidualNorms(
          pre: NormBlueprint(name: "\(name).post_attention_layernorm", epsilon: epsilon)))
    }
    return Blueprint(
      family: modelType, prefixes: ["transformer.", ""],
      towers: [
        .decoder(
          StackBlueprint(
            width: width, vocabulary: vocabulary, causal: true,
            embedding: EmbeddingBlueprint(
              tokens: ["word_embeddings.weight"],
              norm: NormBlueprint(name: "word_embeddings_layernorm", epsilon: epsilon)),
            layers: layers, finalNorm: NormBlueprint(name: "ln_f", epsilon: epsilon)))
      ],
      head: try .nextToken(config, vocabulary: vocabulary, width: width).ofDecoder(
        try headTask(config), config, width: width), ignored: ["lm_head.weight"])
  }
}
