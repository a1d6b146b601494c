import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// ALBERT (Lan et al. 2019, arXiv:1909.11942): BERT whose layers share their weights, with a narrow token table.
enum Albert: Family {
  static let modelTypes = ["albert"]
  static let capabilities = Capabilities.encoder(HeadTask.ofEncoders)

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let width = try config.size("hidden_size")
    let tableWidth = try config.size("embedding_size", default: 128)
    let epsilon = Float(try config.number("layer_norm_eps", default: 1e-12))
    let (layers, groups) = (try config.layers("num_hidden_layers"), try config.size("num_hidden_groups", default: 1))
    guard try config.size("inner_group_num", default: 1) == 1, groups <= layers else {
      throw Failure(
        .unsupported,
        "\(config.path): inner_group_num other than 1, or more num_hidden_groups than layers, is not implemented")
    }
    // Layer i belongs to group i * groups / layers, and has the names of that group alone.
    let layer = "encoder.albert_layer_groups.#.albert_layers.0"
    let choices = BertChoices(
      prefix: "albert.", width: width, layers: layers,
      heads: try config.divisor("num_attention_heads", of: width, "hidden_size"),
      feedForwardWidth: try config.size("intermediate_size"),
      activation: try config.activation("hidden_act", default: "gelu_new"), epsilon: epsilon,
      embedding: EmbeddingBlueprint(
        tokens: ["embeddings.word_embeddings.weight"],
        positions: .learned(
          name: "embeddings.position_embeddings.weight", count: try config.size("max_position_embeddings"), offset: 0),
        types: (name: "embeddings.token_type_embeddings.weight", count: try config.size("type_vocab_size", default: 2)),
        norm: NormBlueprint(name: "embeddings.LayerNorm", epsilon: epsilon),
        projection: LinearBlueprint(name: "encoder.embedding_hidden_mapping_in", outputs: width, inputs: tableWidth)),
      names: BertChoices.LayerNames(
        query: "\(layer).attention.query", key: "\(layer).attention.key", value: "\(layer).attention.value",
        output: "\(layer).attention.dense", attentionNorm: "\(layer).attention.LayerNorm", up: "\(layer).ffn",
        down: "\(layer).ffn_output", feedForwardNorm: "\(layer).full_layer_layer_norm"),
      number: { $0 * groups / layers }, pooler: "pooler", vocabulary: try config.size("vocab_size"))
    return try .bertLine(
      modelType: modelType, choices, head: try head(config, choices, tableWidth),
      ignored: [
        "embeddings.position_ids", "predictions.decoder.weight", "predictions.decoder.bias",
        "sop_classifier.classifier.weight",
        "sop_classifier.classifier.bias",
      ])
  }

  private static func head(
    _ config: Configuration, _ choices: BertChoices, _ tableWidth: Int
  ) throws(Failure) -> HeadBlueprint? {
    let width = choices.width
    func linear(_ name: String, _ outputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: outputs, inputs: width)
    }
    return try .bertLine(config, width: width) { () throws(Failure) in
      let norm = NormBlueprint(name: "predictions.LayerNorm", epsilon: choices.epsilon)
      return HeadBlueprint(
        layers: [(linear("predictions.dense", tableWidth), choices.activation, norm)],
        output: .tied(bias: "predictions.bias"))
    } sequences: { (labels) throws(Failure) in
      return HeadBlueprint(
        pooling: .firstToken, layers: [(linear("albert.pooler", width), .tanh, nil)],
        output: .linear(linear("classifier", labels)))
    }
  }
}
