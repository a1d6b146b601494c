import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// BEiT (Bao et al. 2021, arXiv:2106.08254): a ViT whose scores know the rows and columns between patches, with factors
/// on what its layers add. Its classes are told by the mean of the patches.
enum BEiT: Family {
  static let modelTypes = ["beit"]
  static let capabilities = Capabilities.encoder([.imageClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let hasPlaces = try config.boolean("use_absolute_position_embeddings", default: false)
    let poolsMean = try config.boolean("use_mean_pooling", default: true)
    var names = VisionChoices.Names.vit
    if !hasPlaces { names.positions = nil }
    if poolsMean { names.finalNorm = nil }
    var choices = try VisionChoices(config, names: names, layers: .vit, epsilon: 1e-12)
    choices.layers.biases.key = false
    let scale = try config.number("layer_scale_init_value", default: 0.1)
    if scale > 0 { choices.layers.layerScales = ("encoder.layer.#.lambda_1", "encoder.layer.#.lambda_2") }
    try addScoreBias(config, to: &choices)
    config.understand("use_mask_token")
    let pooling: Head.Selection = poolsMean ? .joined(Pooling([.meanFrom(1)])) : .firstToken
    func norm(_ prefix: String) -> NormBlueprint? { poolsMean ? choices.layers.norm("\(prefix)pooler.layernorm") : nil }
    var head: HeadBlueprint?
    if try headTask(config) == .imageClassification {
      head = HeadBlueprint(
        pooling: pooling, norm: norm("beit."),
        output: .linear(LinearBlueprint(name: "classifier", outputs: try config.labels(), inputs: choices.width)))
    }
    return Blueprint(
      family: modelType, prefixes: ["beit.", ""], towers: [.encoder(try choices.stack())], head: head,
      pooler: HeadBlueprint(pooling: pooling, norm: norm(""), output: .none),
      ignored: [
        "embeddings.mask_token", "encoder.layer.#.attention.attention.relative_position_bias.relative_position_index",
        "encoder.relative_position_bias.relative_position_index",
      ])
  }

  /// The relative positions of each layer, of all layers together, or both.
  private static func addScoreBias(_ config: Configuration, to choices: inout VisionChoices) throws(Failure) {
    let isOwn = try config.boolean("use_relative_position_bias", default: false)
    let isShared = try config.boolean("use_shared_relative_position_bias", default: false)
    guard isOwn || isShared else { return }
    let side = choices.image.height / choices.patch.height
    guard side == choices.image.width / choices.patch.width, side <= 1024 else {
      throw Failure(
        .unsupported, "\(config.path): relative positions of pictures that are not square are not implemented")
    }
    choices.layers.scoreBias = { index in
      let table = "relative_position_bias.relative_position_bias_table"
      let own = isOwn ? ["encoder.layer.\(index).attention.attention.\(table)"] : []
      return .grid(names: own + (isShared ? ["encoder.\(table)"] : []), side: side)
    }
  }
}
