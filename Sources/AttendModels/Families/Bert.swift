import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// BERT and the encoders that keep its names.
enum Bert: Family {
  static let modelTypes = ["bert", "roberta", "xlm-roberta", "camembert", "electra"]
  static let capabilities = Capabilities.encoder(HeadTask.ofEncoders)

  private static let variants: [String: BertVariant] = [
    // Devlin et al. 2018, arXiv:1810.04805
    "bert": BertVariant(
      prefix: "bert.",
      words: (
        "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
        "cls.predictions.bias"
      )),
    // Liu et al. 2019, arXiv:1907.11692
    "roberta": .roberta,
    // Conneau et al. 2019, arXiv:1911.02116
    "xlm-roberta": .roberta,
    // Martin et al. 2019, arXiv:1911.03894
    "camembert": .roberta,
    // Clark et al. 2020, arXiv:2003.10555
    "electra": BertVariant(
      prefix: "electra.", hasTableWidth: true,
      words: (
        "generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head.bias"
      ),
      wordsActivation: .gelu, classifierActivation: .gelu,
      discriminator: "discriminator_predictions"),
  ]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    guard let variant = variants[modelType] else {
      throw Failure(.internalError, "\(modelType) is not of this line")
    }
    let width = try config.size("hidden_size")
    let epsilon = Float(try config.number("layer_norm_eps", default: 1e-12))
    let tableWidth =
      variant.hasTableWidth ? try config.size("embedding_size", default: width) : width
    try refuseOtherChoices(config)
    let choices = BertChoices(
      prefix: variant.prefix, width: width, layers: try config.layers("num_hidden_layers"),
      heads: try config.divisor("num_attention_heads", of: width, "hidden_size"),
      feedForwardWidth: try config.size("intermediate_size"),
      activation: try config.activation("hidden_act", default: "gelu"), epsilon: epsilon,
      embedding: EmbeddingBlueprint(
        tokens: ["embeddings.word_embeddings.weight"],
        positions: try variant.positions(config),
        types: (
          name: "embeddings.token_type_embeddings.weight",
          count: try config.size("type_vocab_size", default: 2)
        ),
        norm: NormBlueprint(name: "embeddings.LayerNorm", epsilon: epsilon),
        projection: tableWidth == width
          ? nil : LinearBlueprint(name: "embeddings_project", outputs: width, inputs: tableWidth)),
      names: .bert("encoder.layer.#"), pooler: "pooler.dense",
      vocabulary: try config.size("vocab_size"))
    return try .bertLine(
      modelType: modelType, choices,
      head: try variant.head(try headTask(config), config, choices, tableWidth),
      ignored: [
        "embeddings.position_ids", "cls.predictions.decoder.weight", "cls.predictions.decoder.bias",
        "cls.seq_relationship.weight", "cls.seq_relationship.bias", "lm_head.decoder.weight",
        "lm_head.decoder.bias",
        "generator_lm_head.weight",
      ])
  }

  /// Choices of the configuration that nothing here computes.
  private static func refuseOtherChoices(_ config: Configuration) throws(Failure) {
    try config.require("is_decoder", false)
    try config.require("add_cross_attention", false)
    if let kind = try config.optionalString("position_embedding_type"), kind != "absolute" {
      throw Failure(
        .unsupported, "\(config.path): position_embedding_type \"\(kind)\" is not implemented")
    }
  }
}

/// The differences between the models of this line. Names of heads are those of the family's own authors.
private struct BertVariant {
  var prefix: String
  /// Positions are counted from `pad_token_id` + 1, as fairseq does; rows of the table below that stand for none.
  var countsFromPadding = false
  /// The token table may be narrower than the layers: `embedding_size`.
  var hasTableWidth = false
  /// The product, norm and last bias of the head that tells masked words.
  var words: (dense: String, norm: String, bias: String)
  /// nil: that of the layers.
  var wordsActivation: Activation?
  /// Of the head that tells classes of sequences, from `classifier.dense`; nil: it reads the pooler.
  var classifierActivation: Activation?
  /// The head of pre-training, if that is another than that of masked words.
  var discriminator: String?

  static let roberta = BertVariant(
    prefix: "roberta.", countsFromPadding: true,
    words: ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias"),
    wordsActivation: .gelu, classifierActivation: .tanh)

  func positions(_ config: Configuration) throws(Failure) -> PositionBlueprint {
    let name = "embeddings.position_embeddings.weight"
    let rows = try config.size("max_position_embeddings")
    guard countsFromPadding else { return .learned(name: name, count: rows, offset: 0) }
    let padding = try config.integer("pad_token_id", default: 1)
    guard rows > padding + 1 else {
      throw config.invalid(
        "max_position_embeddings", "is \(rows), of which \(padding + 1) stand for no position")
    }
    return .learned(name: name, count: rows - padding - 1, offset: padding + 1, padding: padding)
  }

  func head(
    _ task: HeadTask?, _ config: Configuration, _ choices: BertChoices, _ tableWidth: Int
  ) throws(Failure) -> HeadBlueprint? {
    let width = choices.width
    func linear(_ name: String, _ outputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: outputs, inputs: width)
    }
    if let discriminator, task == .preTraining {
      return HeadBlueprint(
        layers: [(linear("\(discriminator).dense", width), choices.activation, nil)],
        output: .linear(linear("\(discriminator).dense_prediction", 1)))
    }
    return try .bertLine(config, width: width) { () throws(Failure) in
      let norm = NormBlueprint(name: words.norm, epsilon: choices.epsilon)
      return HeadBlueprint(
        layers: [
          (linear(words.dense, tableWidth), wordsActivation ?? choices.activation, norm)
        ],
        output: .tied(bias: words.bias))
    } sequences: { (labels) throws(Failure) in
      guard let classifierActivation else {
        return HeadBlueprint(
          pooling: .firstToken, layers: [(linear("\(prefix)pooler.dense", width), .tanh, nil)],
          output: .linear(linear("classifier", labels)))
      }
      return HeadBlueprint(
        pooling: .firstToken,
        layers: [(linear("classifier.dense", width), classifierActivation, nil)],
        output: .linear(linear("classifier.out_proj", labels)))
    }
  }
}
