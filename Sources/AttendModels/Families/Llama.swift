import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Llama (Touvron et al. 2023, arXiv:2302.13971; Grattafiori et al. 2024, arXiv:2407.21783): pre-norm with root mean
/// squares, rotary positions, a gated feed-forward network, and from Llama 2 on heads that share keys and values.
enum Llama: Family {
  static let modelTypes = ["llama"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification, .questionAnswering])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    try choices.readAttentionBias(config)
    choices.upBias = try config.boolean("mlp_bias", default: false)
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}
