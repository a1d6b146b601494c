import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// BERT (Devlin et al. 2018, arXiv:1810.04805), and what keeps its names: RoBERTa (Liu et al. 2019, arXiv:1907.11692),
/// XLM-RoBERTa (Conneau et al. 2019, arXiv:1911.02116), ELECTRA (Clark et al. 2020, arXiv:2003.10555).
enum Bert: Family {
  static let modelTypes = ["bert", "roberta", "xlm-roberta", "camembert", "electra"]
  static let capabilities = Capabilities.encoder(HeadTask.ofEncoders)

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let isRoberta = !["bert", "electra"].contains(modelType)
    let prefix = modelType == "electra" ? "electra." : isRoberta ? "roberta." : "bert."
    let width = try config.size("hidden_size")
    let epsilon = Float(try config.number("layer_norm_eps", default: 1e-12))
    let tableWidth = modelType == "electra" ? try config.size("embedding_size", default: width) : width
    // RoBERTa counts positions from pad_token_id + 1, as fairseq does; rows of the table below that stand for no
    // position.
    let offset = isRoberta ? try config.integer("pad_token_id", default: 1) + 1 : 0
    let rows = try config.size("max_position_embeddings")
    guard rows > offset else {
      throw config.invalid("max_position_embeddings", "is \(rows), of which \(offset) stand for no position")
    }
    try refuseOtherChoices(config)
    let activation = try config.activation("hidden_act", default: "gelu")
    let layer = "encoder.layer.#"
    let choices = BertChoices(
      prefix: prefix, width: width, layers: try config.layers("num_hidden_layers"),
      heads: try config.divisor("num_attention_heads", of: width, "hidden_size"),
      feedForwardWidth: try config.size("intermediate_size"), activation: activation, epsilon: epsilon,
      embedding: EmbeddingBlueprint(
        tokens: ["embeddings.word_embeddings.weight"],
        positions: .learned(
          name: "embeddings.position_embeddings.weight", count: rows - offset, offset: offset,
          padding: isRoberta ? offset - 1 : nil),
        types: (name: "embeddings.token_type_embeddings.weight", count: try config.size("type_vocab_size", default: 2)),
        norm: NormBlueprint(name: "embeddings.LayerNorm", epsilon: epsilon),
        projection: tableWidth == width
          ? nil : LinearBlueprint(name: "embeddings_project", outputs: width, inputs: tableWidth)),
      names: BertChoices.LayerNames(
        query: "\(layer).attention.self.query", key: "\(layer).attention.self.key",
        value: "\(layer).attention.self.value", output: "\(layer).attention.output.dense",
        attentionNorm: "\(layer).attention.output.LayerNorm", up: "\(layer).intermediate.dense",
        down: "\(layer).output.dense", feedForwardNorm: "\(layer).output.LayerNorm"), pooler: "pooler.dense",
      vocabulary: try config.size("vocab_size"))
    return .bertLine(
      modelType: modelType, choices, head: try head(config, modelType, choices, tableWidth),
      ignored: [
        "embeddings.position_ids", "cls.predictions.decoder.weight", "cls.predictions.decoder.bias",
        "cls.seq_relationship.weight", "cls.seq_relationship.bias", "lm_head.decoder.weight", "lm_head.decoder.bias",
        "generator_lm_head.weight",
      ])
  }

  /// What the checkpoint was made for. Names of heads are those of the family's own authors.
  private static func head(
    _ config: Configuration, _ modelType: String, _ choices: BertChoices, _ tableWidth: Int
  ) throws(Failure) -> HeadBlueprint? {
    let width = choices.width
    func linear(_ name: String, _ outputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: outputs, inputs: width)
    }
    if modelType == "electra", try headTask(config) == .preTraining {
      return HeadBlueprint(
        transforms: [(linear("discriminator_predictions.dense", width), choices.activation, nil)],
        output: .linear(linear("discriminator_predictions.dense_prediction", 1)))
    }
    return try .bertLine(config, width: width) { () throws(Failure) in
      let (dense, norm, bias) =
        switch modelType {
        case "bert": ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias")
        case "electra": ("generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head.bias")
        default: ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias")
        }
      return HeadBlueprint(
        transforms: [
          (
            linear(dense, tableWidth), modelType == "bert" ? choices.activation : .gelu,
            NormBlueprint(name: norm, epsilon: choices.epsilon)
          )
        ], output: .tied(bias: bias))
    } sequences: { (labels) throws(Failure) in
      if modelType == "bert" {
        return HeadBlueprint(
          reads: .firstToken, transforms: [(linear("bert.pooler.dense", width), .tanh, nil)],
          output: .linear(linear("classifier", labels)))
      }
      return HeadBlueprint(
        reads: .firstToken,
        transforms: [(linear("classifier.dense", width), modelType == "electra" ? .gelu : .tanh, nil)],
        output: .linear(linear("classifier.out_proj", labels)))
    }
  }

  /// Choices of the configuration that nothing here computes.
  private static func refuseOtherChoices(_ config: Configuration) throws(Failure) {
    try config.require("is_decoder", false)
    try config.require("add_cross_attention", false)
    if let kind = try config.optionalString("position_embedding_type"), kind != "absolute" {
      throw Failure(.unsupported, "\(config.path): position_embedding_type \"\(kind)\" is not implemented")
    }
  }
}
