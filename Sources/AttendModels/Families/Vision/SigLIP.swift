import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// SigLIP (Zhai et al. 2023, arXiv:2303.15343): CLIP with a loss for each pair, a learned query that mixes the patches
/// of a picture, and texts that are read in both directions. SigLIP 2 (Tschannen et al. 2025, arXiv:2502.14786) at
/// pictures' own sizes (`siglip2`) reads them as lists of patches, by their rows and columns; at one size it is a
/// SigLIP.
enum SigLIP: Family {
  static let modelTypes = ["siglip", "siglip_vision_model", "siglip2", "siglip2_vision_model"]
  static let capabilities = Capabilities.encoder([.imageClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var both = Blueprint(family: modelType, prefixes: [""], towers: [], ignored: [])
    let alone = modelType.hasSuffix("_vision_model"), isFlexible = modelType.hasPrefix("siglip2")
    if try headTask(config) == .imageClassification {
      var tower = try vision(alone ? config : try config.tower("vision_config"), isFlexible, isOne: false)
      (tower.role, tower.embedding) = (.encoder, nil)
      both.towers = [tower]
      both.head = HeadBlueprint(
        pooling: .meanOfTokens,
        output: .linear(
          LinearBlueprint(name: "classifier", outputs: try config.labels(), inputs: tower.stack.width)))
      both.ignored = ["text_model.*", "vision_model.head.*", "logit_scale", "logit_bias"]
    } else if alone {
      var tower = try vision(config, isFlexible, isOne: false)
      tower.role = .encoder
      both.towers = [tower]
    } else {
      both.towers = [
        try text(try config.tower("text_config")),
        try vision(try config.tower("vision_config"), isFlexible, isOne: true),
      ]
      both.textLength = both.towers[0].stack.embedding.flatMap { (embedding) -> Int? in
        if case .learned(_, let count, _, _) = embedding.positions { count } else { nil }
      }
      both.similarity = SimilarityBlueprint(scale: "logit_scale", bias: "logit_bias")
    }
    both.ignored += ["text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"]
    return both
  }

  /// `isFlexible`: of pictures of any size. `isOne`: of two, whose embeddings are compared by their angle.
  private static func vision(
    _ config: Configuration, _ isFlexible: Bool, isOne: Bool
  ) throws(Failure) -> TowerBlueprint {
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
    var stack = try choices.stack()
    if isFlexible { try readLists(config, &stack) }
    return TowerBlueprint(
      role: .vision, stack: stack, prefixes: ["vision_model.", ""],
      embedding: hasHead ? EmbeddingHeadBlueprint(pooling: .attention(pooling), toUnitLength: isOne) : nil)
  }

  /// Lets a tower read lists of patches, whose places are those of a square grid.
  private static func readLists(_ config: Configuration, _ stack: inout StackBlueprint) throws(Failure) {
    guard case .patches(var patches) = stack.input, let name = patches.positions?.name else { return }
    let count = try config.size("num_patches", default: 256), side = Int(Double(count).squareRoot())
    guard side * side == count else { throw config.invalid("num_patches", "is \(count), which is no square") }
    (patches.positions, patches.filter) = ((name, side, side), .smooth)
    patches.projection.kernel = nil
    patches.anySize = PatchEmbedding.AnySize(frames: 1, merged: 1, window: nil, readsListsAlone: true)
    stack.input = .patches(patches)
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
