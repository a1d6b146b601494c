import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// MPNet (Song et al. 2020, arXiv:2004.09297): BERT with T5's biases of distances, one table for all layers, and
/// RoBERTa's positions.
enum MPNet: Family {
  static let modelTypes = ["mpnet"]
  static let capabilities = Capabilities.encoder(HeadTask.ofEncoders)

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let width = try config.size("hidden_size")
    let epsilon = Float(try config.number("layer_norm_eps", default: 1e-12))
    // Whatever pad_token_id says, positions are counted from 2, and id 1 takes none; the rows of the table below 2
    // stand for none.
    let (rows, offset) = (try config.size("max_position_embeddings"), 2)
    guard rows > offset else {
      throw config.invalid("max_position_embeddings", "is \(rows), of which \(offset) stand for no position")
    }
    let layer = "encoder.layer.#"
    // Whatever the configuration says, distances fall into T5's 32 buckets, up to 128.
    let buckets = RelativeBuckets(count: 32, maxDistance: 128, bidirectional: true)
    let stated = try config.size("relative_attention_num_buckets", default: buckets.count)
    guard stated == buckets.count else {
      throw Failure(
        .unsupported,
        "\(config.path): relative_attention_num_buckets \(stated) is not implemented for this model_type; 32 is")
    }
    let choices = BertChoices(
      prefix: "mpnet.", width: width, layers: try config.layers("num_hidden_layers"),
      heads: try config.divisor("num_attention_heads", of: width, "hidden_size"),
      feedForwardWidth: try config.size("intermediate_size"),
      activation: try config.activation("hidden_act", default: "gelu"), epsilon: epsilon,
      embedding: EmbeddingBlueprint(
        tokens: ["embeddings.word_embeddings.weight"],
        positions: .learned(
          name: "embeddings.position_embeddings.weight", count: rows - offset, offset: offset, padding: 1),
        norm: NormBlueprint(name: "embeddings.LayerNorm", epsilon: epsilon)),
      names: BertChoices.LayerNames(
        query: "\(layer).attention.attn.q", key: "\(layer).attention.attn.k", value: "\(layer).attention.attn.v",
        output: "\(layer).attention.attn.o", attentionNorm: "\(layer).attention.LayerNorm",
        up: "\(layer).intermediate.dense", down: "\(layer).output.dense",
        feedForwardNorm: "\(layer).output.LayerNorm"),
      bias: { _ in .relative(name: "encoder.relative_attention_bias.weight", buckets) }, pooler: "pooler.dense",
      vocabulary: try config.size("vocab_size"))
    return try .bertLine(
      modelType: modelType, choices, head: try head(config, choices),
      ignored: ["embeddings.position_ids", "lm_head.decoder.weight", "lm_head.decoder.bias"])
  }

  private static func head(_ config: Configuration, _ choices: BertChoices) throws(Failure) -> HeadBlueprint? {
    let width = choices.width
    func linear(_ name: String, _ outputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: outputs, inputs: width)
    }
    return try .bertLine(config, width: width) { () throws(Failure) in
      return HeadBlueprint(
        layers: [
          (linear("lm_head.dense", width), .gelu, NormBlueprint(name: "lm_head.layer_norm", epsilon: choices.epsilon))
        ], output: .tied(bias: "lm_head.bias"))
    } sequences: { (labels) throws(Failure) in
      return HeadBlueprint(
        pooling: .firstToken, layers: [(linear("classifier.dense", width), .tanh, nil)],
        output: .linear(linear("classifier.out_proj", labels)))
    }
  }
}
