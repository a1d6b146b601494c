import AttendBase
import AttendCheckpoints
import AttendLayers

/// The Audio Spectrogram Transformer (Gong et al. 2021, arXiv:2104.01778): DeiT over patches of a spectrogram that
/// overlap.
enum AST: Family {
  static let modelTypes = ["audio-spectrogram-transformer"]
  static let capabilities = Capabilities.encoder([.audioClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var layers = try PreNormLayers(config, names: .vit, width: 768, epsilon: 1e-12, activation: "gelu")
    layers.biases.input = try config.boolean("qkv_bias", default: true)
    let depth = try config.layers("num_hidden_layers", default: 12)
    let hasHead = try headTask(config) == .audioClassification
    let classes = hasHead ? try config.labels() : 0
    let tokens = Pooling([.meanTo(2)])
    return Blueprint(
      family: modelType, prefixes: ["audio_spectrogram_transformer.", ""],
      towers: [
        .encoder(
          StackBlueprint(
            width: layers.width, input: .patches(try patches(config, layers.width)),
            layers: try FixedArray(depth, for: LayerBlueprint.purpose) { layers.layer($0) },
            finalNorm: layers.norm("layernorm")))
      ],
      head: hasHead
        ? HeadBlueprint(
          pooling: .joined(tokens), norm: layers.norm("classifier.layernorm"),
          output: .linear(LinearBlueprint(name: "classifier.dense", outputs: classes, inputs: layers.width))) : nil,
      pooler: HeadBlueprint(pooling: .joined(tokens), output: .none), ignored: [])
  }

  private static func patches(_ config: Configuration, _ width: Int) throws(Failure) -> PatchBlueprint {
    let patch = try config.sides("patch_size", default: 16)
    let bins = try config.size("num_mel_bins", default: 128), frames = try config.size("max_length", default: 1024)
    let steps = (
      height: try config.size("frequency_stride", default: 10), width: try config.size("time_stride", default: 10)
    )
    guard bins >= patch.height, frames >= patch.width else {
      throw config.invalid("patch_size", "is larger than the \(frames) frames of \(bins) bins of a spectrogram")
    }
    guard bins * frames <= mostNumbers else {
      throw config.invalid("num_mel_bins", "is \(bins); \(bins) x max_length \(frames) numbers are not plausible")
    }
    var projection = LinearBlueprint(
      name: "embeddings.patch_embeddings.projection", outputs: width, inputs: patch.height * patch.width)
    projection.kernel = patch
    return PatchBlueprint(
      projection: projection, channels: 1, patchHeight: patch.height, patchWidth: patch.width, steps: steps,
      spectrogram: (frames, bins), classTokens: ["embeddings.cls_token", "embeddings.distillation_token"],
      positions: (
        "embeddings.position_embeddings", (bins - patch.height) / steps.height + 1,
        (frames - patch.width) / steps.width + 1
      ))
  }

  /// Of a spectrogram; far more than any model reads.
  private static let mostNumbers = 1 << 30
}
