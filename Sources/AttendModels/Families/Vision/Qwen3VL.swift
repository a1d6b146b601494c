import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Qwen3-VL (Bai et al. 2025, arXiv:2511.21631), also as a mixture of experts: pictures of any size, the states of the
/// tower in the place of tokens of a Qwen3, and those of some of its inner layers added to what the decoder's first
/// layers make of these tokens (Meng et al. 2024, arXiv:2406.04334). Of videos nothing is read.
enum Qwen3VL: Family {
  static let modelTypes = ["qwen3_vl", "qwen3_vl_moe"]
  static let capabilities = Capabilities(kinds: [.decoder], heads: [.conditionalGeneration])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let text = try config.tower("text_config"), tower = try Tower(try config.tower("vision_config"))
    let decoder = try Registry.part(text, as: modelType == "qwen3_vl" ? "qwen3" : "qwen3_moe")
    var model = try SeeingDecoder(
      config, modelType: modelType, tower: try tower.blueprint(), text: try turning(decoder, text),
      placeholder: 151_655)
    let (layers, taps) = (model.text.decoder?.layers.count ?? 0, tower.taps.count)
    guard taps <= layers else {
      throw config.invalid("deepstack_visual_indexes", "has \(taps) layers for \(layers) of the decoder")
    }
    (model.eyes.prefixes, model.textPrefixes) = (["model.visual.", "visual."], ["model.language_model.", "model."])
    model.eyes.connector = try tower.mergers(width: try model.width(config))
    config.understand("vision_start_token_id", "vision_end_token_id")
    model.videoPlaceholder = Int32(clamping: try config.integer("video_token_id", default: 151_656))
    return try model.blueprint(config)
  }

  /// The decoder with pairs that turn by time, row and column in turns, as long as rows and columns have pairs left.
  private static func turning(_ decoder: Blueprint, _ text: Configuration) throws(Failure) -> Blueprint {
    var stated = try text.child("rope_parameters")
    if stated == nil { stated = try text.child("rope_scaling") }
    let sections = try stated?.optionalIntegers("mrope_section") ?? [24, 20, 20]
    stated?.understand("mrope_interleaved")
    var result = decoder
    for index in result.towers.indices where result.towers[index].role == .decoder {
      let layers = result.towers[index].stack.layers
      result.towers[index].stack.layers = try FixedArray(layers.count, for: LayerBlueprint.purpose) {
        (place) throws(Failure) -> LayerBlueprint in
        var layer = layers[place]
        let rotary = try layer.attention?.rotary?.turning(by: sections, text)
        layer.attention?.rotary = rotary
        if case .mixture(let mixture) = layer.feedForward { layer.feedForward = .mixture(mixture.perhapsTransposed) }
        return layer
      }
    }
    return result
  }

  /// The encoder of pictures.
  private struct Tower {
    let layers: PreNormLayers
    let depth: Int
    let channels: Int
    let patch: Int
    /// Places along each side of the learned grid.
    let side: Int
    let taps: [Int]
    let anySize: PatchEmbedding.AnySize

    init(_ config: Configuration) throws(Failure) {
      let width = try config.size("hidden_size", default: 1152)
      let heads = try config.divisor("num_heads", of: width, "hidden_size", default: 16)
      guard width / heads % 4 == 0 else {
        throw config.invalid("num_heads", "is \(heads): heads of \(width / heads) components cannot turn by two axes")
      }
      let layer = "blocks.#"
      var layers = PreNormLayers(
        width: width, heads: heads, feedForwardWidth: try config.size("intermediate_size", default: 4304),
        activation: try config.activation("hidden_act", default: "gelu_pytorch_tanh"), epsilon: 1e-6,
        names: PreNormLayers.Names(
          query: "", key: "", value: "", output: "\(layer).attn.proj", attentionNorm: "\(layer).norm1",
          up: "\(layer).mlp.linear_fc1", down: "\(layer).mlp.linear_fc2", feedForwardNorm: "\(layer).norm2",
          input: "\(layer).attn.qkv"))
      layers.rotary = try .ofPatches(config, headDim: width / heads)
      self.layers = layers
      depth = try config.layers("depth", default: 27)
      channels = try config.size("in_channels", default: 3)
      patch = try config.size("patch_size", default: 16)
      let places = try config.size("num_position_embeddings", default: 2304)
      side = Int(Double(places).squareRoot())
      guard side * side == places else {
        throw config.invalid("num_position_embeddings", "is \(places), which is no square")
      }
      let merged = try config.size("spatial_merge_size", default: 2)
      let frames = try config.size("temporal_patch_size", default: 2)
      guard channels <= 64, patch <= 256, merged <= 64, frames <= 64 else {
        throw config.invalid("patch_size", "and its like make patches that are not plausible")
      }
      let taps = try config.optionalIntegers("deepstack_visual_indexes") ?? [8, 16, 24]
      for (place, index) in taps.enumerated() where index >= depth || place > 0 && index <= taps[place - 1] {
        throw config.invalid("deepstack_visual_indexes", "is \(taps), expected ascending layers below \(depth)")
      }
      self.taps = taps
      anySize = PatchEmbedding.AnySize(frames: frames, merged: merged, window: nil)
      config.understand("out_hidden_size", "model_type")
    }

    func blueprint() throws(Failure) -> Blueprint {
      var projection = LinearBlueprint(
        name: "patch_embed.proj", outputs: layers.width, inputs: channels * anySize.frames * patch * patch)
      (projection.kernel, projection.kernelFrames) = ((patch, patch), anySize.frames)
      var patches = PatchBlueprint(projection: projection, channels: channels, patchHeight: patch, patchWidth: patch)
      (patches.anySize, patches.positions) = (anySize, ("pos_embed.weight", side, side))
      patches.filter = .bilinear
      var stack = StackBlueprint(
        width: layers.width, input: .patches(patches),
        layers: try FixedArray(depth, for: LayerBlueprint.purpose) { layers.layer($0) })
      if !taps.isEmpty { stack.taps = TapsBlueprint(layers: taps) }
      return Blueprint(family: "qwen3_vl_vision", prefixes: [""], towers: [.encoder(stack)], ignored: [])
    }

    /// To the decoder's width: squares of states joined, two products; the norm stands before that, or for those of
    /// inner layers behind.
    func mergers(width: Int) throws(Failure) -> ConnectorBlueprint {
      let joined = anySize.merged * anySize.merged * layers.width
      func products(_ name: String) -> [ConnectorBlueprint.Step] {
        [
          .linear(LinearBlueprint(name: "\(name).linear_fc1", outputs: joined, inputs: joined), .gelu),
          .linear(LinearBlueprint(name: "\(name).linear_fc2", outputs: width, inputs: joined), .none),
        ]
      }
      func norm(_ name: String) -> ConnectorBlueprint.Step { .norm(layers.norm("\(name).norm")) }
      let square = ConnectorBlueprint.Step.group(.join(side: anySize.merged))
      return ConnectorBlueprint(
        prefixes: ["model.visual.", "visual."], steps: [norm("merger"), square] + products("merger"),
        branches: taps.indices.map { (index) in
          let name = "deepstack_merger_list.\(index)"
          return [square, norm(name)] + products(name)
        })
    }
  }
}

extension Rotary {
  /// By the rows of patches in the first half of the pairs, and by their columns in the second.
  static func ofPatches(_ config: Configuration, headDim: Int) throws(Failure) -> Rotary {
    let theta = try config.child("rope_parameters")?.optionalNumber("rope_theta") ?? 10_000
    guard theta > 0 else { throw config.invalid("rope_parameters", "has rope_theta \(theta); it must be positive") }
    let pairs = headDim / 2
    return Rotary(dimensions: 2 * pairs, theta: theta, axes: (0..<pairs).map { $0 < pairs / 2 ? 1 : 2 }, parts: 2)
  }
}

extension Rotary {
  /// The same with pairs that turn by time, row and column in turns, as many by each as `sections` says.
  fileprivate func turning(by sections: [Int], _ text: Configuration) throws(Failure) -> Rotary {
    var sum = 0
    for section in sections { sum = sum.saturatingAdd(section) }
    guard sections.count == 3, sum == pairs else {
      throw text.invalid("mrope_section", "has sections of \(sections) pairs; three with \(pairs) in all are needed")
    }
    var axes: [Int] = []
    for pair in 0..<pairs {
      let axis = pair % 3
      axes.append(axis > 0 && pair / 3 < sections[axis] ? axis : 0)
    }
    return Rotary(dimensions: dimensions, interleaved: interleaved, theta: theta, scaling: scaling, axes: axes)
  }
}

extension MixtureBlueprint {
  /// The same with the experts' matrices perhaps transposed, as the published files of this family hold them.
  fileprivate var perhapsTransposed: MixtureBlueprint {
    var result = self
    for layout in layouts {
      guard case .fused = layout.storage else { continue }
      result.layouts.append(
        Layout(router: layout.router, experts: layout.experts, storage: .fusedTransposed))
    }
    return result
  }
}
