import AttendBase
import AttendCheckpoints
import AttendLayers

/// Phi-3 and Phi-4 (Abdin et al. 2024, arXiv:2404.14219): Llama with queries, keys and values, and gate and inner
/// product, stored as one matrix each.
enum Phi3: Family {
  static let modelTypes = ["phi3"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    choices.epsilon = 1e-5
    choices.rotary.kinds = ["default", "longrope", "su"]
    choices.rotary.shareKey = "partial_rotary_factor"
    choices.padding = 32000
    choices.names.fusedInput = "self_attn.qkv_proj"
    choices.names.fusedGateUp = "mlp.gate_up_proj"
    let window = try config.optionalSize("sliding_window") ?? 0
    choices.window = { _ in window }
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}
