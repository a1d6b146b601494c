import AttendBase
import AttendCheckpoints
import AttendLayers

/// StarCoder2 (Lozhkov et al. 2024, arXiv:2402.19173): Llama's attention with the norms, biases and feed-forward
/// network of GPT-2.
enum StarCoder2: Family {
  static let modelTypes = ["starcoder2"]
  static let capabilities = Capabilities.decoder([.sequenceClassification, .tokenClassification])

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    var choices = LlamaChoices()
    choices.useLayerNorms(epsilonKey: "norm_epsilon")
    choices.isTied = true
    choices.inputBias = try config.boolean("use_bias", default: true)
    choices.outputBias = choices.inputBias
    choices.upBias = choices.inputBias
    choices.activation = "gelu_pytorch_tanh"
    choices.names.gate = nil
    choices.names.up = "mlp.c_fc"
    choices.names.down = "mlp.c_proj"
    let window = try config.optionalSize("sliding_window") ?? 0
    choices.window = { _ in window }
    return try .llamaLine(config, modelType: modelType, choices, task: try headTask(config))
  }
}
