import AttendBase
import AttendCheckpoints
import AttendLayers

/// DeBERTa V2 and V3 (He et al. 2020, arXiv:2006.03654; 2021, arXiv:2111.09543): BERT whose scores know relative
/// positions, and in the larger sizes a convolution beside the first layer.
enum DebertaV2: Family {
  static let modelTypes = ["deberta-v2"]
  static let capabilities = Capabilities.encoder(HeadTask.ofEncoders)

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let width = try config.size("hidden_size")
    let heads = try config.divisor("num_attention_heads", of: width, "hidden_size")
    let headDim = try config.size("attention_head_size", default: width / heads)
    guard headDim == width / heads else {
      throw config.invalid("attention_head_size", "is \(headDim); hidden_size \(width) leaves \(width / heads)")
    }
    let epsilon = Float(try config.number("layer_norm_eps", default: 1e-7))
    let tableWidth = try config.size("embedding_size", default: width)
    let types = try config.integer("type_vocab_size", default: 0)
    let isBiased = try config.boolean("position_biased_input", default: true)
    let layer = "encoder.layer.#", positions = "embeddings.position_embeddings.weight"
    let choices = BertChoices(
      prefix: "deberta.", width: width, layers: try config.layers("num_hidden_layers"), heads: heads,
      feedForwardWidth: try config.size("intermediate_size"),
      activation: try config.activation("hidden_act", default: "gelu"), epsilon: epsilon,
      embedding: EmbeddingBlueprint(
        tokens: ["embeddings.word_embeddings.weight"],
        positions: isBiased
          ? .learned(name: positions, count: try config.size("max_position_embeddings"), offset: 0) : .none,
        types: types == 0 ? nil : (name: "embeddings.token_type_embeddings.weight", count: types),
        norm: NormBlueprint(name: "embeddings.LayerNorm", epsilon: epsilon),
        projection: tableWidth == width
          ? nil : LinearBlueprint(name: "embeddings.embed_proj", outputs: width, inputs: tableWidth, bias: .none),
        projects: .sum),
      names: BertChoices.LayerNames(
        query: "\(layer).attention.self.query_proj", key: "\(layer).attention.self.key_proj",
        value: "\(layer).attention.self.value_proj", output: "\(layer).attention.output.dense",
        attentionNorm: "\(layer).attention.output.LayerNorm", up: "\(layer).intermediate.dense",
        down: "\(layer).output.dense", feedForwardNorm: "\(layer).output.LayerNorm"),
      bias: try relativePositions(config, width: width, epsilon),
      scale: 1 / Float(headDim * (1 + (try positionTerms(config)).count)).squareRoot(),
      vocabulary: try config.size("vocab_size"))
    var blueprint = try Blueprint.bertLine(
      modelType: modelType, choices, head: try head(config, choices, tableWidth),
      ignored: [
        "embeddings.position_ids", positions, "encoder.rel_embeddings.weight", "encoder.LayerNorm.weight",
        "encoder.LayerNorm.bias",
      ] + headsOfTraining)
    blueprint.towers[0].stack.convolution = try convolution(config, width: width, epsilon)
    return blueprint
  }

  /// Heads that the published checkpoints of the bare encoder were left with.
  private static let headsOfTraining =
    [
      "lm_predictions.lm_head.dense", "lm_predictions.lm_head.LayerNorm", "mask_predictions.dense",
      "mask_predictions.LayerNorm", "mask_predictions.classifier",
    ].flatMap { ["\($0).weight", "\($0).bias"] } + [
      "lm_predictions.lm_head.bias", "cls.predictions.decoder.weight", "cls.predictions.decoder.bias",
    ]

  /// Of `c2p` and `p2c` those that are in use: a list, or in earlier configurations a text with bars.
  private static func positionTerms(_ config: Configuration) throws(Failure) -> Set<String> {
    let isText = config.json["pos_att_type"]?.string != nil
    let words = isText ? try config.string("pos_att_type").lowercased().split(separator: "|").map { String($0) } : nil
    let listed = isText ? words : try config.optionalStrings("pos_att_type")
    let terms = (listed ?? []).map { $0.filter { $0 != " " } }
    for term in terms where !["c2p", "p2c"].contains(term) {
      throw Failure(.unsupported, "\(config.path): pos_att_type \"\(term)\" is not implemented")
    }
    return Set(terms)
  }

  /// The relative positions of layer i.
  private static func relativePositions(
    _ config: Configuration, width: Int, _ epsilon: Float
  ) throws(Failure) -> @Sendable (Int) -> AttentionBlueprint.BiasBlueprint {
    let terms = try positionTerms(config)
    guard try config.boolean("relative_attention", default: false), !terms.isEmpty else { return { _ in .none } }
    let buckets = try size(config, "position_buckets")
    let stated = try size(config, "max_relative_positions"), positions = try config.size("max_position_embeddings")
    let maxDistance = stated ?? positions
    let relativeIndex = RelativeIndex(maxDistance: maxDistance, buckets: buckets)
    guard relativeIndex.isValid else {
      throw config.invalid(
        "position_buckets", "is \(buckets ?? -1), which does not stand for max_relative_positions \(maxDistance)")
    }
    let norms = try config.string("norm_rel_ebd", default: "none").lowercased().split { $0 == "|" || $0 == " " }
    let isNormed = norms.contains { $0 == "layer_norm" }
    let shared = try config.boolean("share_att_key", default: false)
    return { (layer) in
      func projection(_ term: String, _ name: String) -> DisentangledBlueprint.Projection {
        if !terms.contains(term) { return .none }
        return shared
          ? .shared
          : .own(LinearBlueprint(name: "encoder.layer.\(layer).attention.self.\(name)", outputs: width, inputs: width))
      }
      return .disentangled(
        DisentangledBlueprint(
          relativeIndex: relativeIndex, table: "encoder.rel_embeddings.weight",
          norm: isNormed ? NormBlueprint(name: "encoder.LayerNorm", epsilon: epsilon) : nil,
          keys: projection("c2p", "pos_key_proj"), queries: projection("p2c", "pos_query_proj")))
    }
  }

  /// A size; nil for -1, which stands for none.
  private static func size(_ config: Configuration, _ key: String) throws(Failure) -> Int? {
    try config.optionalNumber(key) ?? -1 < 1 ? nil : try config.size(key)
  }

  private static func convolution(
    _ config: Configuration, width: Int, _ epsilon: Float
  ) throws(Failure) -> ConvolutionBlueprint? {
    let taps = try config.integer("conv_kernel_size", default: 0)
    guard taps > 0 else { return nil }
    guard !taps.isMultiple(of: 2) else { throw config.invalid("conv_kernel_size", "is \(taps); it must be odd") }
    let groups = try config.size("conv_groups", default: 1)
    guard groups == 1 else { throw Failure(.unsupported, "\(config.path): conv_groups \(groups) is not implemented") }
    return ConvolutionBlueprint(
      kernel: KernelBlueprint(name: "encoder.conv.conv", outputs: width, inputs: width, taps: taps),
      activation: try config.activation("conv_act", default: "tanh"),
      norm: NormBlueprint(name: "encoder.conv.LayerNorm", epsilon: epsilon))
  }

  private static func head(
    _ config: Configuration, _ choices: BertChoices, _ tableWidth: Int
  ) throws(Failure) -> HeadBlueprint? {
    let width = choices.width
    func linear(_ name: String, _ outputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: outputs, inputs: width)
    }
    return try .bertLine(config, width: width) { () throws(Failure) in
      let isLegacy = try config.boolean("legacy", default: true)
      guard isLegacy || tableWidth == width else {
        throw config.invalid("embedding_size", "is \(tableWidth); a head that is not legacy needs \(width)")
      }
      let name = isLegacy ? "cls.predictions" : "lm_predictions.lm_head",
        transform = isLegacy ? "\(name).transform" : name
      return HeadBlueprint(
        layers: [
          (
            linear("\(transform).dense", tableWidth), choices.activation,
            NormBlueprint(name: "\(transform).LayerNorm", epsilon: choices.epsilon)
          )
        ], output: .tied(bias: "\(name).bias"))
    } sequences: { (labels) throws(Failure) in
      let poolerWidth = try config.size("pooler_hidden_size", default: width)
      guard poolerWidth == width else {
        throw config.invalid("pooler_hidden_size", "is \(poolerWidth); it must be hidden_size \(width)")
      }
      return HeadBlueprint(
        pooling: .firstToken,
        layers: [(linear("pooler.dense", width), try config.activation("pooler_hidden_act", default: "gelu"), nil)],
        output: .linear(linear("classifier", labels)))
    }
  }
}
