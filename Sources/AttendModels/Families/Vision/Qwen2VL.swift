import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Qwen2-VL (Wang et al. 2024, arXiv:2409.12191): pictures of any size, whose patches turn by their rows and columns,
/// in the place of tokens of a Qwen2, whose tokens turn by time, row and column. Qwen2.5-VL (Bai et al. 2025,
/// arXiv:2502.13923): most layers of the tower see no farther than a window. Of videos nothing is read.
enum Qwen2VL: Family {
  static let modelTypes = ["qwen2_vl", "qwen2_5_vl"]
  static let capabilities = Capabilities(kinds: [.decoder], heads: [.conditionalGeneration])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    _ = try headTask(config)
    let vision = try config.tower("vision_config")
    // Configurations of before hold the keys of the text beside those of the tower.
    let text = try config.child("text_config") ?? config
    text.settle("architectures")
    let tower = try Tower(vision, hasWindows: modelType == "qwen2_5_vl")
    var model = try SeeingDecoder(
      config, modelType: modelType, tower: tower.blueprint(), text: try Registry.part(text, as: "qwen2"),
      placeholder: 151_655)
    (model.eyes.prefixes, model.textPrefixes) = (["model.visual.", "visual."], ["model.language_model.", "model."])
    model.eyes.connector = try tower.merger(width: try model.width(config))
    config.understand("vision_start_token_id", "vision_end_token_id", "vision_token_id")
    model.videoPlaceholder = Int32(clamping: try config.integer("video_token_id", default: 151_656))
    return try model.blueprint(config)
  }

  /// The encoder of pictures.
  private struct Tower {
    let layers: PreNormLayers
    let depth: Int
    let channels: Int
    let patch: Int
    let anySize: PatchEmbedding.AnySize

    init(_ config: Configuration, hasWindows: Bool) throws(Failure) {
      let width = try config.size(hasWindows ? "hidden_size" : "embed_dim", default: 1280)
      let heads = try config.divisor("num_heads", of: width, "the width", default: 16)
      guard width / heads % 4 == 0 else {
        throw config.invalid("num_heads", "is \(heads): heads of \(width / heads) components cannot turn by two axes")
      }
      let layer = "blocks.#"
      var names = PreNormLayers.Names(
        query: "", key: "", value: "", output: "\(layer).attn.proj", attentionNorm: "\(layer).norm1",
        up: "\(layer).mlp.fc1", down: "\(layer).mlp.fc2", feedForwardNorm: "\(layer).norm2",
        input: "\(layer).attn.qkv")
      var feedForwardWidth = 0
      if hasWindows {
        (names.gate, names.up, names.down) = (
          "\(layer).mlp.gate_proj", "\(layer).mlp.up_proj", "\(layer).mlp.down_proj"
        )
        feedForwardWidth = try config.size("intermediate_size", default: 3420)
      } else {
        let ratio = try config.number("mlp_ratio", default: 4)
        guard ratio >= 1, ratio <= 1024 else { throw config.invalid("mlp_ratio", "is \(ratio), expected 1 to 1024") }
        feedForwardWidth = Int(Double(width) * ratio)
      }
      var layers = PreNormLayers(
        width: width, heads: heads, feedForwardWidth: feedForwardWidth,
        activation: try config.activation("hidden_act", default: hasWindows ? "silu" : "quick_gelu"), epsilon: 1e-6,
        names: names)
      if hasWindows { layers.normKind = .rms(offset: 0) }
      layers.rotary = try .ofPatches(config, headDim: width / heads)
      depth = try config.layers("depth", default: 32)
      channels = try config.size("in_channels", "in_chans", default: 3)
      patch = try config.size("patch_size", "spatial_patch_size", default: 14)
      let merged = try config.size("spatial_merge_size", default: 2)
      let frames = try config.size("temporal_patch_size", default: 2)
      guard channels <= 64, patch <= 256, merged <= 64, frames <= 64 else {
        throw config.invalid("patch_size", "and its like make patches that are not plausible")
      }
      var window: Int?
      if hasWindows {
        let pixels = try config.size("window_size", default: 112)
        guard pixels >= patch * merged else {
          throw config.invalid("window_size", "is \(pixels), less than \(merged) patches of \(patch)")
        }
        window = pixels / merged / patch * merged
        let full = try config.optionalIntegers("fullatt_block_indexes") ?? [7, 15, 23, 31]
        layers.staysInBlocks = { !full.contains($0) }
      }
      config.understand("tokens_per_second", "out_hidden_size")
      self.layers = layers
      anySize = PatchEmbedding.AnySize(frames: frames, merged: merged, window: window)
    }

    func blueprint() throws(Failure) -> Blueprint {
      var projection = LinearBlueprint(
        name: "patch_embed.proj", outputs: layers.width, inputs: channels * anySize.frames * patch * patch, bias: .none)
      (projection.kernel, projection.kernelFrames) = ((patch, patch), anySize.frames)
      var patches = PatchBlueprint(projection: projection, channels: channels, patchHeight: patch, patchWidth: patch)
      patches.anySize = anySize
      let stack = StackBlueprint(
        width: layers.width, input: .patches(patches),
        layers: try FixedArray(depth, for: LayerBlueprint.purpose) { layers.layer($0) })
      return Blueprint(family: "qwen2_vl_vision", prefixes: [""], towers: [.encoder(stack)], ignored: [])
    }

    /// To the decoder's width: a norm, squares of states joined, two products.
    func merger(width: Int) throws(Failure) -> ConnectorBlueprint {
      let joined = anySize.merged * anySize.merged * layers.width
      return ConnectorBlueprint(
        prefixes: ["model.visual.merger.", "visual.merger."],
        steps: [
          .norm(layers.norm("ln_q")), .group(.join(side: anySize.merged)),
          .linear(LinearBlueprint(name: "mlp.0", outputs: joined, inputs: joined), .gelu),
          .linear(LinearBlueprint(name: "mlp.2", outputs: width, inputs: joined), .none),
        ])
    }
  }
}
