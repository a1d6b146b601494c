import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// CLIP (Radford et al. 2021, arXiv:2103.00020): a tower that reads pictures and one that reads texts, whose embeddings
/// lie near each other where a text describes a picture. Each tower is also saved by itself.
enum CLIP: Family {
  static let modelTypes = ["clip", "clip_vision_model", "clip_text_model"]
  static let capabilities = Capabilities.encoder([])
  static let headNames: [String: HeadTask] = [:]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var towers: [TowerBlueprint] = []
    var both = Blueprint(family: modelType, prefixes: [""], towers: [], ignored: [])
    switch modelType {
    case "clip":
      let outputs = try config.size("projection_dim", default: 512)
      towers = [
        try text(try config.tower("text_config"), outputs: outputs),
        try vision(try config.tower("vision_config"), outputs: outputs),
      ]
      both.similarity = SimilarityBlueprint(scale: "logit_scale", bias: nil)
      config.understand("logit_scale_init_value")
    case "clip_text_model": towers = [try text(config, outputs: try projection(config))]
    default:
      var tower = try vision(config, outputs: try projection(config))
      tower.role = .encoder
      towers = [tower]
    }
    both.towers = towers
    both.ignored = ["text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"]
    return both
  }

  /// The width of the embedding of a tower by itself, nil where it was saved without a projection.
  private static func projection(_ config: Configuration) throws(Failure) -> Int? {
    let outputs = try config.size("projection_dim", default: 512)
    return try config.optionalStrings("architectures")?.first?.hasSuffix("WithProjection") == true ? outputs : nil
  }

  private static func vision(_ config: Configuration, outputs: Int?) throws(Failure) -> TowerBlueprint {
    var names = VisionChoices.Names.clip
    (names.classTokens, names.hasProjectionBias) = (["embeddings.class_embedding"], false)
    names.embeddingNorm = "pre_layrnorm"
    let choices = try VisionChoices(
      config, names: names, layers: .clip, epsilon: 1e-5, activation: "quick_gelu", patch: 32)
    return TowerBlueprint(
      role: .vision, stack: try choices.stack(), prefixes: ["vision_model.", ""],
      embedding: EmbeddingHeadBlueprint(
        pooling: .firstToken, norm: choices.layers.norm("post_layernorm"),
        projection: projection("visual_projection", outputs, choices.width), toUnitLength: outputs != nil))
  }

  private static func text(_ config: Configuration, outputs: Int?) throws(Failure) -> TowerBlueprint {
    var layers = try PreNormLayers(
      config, names: .clip, width: 512, heads: 8, epsilon: 1e-5, activation: "quick_gelu")
    layers.causal = true
    // Before transformers 4.30 configurations had 2 here, whatever the vocabulary: the end token was the largest id.
    let end = try config.integer("eos_token_id", default: 49407)
    return TowerBlueprint(
      role: .encoder, stack: try .text(config, layers), prefixes: ["text_model.", ""],
      embedding: EmbeddingHeadBlueprint(
        pooling: .endToken(end == 2 ? nil : Int32(exactly: end)),
        projection: projection("text_projection", outputs, layers.width), toUnitLength: outputs != nil))
  }

  private static func projection(_ name: String, _ outputs: Int?, _ width: Int) -> LinearBlueprint? {
    outputs.map { LinearBlueprint(name: name, outputs: $0, inputs: width, bias: .none) }
  }
}

/// SigLIP (Zhai et al. 2023, arXiv:2303.15343): CLIP with a loss for each pair, a learned query that mixes the patches
/// of a picture, and texts that are read in both directions.
enum SigLIP: Family {
  static let modelTypes = ["siglip", "siglip_vision_model"]
  static let capabilities = Capabilities.encoder([.imageClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var both = Blueprint(family: modelType, prefixes: [""], towers: [], ignored: [])
    let alone = modelType == "siglip_vision_model"
    if try headTask(config) == .imageClassification {
      var tower = try vision(alone ? config : try config.tower("vision_config"), isOne: false)
      (tower.role, tower.embedding) = (.encoder, nil)
      both.towers = [tower]
      both.head = HeadBlueprint(
        pooling: .meanOfTokens,
        output: .linear(
          LinearBlueprint(name: "classifier", outputs: try config.labels(), inputs: tower.stack.width)))
      both.ignored = ["text_model.*", "vision_model.head.*", "logit_scale", "logit_bias"]
    } else if alone {
      var tower = try vision(config, isOne: false)
      tower.role = .encoder
      both.towers = [tower]
    } else {
      both.towers = [
        try text(try config.tower("text_config")), try vision(try config.tower("vision_config"), isOne: true),
      ]
      both.textLength = both.towers[0].stack.embedding.flatMap { (embedding) -> Int? in
        if case .learned(_, let count, _, _) = embedding.positions { count } else { nil }
      }
      both.similarity = SimilarityBlueprint(scale: "logit_scale", bias: "logit_bias")
    }
    both.ignored += ["text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"]
    return both
  }

  /// `isOne`: of two, whose embeddings are compared by their angle.
  private static func vision(_ config: Configuration, isOne: Bool) throws(Failure) -> TowerBlueprint {
    var names = VisionChoices.Names.clip
    names.finalNorm = "post_layernorm"
    let choices = try VisionChoices(
      config, names: names, layers: .clip, epsilon: 1e-6, activation: "gelu_pytorch_tanh")
    let layers = choices.layers
    func linear(_ name: String, _ outputs: Int, _ inputs: Int) -> LinearBlueprint {
      LinearBlueprint(name: "head.\(name)", outputs: outputs, inputs: inputs)
    }
    var input = linear("attention.in_proj", 3 * layers.width, layers.width)
    input.separator = "_"
    let pooling = AttentionPoolingBlueprint(
      heads: layers.heads, query: "head.probe", input: input,
      output: linear("attention.out_proj", layers.width, layers.width), norm: layers.norm("head.layernorm"),
      network: FeedForwardBlueprint(
        up: linear("mlp.fc1", layers.feedForwardWidth, layers.width),
        down: linear("mlp.fc2", layers.width, layers.feedForwardWidth), activation: layers.activation))
    let hasHead = try config.boolean("vision_use_head", default: true)
    return TowerBlueprint(
      role: .vision, stack: try choices.stack(), prefixes: ["vision_model.", ""],
      embedding: hasHead ? EmbeddingHeadBlueprint(pooling: .attention(pooling), toUnitLength: isOne) : nil)
  }

  private static func text(_ config: Configuration) throws(Failure) -> TowerBlueprint {
    let layers = try PreNormLayers(
      config, names: .clip, width: 768, epsilon: 1e-6, activation: "gelu_pytorch_tanh")
    let outputs = try config.size("projection_size", default: layers.width)
    return TowerBlueprint(
      role: .encoder, stack: try .text(config, layers), prefixes: ["text_model.", ""],
      embedding: EmbeddingHeadBlueprint(
        pooling: .lastToken,
        projection: LinearBlueprint(name: "text_model.head", outputs: outputs, inputs: layers.width),
        toUnitLength: true))
  }
}

extension StackBlueprint {
  /// The tower that reads texts beside one that reads pictures.
  fileprivate static func text(_ config: Configuration, _ layers: PreNormLayers) throws(Failure) -> StackBlueprint {
    let positions = try config.size("max_position_embeddings", default: layers.causal ? 77 : 64)
    return StackBlueprint(
      width: layers.width, vocabulary: try config.size("vocab_size", default: layers.causal ? 49408 : 32000),
      causal: layers.causal,
      embedding: EmbeddingBlueprint(
        tokens: ["embeddings.token_embedding.weight"],
        positions: .learned(name: "embeddings.position_embedding.weight", count: positions, offset: 0)),
      layers: try FixedArray(
        try config.layers("num_hidden_layers", default: 12), for: LayerBlueprint.purpose
      ) { layers.layer($0) }, finalNorm: layers.norm("final_layer_norm"))
  }
}

extension Configuration {
  /// The configuration of one tower of several, an object of its own; an empty one where everything is as by default.
  func tower(_ key: String) throws(Failure) -> Configuration {
    guard let tower = try child(key) else { throw invalid(key, "is missing") }
    return tower
  }
}
