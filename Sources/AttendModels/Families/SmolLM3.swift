import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// SmolLM3 (Hugging Face 2025): Llama with layers that do not rotate (Kazemnejad et al. 2023, arXiv:2305.19466), every
/// fourth by default.
enum SmolLM3: Family {
  static let modelTypes = ["smollm3"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    choices.isTied = true
    choices.padding = 128_004
    try choices.readAttentionBias(config)
    choices.upBias = try config.boolean("mlp_bias", default: false)
    let layers = try config.layers("num_hidden_layers")
    let interval = try config.size("no_rope_layer_interval", default: 4)
    let rotates = try config.optionalIntegers("no_rope_layers") ?? (0..<layers).map { ($0 + 1) % interval == 0 ? 0 : 1 }
    guard rotates.count >= layers else {
      throw config.invalid("no_rope_layers", "has \(rotates.count) entries for \(layers) layers")
    }
    let defaults = RotaryDefaults(theta: 2_000_000)
    choices.rotaryOfLayer = { (layer, headDim) throws(Failure) in
      rotates[layer] == 0 ? nil : try config.rotary(headDim: headDim, defaults)
    }
    let window = try config.optionalSize("sliding_window") ?? 0
    let slides = try config.boolean("use_sliding_window", default: false)
    let types = try config.layerTypes(layers) { slides && rotates[$0] == 0 ? "sliding_attention" : "full_attention" }
    choices.window = { types[$0] == "sliding_attention" ? window : 0 }
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}
