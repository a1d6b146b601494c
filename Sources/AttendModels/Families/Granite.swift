import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// Granite 3 (IBM 2024): Llama with factors on embeddings, scores, residuals and logits (after Yang et al. 2022,
/// arXiv:2203.03466).
enum Granite: Family {
  static let modelTypes = ["granite"]
  static let capabilities = Capabilities.decoder()

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    try choices.readAttentionBias(config)
    choices.upBias = try config.boolean("mlp_bias", default: false)
    choices.embeddingScale = Float(try config.number("embedding_multiplier", default: 1))
    choices.attentionScale = Float(try config.number("attention_multiplier", default: 1))
    choices.residualScale = Float(try config.number("residual_multiplier", default: 1))
    let divisor = try config.number("logits_scaling", default: 1)
    guard divisor != 0 else { throw config.invalid("logits_scaling", "is 0, and logits are divided by it") }
    choices.logitScale = Float(1 / divisor)
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}
