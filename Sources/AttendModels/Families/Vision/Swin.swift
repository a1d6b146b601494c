import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Swin (Liu et al. 2021, arXiv:2103.14030), the same as the eyes of Donut, and Swin V2 (Liu et al. 2021,
/// arXiv:2111.09883): attention within windows of a map, every other layer within shifted ones; from stage to stage
/// four states become one of twice the width.
enum Swin: Family {
  static let modelTypes = ["swin", "swinv2", "donut-swin"]
  static let capabilities = Capabilities.encoder([.imageClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let choices = try Choices(config, isSecond: modelType == "swinv2")
    let width = choices.widths[choices.widths.count - 1]
    let stack = try StackBlueprint(
      width: width, pyramid: choices.pyramid(),
      finalNorm: modelType == "donut-swin" ? nil : NormBlueprint(name: "layernorm", epsilon: choices.epsilon))
    var head: HeadBlueprint?
    if try headTask(config) == .imageClassification {
      head = HeadBlueprint(
        pooling: .meanOfTokens,
        output: .linear(LinearBlueprint(name: "classifier", outputs: try config.labels(), inputs: width)))
    }
    return Blueprint(
      family: modelType, prefixes: ["\(modelType).", ""], towers: [.encoder(stack)], head: head,
      pooler: HeadBlueprint(pooling: .meanOfTokens, output: .none), ignored: ["embeddings.mask_token"])
  }
}

/// The sizes of a Swin and the differences between its two versions.
private struct Choices {
  let isSecond: Bool
  let channels: Int
  let image: (height: Int, width: Int)
  let patch: (height: Int, width: Int)
  /// Of each stage.
  let widths: [Int]
  let depths: [Int]
  let heads: [Int]
  /// Sides of the windows of the training before this one; 0: there was none.
  let trained: [Int]
  let window: Int
  let ratio: Double
  let activation: Activation
  let epsilon: Float
  let hasBias: Bool
  let hasPlaces: Bool

  init(_ config: Configuration, isSecond: Bool) throws(Failure) {
    self.isSecond = isSecond
    channels = try config.size("num_channels", default: 3)
    image = try config.sides("image_size", default: 224)
    patch = try config.sides("patch_size", default: 4)
    let width = try config.size("embed_dim", default: 96)
    depths = try config.optionalIntegers("depths") ?? [2, 2, 6, 2]
    heads = try config.optionalIntegers("num_heads") ?? [3, 6, 12, 24]
    trained = try config.optionalIntegers("pretrained_window_sizes") ?? []
    window = try config.size("window_size", default: 7)
    ratio = try config.number("mlp_ratio", default: 4)
    activation = try config.activation("hidden_act", default: "gelu")
    epsilon = Float(try config.number("layer_norm_eps", default: 1e-5))
    hasBias = try config.boolean("qkv_bias", default: true)
    hasPlaces = try config.boolean("use_absolute_embeddings", default: false)
    config.understand("encoder_stride", "hidden_size", "num_layers", "path_norm")
    guard (1...8).contains(depths.count), depths.allSatisfy({ (1...1000).contains($0) }) else {
      throw config.invalid("depths", "should be from 1 to 8 numbers of layers")
    }
    guard width <= 1 << 16, ratio >= 1, ratio <= 64, window <= 256, channels <= 64, patch.height <= 256,
      patch.width <= 256
    else { throw config.invalid("embed_dim", "and its like make layers that are not plausible") }
    widths = depths.indices.map { width << $0 }
    guard heads.count == depths.count, zip(heads, widths).allSatisfy({ $0 > 0 && $1 % $0 == 0 }) else {
      throw config.invalid("num_heads", "should be a divisor of the width, \(widths), for each stage")
    }
    guard trained.isEmpty || trained.count == depths.count else {
      throw config.invalid("pretrained_window_sizes", "should be a number for each stage")
    }
  }

  private func norm(_ name: String) -> NormBlueprint { NormBlueprint(name: name, epsilon: epsilon) }

  func pyramid() throws(Failure) -> PyramidBlueprint {
    PyramidBlueprint(
      channels: channels,
      stages: try FixedArray(depths.count, for: LayerBlueprint.purpose) { (stage) throws(Failure) in
        PyramidStageBlueprint(
          entry: stage == 0 ? patches : merging(into: stage),
          blocks: try FixedArray(depths[stage], for: LayerBlueprint.purpose) { block(stage, $0) })
      })
  }

  /// The patches of a picture.
  private var patches: MapEntryBlueprint {
    var projection = LinearBlueprint(
      name: "embeddings.patch_embeddings.projection", outputs: widths[0],
      inputs: channels * patch.height * patch.width)
    projection.kernel = patch
    return MapEntryBlueprint(
      part: MapEntry.Part(
        height: patch.height, width: patch.width, steps: (patch.height, patch.width), isCompleted: true),
      projection: projection, stateNorm: NormBlueprint(name: "embeddings.norm", epsilon: 1e-5),
      positions: hasPlaces
        ? ("embeddings.position_embeddings", image.height / patch.height, image.width / patch.width) : nil)
  }

  /// Squares of states of the stage before.
  private func merging(into stage: Int) -> MapEntryBlueprint {
    let name = "encoder.layers.\(stage - 1).downsample", norm = NormBlueprint(name: "\(name).norm", epsilon: 1e-5)
    return MapEntryBlueprint(
      part: MapEntry.Part(height: 2, width: 2, steps: (2, 2), isCompleted: true, order: .columns),
      projection: LinearBlueprint(
        name: "\(name).reduction", outputs: widths[stage], inputs: 4 * widths[stage - 1], bias: .none),
      partNorm: isSecond ? nil : norm, stateNorm: isSecond ? norm : nil)
  }

  private func block(_ stage: Int, _ index: Int) -> PyramidBlockBlueprint {
    let name = "encoder.layers.\(stage).blocks.\(index)", attention = "\(name).attention.self", width = widths[stage]
    let inner = Int(Double(width) * ratio)
    func linear(_ name: String, _ outputs: Int, _ inputs: Int, _ hasBias: Bool = true) -> LinearBlueprint {
      LinearBlueprint(name: name, outputs: outputs, inputs: inputs, bias: hasBias ? .own : .none)
    }
    let before = norm("\(name).layernorm_before"), after = norm("\(name).layernorm_after")
    return PyramidBlockBlueprint(
      mixer: .window(windows(stage, index, attention)), query: linear("\(attention).query", width, width, hasBias),
      key: linear("\(attention).key", width, width, hasBias && !isSecond),
      value: linear("\(attention).value", width, width, hasBias),
      output: linear("\(name).attention.output.dense", width, width),
      mixerNorms: isSecond ? ResidualNorms(onOutput: before) : ResidualNorms(pre: before),
      network: FeedForwardNetworkBlueprint(
        up: linear("\(name).intermediate.dense", inner, width), down: linear("\(name).output.dense", width, inner),
        activation: activation),
      networkNorms: isSecond ? ResidualNorms(onOutput: after) : ResidualNorms(pre: after))
  }

  private func windows(_ stage: Int, _ index: Int, _ name: String) -> WindowBlueprint {
    let skipped = ["\(name).relative_position_index", "\(name).relative_coords_table"]
    guard isSecond else {
      return WindowBlueprint(
        heads: heads[stage], side: window, shift: index % 2 == 0 ? 0 : window / 2,
        bias: .table("\(name).relative_position_bias_table"), skipped: skipped)
    }
    // Windows of the second version are no larger than the map that the training's pictures become.
    let map = min(image.height / patch.height, image.width / patch.width) >> stage, side = max(1, min(map, window))
    return WindowBlueprint(
      heads: heads[stage], side: side, shift: index % 2 == 0 || map <= side ? 0 : window / 2,
      bias: .network(
        name: "\(name).continuous_position_bias_mlp", trained: trained.isEmpty ? 0 : trained[stage]),
      cosines: "\(name).logit_scale", skipped: skipped, fillsSmallMaps: true)
  }
}
