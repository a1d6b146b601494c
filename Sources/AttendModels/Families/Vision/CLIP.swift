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

extension StackBlueprint {
  /// The tower that reads texts beside one that reads pictures.
  static func text(_ config: Configuration, _ layers: PreNormLayers) throws(Failure) -> StackBlueprint {
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
