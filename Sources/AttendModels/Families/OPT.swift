import AttendBase
import AttendCheckpoints
import AttendLayers

/// OPT (Zhang et al. 2022, arXiv:2205.01068): learned positions, the first two rows of whose table are unused; in its
/// 350M size post-norm, with a token table narrower than the layers.
enum OPT: Family {
  static let modelTypes = ["opt"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .questionAnswering])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let width = try config.size("hidden_size")
    let isPreNorm = try config.boolean("do_layer_norm_before", default: true)
    let tableWidth = try config.size("word_embed_proj_dim", default: width)
    try config.require("layer_norm_elementwise_affine", true)
    let hasBias = try config.boolean("enable_bias", default: true)
    let feedForwardWidth = try config.size("ffn_dim")
    let activation = try config.activation("activation_function", default: "relu")
    let options = AttentionOptions(
      heads: try config.divisor("num_attention_heads", of: width, "hidden_size"),
      headDim: width / (try config.size("num_attention_heads")), causal: true)
    let layers = try FixedArray(try config.layers("num_hidden_layers"), for: LayerBlueprint.purpose) { index in
      let name = "decoder.layers.\(index)"
      func linear(_ part: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
        LinearBlueprint(name: "\(name).\(part)", outputs: outputs, inputs: inputs, bias: hasBias ? .own : .none)
      }
      func norms(_ part: String) -> ResidualNorms {
        let norm = NormBlueprint(name: "\(name).\(part)", epsilon: 1e-5)
        return isPreNorm ? ResidualNorms(pre: norm) : ResidualNorms(post: norm)
      }
      return LayerBlueprint(
        attention: AttentionBlueprint(
          options: options, query: linear("self_attn.q_proj", width, width),
          key: linear("self_attn.k_proj", width, width), value: linear("self_attn.v_proj", width, width),
          output: linear("self_attn.out_proj", width, width)), attentionNorms: norms("self_attn_layer_norm"),
        feedForward: FeedForwardBlueprint(
          up: linear("fc1", feedForwardWidth, width), down: linear("fc2", width, feedForwardWidth),
          activation: activation),
        feedForwardNorms: norms("final_layer_norm"))
    }
    let removesFinalNorm = try config.boolean("_remove_final_layer_norm", default: false)
    let vocabulary = try config.size("vocab_size")
    var head = try HeadBlueprint.nextToken(config, vocabulary: vocabulary, width: tableWidth)
    var projection: LinearBlueprint?
    if tableWidth != width {
      projection = LinearBlueprint(name: "decoder.project_in", outputs: width, inputs: tableWidth, bias: .none)
      head.projection = LinearBlueprint(name: "decoder.project_out", outputs: tableWidth, inputs: width, bias: .none)
    }
    return Blueprint(
      family: modelType, prefixes: ["model.", ""],
      towers: [
        .decoder(
          StackBlueprint(
            width: width, vocabulary: vocabulary, causal: true,
            embedding: EmbeddingBlueprint(
              tokens: ["decoder.embed_tokens.weight"],
              positions: .learned(
                name: "decoder.embed_positions.weight", count: try config.size("max_position_embeddings"), offset: 2),
              projection: projection, projects: .tokens), layers: layers,
            finalNorm: isPreNorm && !removesFinalNorm
              ? NormBlueprint(name: "decoder.final_layer_norm", epsilon: 1e-5) : nil
          ))
      ], head: try head.ofDecoder(try headTask(config), config, width: tableWidth, padding: 1), ignored: [])
  }
}
