import AttendBase
import AttendCheckpoints
import AttendKernelInterface
import AttendLayers

/// OLMo 2 (OLMo Team 2025, arXiv:2501.00656): Llama with norms on the outputs of its sub-layers rather than on their
/// inputs, and on queries and keys over all heads together.
enum Olmo2: Family {
  static let modelTypes = ["olmo2"]
  static let capabilities = Capabilities.decoder([.sequenceClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    choices.epsilon = 1e-5
    choices.padding = 1
    try choices.readAttentionBias(config)
    choices.queryKeyNorm = .allHeads
    choices.names.attentionBefore = nil
    choices.names.attentionWithin = "post_attention_layernorm"
    choices.names.feedForwardBefore = nil
    choices.names.feedForwardWithin = "post_feedforward_layernorm"
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}
