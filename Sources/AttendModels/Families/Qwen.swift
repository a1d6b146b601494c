import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Qwen2 (Yang et al. 2024, arXiv:2407.10671): Llama with biases on queries, keys and values. Qwen3 (Yang et al. 2025,
/// arXiv:2505.09388): with norms on queries and keys in their place.
enum Qwen: Family {
  static let modelTypes = ["qwen2", "qwen3"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    if modelType == "qwen2" { choices.inputBias = true } else { try choices.useQwen3Attention(config) }
    try choices.useQwenWindows(config)
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}

extension LlamaChoices {
  /// The attention that Qwen3 and its mixtures of experts have.
  mutating func useQwen3Attention(_ config: Configuration) throws(Failure) {
    queryKeyNorm = .eachHead
    headDim = 128
    try readAttentionBias(config)
  }

  /// Sliding windows as Qwen's configurations describe them: for the layers from `max_window_layers` on, if at all.
  mutating func useQwenWindows(_ config: Configuration) throws(Failure) {
    let isUsed = try config.boolean("use_sliding_window", default: false)
    let window = try config.optionalSize("sliding_window") ?? (isUsed ? 4096 : 0)
    let full = try config.integer("max_window_layers", default: 28)
    let types = try config.layerTypes(config.layers("num_hidden_layers")) {
      isUsed && $0 >= full ? "sliding_attention" : "full_attention"
    }
    self.window = { types[$0] == "sliding_attention" ? window : 0 }
  }
}
